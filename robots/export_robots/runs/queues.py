"""The queues of what runs unattended, and what lies on them.

Facts of DBOS 3.4 that this rests on: a queue's limits count over all processes, by what its rows say; a partition is
one account; a run that is taken back from a dead process goes to the queue that it came from, if it is still the dead
one's. A row without a partition is never taken from a queue that has partitions, so what is finished has a queue
without.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dbos import DBOS, SetEnqueueOptions, SetWorkflowID
from dbos import error as dbos_error

from export_robots.config_schedule import ScheduleSettings
from export_robots.runs import workflow

FINISH = "finish"
ROUNDS = "rounds"
SERVING = "serve-"
"""With which the executor id of every `robot serve` begins; commands have other ones."""

POLL_SECONDS = 1.0
EACH_MINUTE = "* * * * *"
_AT_ONCE = 500
_ENDED = ["SUCCESS", "ERROR", "CANCELLED"]
_RUNS_KEPT = timedelta(days=7)
_UNFINISHED = ["ENQUEUED", "PENDING", "DELAYED"]


def crm_queue(crm: str) -> str:
    return f"ask-{crm}"


@dataclass(frozen=True)
class Run:
    """A run that has neither ended nor failed."""

    id: str
    queue: str | None
    executor: str | None
    begun: bool


async def declare(crms: Iterable[str], schedule: ScheduleSettings, at_once: int) -> None:
    """Make the queues, or give them the present limits."""
    for crm in crms:
        together, per_minute = schedule.limits_of(crm)
        await DBOS.register_queue_async(
            crm_queue(crm),
            global_concurrency=together,
            worker_concurrency=min(at_once, together),
            partition_concurrency=1,
            limiter={"limit": per_minute, "period": 60},
            polling_interval_sec=POLL_SECONDS,
            on_conflict="always_update",
        )
    await DBOS.register_queue_async(
        FINISH, worker_concurrency=at_once, polling_interval_sec=POLL_SECONDS, on_conflict="always_update"
    )
    await DBOS.register_queue_async(
        ROUNDS, global_concurrency=1, polling_interval_sec=POLL_SECONDS, on_conflict="always_update"
    )


async def enqueue(run: str, delivery: str, *, queue: str, account: str) -> None:
    """Put an attempt on its queue. It asks or finishes, and waits for no mail in between."""
    partition = account if queue != FINISH else None
    with SetWorkflowID(run), SetEnqueueOptions(queue_partition_key=partition):
        await DBOS.enqueue_workflow_async(queue, workflow.export, delivery, run, True, queue == FINISH)


async def enqueue_round(function: Any, now: datetime) -> None:
    """Have one more round made soon; several wishes before it begins are one."""
    try:
        with SetEnqueueOptions(deduplication_id="next"):
            await DBOS.enqueue_workflow_async(ROUNDS, function, now, None)
    except dbos_error.DBOSQueueDeduplicatedError:
        return


async def unfinished() -> dict[str, Run]:
    """Every run that is under way or waits for its turn, by its id."""
    found = await DBOS.list_workflows_async(name="export", status=_UNFINISHED, load_input=False, load_output=False)
    return {
        each.workflow_id: Run(each.workflow_id, each.queue_name, each.executor_id, each.status == "PENDING")
        for each in found
    }


async def withdraw(runs: Iterable[str]) -> None:
    """Take runs that have not begun, or whose process is dead, off their queues: the ledger says how they go on."""
    for run in runs:
        await DBOS.cancel_workflow_async(run)


async def withdraw_unbegun(run: str) -> None:
    """The same for one that may have begun meanwhile, and goes on then; its account must be held."""
    status = await DBOS.get_workflow_status_async(run)
    if status is not None and status.status in ("ENQUEUED", "DELAYED"):
        await DBOS.cancel_workflow_async(run)


async def forget_rounds() -> None:
    """Those that were due while nobody served are made good by the next one."""
    old = await DBOS.list_workflows_async(queue_name=ROUNDS, status="ENQUEUED", load_input=False, load_output=False)
    await withdraw(each.workflow_id for each in old)


async def forget_ended(now: datetime) -> None:
    """What rounds were made is of no use later, nor are the steps of runs: how those ended is in the ledger."""
    await _forget("round", now)
    await _forget("export", now - _RUNS_KEPT)


async def _forget(name: str, before: datetime) -> None:
    while found := await DBOS.list_workflows_async(
        name=name, status=_ENDED, end_time=before.isoformat(), limit=_AT_ONCE, load_input=False, load_output=False
    ):
        await DBOS.delete_workflows_async([each.workflow_id for each in found])


def is_run_by(executor: str, run: str) -> bool:
    """Whether this process is the one that has the run. To be asked in a thread, or it would be a step of the run."""
    status = DBOS.get_workflow_status(run)
    return status is not None and status.executor_id == executor and status.status == "PENDING"


def take_back(executors: list[str]) -> None:
    """Put what dead processes were at back on its queues; what a living one has taken meanwhile is left alone."""
    # Of all ways to resume, the one that asks in the same statement whether the run is still the dead one's.
    DBOS._recover_pending_workflows(executors)  # noqa: SLF001
