"""What the commands do: make an expected delivery, hold its account, and have it brought as far as was asked."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from export_robots import catalogue
from export_robots.clients import Account, Client
from export_robots.home import Home
from export_robots.outcomes import AccountBusy, Outcome, RobotError, UsageWrong
from export_robots.periods import Period
from export_robots.progress import Showing
from export_robots.runs import stored_files
from export_robots.runs.again import time_to_pursue
from export_robots.runs.asking import is_overdue, sha256_of, standing
from export_robots.runs.database import database_url, open_database
from export_robots.runs.defects import as_robot_error
from export_robots.runs.engine import engine
from export_robots.runs.finishing import copy_whole
from export_robots.runs.ledger import CLOSED, Ledger
from export_robots.runs.month import due_when_asked
from export_robots.runs.results import Result
from export_robots.runs.rooftops import of_each
from export_robots.runs.room import require_room
from export_robots.runs.running import BEFORE, Runner, Wanted
from export_robots.runs.standing import failed, failed_result, result_of, so_far, take_back_hint
from export_robots.runs.subscribed import await_subscribed
from export_robots.runs.tables import DeliveryRow, How, State
from export_robots.runs.waves import Waves
from export_robots.runs.workplace import Workplace, open_workplace, present_name
from export_robots.settings import Settings

if TYPE_CHECKING:
    from export_robots.browser import Browser


async def export_all(
    settings: Settings,
    home: Home,
    accounts: Sequence[Account],
    period: Period,
    *,
    wanted: Wanted,
    again: bool = False,
    browser: "Browser",
    progress: Showing,
) -> list[Result]:
    """Several accounts at once; one that fails does not stop the others. `again`: also what was delivered before."""
    async with at_work(settings, home, browser, progress) as (work, runner):
        return await of_each(work, accounts, lambda account: export(work, runner, account, period, wanted, again=again))


async def export(
    work: Workplace, runner: Runner, account: Account, period: Period, wanted: Wanted, *, again: bool = False
) -> list[Result]:
    """One account's export, under its lock: its result, or one for each month where the CRM takes no long range."""
    label = catalogue.BY_KEY[account.crm].label
    due = due_when_asked(work.settings, account.zone, period)
    row = work.ledger.expect(account.client_key, account.crm, label, account.rooftop, period, due_at=due)
    if not row.split:
        result = await _bring(work, runner, account, row, wanted, again)
        if not any(each.split for each in work.ledger.times(row)):
            return [result]
        work.ledger.split(row.id)
        work.progress.note(f"{label} takes no range as long as {period}: each month is asked for by itself")
    found = []
    for month in period.months:
        found += await export(work, runner, account, Period.month(month), wanted, again=again)
    return found


async def _bring(
    work: Workplace, runner: Runner, account: Account, first: DeliveryRow, wanted: Wanted, again: bool
) -> Result:
    row = first
    try:
        with work.hold(account.id, row.id):
            row = time_to_pursue(work.ledger, first, again=again)
            work.names[row.id] = present_name()
            return await runner.bring(row.id, wanted)
    except Exception as error:
        known = as_robot_error(error)
        if known.outcome is Outcome.INTERNAL:
            raise
        return failed(row, known)
    except asyncio.CancelledError:
        work.progress.note(so_far(work.ledger.delivery(row.id)))
        raise


async def deliver_by_hand(
    settings: Settings,
    home: Home,
    client: Client,
    crm: str,
    rooftop: str | None,
    period: Period,
    *,
    file: Path,
    again: bool = False,
    browser: "Browser",
    progress: Showing,
) -> Result:
    """Check, name and upload a report that a person exported; it closes the same expected delivery as a run would.

    `again` is the person's word that it may be sent although another one was delivered before.
    """
    entry = catalogue.find(crm)
    key, label = (entry.key, entry.label) if entry else (catalogue.key_of(crm), crm.strip())
    place = client.rooftop(rooftop)
    account = place.accounts.get(key)
    async with at_work(settings, home, browser, progress) as (work, runner):
        due = due_when_asked(settings, client.timezone, period)
        row = work.ledger.expect(client.key, key, label, place.name, period, due_at=due)
        try:
            with work.hold(account.id if account else row.id, row.id):
                row = time_to_pursue(work.ledger, row, again=again)
                return await _deliver(work, runner, row.id, file)
        except RobotError as error:
            return failed(row, error)


