"""One pass over the folder: lists new mails, reads headers, downloads what may be expected, decides, hands over, marks.

The order of safety: the mail's bytes in `spool/`, its files in `parts/`, one transaction in the ledger with the
decision and the hand-over, and only then the mark in the mailbox. A crash in between repeats what was not finished.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from time import monotonic

from filelock import FileLock, Timeout

from report_mailbox.connection import Connection, ServerHead
from report_mailbox.deciding import Deciding
from report_mailbox.errors import MailboxBusy, MailboxProtocol
from report_mailbox.files import PARTS, SPOOL, is_whole, make_folder, sweep_unfinished
from report_mailbox.judging import Accept, facts_of
from report_mailbox.mailbox import Limits, Mailbox, Pace
from report_mailbox.matching import CLOCK_TOLERANCE, Expectation, Fate, Turned, answerable
from report_mailbox.message import domain_of, read_headers, sent_at
from report_mailbox.reading import HEADS
from report_mailbox.records import Decided, Decision, HeadFacts, MailRow
from report_mailbox.register import MailRegister
from report_mailbox.store import Store
from report_mailbox.taking import Taking, Wanted

logger = logging.getLogger(__name__)

_LOOKS_NOTED = 5  # seconds


class Pass:
    def __init__(
        self,
        mailbox: Mailbox,
        register: MailRegister,
        accept: Accept,
        limits: Limits,
        pace: Pace,
        on_step: Callable[[str], None],
        store: Store,
    ) -> None:
        self._mailbox = mailbox
        self._register = register
        self._folder = register.folder
        self._limits = limits
        self._pace = pace
        self._on_step = on_step
        self._deciding = Deciding(mailbox, register, accept, limits, self._tell, store)
        self._taking = Taking(mailbox, register, self._deciding, limits, self._tell)
        self._swept = False
        self._noted = float("-inf")
        self._compared: Connection | None = None

    def once(self, connection: Connection) -> bool:
        """One pass. True: mails were new, or the server has said that more came since it was asked."""
        with self._alone():
            self._sweep()
            new = self._list(connection)
            self._register.look_back()
            waiting = self._register.undecided()
            if waiting:
                self._read(connection, waiting)
            self._mark(connection)
            self._note_looked(worked=bool(waiting))
            return new > 0 or connection.announced()

    def _note_looked(self, *, worked: bool) -> None:
        """For people, to within some seconds: a look that finds nothing should cost next to nothing."""
        if worked or monotonic() - self._noted > _LOOKS_NOTED:
            self._register.note_looked()
            self._noted = monotonic()

    def _tell(self, step: str) -> None:
        self._on_step(step)

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
            self._deciding.again(row, bases)
        present = {row.id for row in here}
        there = {row.uid: row for row in waiting if row.id not in present and row.uidvalidity == connection.uidvalidity}
        missing: list[MailRow] = []
        heads = connection.heads(list(there))
        while some := list(islice(heads, HEADS)):
            missing += [there[uid] for uid, head in some if head is None]
            wanted = self._sort(there, [head for _, head in some if head is not None], bases)
            self._taking.take(connection, wanted, bases)
        self._settle_missing(connection, missing)
        for row in waiting:
            if row.id not in present and row.uidvalidity != connection.uidvalidity:
                # Kept by another machine, or lost with the disk. Under its new number it takes this one's place.
                reason = "the server numbered the folder anew before it was decided on, and its bytes are not here"
                self._deciding.record(row, Decision(Fate.HELD, reason))

    def _sort(self, rows: dict[int, MailRow], heads: Sequence[ServerHead], bases: set[str]) -> list[Wanted]:
        """Those that may answer something. On the others their headers decide, and that is recorded at once."""
        expected = self._register.expected()
        wanted: list[Wanted] = []
        turned: list[tuple[MailRow, Decided]] = []
        for head in heads:
            headers = read_headers(head.headers)
            received = head.received or sent_at(headers) or datetime.now(UTC)
            mail = facts_of(headers, bases, received, self._mailbox.delivery_headers)
            facts = HeadFacts(received, mail.address, domain_of(mail.sender) if mail.sender else "", head.size)
            opened = answerable(mail, expected.opened_for(mail))
            row = rows[head.uid]
            if not isinstance(opened, Turned):
                wanted.append(Wanted(row, facts, opened, headers))
            elif not isinstance(answerable(mail, expected.lately_for(mail)), Turned):
                wanted.append(Wanted(row, facts, [], headers))
            else:
                decision = Decision(opened.fate, opened.reason, final=opened.final)
                turned.append((row, Decided(row.id, decision, facts)))
        if turned:
            self._deciding.record_all(turned, expected.ids)
        return wanted

    def _settle_missing(self, connection: Connection, missing: list[MailRow]) -> None:
        """Gone only if a search does not find them either: servers leave mails out of long answers."""
        for row in missing:
            if not connection.still_there(row.uid):
                self._deciding.record(row, Decision(Fate.IGNORED, "it was moved or deleted before it was read"))
            elif row.fetches >= self._limits.fetches:
                self._deciding.record(row, Decision(Fate.HELD, "the mail server does not hand out its headers"))
            else:
                self._register.note_fetches([row.id])

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


def _since(expectations: Sequence[Expectation]) -> datetime:
    return min(each.newer_than for each in expectations) - CLOCK_TOLERANCE
