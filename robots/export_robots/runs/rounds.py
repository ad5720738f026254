"""A round: what is due is expected, and what may go on now is put on its queue.

Everything follows from the ledger, so a round that was missed is made good by the next one, on whichever machine. One
is made at a time on all machines: each minute by the engine's schedule, and when something has happened.
"""

import asyncio
import logging
from collections import defaultdict
from contextvars import Context
from datetime import datetime, time, timedelta
from typing import Any

from dbos import DBOS

from export_robots import clock
from export_robots.catalogue import robot_class
from export_robots.clients import Account
from export_robots.outcomes import AccountBusy, Outcome, RobotDefect, UsageWrong
from export_robots.runs import fleet, queues
from export_robots.runs.asking import late
from export_robots.runs.defects import as_robot_error, keep_traceback
from export_robots.runs.exporting import expect_subscribed
from export_robots.runs.fleet import Move, Standing, Wave
from export_robots.runs.ledger import Ending, run_id
from export_robots.runs.month import expect_due
from export_robots.runs.notices import alarms_due, send_due
from export_robots.runs.questions import Questions
from export_robots.runs.tables import DeliveryRow, How, RequestRow
from export_robots.runs.waves import Waves, place_of
from export_robots.runs.workplace import Workplace

_OLD = timedelta(seconds=90)

_log = logging.getLogger(__name__)


