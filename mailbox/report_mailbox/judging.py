"""The decision on one mail whose bytes are on disk. No network here but DNS."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath

from report_mailbox.attachments import Attachment, Contents, MailTooOdd
from report_mailbox.expected import Expected
from report_mailbox.files import PARTS, keep_all
from report_mailbox.links import ForeignLink, Link, SeveralLinks, report_link
from report_mailbox.mailbox import DELIVERY_HEADERS, Limits, Mailbox
from report_mailbox.matching import (
    Acceptance,
    Expectation,
    Fate,
    Judged,
    MailFacts,
    Turned,
    Verdict,
    answerable,
    broken,
    fitting,
)
from report_mailbox.message import (
    DeliveredTo,
    Headers,
    delivered_to,
    read_headers,
    sender_of,
    split_header_block,
)
from report_mailbox.parsing import parse
from report_mailbox.records import Decision, HandedKind, HandOver, NewPart
from report_mailbox.register import MailRegister
from report_mailbox.sender_check import SenderCheck
from report_mailbox.splitting import piece_of_several
from report_mailbox.verdicts import Verdicts

Accept = Callable[[str, Path], Acceptance]
"""Asked with an expectation's id and a file. Any process may be asked about any expectation in the ledger."""


def facts_of(
    headers: Headers, bases: set[str], received: datetime, believed: Sequence[str] = DELIVERY_HEADERS
) -> MailFacts:
    """`believed` are the headers that say to which address a mail was delivered (`Mailbox.delivery_headers`)."""
    delivered: DeliveredTo = delivered_to(headers, bases, believed)
    return MailFacts(
        address=delivered.address,
        addresses=delivered.several,
        sender=sender_of(headers),
        received=received,
        claimed=delivered.claimed,
    )


@dataclass(frozen=True)
class RawMail:
    """The bytes of a mail that are safe on disk too. `row` is its row in the ledger, `received` aware."""

    row: int
    raw: bytes = field(repr=False)
    raw_sha256: str
    content_sha256: str
    received: datetime


@dataclass(frozen=True)
class Brought:
    """The files of a mail, and what they may answer."""

    address: str
    contents: Contents
    candidates: Sequence[Expectation]
    earlier: Sequence[Expectation]


