"""Collects reports: lists new mails, reads headers, downloads what may be expected, decides, hands over, marks.

The order of safety: the mail's bytes in `spool/`, its files in `parts/`, one transaction in the ledger with the
decision and the hand-over, and only then the mark in the mailbox. A crash in between repeats what was not finished.
"""

import logging
import random
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from traceback import extract_tb

from filelock import FileLock, Timeout
from sqlalchemy import Engine

from report_mailbox.attachments import UNREADABLE
from report_mailbox.connection import Connection, MailboxIdleRefused, MailGone, MailNotGiven, ServerHead, Woke
from report_mailbox.errors import MailboxBusy, MailboxError, MailboxProtocol, MailboxThrottled, MailboxUnreachable
from report_mailbox.files import PARTS, SPOOL, is_whole, make_folder, spooled, sweep_unfinished, unfinished
from report_mailbox.judging import Accept, Judge, facts_of
from report_mailbox.ledger import Ledger
from report_mailbox.mailbox import Limits, Mailbox, Pace
from report_mailbox.matching import CLOCK_TOLERANCE, Expectation, Fate, Turned, answerable
from report_mailbox.message import content_hash, domain_of, message_id, read_headers, sent_at, split_header_block
from report_mailbox.records import Decision, Handed, HeadFacts, MailRow
from report_mailbox.register import MailRegister

logger = logging.getLogger(__name__)

Trouble = Callable[[MailboxError], None]


def _silent(_: object) -> None:
    return