class Rounds:
    def __init__(self, work: Workplace) -> None:
        self._work = work
        self._schedule = work.settings.schedule
        self._waves = Waves(work.ledger.engine)
        self._questions = Questions(work.ledger.engine)
        self._expected: set[str] = set()
        self._trouble: str | None = None
        self._sending: asyncio.Task[int] | None = None

    async def make(self) -> None:
        """One round, from whatever the ledger says. What stands in its way is logged, and met again by the next one."""
        try:
            await self._make()
        except Exception as error:
            known = as_robot_error(error)
            kept = keep_traceback(error, self._work.home.evidence) if isinstance(known, RobotDefect) else None
            _log.error("a round was not finished: %s%s", known.saw, f"; see {kept}" if kept else "")

    async def _make(self) -> None:
        await asyncio.to_thread(expect_due, self._work.ledger, self._work.settings, clock.now())
        mail = await self._mailbox_opened()
        if mail:
            await expect_subscribed(self._work, self._expected)
        await asyncio.to_thread(self._questions.drop_old_codes)
        await asyncio.to_thread(self._questions.forget_settled)
        runs = await self._without_the_dead(await queues.unfinished())
        standings = await asyncio.to_thread(self._standings, runs)
        now = clock.now()
        moves: defaultdict[Move, list[Standing]] = defaultdict(list)
        for standing in standings:
            moves[fleet.move_of(standing, self._schedule, now)].append(standing)
        if moves[Move.LATE] and mail:
            await self._work.mail.look()
            for standing in moves[Move.LATE]:
                await self._note_late(standing)
        for standing in moves[Move.FINISH]:
            await self._begin(standing, queues.FINISH, None)
        await self._ask(standings, moves, runs, mail=mail)
        await self._tell()

    async def _tell(self) -> None:
        """Write down what people must know. It is sent beside the rounds: a chat's server may take its time."""
        work, now = self._work, clock.now()
        trouble = work.mail.trouble if work.has_mailbox else self._trouble
        await asyncio.to_thread(alarms_due, work.ledger, work.settings, now, mailbox_trouble=trouble)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(asyncio.to_thread(send_due, work.ledger, work.settings, now))
            self._sending.add_done_callback(_said)

    async def _mailbox_opened(self) -> bool:
        """Nothing is asked of a CRM while the mailbox that its report would come to cannot be read."""
        try:
            await self._work.open_mailbox()
        except UsageWrong as error:
            _log.warning("%s", error.saw)
            self._trouble = error.saw
            return False
        self._trouble = None
        return True

    # --- what is known

    async def _without_the_dead(self, runs: dict[str, queues.Run]) -> dict[str, queues.Run]:
        """Runs of commands whose process has died are nobody's: the ledger says how their deliveries go on."""
        left = dict(runs)
        for run in runs.values():
            if run.executor is None or run.executor.startswith(queues.SERVING) or not run.begun:
                continue
            row = self._work.ledger.find(run.id.rpartition("#")[0])
            account = self._account(row) if row else None
            if row is None or account is None:
                continue
            try:
                with self._work.hold(account.id, run.id):
                    await queues.withdraw([run.id])
                    del left[run.id]
            except AccountBusy:
                continue
        return left

    def _standings(self, runs: dict[str, queues.Run]) -> list[Standing]:
        requests, told = self._waves.open_requests(), self._questions.told()
        found = []
        for row in self._waves.open_deliveries():
            account = self._account(row)
            if account is None or robot_class(row.crm) is None:
                continue  # a person's hand
            run = run_id(row.id, row.attempt)
            found.append(
                Standing(
                    row,
                    account.id,
                    account.zone,
                    requests.get(row.id, ()),
                    self._handed_at(row, requests.get(row.id, [])),
                    under_way=run in runs and row.outcome is None,
                    told=run in told,
                )
            )
        return found

    def _handed_at(self, row: DeliveryRow, requests: list[RequestRow]) -> datetime | None:
        if not requests or not self._work.has_mailbox:
            return None
        handed = self._work.mail.handed(row)
        return (handed.received or clock.now()) if handed else None

    def _account(self, row: DeliveryRow) -> Account | None:
        if row.client not in self._work.settings.clients:
            return None
        for rooftop in self._work.client_of(row).rooftops:
            if rooftop.name == row.rooftop:
                return rooftop.accounts.get(row.crm)
        return None

    # --- what is done

    async def _note_late(self, standing: Standing) -> None:
        """The report has not come in time: it is asked for once more after a pause, and then a person looks."""
        row, work = standing.row, self._work
        if work.mail.handed(row):
            return
        error = await late(row.id)
        own = [each for each in standing.requests if each.requested_at and each.how != How.SUBSCRIPTION]
        again = len(own) < fleet.REQUESTS_TO_BE_ANSWERED
        retry_at = clock.now() + self._schedule.pauses[0] if again else None
        ending = Ending(error.outcome, error.reasons or (error.saw,), error.hint, retry_at=retry_at)
        await asyncio.to_thread(work.ledger.end_attempt, row.id, ending)

    async def _begin(self, standing: Standing, queue: str, how: How | None) -> None:
        """Count one more attempt and put it on its queue. An account that somebody holds has its turn later."""
        row, work = standing.row, self._work
        try:
            with work.hold(standing.account, row.id):
                present = work.ledger.delivery(row.id)
                if (present.attempt, present.changed_at) != (row.attempt, row.changed_at):
                    return  # something has happened to it meanwhile
                number = work.ledger.begin_attempt(row.id, upload=True, asked_by=how)
                await queues.enqueue(run_id(row.id, number), row.id, queue=queue, account=standing.account)
        except AccountBusy:
            return

    async def _ask(
        self,
        standings: list[Standing],
        moves: dict[Move, list[Standing]],
        runs: dict[str, queues.Run],
        *,
        mail: bool,
    ) -> None:
        spent = await asyncio.to_thread(self._spent, standings)
        busy = {each.account for each in standings if each.under_way}
        repulled = {each.row.id for each in moves[Move.REPULL]}
        for crm in sorted({each.row.crm for each in standings}):
            here = [each for each in standings if each.row.crm == crm]
            wave = await asyncio.to_thread(self._wave, crm, here)
            queued = [run for run in runs.values() if run.queue == queues.crm_queue(crm)]
            if wave is None:
                await queues.withdraw(run.id for run in queued if not run.begun)
                continue
            if not mail:
                continue
            wanted = [each for each in (*moves[Move.ASK], *moves[Move.REPULL]) if each.row.crm == crm]
            if not wanted:
                continue
            last = await asyncio.to_thread(self._waves.delivered_at, crm)
            chosen = fleet.may_begin(
                wave,
                len(queued),
                wanted,
                busy=busy | spent,
                delivered_at={each.account: last[place_of(each.row)] for each in here if place_of(each.row) in last},
                schedule=self._schedule,
                now=clock.now(),
            )
            for each in chosen:
                how = How.REPULL if each.row.id in repulled else How.EXPORT
                await self._begin(each, queues.crm_queue(crm), how)
                busy.add(each.account)

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
        wave = Wave(row.wave_from, self._waves.accepted_since(crm, row.wave_from), failed)
        same = wave.same_failures(self._schedule)
        if not same:
            return wave
        self._waves.stop(crm, fleet.signature(same[0]), same)
        return None


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