async def _deliver(work: Workplace, runner: Runner, delivery: str, file: Path) -> Result:
    digest = sha256_of(file)
    row = work.ledger.delivery(delivery)
    await runner.give_up_interrupted(row)
    if row.state == State.WAIVED:
        raise UsageWrong(f"{delivery} is waived; nothing was uploaded", take_back_hint(row))
    if row.state in CLOSED:
        present = work.ledger.file(delivery)
        if present and digest in (present.received_sha256, present.sha256):
            return result_of(work.ledger, row, note=BEFORE)
        raise UsageWrong(
            f"{delivery} is closed already ({row.state}), with another file; nothing was uploaded",
            "`robot status` shows what was delivered; `--again` sends this file as well, and tells the difference.",
        )
    work.ledger.settle_upload(delivery)
    present = work.ledger.file(delivery)
    if row.again == 1 or present is None or digest not in (present.received_sha256, present.sha256):
        kept = _keep_copy(file, work.home.downloads / "by-hand", digest)
        stored_files.keep(work.ledger.engine, kept, digest)
        present = work.ledger.add_file(delivery, source="by hand", path=str(kept), sha256=digest)
    if row.again > 1:
        work.ledger.approve(delivery, present.received_sha256)
    await runner.attempt(delivery, Wanted())
    return result_of(work.ledger, work.ledger.delivery(delivery))


async def collect_all(
    settings: Settings,
    home: Home,
    *,
    watch: bool,
    browser: "Browser",
    progress: Showing,
    tell: Callable[[Result], None],
) -> None:
    """Finish the deliveries whose reports have come: once, or (`watch`) until interrupted."""
    async with at_work(settings, home, browser, progress) as (work, runner):
        await work.open_mailbox()
        told: dict[str, Outcome] = {}
        expected: set[str] = set()
        while True:
            await expect_subscribed(work, expected)
            for row in work.ledger.waiting():
                result = await _finish(work, runner, row)
                if result is None:
                    continue
                if told.get(row.id) != result.outcome and not (watch and result.outcome is Outcome.REQUESTED):
                    tell(result)
                told[row.id] = result.outcome
            if not watch:
                return
            await work.mail.something_new()


async def expect_subscribed(work: Workplace, expected: set[str]) -> None:
    """Expect what subscriptions mail; for what is new among it, mails that are in the mailbox already count as well."""
    await asyncio.to_thread(await_subscribed, work.ledger, work.settings)
    mailed = await asyncio.to_thread(Waves(work.ledger.engine).mailed_by_subscription)
    new = [each for each in mailed if each not in expected]
    if new:
        await asyncio.to_thread(work.mail.expect_all, work.ledger.deliveries_named(new))
        expected.update(new)
        await work.mail.look()


async def _finish(work: Workplace, runner: Runner, row: DeliveryRow) -> Result | None:
    """Bring a delivery to its end if its report is here, or else say how it stands. None: another run is at it."""
    here = standing(row.id) == State.COLLECTED or work.mail.handed(row) is not None
    if not here and not is_overdue(row.id):
        return failed_result(row, Outcome.REQUESTED, _when_subscribed(work, row), None)
    try:
        if row.client not in work.settings.clients:
            raise UsageWrong(f"the client of {row.id} is not in the configuration any more")
        place = work.client_of(row).rooftop(row.rooftop)
        account = place.accounts.get(row.crm)
        with work.hold(account.id if account else row.id, row.id):
            if here:
                return await runner.bring(row.id, Wanted(upload=row.upload))
            return await runner.end_overdue(row)
    except AccountBusy:
        return None
    except RobotError as error:
        return failed(row, error)


def _when_subscribed(work: Workplace, row: DeliveryRow) -> tuple[str, ...]:
    """When the CRM mails the report by itself, where that is what is waited for."""
    requests = work.ledger.requests(row.id)
    fires = requests[-1].requested_at if requests and requests[-1].how == How.SUBSCRIPTION else None
    if fires is None:
        return ()
    local = fires.astimezone(work.client_of(row).timezone)
    return (f"its subscription was set to mail it on {local:%Y-%m-%d} at {local:%H:%M}",)


def _keep_copy(file: Path, folder: Path, digest: str) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = folder / f"{digest}{file.suffix[:8]}"
    copy_whole(file, kept)
    return kept


@asynccontextmanager
async def at_work(
    settings: Settings, home: Home, browser: "Browser", progress: Showing
) -> AsyncIterator[tuple[Workplace, Runner]]:
    require_room(home)
    url = database_url(settings, home)
    ledger = Ledger(open_database(url))
    try:
        work = Workplace(settings, home, ledger, browser, progress)
        async with engine(url) as running, open_workplace(work):
            yield work, Runner(work, running)
    finally:
        ledger.engine.dispose()
