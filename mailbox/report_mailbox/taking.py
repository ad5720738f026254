"""From a mail's headers to its bytes on disk: small ones several in one command, large ones as far as they matter."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from report_mailbox.abridging import abridge
from report_mailbox.connection import Connection, MailGone, MailNotGiven
from report_mailbox.deciding import Deciding, Here
from report_mailbox.dkim_check import Authenticity, Standing
from report_mailbox.errors import MailboxThrottled
from report_mailbox.files import SPOOL, NewFile, keep_all, sha256_bytes, spooled, unfinished
from report_mailbox.judging import RawMail
from report_mailbox.mailbox import Limits, Mailbox
from report_mailbox.matching import Expectation, Fate
from report_mailbox.message import Headers
from report_mailbox.records import Decision, HeadFacts, MailRow, SpooledMail
from report_mailbox.register import MailRegister

logger = logging.getLogger(__name__)

_SMALL = 1_000_000  # bytes of a mail that is asked for together with others
_TOGETHER, _TOGETHER_BYTES = 25, 5_000_000


@dataclass(frozen=True)
class Wanted:
    """A mail that may answer something; no `candidates`: only what is answered already."""

    row: MailRow
    facts: HeadFacts
    candidates: list[Expectation]
    headers: Headers


class Taking:
    def __init__(
        self,
        mailbox: Mailbox,
        register: MailRegister,
        deciding: Deciding,
        limits: Limits,
        on_step: Callable[[str], None],
    ) -> None:
        self._mailbox = mailbox
        self._register = register
        self._deciding = deciding
        self._folder = register.folder
        self._limits = limits
        self._on_step = on_step
        # Where the receiving server says whose a mail is, the whole is not needed to find that out.
        self._whole = limits.whole_bytes if mailbox.authserv_id else limits.mail_bytes

    def take(self, connection: Connection, wanted: Sequence[Wanted], bases: set[str]) -> None:
        """Have each on disk, and decided."""
        for together in self._together(wanted):
            if self._is_small(together[0]):
                self._several(connection, together, bases)
            else:
                self._one(connection, together[0], bases)

    def _together(self, wanted: Sequence[Wanted]) -> Iterator[list[Wanted]]:
        """In their order. What has made trouble before is asked for alone, and so makes none for others."""
        together: list[Wanted] = []
        for each in wanted:
            size = sum(other.facts.size for other in together) + each.facts.size
            full = len(together) == _TOGETHER or size > _TOGETHER_BYTES
            if together and (full or not self._is_small(each) or not self._is_small(together[0])):
                yield together
                together = []
            together.append(each)
        if together:
            yield together

    def _is_small(self, each: Wanted) -> bool:
        return each.row.fetches == 0 and each.row.attempts == 0 and each.facts.size < min(_SMALL, self._whole)

    def _several(self, connection: Connection, wanted: Sequence[Wanted], bases: set[str]) -> None:
        rows = [each.row.id for each in wanted]
        self._register.note_fetches(rows)
        try:
            raws = connection.download_several([each.row.uid for each in wanted], min(_SMALL, self._limits.mail_bytes))
        except MailboxThrottled:
            self._register.forget_fetches(rows)
            raise
        came = [(each, raws[each.row.uid]) for each in wanted if each.row.uid in raws]
        names = {each.row.id: sha256_bytes(raw) for each, raw in came}
        paths = {each.row.id: spooled(self._folder, names[each.row.id]) for each, _ in came}
        keep_all(self._folder / SPOOL, {paths[each.row.id].name: raw for each, raw in came})
        mails = [SpooledMail.of(each.row.id, each.facts, names[each.row.id], raw) for each, raw in came]
        claimed = self._register.claim_spooled(mails)
        here = []
        for (each, raw), mail in zip(came, mails, strict=True):
            if each.row.id in claimed:  # else another collector has it in hand
                received = each.facts.received or datetime.now(UTC)
                in_memory = RawMail(each.row.id, raw, mail.raw_sha256, mail.content_sha256, received)
                here.append(Here(each.row, each.facts.address, in_memory, paths[each.row.id]))
                self._on_step("spooled")
        self._deciding.first_time(here, bases)
        for each in wanted:
            if each.row.uid not in raws:
                self._one(connection, each, bases, counted=True)

    def _one(self, connection: Connection, wanted: Wanted, bases: set[str], *, counted: bool = False) -> None:
        if self._spool(connection, wanted, counted=counted):
            self._deciding.again(self._register.mail_row(wanted.row.id), bases)

    def _spool(self, connection: Connection, wanted: Wanted, *, counted: bool) -> bool:
        row, facts = wanted.row, wanted.facts
        if row.fetches >= self._limits.fetches:
            self._record(wanted, Decision(Fate.HELD, "the mail server does not hand it out"))
            return False
        if not counted:
            self._register.note_fetches([row.id])
        try:
            with unfinished(self._folder / SPOOL) as (new, keep):
                if not self._download(connection, wanted, new):
                    return False
                raw_sha256 = new.sha256
                path = keep(spooled(self._folder, raw_sha256).name)
        except MailGone:
            self._record(wanted, Decision(Fate.IGNORED, "it was moved or deleted before it was read"))
            return False
        except MailNotGiven as refusal:
            logger.warning("mail %d is not handed out: %s", row.uid, refusal)
            return False
        except MailboxThrottled:
            self._register.forget_fetches([row.id])
            raise
        raw = path.read_bytes()
        self._register.note_spooled(SpooledMail.of(row.id, facts, raw_sha256, raw))
        self._on_step("spooled")
        return True

    def _download(self, connection: Connection, wanted: Wanted, new: NewFile) -> bool:
        """The mail, or of a large one the parts that may be the report; False: decided, nothing to keep."""
        uid, facts = wanted.row.uid, wanted.facts
        if facts.size > self._whole and abridge(connection, uid, new, self._limits):
            if not self._mailbox.authserv_id:
                # Before the mail is read: its signature, which is over the whole, would look like a wrong one.
                found = Authenticity(Standing.UNVERIFIED, "it is too large for its signature to be checked here")
                self._deciding.judge.verdicts.keep(new.sha256, facts.sender_domain, found)
            return True
        if facts.size > self._limits.mail_bytes:
            self._record(wanted, self._deciding.judge.too_large(wanted.candidates, wanted.headers, facts.size))
            return False
        if connection.download(uid, new, limit=self._limits.mail_bytes) > self._limits.mail_bytes:
            self._record(wanted, Decision(Fate.HELD, "it is larger than its server said"))
            return False
        return True

    def _record(self, wanted: Wanted, decision: Decision) -> None:
        self._deciding.record(wanted.row, decision, wanted.facts)
