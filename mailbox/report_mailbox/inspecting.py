"""One mail opened for a person who wants to know what it is: from the bytes on disk, or fetched once more.

Subject and From are for the eyes of whoever asks. They are read from the mail each time, and never stored or logged.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Engine

from report_mailbox.abridging import abridge
from report_mailbox.attachments import UNREADABLE, Contents, MailTooOdd
from report_mailbox.connection import Connection
from report_mailbox.database import Book
from report_mailbox.errors import MailboxError
from report_mailbox.files import SPOOL, NewFile, is_whole, spooled, unfinished
from report_mailbox.judging import facts_of, keep_parts
from report_mailbox.ledger import Ledger
from report_mailbox.links import Link, report_link
from report_mailbox.mailbox import Limits, Mailbox, Pace
from report_mailbox.mails import readable
from report_mailbox.matching import CLOCK_TOLERANCE, Expectation, sender_allowed
from report_mailbox.message import (
    decode_words,
    domain_of,
    every,
    first,
    read_headers,
    sender_of,
    split_header_block,
)
from report_mailbox.parsing import parse
from report_mailbox.reading import MailGone, MailNotGiven, ServerHead
from report_mailbox.records import HeadFacts, KnownMail, SpooledMail
from report_mailbox.register import MailRegister


class MailNotHere(MailboxError):
    remedy = "`robot mailbox status` lists the mails that wait for a person."


@dataclass(frozen=True)
class OpenedMail:
    """`known.parts` are its files. `odd`: why it could not be opened, a sentence without a full stop; else empty."""

    known: KnownMail
    subject: str = field(repr=False)
    sender: str = field(repr=False)
    sender_address: str | None = field(repr=False)
    contents: Contents | None = field(repr=False)
    odd: str

    def link(self, expectation: Expectation) -> Link | None:
        """The link to the report, if it holds one that may be followed for this expectation."""
        if self.contents is None:
            return None
        found = report_link(self.contents.links, expectation.link_hosts)
        return found if isinstance(found, Link) else None


class Inspection(Book):
    """Opens mails that the ledger knows.

    Args:
        folder: The collector's own.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        engine: Engine,
        ledger: Ledger,
        *,
        limits: Limits | None = None,
        pace: Pace | None = None,
    ) -> None:
        super().__init__(engine, mailbox, ledger.folder)
        self._mailbox = mailbox
        self._ledger = ledger
        self._register = MailRegister(engine, mailbox, ledger.folder)
        self._limits = limits or Limits()
        self._pace = pace

    def open(self, mail: KnownMail) -> OpenedMail:
        """Read the mail; it is downloaded unless its bytes are here. Its files are kept on disk and in the ledger.

        Raises:
            MailNotHere: Neither on disk nor in the mailbox, or too large.
            MailboxError: It is not on disk, and the mailbox cannot be read.
        """
        raw = self._bytes(mail)
        headers = read_headers(split_header_block(raw))
        contents, odd = None, ""
        try:
            contents = parse(raw, self._limits)
        except MailTooOdd as beyond:
            odd = str(beyond)
        except UNREADABLE:
            odd = "it cannot be read"
        if contents and contents.files:
            kept = keep_parts(self.folder, contents.files)
            with self._transaction() as connection:
                self._add_parts(connection, mail.id, kept)
        return OpenedMail(
            known=self._ledger.mail(mail.id),
            subject=readable(decode_words(first(headers, "subject"))),
            sender=readable(" | ".join(decode_words(value) for value in every(headers, "from"))),
            sender_address=sender_of(headers),
            contents=contents,
            odd=odd,
        )

    def _bytes(self, mail: KnownMail) -> bytes:
        mail = self._ledger.mail(mail.id)
        if not (mail.raw_sha256 and is_whole(self.folder, mail.raw_sha256)):
            self._download(mail)
            mail = self._ledger.mail(mail.id)
        assert mail.raw_sha256
        return spooled(self.folder, mail.raw_sha256).read_bytes()

    def _download(self, mail: KnownMail) -> None:
        with Connection(self._mailbox, self._pace) as connection:
            if connection.uidvalidity != mail.uidvalidity:
                raise MailNotHere(
                    f"the server has numbered the folder {self._mailbox.folder} anew, so that {mail.uid} may be "
                    "another mail there now",
                    "Run `robot collect`, then look at `robot mailbox status` for the mail's new number.",
                )
            head = next((head for _, head in connection.heads([mail.uid])), None)
            with unfinished(self.folder / SPOOL) as (new, keep):
                try:
                    self._fetch(connection, mail, head, new)
                except MailGone:
                    raise MailNotHere(
                        f"mail {mail.name} was never downloaded, and is not in {self._mailbox.folder} any more",
                        "Move it back there if you know where it went; it gets a new number, and is looked at anew.",
                    ) from None
                except MailNotGiven as refusal:
                    raise MailNotHere(f"the mail server does not hand out mail {mail.name}: {refusal}") from None
                raw_sha256 = new.sha256
                size = new.size
                path = keep(spooled(self.folder, raw_sha256).name)
        raw = path.read_bytes()
        headers = read_headers(split_header_block(raw))
        received = mail.received or (head.received if head else None) or datetime.now(UTC)
        facts = facts_of(headers, self._register.bases(), received, self._mailbox.delivery_headers)
        seen = HeadFacts(
            received, facts.address, domain_of(facts.sender) if facts.sender else "", head.size if head else size
        )
        self._register.note_spooled(SpooledMail.of(mail.id, seen, raw_sha256, raw))

    def _fetch(self, connection: Connection, mail: KnownMail, head: ServerHead | None, target: NewFile) -> None:
        limit = self._limits.mail_bytes
        size = head.size if head else mail.size or 0
        if size > limit and abridge(connection, mail.uid, target, self._limits):
            return
        if size > limit or connection.download(mail.uid, target, limit=limit) > limit:
            raise MailNotHere(
                f"mail {mail.name} is {size // 1_000_000} MB large, and more than {limit // 1_000_000} MB are not "
                "opened",
                "Save its report by hand, and bring that to the portal with `robot deliver`.",
            )


def why_not(mail: OpenedMail, expectation: Expectation) -> list[str]:
    """All that address, time and sender have against the mail for this expectation, sentences without a full stop."""
    known = mail.known
    against = []
    if known.address != expectation.address.casefold():
        where = f"it was delivered to {known.address}" if known.address else "where it was delivered cannot be told"
        against.append(f"{where}, and the report comes to {readable(expectation.address)}")
    if known.received and known.received < expectation.newer_than - CLOCK_TOLERANCE:
        against.append("it came before the report was asked for")
    if mail.sender_address is None:
        against.append("its sender cannot be told")
    elif not sender_allowed(mail.sender_address, expectation.senders):
        against.append(
            f"it comes from {known.sender_domain}, and the report only from {', '.join(sorted(expectation.senders))}"
        )
    return against
