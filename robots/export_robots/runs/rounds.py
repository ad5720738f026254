"""A round: what is due is expected, and what may go on now is put on its queue.

Everything follows from the ledger, so a round that was missed is made good by the next one, on whichever machine. One
is made at a time on all machines: each minute by the engine's schedule, and when something has happened.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context
from datetime import datetime, time, timedelta
from typing import Any

from dbos import DBOS

from export_robots import clock
from export_robots.outcomes import AccountBusy, Outcome, RobotDefect, UsageWrong
from export_robots.runs import alarms, fleet, queues, standings
from export_robots.runs.asking import late
from export_robots.runs.database import DatabaseUnusable
from export_robots.runs.defects import as_robot_error, keep_traceback
from export_robots.runs.exporting import expect_subscribed
from export_robots.runs.fleet import Move, Row, Standing, Wave
from export_robots.runs.ledger import Ending, delivery_of_run, run_id
from export_robots.runs.month import expect_due
from export_robots.runs.notices import alarms_due, send_due
from export_robots.runs.questions import Questions
from export_robots.runs.room import require_room
from export_robots.runs.tables import DeliveryRow, How, State
from export_robots.runs.waves import OpenDelivery, Waves, place_of
from export_robots.runs.workplace import Workplace

_OLD = timedelta(seconds=90)
_LONGEST = timedelta(minutes=15)
"""A round that takes longer hangs at something, and keeps all machines from making another one."""

_AT_ONCE = 500
"""So many deliveries are finished, and so many noted as late, by one round; the next one goes on."""

_log = logging.getLogger(__name__)


class Rounds:
    def __init__(self, work: Workplace) -> None:
        self._work = work
        self._schedule = work.settings.schedule
        self._waves = Waves(work.ledger.engine)
        self._questions = Questions(work.ledger.engine)
        self._expected: set[str] = set()
        self._trouble: str | None = None
        self._failed: dict[str, str] = {}
        self._logged: dict[str, str] = {}
        self._strangers: list[OpenDelivery] = []
        self._sending: asyncio.Task[int] | None = None

    async def make(self) -> None:
        """One round, from whatever the ledger says. What stands in its way is logged, and met again by the next one."""
        try:
            async with asyncio.timeout(_LONGEST.total_seconds()):
                await self._make()
        except Exception as error:
            known = as_robot_error(error)
            kept = keep_traceback(error, self._work.home.evidence) if isinstance(known, RobotDefect) else None
            _log.error("a round was not finished: %s%s", known.saw, f"; see {kept}" if kept else "")

    async def _make(self) -> None:
        self._failed = {}
        with self._apart("the months that are due"):
            await asyncio.to_thread(expect_due, self._work.ledger, self._work.settings, clock.now())
        mail = False
        with self._apart("the mailbox"):
            mail = await self._mail_is_read()
        if mail:
            with self._apart("what subscriptions mail"):
                await expect_subscribed(self._work, self._expected)
        with self._apart("the questions for codes"):
            await asyncio.to_thread(self._questions.drop_old_codes)
            await asyncio.to_thread(self._questions.forget_settled)
        with self._apart("the open deliveries"):
            require_room(self._work.home)
            await self._move_on(mail=mail)
        await self._tell()
        self._logged = {what: saw for what, saw in self._logged.items() if what in self._failed}

    async def _move_on(self, *, mail: bool) -> None:
        runs = await self._without_the_dead(await queues.unfinished())
        seen, moves = await self._look(runs)
        if mail and moves[Move.LATE] and await self._note_who_is_late(moves[Move.LATE]):
            seen, moves = await self._look(runs)  # what is late now may be what stops its CRM
        self._strangers = seen.strangers
        spent = await asyncio.to_thread(self._spent, seen.standings)
        await self._finish(moves[Move.FINISH], spent, mail=mail)
        for crm in sorted({each.row.crm for each in seen.standings}):
            with self._apart(crm):
                here = [each for each in seen.standings if each.row.crm == crm]
                await self._ask(crm, here, moves, runs, spent, mail=mail)

    async def _look(self, runs: dict[str, queues.Run]) -> tuple[standings.Seen, dict[Move, list[Standing]]]:
        seen = await asyncio.to_thread(standings.look, self._work, runs, self._apart)
        now = clock.now()
        moves: defaultdict[Move, list[Standing]] = defaultdict(list)
        for standing in seen.standings:
            with self._apart(standing.row.id):
                moves[fleet.move_of(standing, self._schedule, now)].append(standing)
        return seen, moves

    async def _tell(self) -> None:
        """Write down what people must know. It is sent beside the rounds: a chat's server may take its time."""
        work, now = self._work, clock.now()
        trouble = work.mail.trouble if work.has_mailbox else self._trouble
        others = [*alarms.of_strangers(self._strangers, now), *alarms.of_failures(self._failed, now)]
        await asyncio.to_thread(alarms_due, work.ledger, work.settings, now, mailbox_trouble=trouble, others=others)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(asyncio.to_thread(send_due, work.ledger, work.settings, now))
            self._sending.add_done_callback(_said)

    async def _mail_is_read(self) -> bool:
        """Nothing is asked of a CRM, and nothing is late, while the mailbox that reports come to cannot be read."""
        work = self._work
        try:
            await work.open_mailbox()
        except UsageWrong as error:
            _log.warning("%s", error.saw)
            self._trouble = error.saw
            return False
        self._trouble = None
        if work.has_mailbox and work.mail.trouble:
            await work.mail.look()
        return not (work.has_mailbox and work.mail.trouble)

    @contextmanager
    def _apart(self, what: str) -> Iterator[None]:
        """What goes wrong with one delivery or CRM ends nothing but that, and people are told. A database ends it all.

        An account that somebody is at has its turn later.
        """
        try:
            yield
        except AccountBusy:
            return
        except Exception as error:
            known = as_robot_error(error)
            if isinstance(known, DatabaseUnusable):
                raise
            self._failed[what] = known.saw
            if self._logged.get(what) != known.saw:  # once, and not each minute
                self._logged[what] = known.saw
                kept = keep_traceback(error, self._work.home.evidence) if isinstance(known, RobotDefect) else None
                _log.error("%s: %s%s", what, known.saw, f"; see {kept}" if kept else "")

    # --- what is known

    async def _without_the_dead(self, runs: dict[str, queues.Run]) -> dict[str, queues.Run]:
        """Runs of commands whose process has died are nobody's: the ledger says how their deliveries go on."""
        left = dict(runs)
        for run in runs.values():
            if run.executor is None or run.executor.startswith(queues.SERVING) or not run.begun:
                continue
            row = self._work.ledger.find(delivery_of_run(run.id))
            account = standings.account_of(self._work, row) if row else None
            if row is None or account is None:
                continue
            with self._apart(row.id), self._work.hold(account.id, run.id):
                await queues.withdraw([run.id])
                del left[run.id]
        return left

    # --- what is done

    async def _note_who_is_late(self, standings: list[Standing]) -> bool:
        """False: nothing can be said of it, as the mailbox cannot be read."""
        await self._work.mail.look()
        if self._work.mail.trouble:
            return False  # it may lie there, unread
        for standing in standings[:_AT_ONCE]:
            with self._apart(standing.row.id):
                await self._note_late(standing)
        return True

    async def _note_late(self, standing: Standing) -> None:
        """The report has not come in time: it is asked for once more after a pause, and then a person looks."""
        row, work = standing.row, self._work
        with work.hold(standing.account, row.id):
            present = work.ledger.delivery(row.id)
            if _has_changed(present, row) or await self._is_answered(present):
                return
            error = await late(row.id)
            own = [each for each in standing.requests if each.requested_at and each.how != How.SUBSCRIPTION]
            again = len(own) < fleet.REQUESTS_TO_BE_ANSWERED
            retry_at = clock.now() + self._schedule.pauses[0] if again else None
            ending = Ending(error.outcome, error.reasons or (error.saw,), error.hint, retry_at=retry_at)
            await asyncio.to_thread(work.ledger.end_attempt, row.id, ending)

    async def _is_answered(self, row: DeliveryRow) -> bool:
        """Whether a mail is there for it, which is not another subscription's after all."""
        return await asyncio.to_thread(self._work.mail.handed, row) is not None

    async def _finish(self, standings: list[Standing], spent: set[str], *, mail: bool) -> None:
        wanted = [
            each
            for each in standings
            if (mail or each.row.state in (State.COLLECTED, State.POSTED))
            and not (each.needs_visit and each.account in spent)
        ]
        for standing in wanted[:_AT_ONCE]:
            with self._apart(standing.row.id):
                await self._begin(standing, queues.FINISH, None)
        if len(wanted) > _AT_ONCE:
            self._work.stir()

    async def _begin(self, standing: Standing, queue: str, how: How | None) -> None:
        """Count one more attempt and put it on its queue."""
        row, work = standing.row, self._work
        with work.hold(standing.account, row.id):
            present = work.ledger.delivery(row.id)
            if _has_changed(present, row):
                return
            is_mailed = standing.handed_at is not None and present.state not in (State.COLLECTED, State.POSTED)
            if is_mailed and not await self._is_answered(present):
                return
            number = work.ledger.begin_attempt(row.id, upload=True, asked_by=how)
            await queues.enqueue(run_id(row.id, number), row.id, queue=queue, account=standing.account)

    async def _ask(
        self,
        crm: str,
        here: list[Standing],
        moves: dict[Move, list[Standing]],
        runs: dict[str, queues.Run],
        spent: set[str],
        *,
        mail: bool,
    ) -> None:
        wave = await asyncio.to_thread(self._wave, crm, here)
        queued = [run for run in runs.values() if run.queue == queues.crm_queue(crm)]
        if wave is None:
            await self._withdraw(queued)
            return
        wanted = [each for each in (*moves[Move.ASK], *moves[Move.REPULL]) if each.row.crm == crm]
        if not wanted or not mail:
            return
        now = clock.now()
        last = await asyncio.to_thread(self._waves.delivered_at, crm) if wave.lets_one_go_first() else {}
        chosen = fleet.may_begin(
            wave,
            len(queued),
            wanted,
            in_front=0 if wave.is_green else sum(wave.has_in_front(each, self._schedule, now) for each in here),
            busy={each.account for each in here if each.under_way} | spent,
            delivered_at={each.account: last[place_of(each.row)] for each in here if place_of(each.row) in last},
            schedule=self._schedule,
            now=now,
        )
        repulled = {each.row.id for each in moves[Move.REPULL]}
        for each in chosen:
            with self._apart(each.row.id):
                await self._begin(each, queues.crm_queue(crm), How.REPULL if each.row.id in repulled else How.EXPORT)

    async def _withdraw(self, queued: list[queues.Run]) -> None:
        """Take what has not begun off the queue of a stopped CRM. What begins meanwhile finds its account held."""
        for run in queued:
            row = None if run.begun else self._work.ledger.find(delivery_of_run(run.id))
            account = standings.account_of(self._work, row) if row else None
            if account is None:
                continue
            with self._apart(run.id), self._work.hold(account.id, run.id):
                await queues.withdraw_unbegun(run.id)

    def _spent(self, standings: list[Standing]) -> set[str]:
        """The accounts whose sign-ins of this day, in their own zone, are used up."""
        now = clock.now()
        signed_in = self._waves.sign_ins(now - timedelta(hours=26))
        spent = set()
        for each in standings:
            midnight = datetime.combine(now.astimezone(each.zone).date(), time(), each.zone)
            today = [at for at in signed_in.get(each.account, ()) if at >= midnight]
            if len(today) >= self._schedule.sign_ins_per_day:
                spent.add(each.account)
        return spent

    def _wave(self, crm: str, here: list[Standing]) -> Wave | None:
        """The CRM's present wave; None: it is stopped, now or since longer."""
        row = self._waves.crm(crm, fleet.WAVE)
        if row.stopped_at:
            return None
        failed = [each for each in here if each.row.outcome not in (None, Outcome.REQUESTED)]
        since = row.wave_from
        wave = Wave(since, self._waves.accepted_since(crm, since), self._waves.passed_since(crm, since), failed)
        same = wave.same_failures(self._schedule)
        if not same:
            return wave
        self._waves.stop(crm, fleet.signature(same[0]), [each.id for each in same], since)
        return None


def _has_changed(present: DeliveryRow, seen: Row) -> bool:
    """Something has happened to it meanwhile."""
    return (present.attempt, present.changed_at) != (seen.attempt, seen.changed_at)


def _said(sending: asyncio.Task[int]) -> None:
    if not sending.cancelled() and (error := sending.exception()):
        _log.warning("notices could not be sent: %s", as_robot_error(error).saw)


_serving: Rounds | None = None


def serve_rounds(rounds: Rounds | None) -> None:
    """Which rounds this process makes when the engine says so."""
    global _serving
    _serving = rounds


@DBOS.workflow(name="round")
async def make_round(due: datetime, context: Any) -> None:
    """The schedule's workflow; what was due while nobody served is made good by the next one."""
    if _serving is not None and clock.now() - due < _OLD:
        # Outside of the workflow: a round that is made again looks anew, and repeats nothing of what it saw before.
        await asyncio.create_task(_serving.make(), context=Context())
