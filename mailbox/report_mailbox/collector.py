"""Collects what is expected: once, until something comes, or for as long as the program runs."""

import logging
import random
import threading
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic

from sqlalchemy import Engine

from report_mailbox.connection import Connection, MailboxIdleRefused
from report_mailbox.errors import MailboxBusy, MailboxError, MailboxThrottled, MailboxUnreachable
from report_mailbox.files import make_folder
from report_mailbox.idling import Woke
from report_mailbox.judging import Accept
from report_mailbox.ledger import Ledger
from report_mailbox.mailbox import Limits, Mailbox, Pace
from report_mailbox.passing import Pass
from report_mailbox.records import Handed
from report_mailbox.register import MailRegister
from report_mailbox.store import NoStore, Store

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
        store: Where machines that share the ledger have each other's files; without it each has only its own.
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
        store: Store | None = None,
    ) -> None:
        self.mailbox = mailbox
        self._store: Store = NoStore() if store is None else store
        self.folder = make_folder(folder)
        self.ledger = Ledger(engine, mailbox, folder)
        self._register = MailRegister(engine, mailbox, folder)
        self._pace = pace or Pace()
        self._on_step = on_step
        self._pass = Pass(mailbox, self._register, accept, limits or Limits(), self._pace, on_step, self._store)

    def collect_once(self) -> list[Handed]:
        """One pass. Returns what was handed over and not yet acknowledged with `ledger.taken`, also by earlier passes.

        Raises:
            MailboxError: See `errors`. What was handed over before is in the ledger all the same.
        """
        with Connection(self.mailbox, self._pace) as connection:
            self._passes(connection)
        return self._untaken()

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
            found[:] = [each for each in self._untaken() if expected is None or each.expectation_id in expected]

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
            for each in self._untaken():
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
                        self._passes(connection, after_pass, ended)
                        failures = 0
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

    def _untaken(self) -> list[Handed]:
        """What another machine has collected into a folder of its own is handed out there, unless it is shared."""
        return [
            each
            for each in self.ledger.untaken()
            if each.file is None or each.file.is_file() or (each.sha256 and self._store.has(each.sha256))
        ]

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

    def _passes(
        self, connection: Connection, after_pass: Callable[[], None] = lambda: None, ended: Callable[[], bool] = bool
    ) -> None:
        """Pass after pass until nothing new is there: a notice that comes while a pass reads is not seen by IDLE."""
        more = True
        while more:
            more = self._pass.once(connection)
            after_pass()
            more = more and not ended()
