"""One pass over the folder: lists new mails, reads headers, downloads what may be expected, decides, hands over, marks.

The order of safety: the mail's bytes in `spool/`, its files in `parts/`, one transaction in the ledger with the
decision and the hand-over, and only then the mark in the mailbox. A crash in between repeats what was not finished.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from traceback import extract_tb

from filelock import FileLock, Timeout

from report_mailbox.abridging import abridge
from report_mailbox.attachments import UNREADABLE
from report_mailbox.connection import Connection, MailGone, MailNotGiven, ServerHead
from report_mailbox.dkim_check import Authenticity, Standing
from report_mailbox.errors import MailboxBusy, MailboxProtocol, MailboxThrottled
from report_mailbox.files import PARTS, SPOOL, NewFile, is_whole, make_folder, spooled, sweep_unfinished, unfinished
from report_mailbox.judging import Accept, Judge, facts_of
from report_mailbox.mailbox import Limits, Mailbox, Pace
from report_mailbox.matching import CLOCK_TOLERANCE, Expectation, Fate, Turned, answerable
from report_mailbox.message import (
    Headers,
    content_hash,
    domain_of,
    message_id,
    read_headers,
    sent_at,
    split_header_block,
)
from report_mailbox.records import Decision, HeadFacts, MailRow
from report_mailbox.register import MailRegister
from report_mailbox.verdicts import Verdicts

logger = logging.getLogger(__name__)


class Pass:
    def __init__(
        self,
        mailbox: Mailbox,
        register: MailRegister,
        accept: Accept,
        limits: Limits,
        pace: Pace,
        on_step: Callable[[str], None],
    ) -> None:
        self._mailbox = mailbox
        self._register = register
        self._folder = register.folder
        self._limits = limits
        self._pace = pace
        self._on_step = on_step
        self._judge = Judge(mailbox, register, limits, accept, on_step)
        self._verdicts = Verdicts(register.engine, mailbox, register.folder)
        self._swept = False
        self._compared: Connection | None = None

    def once(self, connection: Connection) -> bool:
        """One pass. True: mails were new, so that more may have come meanwhile."""
        with self._alone():
            self._sweep()
            new = self._list(connection)
            self._register.look_back()
            waiting = self._register.undecided()
            if waiting:
                self._read(connection, waiting)
            self._mark(connection)
            self._register.note_looked()
            return new > 0

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One pass at a time. Two would not double anything, but do all the work twice."""
        lock = FileLock(self._folder / "collector.lock", timeout=self._pace.another_pass.total_seconds(), mode=0o600)
        try:
            lock.acquire()
        except Timeout as error:
            raise MailboxBusy(f"another collector is in the middle of its pass over {self._mailbox.place}") from error
        try:
            yield
        finally:
            lock.release()

    def _sweep(self) -> None:
        """Remove, once in a process, what killed ones have left unfinished."""
        if not self._swept:
            for name in (SPOOL, PARTS):
                sweep_unfinished(make_folder(self._folder / name))
            self._swept = True

    def _list(self, connection: Connection) -> int:
        opened = self._register.open_expectations()
        listed = self._register.listed(connection.uidvalidity)
        # What it said when the folder was opened; later it is not news, and other collectors list too.
        newest = connection.newest_at_start if connection is not self._compared else None
        self._compared = connection
        if newest is not None and listed and newest < listed[0] and connection.next_uid() <= listed[0]:
            logger.warning("the server counts backwards: it numbers mails again that it has numbered before")
            self._register.set_aside(connection.uidvalidity)
            listed = None
        if listed is None:
            if not opened:
                return 0  # nothing was ever expected of this folder
            listed = (0, self._register.retire_other_numberings(connection.uidvalidity, _since(opened)))
        start, since = listed[0] + 1, listed[1]
        if opened and _since(opened) < since:
            start, since = 1, _since(opened)  # something is expected that may have come before all that is listed
        new = 0
        reached = start - 1
        # The server compares days in a zone of its own.
        for uids in connection.search(start, (since - timedelta(days=1)).date()):
            reached = uids[-1]
            new += self._register.record_listed(connection.uidvalidity, uids, reached, since)
        reached = max(reached, connection.newest_at_start or 0)
        if listed != (reached, since):
            self._register.record_listed(connection.uidvalidity, [], reached, since)
        if new:
            self._on_step("listed")
        return new

    def _read(self, connection: Connection, waiting: list[MailRow]) -> None:
        bases = self._register.bases()
        here = [row for row in waiting if row.raw_sha256 and is_whole(self._folder, row.raw_sha256)]
        for row in here:
            self._decide(row, bases)
        present = {row.id for row in here}
        there = {row.uid: row for row in waiting if row.id not in present and row.uidvalidity == connection.uidvalidity}
        missing: list[MailRow] = []
        for uid, head in connection.heads(list(there)):
            if head is None:
                missing.append(there[uid])
                continue
            wanted = self._wanted(there[uid], head, bases)
            if wanted is not None and self._spool(connection, there[uid], wanted):
                self._decide(self._register.mail_row(there[uid].id), bases)
        self._settle_missing(connection, missing)
        for row in waiting:
            if row.id not in present and row.uidvalidity != connection.uidvalidity:
                # Kept by another machine, or lost with the disk. Under its new number it takes this one's place.
                reason = "the server numbered the folder anew before it was decided on, and its bytes are not here"
                self._record(row, Decision(Fate.HELD, reason))

    def _wanted(self, row: MailRow, head: ServerHead, bases: set[str]) -> "_Wanted | None":
        """None: decided by its headers alone."""
        headers = read_headers(head.headers)
        received = head.received or sent_at(headers) or datetime.now(UTC)
        mail = facts_of(headers, bases, received, self._mailbox.delivery_headers)
        facts = HeadFacts(received, mail.address, domain_of(mail.sender) if mail.sender else "", head.size)
        opened = answerable(mail, self._register.open_expectations())
        if isinstance(opened, Turned):
            if isinstance(answerable(mail, self._register.answered_lately(datetime.now(UTC))), Turned):
                self._record(row, Decision(opened.fate, opened.reason, final=opened.final), facts)
                return None
            opened = []
        return _Wanted(facts, opened, headers)

    def _spool(self, connection: Connection, row: MailRow, wanted: "_Wanted") -> bool:
        facts = wanted.facts
        if row.fetches >= self._limits.fetches:
            self._record(row, Decision(Fate.HELD, "the mail server does not hand it out"), facts)
            return False
        self._register.note_fetch(row.id)
        try:
            with unfinished(self._folder / SPOOL) as (new, keep):
                if not self._download(connection, row, wanted, new):
                    return False
                raw_sha256 = new.sha256
                path = keep(spooled(self._folder, raw_sha256).name)
        except MailGone:
            self._record(row, Decision(Fate.IGNORED, "it was moved or deleted before it was read"), facts)
            return False
        except MailNotGiven as refusal:
            logger.warning("mail %d is not handed out: %s", row.uid, refusal)
            return False
        except MailboxThrottled:
            self._register.forget_fetch(row.id)
            raise
        raw = path.read_bytes()
        self._register.note_spooled(
            row.id,
            facts,
            raw_sha256=raw_sha256,
            content_sha256=content_hash(raw),
            message_id=message_id(read_headers(split_header_block(raw))),
        )
        self._on_step("spooled")
        return True

    def _download(self, connection: Connection, row: MailRow, wanted: "_Wanted", new: NewFile) -> bool:
        """The mail, or of a large one the parts that may be the report; False: decided, nothing to keep."""
        facts = wanted.facts
        # Where the receiving server says whose a mail is, the whole is not needed to find that out.
        whole = self._limits.whole_bytes if self._mailbox.authserv_id else self._limits.mail_bytes
        if facts.size > whole and abridge(connection, row.uid, new, self._limits):
            if not self._mailbox.authserv_id:
                # Before the mail is read: its signature, which is over the whole, would look like a wrong one.
                found = Authenticity(Standing.UNVERIFIED, "it is too large for its signature to be checked here")
                self._verdicts.keep(new.sha256, facts.sender_domain, found)
            return True
        if facts.size > self._limits.mail_bytes:
            self._record(row, self._judge.too_large(wanted.candidates, wanted.headers, facts.size), facts)
            return False
        if connection.download(row.uid, new, limit=self._limits.mail_bytes) > self._limits.mail_bytes:
            self._record(row, Decision(Fate.HELD, "it is larger than its server said"), facts)
            return False
        return True

    def _decide(self, row: MailRow, bases: set[str]) -> None:
        if row.raw_sha256 is None:
            return
        path = spooled(self._folder, row.raw_sha256)
        if row.attempts >= self._limits.attempts:
            self._record(row, Decision(Fate.HELD, f"it could not be read in {row.attempts} attempts"))
            return
        if not self._register.note_attempt(row):
            return  # another collector has it in hand
        try:
            decision = self._judge.judge(row.id, path.read_bytes(), row.received or datetime.now(UTC), bases)
        except UNREADABLE as error:
            # Whatever the parser stumbles over costs this mail, not the others. It is counted, and held in the end.
            # The message of such an error may quote the mail: the log gets the place only.
            place = extract_tb(error.__traceback__)[-1]
            logger.warning(
                "mail %d cannot be read (%s in %s:%s)", row.uid, type(error).__name__, place.filename, place.lineno
            )
            return
        self._on_step("judged")
        recorded = self._record(row, decision)
        if recorded and not decision.parts and not decision.hand_over and not decision.keep:
            path.unlink(missing_ok=True)  # it brought nothing; and it may hold a sign-in code

    def _record(self, row: MailRow, decision: Decision, facts: HeadFacts | None = None) -> bool:
        recorded = self._register.decide(row.id, decision, facts)
        if recorded:
            logger.info("mail %d: %s: %s", row.uid, decision.fate, decision.reason)
            self._on_step("decided")
        return recorded

    def _settle_missing(self, connection: Connection, missing: list[MailRow]) -> None:
        """Gone only if a search does not find them either: servers leave mails out of long answers."""
        for row in missing:
            if not connection.still_there(row.uid):
                self._record(row, Decision(Fate.IGNORED, "it was moved or deleted before it was read"))
            elif row.fetches >= self._limits.fetches:
                self._record(row, Decision(Fate.HELD, "the mail server does not hand out its headers"))
            else:
                self._register.note_fetch(row.id)

    def _mark(self, connection: Connection) -> None:
        uids = self._register.to_mark(connection.uidvalidity)
        if not uids or connection.read_only:
            return
        try:
            connection.mark_done(uids)
        except MailboxProtocol as refusal:
            # Only a courtesy to people: the ledger knows that they are done.
            logger.warning("mails that are done could not be marked: %s", refusal)
            self._register.marking(connection.uidvalidity, uids, done=False)
            return
        self._register.marking(connection.uidvalidity, uids, done=True)
        self._on_step("marked")


@dataclass(frozen=True)
class _Wanted:
    """A mail that may answer something; no `candidates`: only what is answered already."""

    facts: HeadFacts
    candidates: list[Expectation]
    headers: Headers


def _since(expectations: Sequence[Expectation]) -> datetime:
    return min(each.newer_than for each in expectations) - CLOCK_TOLERANCE
