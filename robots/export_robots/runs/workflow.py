"""One attempt at an expected delivery as a durable workflow: request, wait for the mail, check, name, upload, receipt.

Each step may be run again after a crash at any point of it, and finds in the ledger what it has done already. Arguments
and results are ids, words and numbers only, because the engine stores them. The steps' names, order and arguments are
the workflow's shape: whoever changes them raises `engine.APPLICATION_VERSION`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from dbos import DBOS, StepOptions
from dbos import error as dbos_error
from sqlalchemy.exc import DBAPIError

from export_robots import clock
from export_robots.outcomes import AccountBusy, Outcome, RobotDefect, RobotError, SiteDown, UsageWrong
from export_robots.portal import PortalDown
from export_robots.runs import again, asking, finishing, posting
from export_robots.runs.collecting import REPORT
from export_robots.runs.defects import as_robot_error, keep_traceback
from export_robots.runs.ledger import CLOSED, Ending, run_id
from export_robots.runs.room import NoRoom, blamed_on_the_disk
from export_robots.runs.standing import hint_for
from export_robots.runs.tables import DeliveryRow, How, State
from export_robots.runs.workplace import Workplace, current
from export_robots.site_errors import BrowserCrashed
from report_mailbox.errors import MailboxError

_PAUSE = timedelta(seconds=3)


def is_transient(error: BaseException) -> bool:
    """Whether the CRM may be asked again at once. The step that does so looks for the mail first."""
    return isinstance(error, SiteDown | BrowserCrashed)


_TWICE: StepOptions = {
    "retries_allowed": True,
    "max_attempts": 2,
    "interval_seconds": _PAUSE.total_seconds(),
    "should_retry": is_transient,
}


def may_pass(error: RobotError, cause: BaseException) -> bool:
    """Whether what ended a run may pass by itself, so that it may be tried again after a pause."""
    if isinstance(error, SiteDown | BrowserCrashed | PortalDown | AccountBusy | NoRoom):
        return True
    of_this_machine = isinstance(cause, OSError | DBAPIError | MailboxError)
    # A mailbox that wants a person is one matter, and not as many as there are deliveries.
    return isinstance(error, UsageWrong) and (of_this_machine or isinstance(cause.__cause__, DBAPIError | MailboxError))


@DBOS.workflow(name="export")
async def export(delivery: str, run: str, upload: bool, wait: bool) -> str:
    """Bring the delivery as far as it goes, write down how it ended, and return the word for it.

    `upload` False ends with the named file, `wait` False with the accepted request.
    """
    task = asyncio.current_task()
    assert task
    current().passages.add(task)
    begun = False
    try:
        async with current().passage(delivery, run):
            begun = True
            return await _pursue(delivery, run, upload=upload, wait=wait)
    except RobotError as error:
        if begun:
            raise
        # Its account is busy, or no longer known. Not a step: it may happen at any replay, whichever steps are done.
        ending = _ending_of(error, delivery, run)
        await asyncio.to_thread(_end, delivery, run, ending)
        return str(ending.outcome)
    finally:
        current().passages.discard(task)
        current().stir()


async def _pursue(delivery: str, run: str, *, upload: bool, wait: bool) -> str:
    try:
        if current().duty and asking.standing_at_start(delivery) not in (State.COLLECTED, *CLOSED):
            await current().open_mailbox()  # a command has done so before
        ending = await _passage(delivery, run, upload=upload, wait=wait)
    except dbos_error.DBOSMaxStepRetriesExceeded as error:
        ending = _ending_of(error.errors[-1], delivery, run)
    except dbos_error.DBOSException:
        raise  # the engine's own: this run is no longer ours
    except Exception as error:
        ending = _ending_of(error, delivery, run)
    await _step("end", _end, delivery, run, ending)
    return str(ending.outcome)


def _end(delivery: str, run: str, ending: Ending) -> None:
    """Note how it ended, unless others have gone on with it meanwhile: this process may have been frozen for long."""
    row = current().ledger.delivery(delivery)
    closed_well = row.state in CLOSED and row.outcome is not None and Outcome(row.outcome).succeeded
    if run_id(row.id, row.attempt) == run and not (closed_well and not ending.outcome.succeeded):
        current().ledger.end_attempt(delivery, ending)


def _ending_of(error: Exception, delivery: str, run: str) -> Ending:
    work = current()
    row = work.ledger.delivery(delivery)
    known = as_robot_error(error)
    if row.state != State.POSTED:
        known = blamed_on_the_disk(known, work.home)
    folder = work.evidence_folder(run)
    evidence = str(folder) if folder.is_dir() else None
    if isinstance(known, RobotDefect):
        evidence = keep_traceback(error, work.home.evidence)
    hint = hint_for(known, row.client, row.crm, row.rooftop)
    file = work.ledger.file(delivery)
    request = work.ledger.request(file.request_id) if file and file.refused else None
    if known.outcome is Outcome.REPORT_REJECTED and request and request.how == How.SUBSCRIPTION:
        hint = f"{hint} {asking.repull_hint(row)}"
    retry_at = clock.now() + _pause(work, row) if may_pass(known, error) else None
    return Ending(known.outcome, known.reasons or (known.saw,), hint, evidence, known.step or None, retry_at)


def _pause(work: Workplace, row: DeliveryRow) -> timedelta:
    """How long after this failure: the first of the pauses, or the next one; the last one again and again."""
    pauses = work.settings.schedule.pauses
    return pauses[min(row.tries, len(pauses) - 1)]


async def _passage(delivery: str, run: str, *, upload: bool, wait: bool) -> Ending:
    standing = await _step("standing", asking.standing_at_start, delivery)
    if standing in CLOSED:
        return Ending(Outcome(standing))
    if standing == State.EXPECTED:
        await _step("ask", asking.ask, delivery, run, options=_TWICE)
    if standing != State.COLLECTED:
        if not wait:
            return Ending(Outcome.REQUESTED)
        await _wait_for_report(delivery, run)
    await _step("check", finishing.check, delivery)
    await _step("name", finishing.name, delivery, run)
    if await _step("is_empty", finishing.is_empty, delivery):
        await _step("close", finishing.close, delivery, run, State.VERIFIED_EMPTY)
        return _ended(delivery, Outcome.VERIFIED_EMPTY)
    if current().ledger.delivery(delivery).again > 1:
        word = await _step("compare", again.compare, delivery)
        if word == again.SAME:
            await _step("close", finishing.close_unchanged, delivery, run)
            return _ended(delivery, Outcome.DELIVERED)
        if word == again.DIFFERENT:
            return await asyncio.to_thread(_differing, delivery)
    if not upload:
        return _ended(delivery, Outcome.COLLECTED)
    await _step("upload", posting.upload, delivery, run)
    await _step("close", finishing.close, delivery, run, State.DELIVERED)
    return _ended(delivery, Outcome.DELIVERED)


def _ended(delivery: str, outcome: Outcome) -> Ending:
    reasons, following = finishing.remarks(delivery)
    return Ending(outcome, reasons, following)


def _differing(delivery: str) -> Ending:
    ledger = current().ledger
    return Ending(Outcome.COLLECTED, (again.said(delivery),), again.deliver_hint(ledger, ledger.delivery(delivery)))


async def _wait_for_report(delivery: str, run: str) -> None:
    """Wait, without holding a browser, until the deadline that was fixed with the request. Raises `ReportLate`."""
    with current().step("wait for the report's e-mail"):
        while not await _step("report_is_here", asking.report_is_here, delivery, run):
            left = await _step("time_left", asking.time_left, delivery)
            await DBOS.recv_async(REPORT, left)


async def _step(
    name: str,
    function: Callable[..., Awaitable[Any]] | Callable[..., Any],
    *args: Any,
    options: StepOptions | None = None,
) -> Any:
    """A plain function runs in a thread, an asynchronous one on this loop; both are recorded under `name`."""
    return await DBOS.run_step_async({**(options or {}), "name": name}, function, *args)
