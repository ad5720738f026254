"""The first half of a run: the CRM is asked for the report, and the report comes.

What these functions rest on is the ledger, not what happened earlier in this process: each may run again.
"""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from export_robots import clock
from export_robots.clients import Account
from export_robots.outcomes import ReportLate, ReportRejected, RobotDefect
from export_robots.periods import Period
from export_robots.robot import Delivery, RangeLimited, ReportRequest, SavedReportMissing
from export_robots.runs import stored_files
from export_robots.runs.ledger import CLOSED, months_option, period_of
from export_robots.runs.signing_in import signed_in
from export_robots.runs.subscriptions import title_for
from export_robots.runs.tables import DeliveryRow, How, RequestRow, State
from export_robots.runs.workplace import Workplace, current

if TYPE_CHECKING:
    from export_robots.robot import CrmRobot
    from report_mailbox.records import Handed

# The request may have been sent a moment before the crash: its mail is given this long to come after all.
GRACE = timedelta(seconds=10)
_RECENTLY = timedelta(minutes=5)
_GLANCE = timedelta(seconds=5)


def standing(delivery: str) -> str:
    """`collected`: a usable report is here; `requested`: one may come in time; `expected`: the CRM must be asked."""
    ledger = current().ledger
    file = ledger.file(delivery)
    if file and not file.refused:
        return State.COLLECTED
    ends = [each.deadline_at for each in ledger.requests(delivery) if each.deadline_at and each.how != How.SUBSCRIPTION]
    return State.REQUESTED if ends and ends[-1] > clock.now() else State.EXPECTED


def standing_at_start(delivery: str) -> str:
    """The same for a run that has waited for its turn: where the delivery was closed meanwhile, how."""
    row = current().ledger.delivery(delivery)
    return row.state if row.state in CLOSED else standing(delivery)


def is_overdue(delivery: str) -> bool:
    """Whether the CRM was asked, or was to mail by itself, so long ago that the report should have come."""
    ends = [each.deadline_at for each in current().ledger.requests(delivery) if each.deadline_at]
    return standing(delivery) == State.EXPECTED and bool(ends) and max(ends) <= clock.now()


async def ask(delivery: str, run: str) -> None:
    """Have the CRM make and send the report, unless an earlier request turns out to have been answered."""
    work = current()
    row = work.ledger.delivery(delivery)
    account = work.account_of(row)
    if await _answered_after_all(work, row, run):
        return
    async with signed_in(work, account, work.robot_of(row), run) as robot:
        why = await asyncio.to_thread(_why, work, row)
        number = await asyncio.to_thread(work.ledger.intend_request, delivery, row.attempt, row.asked_by, why)
        if robot.delivery is Delivery.MAILED:
            await asyncio.to_thread(work.mail.expect, row)
        try:
            request = await _request(work, robot, row, number)
        except RangeLimited:
            await asyncio.to_thread(_give_up_range, work, row, number)
            raise
        except Exception:
            await asyncio.to_thread(work.ledger.end_request, number, None, None)
            raise
    await asyncio.to_thread(work.ledger.end_request, number, request, request.requested_at + account.report_deadline)
    if request.report:
        await asyncio.to_thread(_take_file, work, delivery, request.report, source="download")


async def _request(work: Workplace, robot: "CrmRobot", row: DeliveryRow, number: int) -> ReportRequest:
    """Ask in the way that the delivery wants; where its saved report is gone, in the plain one."""
    period = period_of(row)
    if row.asked_by == How.REPULL:
        account = work.account_of(row)
        last_month = period == Period.last_full_month(clock.now(), account.zone)
        try:
            title = title_for(account.dealership, row.crm_label)
            return await robot.rerun(title, period, last_month, account.subscription_date_field)
        except SavedReportMissing as missing:
            work.progress.note(f"{missing.saw}: the plain export is run instead")
            gone = f"{missing.saw}, so the plain export was run"
            before = _why(work, row)
            why = f"{gone}; {before}" if before else gone
            await asyncio.to_thread(work.ledger.change_request, number, How.EXPORT, why)
    return await robot.request_report(period)


def _why(work: Workplace, row: DeliveryRow) -> str | None:
    """Why the saved report is asked for: who wanted it, and that its mail did not come, if it should have."""
    if row.asked_by != How.REPULL:
        return None
    account, now = work.account_of(row), clock.now()
    missed = [
        missed_subscription(account, each)
        for each in work.ledger.requests(row.id)
        if each.how == How.SUBSCRIPTION and each.deadline_at and each.deadline_at <= now
    ]
    return "; ".join([*missed, *([row.why] if row.why else [])]) or None


def _give_up_range(work: Workplace, row: DeliveryRow, number: int) -> None:
    """The CRM takes no range this long: nothing is expected of this delivery any more, but of each of its months."""
    work.ledger.end_request(number, None, None)
    if row.period_start != row.period_end:
        work.mail.withdraw(row)
        work.ledger.answer_requests(row.id)
        work.ledger.split(row.id)


async def report_is_here(delivery: str, run: str) -> bool:
    """Take over what the mailbox has handed over for this delivery. Raises `ReportRejected` if it is no report."""
    work = current()
    file = work.ledger.file(delivery)
    if file and not file.refused:
        return True
    row = work.ledger.delivery(delivery)
    handed = await asyncio.to_thread(work.mail.handed, row)
    if handed is None:
        return False
    try:
        if handed.link and not handed.file:
            handed = await _fetch(work, row, run, handed)
        if handed.file is None:
            raise ReportRejected(f"a mail came in answer, and holds no report: {handed.reason}")
    except ReportRejected:
        await asyncio.to_thread(work.ledger.answer_requests, delivery)
        raise
    await asyncio.to_thread(
        _take_file, work, delivery, handed.file, source="link" if handed.link else "mail", handed=handed
    )
    return True


