"""From mails whose bytes are on disk to decisions in the ledger: several at once, as long as they are strangers.

What waits for the disk is done for many mails together: their files first, then one transaction with the decisions and
the hand-overs. Mails that may answer the same are decided one after the other.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from traceback import extract_tb

from report_mailbox.attachments import UNREADABLE
from report_mailbox.files import spooled
from report_mailbox.judging import Accept, Brought, Judge, RawMail, keep_parts
from report_mailbox.mailbox import Limits, Mailbox
from report_mailbox.matching import Fate
from report_mailbox.message import content_hash, split_header_block
from report_mailbox.records import Decided, Decision, HeadFacts, MailRow
from report_mailbox.register import MailRegister
from report_mailbox.store import Store, headers_name

logger = logging.getLogger(__name__)

_UNPACKED = 20_000_000  # bytes; when so much was taken out of mails, it is put on disk before the next is read


@dataclass(frozen=True)
class Here:
    """A mail that is to be decided, with its attempt counted. `address` is where it was delivered, as far as is known.

    Two with the same address or the same content may answer the same.
    """

    row: MailRow
    address: str | None
    mail: RawMail
    path: Path


class Deciding:
    def __init__(
        self,
        mailbox: Mailbox,
        register: MailRegister,
        accept: Accept,
        limits: Limits,
        on_step: Callable[[str], None],
        store: Store,
    ) -> None:
        self._store = store
        self._register = register
        self._folder = register.folder
        self._limits = limits
        self._on_step = on_step
        self.judge = Judge(mailbox, register, limits, accept)

    def again(self, row: MailRow, bases: set[str]) -> None:
        """A mail that lies in spool/: it was large, or is not read for the first time."""
        if row.raw_sha256 is None:
            return
        if row.attempts >= self._limits.attempts:
            self.record(row, Decision(Fate.HELD, f"it could not be read in {row.attempts} attempts"))
            return
        if not self._register.note_attempt(row):
            return  # another collector has it in hand
        path = spooled(self._folder, row.raw_sha256)
        raw = path.read_bytes()
        mail = RawMail(row.id, raw, row.raw_sha256, content_hash(raw), row.received or datetime.now(UTC))
        self._decide([Here(row, None, mail, path)], bases)

    def first_time(self, mails: Sequence[Here], bases: set[str]) -> None:
        for strangers in _strangers(mails):
            self._decide(strangers, bases)

    def record(self, row: MailRow, decision: Decision, facts: HeadFacts | None = None) -> None:
        if self._register.decide(row.id, decision, facts):
            self._note(row, decision)

    def record_all(self, decided: Sequence[tuple[MailRow, Decided]], known: frozenset[str]) -> set[int]:
        """Decisions that were made while the expectations `known` were open. Returns the rows that were recorded."""
        recorded = self._register.decide_all([each for _, each in decided], known, self.judge.verdicts.save)
        for row, each in decided:
            if row.id in recorded:
                self._note(row, each.decision)
        return recorded

    def _note(self, row: MailRow, decision: Decision) -> None:
        logger.info("mail %d: %s: %s", row.uid, decision.fate, decision.reason)
        self._on_step("decided")

    def _decide(self, mails: Sequence[Here], bases: set[str]) -> None:
        expected = self._register.expected()
        opened: list[tuple[Here, Decision | Brought]] = []
        size = 0
        for here in mails:
            try:
                found = self.judge.read(here.mail, bases, expected)
            except UNREADABLE as error:
                _cannot_be_read(here, error)
                continue
            opened.append((here, found))
            if isinstance(found, Brought):
                size += sum(len(file.content) for file in found.contents.files)
            if size > _UNPACKED:
                self._answer(opened, expected.ids)
                opened, size = [], 0
        self._answer(opened, expected.ids)

    def _answer(self, opened: Sequence[tuple[Here, Decision | Brought]], known: frozenset[str]) -> None:
        brought = [found for _, found in opened if isinstance(found, Brought)]
        parts = iter(keep_parts(self._folder, [file for each in brought for file in each.contents.files]))
        decided: list[tuple[Here, Decision]] = []
        for here, found in opened:
            if isinstance(found, Decision):
                decision = found
            else:
                own = [next(parts) for _ in found.contents.files]
                self._on_step("parts kept")
                try:
                    decision = self.judge.answer(found, own)
                except UNREADABLE as error:
                    _cannot_be_read(here, error)
                    continue
            self._on_step("judged")
            self._share(here, decision)
            decided.append((here, decision))
        recorded = self.record_all([(here.row, Decided(here.row.id, decision)) for here, decision in decided], known)
        for here, decision in decided:
            empty = not decision.parts and not decision.hand_over and not decision.keep
            if empty and here.row.id in recorded and not self._register.others_keep(here.row.id, here.mail.raw_sha256):
                here.path.unlink(missing_ok=True)  # it brought nothing; and it may hold a sign-in code

    def _share(self, here: Here, decision: Decision) -> None:
        """What somebody may go on with is where every machine can have it, before the decision tells of it."""
        if decision.hand_over:
            self._store.keep(headers_name(here.mail.raw_sha256), split_header_block(here.mail.raw))
        if decision.hand_over or decision.fate in (Fate.HELD, Fate.DUPLICATE):
            for part in decision.parts:
                if not self._store.has(part.sha256):
                    self._store.keep(part.sha256, (self._folder / part.file).read_bytes())


def _cannot_be_read(here: Here, error: BaseException) -> None:
    """Whatever the parser stumbles over costs this mail, not the others. It is counted, and held in the end.

    The message of such an error may quote the mail: the log gets the place only.
    """
    place = extract_tb(error.__traceback__)[-1]
    logger.warning(
        "mail %d cannot be read (%s in %s:%s)", here.row.uid, type(error).__name__, place.filename, place.lineno
    )


def _strangers(mails: Sequence[Here]) -> Iterator[list[Here]]:
    """In their order, cut before each mail that may answer what one of those before it answers."""
    together: list[Here] = []
    for here in mails:
        content = here.mail.content_sha256
        if any(here.address == each.address or content == each.mail.content_sha256 for each in together):
            yield together
            together = []
        together.append(here)
    if together:
        yield together
