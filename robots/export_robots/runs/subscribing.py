"""`robot subscribe`: the CRM's own monthly report is made or repaired, under the account's lock.

This is one plain passage and no durable workflow: nothing is waited for in it, what it does is read back from the CRM,
and half of it is mended by doing it again, as the robot compares before it saves. What must survive a crash is the time
of the first execution, and that is written down before the CRM is opened.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from export_robots import clock
from export_robots.catalogue import BY_KEY, robot_class
from export_robots.clients import Account
from export_robots.home import Home
from export_robots.outcomes import Outcome, RobotDefect, RobotError, StepsUnknown
from export_robots.progress import Showing
from export_robots.robot import SavedReport, SubscriptionPlan
from export_robots.runs.defects import as_robot_error
from export_robots.runs.exporting import at_work
from export_robots.runs.results import Result
from export_robots.runs.rooftops import of_each
from export_robots.runs.signing_in import signed_in
from export_robots.runs.standing import hint_for
from export_robots.runs.tables import SubscriptionRow
from export_robots.runs.workplace import Workplace
from export_robots.settings import Settings

if TYPE_CHECKING:
    from export_robots.browser import Browser
    from export_robots.robot import CrmRobot


async def subscribe_all(
    settings: Settings, home: Home, accounts: Sequence[Account], *, browser: "Browser", progress: Showing
) -> list[Result]:
    """Several accounts at once; one that fails does not stop the others. Again: repaired, never doubled."""
    async with at_work(settings, home, browser, progress) as (work, _):
        return await of_each(work, accounts, lambda account: subscribe(work, account))


def visit_id(account: Account, what: str) -> str:
    """A name for what is done in the CRM without being about a delivery; its evidence lies under it."""
    place = f"/{account.rooftop}" if account.rooftop else ""
    return f"{account.client_key}/{account.crm}/{what}{place}#{clock.now():%Y%m%d-%H%M%S}"


def robot_of(account: Account) -> "type[CrmRobot]":
    robot = robot_class(account.crm)
    if robot is None:
        raise StepsUnknown(f"the steps of {BY_KEY[account.crm].label} are not known yet")
    return robot


def failed_at(account: Account, error: RobotError, run: str, work: Workplace) -> Result:
    """What was done in the CRM without being about a delivery has failed."""
    folder = work.evidence_folder(run)
    return Result(
        error.outcome,
        client=account.client_key,
        crm=account.crm,
        rooftop=account.rooftop,
        run=run,
        reasons=error.reasons or (error.saw,),
        next=hint_for(error, account.client_key, account.crm, account.rooftop),
        evidence=str(folder) if folder.is_dir() else None,
    )


async def subscribe(work: Workplace, account: Account) -> list[Result]:
    """One account's subscription, under its lock."""
    run = visit_id(account, "subscription")
    try:
        with work.hold(account.id, run):
            return [await _make(work, account, run)]
    except Exception as error:
        known = as_robot_error(error)
        if isinstance(known, RobotDefect):
            raise
        return [failed_at(account, known, run, work)]


async def _make(work: Workplace, account: Account, run: str) -> Result:
    robot_class = robot_of(account)
    row = await asyncio.to_thread(work.ledger.draw_subscription, account, robot_class.label)
    plan = SubscriptionPlan(row.title, datetime.fromisoformat(row.first_execution), account.subscription_date_field)
    await work.open_mailbox()  # for a sign-in code; and what will be mailed comes there
    async with signed_in(work, account, robot_class, run) as robot:
        saved = await robot.subscribe(plan)
    shown = _shown(saved)
    await asyncio.to_thread(work.ledger.verify_subscription, account, saved.how, shown)
    return Result(
        Outcome.SUBSCRIBED,
        client=account.client_key,
        crm=account.crm,
        rooftop=account.rooftop,
        run=run,
        reasons=saved.notes,
        note=_said(row, saved),
        subscription={**shown, "how": saved.how},
    )


def _shown(saved: SavedReport) -> dict[str, str]:
    return {
        **dict(saved.read_back),
        "title": saved.title,
        "date_range": saved.date_range,
        "frequency": saved.frequency,
        "export_type": saved.export_type,
        "first_execution": saved.first_execution.isoformat(timespec="minutes"),
        "date_field": saved.date_field,
        "hidden_column": saved.hidden_column,
    }


def _said(row: SubscriptionRow, saved: SavedReport) -> str:
    how = {"made": "was made", "repaired": "was there, and was repaired"}.get(saved.how, "was there as it should be")
    day = f"{saved.first_execution:%Y-%m-%d}"
    return (
        f"“{row.title}” {how}: {saved.date_range}, {saved.frequency}, {saved.export_type}, by {saved.date_field}, "
        f"without {saved.hidden_column}, first on {day} at {saved.first_execution:%H:%M}; `robot collect` takes it"
    )
