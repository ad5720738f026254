"""The first half of a run: the CRM is asked for the report, and the report comes.

What these functions rest on is the ledger, not what happened earlier in this process: each may run again.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from export_robots import clock
from export_robots.clients import Account
from export_robots.credentials import fingerprint, matches
from export_robots.evidence import EvidenceFolder
from export_robots.outcomes import ReportLate, ReportRejected, RobotDefect, SignInRefused
from export_robots.robot import Delivery
from export_robots.runs.codes import AccountCodes
from export_robots.runs.ledger import period_of
from export_robots.runs.tables import DeliveryRow, RequestRow, State
from export_robots.runs.workplace import Workplace, current
from export_robots.visit import Login

if TYPE_CHECKING:
    from export_robots.robot import CrmRobot
    from report_mailbox.records import Handed

# The request may have been sent a moment before the crash: its mail is given this long to come after all.
GRACE = timedelta(seconds=10)
_RECENTLY = timedelta(minutes=5)


def standing(delivery: str) -> str:
    """`collected`: a usable report is here; `requested`: one may come in time; `expected`: the CRM must be asked."""
    ledger = current().ledger
    file = ledger.file(delivery)
    if file and not file.refused:
        return State.COLLECTED
    accepted = [request.deadline_at for request in ledger.requests(delivery) if request.deadline_at]
    return State.REQUESTED if accepted and accepted[-1] > clock.now() else State.EXPECTED


def is_overdue(delivery: str) -> bool:
    """Whether the CRM was asked so long ago that the report should have come."""
    work = current()
    return standing(delivery) == State.EXPECTED and any(each.deadline_at for each in work.ledger.requests(delivery))


async def ask(delivery: str, run: str) -> None:
    """Have the CRM make and send the report, unless an earlier request turns out to have been answered."""
    work = current()
    row = work.ledger.delivery(delivery)
    account = work.account_of(row)
    if await _answered_after_all(work, row, run):
        return
    async with _signed_in(work, row, run) as robot:
        number = await asyncio.to_thread(work.ledger.intend_request, delivery, row.attempt)
        if robot.delivery is Delivery.MAILED:
            await asyncio.to_thread(work.mail.expect, row)
        try:
            request = await robot.request_report(period_of(row))
        except Exception:
            await asyncio.to_thread(work.ledger.end_request, number, None, None)
            raise
    await asyncio.to_thread(work.ledger.end_request, number, request, request.requested_at + account.report_deadline)
    if request.report:
        await asyncio.to_thread(_take_file, work, delivery, request.report, source="download")


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
    accepted = _last_accepted(delivery)
    assert accepted.deadline_at
    left = (accepted.deadline_at - clock.now()).total_seconds()
    if left > 0:
        return left
    work = current()
    await work.mail.look()
    if await asyncio.to_thread(work.mail.handed, work.ledger.delivery(delivery)):
        return 1  # it is taken over at once
    raise await late(delivery)


async def late(delivery: str) -> ReportLate:
    """What can be said about a report that has not come in time."""
    work = current()
    account = work.account_of(work.ledger.delivery(delivery))
    request = _last_accepted(delivery)
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
    return ReportLate(saw, "", (saw, *(f"a mail is held back, {reason}" for reason in held)) if held else ())


def _last_accepted(delivery: str) -> RequestRow:
    accepted = [request for request in current().ledger.requests(delivery) if request.deadline_at]
    if not accepted:
        raise RobotDefect("a report is waited for that was not asked for")
    return accepted[-1]


async def _answered_after_all(work: Workplace, row: DeliveryRow, run: str) -> bool:
    """Whether an earlier request, known or merely possible, has brought its report meanwhile."""
    doubtful = work.ledger.requests(row.id)
    if not doubtful:
        return False
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


@asynccontextmanager
async def _signed_in(work: Workplace, row: DeliveryRow, run: str) -> AsyncIterator["CrmRobot"]:
    """The delivery's CRM with its account signed in. A password that was refused before is not sent again."""
    account = work.account_of(row)
    robot_class = work.robot_of(row)
    login = Login(account.username, work.secrets.password(account))
    await asyncio.to_thread(_require_not_refused, work, account, login)
    async with (
        work.browser() as browser,
        browser.visit(
            account.url or robot_class.url,
            login,
            run=run,
            evidence=EvidenceFolder(work.evidence_folder(run), work.secrets.all),
            codes=AccountCodes(work, account),
            progress=work.progress,
            zone=account.zone,
        ) as visit,
    ):
        robot = robot_class(visit)
        try:
            await robot.sign_in()
            yield robot
        except SignInRefused as refusal:  # also where a session has ended in mid-flow
            digest = await asyncio.to_thread(fingerprint, login.password)
            await asyncio.to_thread(work.ledger.refuse_password, account, digest, refusal.saw)
            raise


def _require_not_refused(work: Workplace, account: Account, login: Login) -> None:
    refused = work.ledger.refused_password(account)
    if refused and matches(refused.fingerprint, login.password):
        when = f"{refused.refused_at.astimezone(account.zone):%Y-%m-%d %H:%M}"
        raise SignInRefused(
            f"the {account} refused this password on {when}, and it has not been changed since; it was not sent again"
        )


async def _fetch(work: Workplace, row: DeliveryRow, run: str, handed: "Handed") -> "Handed":
    assert handed.link
    async with _signed_in(work, row, run) as robot:
        with work.step("fetch the report that the mail links to"):
            fetched = await robot.visit.fetch(handed.link, work.home.downloads)
    return await asyncio.to_thread(work.mail.fetched, handed, fetched.path, fetched.file_name or "")


def _take_file(work: Workplace, delivery: str, file: Path, *, source: str, handed: "Handed | None" = None) -> None:
    mail = {}
    if handed:
        received = handed.received or clock.now()
        mail = {
            "message_id": handed.message_id,
            "received": received.astimezone(UTC).isoformat(),
            "sender_domain": handed.sender_domain,
            "released_by": handed.released_by or None,
        }
    work.ledger.add_file(delivery, source=source, path=str(file), sha256=sha256_of(file), mail=mail)


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
