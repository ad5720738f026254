"""Attempts at a delivery: what an interrupted one left is finished first, and a new one is made only if it is needed.

Everything here is done with the account's lock held. Then an unfinished run of the account belongs to a process that is
dead, since a living one would hold the lock.
"""

from dataclasses import dataclass

from dbos import DBOS, SetWorkflowID

from export_robots.outcomes import Outcome
from export_robots.runs import workflow
from export_robots.runs.asking import is_overdue, late, standing
from export_robots.runs.engine import Engine
from export_robots.runs.ledger import CLOSED, Ending, run_id
from export_robots.runs.results import Result
from export_robots.runs.standing import result_of
from export_robots.runs.tables import DeliveryRow, State
from export_robots.runs.workplace import Workplace

BEFORE = "it was done before; nothing was done now"
_AGAIN = f"{BEFORE} (`--again` asks for it once more)"


@dataclass(frozen=True)
class Wanted:
    """How far to go: with `upload` to the portal's confirmation, without `wait` only to the accepted request.

    `asked_by` and `why`: how the CRM is asked, if it is (a `How`, and one sentence); None: as the last time.
    """

    upload: bool = True
    wait: bool = True
    asked_by: str | None = None
    why: str | None = None

    def met_by(self, outcome: str | None) -> bool:
        """Whether an attempt that ended so has gone as far as this, or has failed."""
        if outcome == Outcome.REQUESTED:
            return not self.wait
        return not (outcome == Outcome.COLLECTED and self.upload)


class Runner:
    def __init__(self, work: Workplace, engine: Engine) -> None:
        self._work = work
        self._engine = engine

    async def bring(self, delivery: str, wanted: Wanted) -> Result:
        """Bring the delivery as far as wanted, from wherever it stands."""
        ledger = self._work.ledger
        row = ledger.delivery(delivery)
        if row.state in CLOSED:
            return result_of(ledger, row, note=_AGAIN)
        overdue = is_overdue(delivery)
        if await self.finish_interrupted(row):
            row = ledger.delivery(delivery)
            if wanted.met_by(row.outcome) and not (overdue and row.outcome == Outcome.REPORT_LATE):
                return result_of(ledger, row)
        row = ledger.delivery(delivery)
        if row.state != State.POSTED or row.transient:  # else it waits for a person's word
            await self.attempt(delivery, wanted)
        return result_of(ledger, ledger.delivery(delivery))

    async def attempt(self, delivery: str, wanted: Wanted) -> None:
        await self._prepare(delivery)
        number = self._work.ledger.begin_attempt(
            delivery, upload=wanted.upload, asked_by=wanted.asked_by, why=wanted.why
        )
        run = run_id(delivery, number)
        with SetWorkflowID(run):
            handle = await DBOS.start_workflow_async(workflow.export, delivery, run, wanted.upload, wanted.wait)
        await handle.get_result()

    async def finish_interrupted(self, row: DeliveryRow) -> bool:
        """Resume the last attempt if its process died in the middle of it."""
        run = run_id(row.id, row.attempt)
        if not row.attempt or not await self._engine.unfinished(run):
            return False
        self._work.progress.note(f"run {run} was interrupted; it goes on from there")
        await self._prepare(row.id)
        handle = await self._engine.resume(run)
        await handle.get_result()
        return True

    async def end_overdue(self, row: DeliveryRow) -> Result:
        """Note that the report of a request, which nobody waits for any more, has not come in time."""
        if not await self.finish_interrupted(row):
            error = await late(row.id)
            ending = Ending(error.outcome, error.reasons or (error.saw,), error.hint)
            if (row.outcome, tuple(row.reasons)) != (ending.outcome, ending.reasons):  # said once, not at each look
                self._work.ledger.end_attempt(row.id, ending)
        return result_of(self._work.ledger, self._work.ledger.delivery(row.id))

    async def _prepare(self, delivery: str) -> None:
        """Nothing is asked of the CRM while the mailbox that its report would come to cannot be read."""
        if standing(delivery) != State.COLLECTED:
            await self._work.open_mailbox()

    async def give_up_interrupted(self, row: DeliveryRow) -> None:
        """A person delivers the file: what an interrupted attempt would still do must not be done any more."""
        run = run_id(row.id, row.attempt)
        if row.attempt and await self._engine.unfinished(run):
            await DBOS.cancel_workflow_async(run)