class Collector:
    """Collects what the ledger expects. Synchronous: give it a thread of its own.

    Args:
        engine: SQLite or PostgreSQL. Tables are made as needed (`mail_...`).
        folder: For the mails and files; made for its owner only.
        accept: Judges a file for an expectation. It may be asked about every expectation of this ledger, also one that
            another process made, and more than once; it must neither change anything nor raise.
        on_step: Told the name of each step of the way when it is done.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        engine: Engine,
        folder: Path,
        accept: Accept,
        *,
        limits: Limits | None = None,
        pace: Pace | None = None,
        on_step: Callable[[str], None] = _silent,
    ) -> None:
        self.mailbox = mailbox
        self.folder = make_folder(folder)
        self.ledger = Ledger(engine, mailbox, folder)
        self._register = MailRegister(engine, mailbox, folder)
        self._limits = limits or Limits()
        self._pace = pace or Pace()
        self._on_step = on_step
        self._judge = Judge(mailbox, self._register, self._limits, accept, on_step)

    def collect_once(self) -> list[Handed]:
        """One pass. Returns what was handed over and not yet acknowledged with `ledger.taken`, also by earlier passes.

        Raises:
            MailboxError: See `errors`. What was handed over before is in the ledger all the same.
        """
        with Connection(self.mailbox, self._pace) as connection:
            self._passes(connection)
        return self.ledger.untaken()

    def wait(
        self,
        until: datetime,
        *,
        expected: Collection[str] | None = None,
        stop: threading.Event | None = None,
        trouble: Trouble = _silent,
    ) -> list[Handed]:
        """Wait until something is handed over.

        Args:
            until: When to give up, aware.
            expected: Ids of expectations: then only for these, while all are collected.
            stop: Ends the wait early.
            trouble: Told each time that the mailbox cannot be read; it is tried again until the end.

        Returns:
            What is not acknowledged yet; empty when the time was up.

        Raises:
            MailboxSignInRefused, MailboxMisconfigured, MailboxFolderMissing: At once.
            MailboxUnreachable, MailboxBusy: When the time is up and the mailbox could not be read to the last.
        """
        ends = monotonic() + (until - datetime.now(UTC)).total_seconds()
        found: list[Handed] = []
        last: list[MailboxError] = []

        def look() -> None:
            found[:] = [each for each in self.ledger.untaken() if expected is None or each.expectation_id in expected]

        def ended() -> bool:
            look()
            return bool(found) or monotonic() >= ends or (stop is not None and stop.is_set())

        def note(error: MailboxError) -> None:
            last.append(error)
            trouble(error)

        self._stay(ended, last.clear, note, lambda: ends - monotonic())
        if not found and last:
            raise last[-1]
        return found

    def watch(self, stop: threading.Event, on_handed: Callable[[Handed], None], *, trouble: Trouble = _silent) -> None:
        """Stay and collect.

        Args:
            stop: Ends it.
            on_handed: Called with each hand-over; when it returns, that counts as acknowledged. Should the process die
                in between, it is called again with the same `id` by the next one.
            trouble: Told each time that the mailbox cannot be read; it is tried again.

        Raises:
            MailboxSignInRefused, MailboxMisconfigured, MailboxFolderMissing: A person is needed.
        """

        def hand_out() -> None:
            for each in self.ledger.untaken():
                on_handed(each)
                self.ledger.taken(each.id)

        self._stay(stop.is_set, hand_out, trouble, lambda: float("inf"))

    def _stay(
        self, ended: Callable[[], bool], after_pass: Callable[[], None], trouble: Trouble, left: Callable[[], float]
    ) -> None:
        failures = 0
        idle_refusals = 0
        while not ended():
            try:
                with Connection(self.mailbox, self._pace) as connection:
                    if idle_refusals >= 2:
                        connection.give_up_idle()
                    quiet = 0
                    while not ended():
                        seen = self._register.changes()
                        self._passes(connection)
                        failures = 0
                        after_pass()
                        if ended():
                            break
                        longest = self._pace.idle_cycles[min(quiet, len(self._pace.idle_cycles) - 1)]
                        cycle = min(longest.total_seconds(), max(left(), 0.01))
                        self._on_step("waiting")
                        woke = connection.wait(timedelta(seconds=cycle), partial(self._asked, ended, seen))
                        quiet = quiet + 1 if woke is Woke.TIME else 0
            except MailboxIdleRefused as refusal:
                idle_refusals += 1
                logger.info("%s", refusal)
            except (MailboxUnreachable, MailboxBusy) as error:
                logger.info("%s", error)
                trouble(error)
                pause = self._pause_after(error, failures)
                failures += 1
                self._rest(min(pause, max(left(), 0.0)), ended)

    def _asked(self, ended: Callable[[], bool], seen: object) -> bool:
        """Whether to look up from waiting: it is over, or something else is expected than when it began."""
        return ended() or self._register.changes() != seen

    def _pause_after(self, error: MailboxError, failures: int) -> float:
        pauses = self._pace.pauses
        length = self._pace.throttled if isinstance(error, MailboxThrottled) else pauses[min(failures, len(pauses) - 1)]
        # Many machines that lost the same server should not all come back in the same second.
        return length.total_seconds() * random.uniform(0.8, 1.2)  # noqa: S311

    def _rest(self, seconds: float, ended: Callable[[], bool]) -> None:
        ends = monotonic() + seconds
        never = threading.Event()
        while (left := ends - monotonic()) > 0 and not ended():
            never.wait(min(left, self._pace.glance.total_seconds()))

    def _passes(self, connection: Connection) -> None:
        """Pass after pass until nothing new is there: a notice that comes while a pass reads is not seen by IDLE."""
        while self._pass(connection):
            pass

    def _pass(self, connection: Connection) -> bool:
        with self._alone():
            new = self._list(connection)
            self._register.look_back()
            waiting = self._register.undecided()
            if waiting:
                self._read(connection, waiting)
            self._mark(connection)
            return new > 0

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One pass at a time. Two would not double anything, but do all the work twice."""
        lock = FileLock(self.folder / "collector.lock", timeout=self._pace.another_pass.total_seconds(), mode=0o600)
        try:
            lock.acquire()
        except Timeout as error:
            raise MailboxBusy(f"another collector is in the middle of its pass over {self.mailbox.place}") from error
        try:
            yield
        finally:
            lock.release()

    def _list(self, connection: Connection) -> int:
        opened = self._register.open_expectations()
        listed = self._register.listed(connection.uidvalidity)
        if listed is None:
            if not opened:
                return 0  # nothing was ever expected of this folder
            sweep_unfinished(make_folder(self.folder / SPOOL))
            sweep_unfinished(make_folder(self.folder / PARTS))
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
        reached = max(reached, connection.newest_at_start)
        if listed != (reached, since):
            self._register.record_listed(connection.uidvalidity, [], reached, since)
        if new:
            self._on_step("listed")
        return new

    def _read(self, connection: Connection, waiting: list[MailRow]) -> None:
        bases = self._register.bases()
        here = [row for row in waiting if row.raw_sha256 and is_whole(self.folder, row.raw_sha256)]
        for row in here:
            self._decide(row, bases)
        present = {row.id for row in here}
        there = {row.uid: row for row in waiting if row.id not in present and row.uidvalidity == connection.uidvalidity}
        missing: list[MailRow] = []
        for uid, head in connection.heads(list(there)):
            if head is None:
                missing.append(there[uid])
                continue
            facts = self._wanted(there[uid], head, bases)
            if facts is not None and self._spool(connection, there[uid], facts):
                self._decide(self._register.mail_row(there[uid].id), bases)
        self._settle_missing(connection, missing)

    def _wanted(self, row: MailRow, head: ServerHead, bases: set[str]) -> HeadFacts | None:
        """None: decided by its headers alone."""
        headers = read_headers(head.headers)
        received = head.received or sent_at(headers) or datetime.now(UTC)
        mail = facts_of(headers, bases, received)
        facts = HeadFacts(received, mail.address, domain_of(mail.sender) if mail.sender else "", head.size)
        opened = answerable(mail, self._register.open_expectations())
        if isinstance(opened, Turned):
            if isinstance(answerable(mail, self._register.answered_lately(datetime.now(UTC))), Turned):
                self._record(row, Decision(opened.fate, opened.reason, final=opened.final), facts)
                return None
        elif head.size > self._limits.mail_bytes:
            self._record(row, self._judge.too_large(opened, head.size), facts)
            return None
        return facts

    def _spool(self, connection: Connection, row: MailRow, facts: HeadFacts) -> bool:
        if row.fetches >= self._limits.fetches:
            self._record(row, Decision(Fate.HELD, "the mail server does not hand it out"), facts)
            return False
        self._register.note_fetch(row.id)
        try:
            with unfinished(self.folder / SPOOL) as (new, keep):
                size = connection.download(row.uid, new, limit=self._limits.mail_bytes)
                if size > self._limits.mail_bytes:
                    self._record(row, Decision(Fate.HELD, "it is larger than its server said"), facts)
                    return False
                raw_sha256 = new.sha256
                path = keep(spooled(self.folder, raw_sha256).name)
        except MailGone:
            self._record(row, Decision(Fate.IGNORED, "it was moved or deleted before it was read"), facts)
            return False
        except MailNotGiven as refusal:
            logger.warning("mail %d is not handed out: %s", row.uid, refusal)
            return False
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

    def _decide(self, row: MailRow, bases: set[str]) -> None:
        if row.raw_sha256 is None:
            return
        path = spooled(self.folder, row.raw_sha256)
        if row.attempts >= self._limits.attempts:
            self._record(row, Decision(Fate.HELD, f"it could not be read in {row.attempts} attempts"))
            return
        self._register.note_attempt(row.id)
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
        if recorded and not decision.parts and not decision.hand_over:
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
        if not uids:
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


def _since(expectations: Sequence[Expectation]) -> datetime:
    return min(each.newer_than for each in expectations) - CLOCK_TOLERANCE