async def time_left(delivery: str) -> float:
    """Seconds until the deadline. Raises `ReportLate` when it has passed, and a last look found nothing."""
    if not current().ledger.requests(delivery):
        raise ReportRejected("what came in answer was no report, and the run was interrupted before it could say why")
    accepted = _last_accepted(delivery)
    assert accepted.deadline_at
    left = (accepted.deadline_at - clock.now()).total_seconds()
    work = current()
    row = work.ledger.delivery(delivery)
    if left > 0:
        # The same file as before is no news to the mailbox, so nobody would be told that it is here.
        return min(left, _GLANCE.total_seconds()) if row.again > 1 else left
    await work.mail.look()
    if await asyncio.to_thread(work.mail.handed, row):
        return 1  # it is taken over at once
    raise await late(delivery)


async def late(delivery: str) -> ReportLate:
    """What can be said about a report that has not come in time."""
    work = current()
    account = work.account_of(work.ledger.delivery(delivery))
    request = _last_accepted(delivery)
    if request.how == How.SUBSCRIPTION:
        return await _missed(work, account, delivery, request)
    asked = _clock(request.requested_at, account)
    saw = (
        f"the CRM accepted the request at {asked}, and no report has come to {account.username} "
        f"within {_words(account.report_deadline)}"
    )
    if trouble := work.mail.trouble:
        return ReportLate(
            f"{saw}; {trouble}", "Mend the mailbox, then run the same command again: it looks there first."
        )
    held = await asyncio.to_thread(work.mail.held, account, since=request.intended_at)
    if not held:
        return ReportLate(saw)
    hint = (
        "`robot mailbox status` lists what is held and what to do with it; if the report is not among it, run the same "
        "command again."
    )
    return ReportLate(saw, hint, (saw, *(f"a mail is held back, {reason}" for reason in held)))


async def _missed(work: Workplace, account: Account, delivery: str, request: RequestRow) -> ReportLate:
    row = work.ledger.delivery(delivery)
    saw = missed_subscription(account, request)
    held = await asyncio.to_thread(work.mail.held, account, since=request.intended_at)
    reasons = (saw, *(f"a mail is held back, {reason}" for reason in held)) if held else ()
    return ReportLate(saw, repull_hint(row), reasons)


def missed_subscription(account: Account, request: RequestRow) -> str:
    """One sentence without a full stop."""
    fires = request.requested_at.astimezone(account.zone) if request.requested_at else request.intended_at
    due = request.deadline_at.astimezone(account.zone) if request.deadline_at else fires
    return (
        f"the subscription was to mail the report on {fires:%Y-%m-%d} at {fires:%H:%M}, and nothing had come to "
        f"{account.username} by {due:%H:%M}"
    )


def repull_hint(row: DeliveryRow) -> str:
    return (
        f"`robot repull {row.crm} --client {row.client} {months_option(row)}` asks for it; `robot subscribe` looks "
        "whether the saved report is still as it should be."
    )


def _last_accepted(delivery: str) -> RequestRow:
    accepted = [request for request in current().ledger.requests(delivery) if request.deadline_at]
    accepted.sort(key=lambda request: request.how != How.SUBSCRIPTION)
    if not accepted:
        raise RobotDefect("a report is waited for that was not asked for")
    return accepted[-1]


async def _answered_after_all(work: Workplace, row: DeliveryRow, run: str) -> bool:
    """Whether an earlier request, known or merely possible, has brought its report meanwhile."""
    doubtful = work.ledger.requests(row.id)
    if not doubtful:
        return False
    if await report_is_here(row.id, run):
        return True
    if any(request.how != How.SUBSCRIPTION for request in doubtful):
        work.progress.note("an earlier request may have been answered: looking into the mailbox first")
    await work.mail.look()
    if await report_is_here(row.id, run):
        return True
    interrupted = [request for request in doubtful if not request.ended_at]
    if interrupted and clock.now() - interrupted[-1].intended_at < _RECENTLY:
        with work.step("wait a moment for its e-mail"):
            came = await work.mail.wait_for(row, GRACE)
        return came and await report_is_here(row.id, run)
    return False


async def _fetch(work: Workplace, row: DeliveryRow, run: str, handed: "Handed") -> "Handed":
    assert handed.link
    async with signed_in(work, work.account_of(row), work.robot_of(row), run) as robot:
        with work.step("fetch the report that the mail links to"):
            fetched = await robot.visit.fetch(handed.link, work.home.downloads)
    return await asyncio.to_thread(work.mail.fetched, handed, fetched.path, fetched.file_name or "")


def _take_file(work: Workplace, delivery: str, file: Path, *, source: str, handed: "Handed | None" = None) -> None:
    sha256 = handed.sha256 if handed and handed.sha256 else sha256_of(file)
    file = stored_files.bring(work.ledger.engine, work.home, file, sha256)
    stored_files.keep(work.ledger.engine, file, sha256)
    mail = {}
    if handed:
        received = handed.received or clock.now()
        mail = {
            "message_id": handed.message_id,
            "received": received.astimezone(UTC).isoformat(),
            "sender_domain": handed.sender_domain,
            "released_by": handed.released_by or None,
        }
    work.ledger.add_file(delivery, source=source, path=str(file), sha256=sha256, mail=mail)


def sha256_of(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _clock(moment: datetime | None, account: Account) -> str:
    return f"{moment.astimezone(account.zone):%H:%M:%S}" if moment else "an unknown time"


def _words(duration: timedelta) -> str:
    seconds = int(duration.total_seconds())
    if seconds % 3600 == 0:
        return f"{seconds // 3600} h"
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"
