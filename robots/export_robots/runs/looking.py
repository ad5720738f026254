"""`robot onboard`: what the CRM shows of an account itself, read under the account's lock; nothing is changed."""

from typing import TYPE_CHECKING

from export_robots.clients import Account
from export_robots.credentials import Secrets
from export_robots.home import Home
from export_robots.outcomes import RobotDefect, RobotError, UsageWrong
from export_robots.progress import Showing
from export_robots.robot import AccountShown
from export_robots.runs.defects import as_robot_error
from export_robots.runs.exporting import at_work
from export_robots.runs.signing_in import signed_in
from export_robots.runs.subscribing import robot_of, visit_id
from export_robots.settings import Settings

if TYPE_CHECKING:
    from export_robots.browser import Browser


def has_password(settings: Settings, account: Account) -> bool:
    try:
        Secrets(settings).password(account)
    except UsageWrong:
        return False
    return True


async def look(
    settings: Settings, home: Home, account: Account, *, browser: "Browser", progress: Showing
) -> AccountShown | RobotError:
    """What is shown, or why nothing could be seen."""
    run = visit_id(account, "account")
    async with at_work(settings, home, browser, progress) as (work, _):
        try:
            with work.hold(account.id, run):
                await work.open_mailbox()  # for a sign-in code
                async with signed_in(work, account, robot_of(account), run) as robot:
                    return await robot.look_at_account()
        except Exception as error:
            known = as_robot_error(error)
            if isinstance(known, RobotDefect):
                raise
            return known