class Judge:
    def __init__(self, mailbox: Mailbox, register: MailRegister, limits: Limits, accept: Accept) -> None:
        self._mailbox = mailbox
        self._register = register
        self._limits = limits
        self._accept = accept
        self.verdicts = Verdicts(register.engine, mailbox, register.folder)
        self._senders = SenderCheck(mailbox, self.verdicts)

    def read(self, mail: RawMail, bases: set[str], expected: Expected) -> "Decision | Brought":
        """Take the mail apart: what it brought, or the decision if its files do not matter for that.

        Raises:
            One of attachments.UNREADABLE: The mail cannot be parsed.
        """
        if (twin := self._register.twin(mail.row, mail.content_sha256)) is not None:
            return Decision(Fate.DUPLICATE, f"it is a copy of mail {twin}, which has been dealt with")
        headers = read_headers(split_header_block(mail.raw))
        facts = facts_of(headers, bases, mail.received, self._mailbox.delivery_headers)
        opened = answerable(facts, expected.opened_for(facts))
        answered = answerable(facts, expected.lately_for(facts))
        if isinstance(opened, Turned) and isinstance(answered, Turned):
            return Decision(opened.fate, opened.reason, final=opened.final)
        candidates = [] if isinstance(opened, Turned) else opened
        earlier = [] if isinstance(answered, Turned) else answered
        asked = min(each.newer_than for each in [*candidates, *earlier])
        if facts.sender:
            doubt = self._senders.doubt(mail.raw, mail.raw_sha256, headers, facts.sender, mail.received, asked)
            if doubt:
                return Decision(Fate.HELD, doubt, keep=True)
        try:
            contents = parse(mail.raw, self._limits)
        except MailTooOdd as odd:
            return _spoilt(candidates, str(odd))
        if piece := piece_of_several(headers, (file.name for file in contents.files)):
            return Decision(Fate.HELD, piece, keep=True)
        if contents.files:
            return Brought(facts.address or "", contents, candidates, earlier)
        return self._judge_without_files(contents, candidates)

    def answer(self, brought: Brought, on_disk: Sequence[NewPart]) -> Decision:
        """The decision on a mail whose files are safe `on_disk`.

        Raises:
            One of attachments.UNREADABLE: A file cannot be judged.
        """
        kept = {part.sha256: part for part in on_disk}
        parts = tuple(kept.values())
        address, contents, candidates = brought.address, brought.contents, brought.candidates
        copies = {sha256: answered for sha256 in kept if (answered := self._register.handed_before(address, sha256))}
        fresh = [part for part in parts if part.sha256 not in copies]
        if not fresh:
            reason = f"its file is the same as the one handed over for {next(iter(copies.values()))}"
            return Decision(Fate.DUPLICATE, reason, parts=parts)
        judged = self._ask(candidates, fresh)
        answer = fitting(judged)
        if isinstance(answer, Turned):
            return Decision(answer.fate, answer.reason, final=answer.final, parts=parts)
        if answer:
            hand_over = tuple(
                HandOver(expectation, HandedKind.REPORT, kept[sha256]) for expectation, sha256 in sorted(answer.items())
            )
            return Decision(Fate.REPORT, f"it is the report for {', '.join(sorted(answer))}", True, hand_over, parts)
        for each in self._ask(brought.earlier, fresh):
            if each.acceptance.verdict is Verdict.FITS:
                return Decision(Fate.DUPLICATE, f"it is a second report for {each.expectation}", parts=parts)
        spoilt = broken(judged)
        if spoilt:
            reason = spoilt.acceptance.reason
            hand_over = (HandOver(spoilt.expectation, HandedKind.REJECTION, kept[spoilt.file], reason=reason),)
            return Decision(Fate.REJECTION, reason, True, hand_over, parts)
        reasons = [each.acceptance.reason for each in judged if each.acceptance.reason]
        reasons += contents.obstacles
        listed = "; ".join(dict.fromkeys(reasons)) or "nothing that is expected now fits its file"
        return Decision(Fate.HELD, listed, final=False, parts=parts)

    def too_large(self, candidates: Sequence[Expectation], headers: Headers, size: int) -> Decision:
        """A rejection ends an expectation: only a mail that counts as its sender's may bring one."""
        limit = self._limits.mail_bytes // 1_000_000
        reason = f"the mail is {size // 1_000_000} MB large, more than {limit} MB are not opened"
        if doubt := self._senders.doubt_unopened(headers, sender_of(headers) or ""):
            return Decision(Fate.HELD, f"{reason}, and {doubt}")
        return _spoilt(candidates, reason)

    def _judge_without_files(self, contents: Contents, candidates: Sequence[Expectation]) -> Decision:
        if contents.obstacles:
            return _spoilt(candidates, "; ".join(contents.obstacles))
        hosts = [host for each in candidates for host in each.link_hosts]
        link = report_link(contents.links, hosts)
        if isinstance(link, Link):
            if len(candidates) == 1:
                hand_over = HandOver(candidates[0].id, HandedKind.LINK, link=link.url)
                return Decision(Fate.LINK, f"it holds a link to the report for {candidates[0].id}", True, (hand_over,))
            reason = f"it holds a link, and {len(candidates)} reports are expected at its address"
            return Decision(Fate.HELD, reason, keep=True)
        if isinstance(link, ForeignLink) and any(each.link_hosts for each in candidates):
            return _spoilt(
                candidates, f"it holds no file but a link to another host ({link.host}), which is not followed"
            )
        if isinstance(link, SeveralLinks):
            return _spoilt(candidates, f"it holds no file but {link.count} links that all look like the report's")
        if contents.code is not None:
            return Decision(Fate.IGNORED, "it holds a sign-in code and no report")
        others = f" but {' and '.join(contents.others)}" if contents.others else ""
        return Decision(Fate.HELD, f"it holds no data file{others}, and no link to one")

    def _ask(self, candidates: Sequence[Expectation], parts: Sequence[NewPart]) -> list[Judged]:
        return [
            Judged(each.id, part.sha256, self._accept(each.id, self._register.folder / part.file))
            for each in candidates
            for part in parts
        ]


def keep_parts(folder: Path, files: Sequence[Attachment]) -> list[NewPart]:
    """Put files that mails brought on disk, below the collector's folder; all are waited for at once."""
    parts = [_new_part(file) for file in files]
    keep_all(
        folder / PARTS,
        {PurePosixPath(part.file).name: file.content for part, file in zip(parts, files, strict=True)},
    )
    return parts


def _new_part(file: Attachment) -> NewPart:
    suffix = PurePosixPath(file.name).suffix.casefold()
    suffix = suffix if suffix[1:].isascii() and suffix[1:].isalnum() and len(suffix) <= 6 else ""
    sha256 = hashlib.sha256(file.content).hexdigest()
    return NewPart(file.name, sha256, len(file.content), f"{PARTS}/{sha256}{suffix}")


def _spoilt(candidates: Sequence[Expectation], reason: str) -> Decision:
    """The expected mail as far as one can tell, of no use: whoever waits is told, if it is clear who that is."""
    if len(candidates) == 1:
        hand_over = (HandOver(candidates[0].id, HandedKind.REJECTION, reason=reason),)
        return Decision(Fate.REJECTION, reason, True, hand_over)
    return Decision(Fate.HELD, reason)
