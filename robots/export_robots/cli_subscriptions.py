"""The command about the reports that CRMs mail by themselves: subscribe."""

from typing import TYPE_CHECKING

import typer

from export_robots.cli_output import show
from export_robots.cli_places import Places
from export_robots.cli_whom import (
    ClientOption,
    CrmArgument,
    HeadedOption,
    JsonOption,
    RooftopOption,
    accounts_of,
    crm_with_a_robot,
)
from export_robots.cli_work import work

if TYPE_CHECKING:
    from export_robots.browser import Browser
    from export_robots.progress import Showing
    from export_robots.runs.results import Result


def register(app: typer.Typer) -> None:
    app.command()(subscribe)


def subscribe(
    context: typer.Context,
    crm: CrmArgument,
    client: ClientOption,
    rooftop: RooftopOption = None,
    headed: HeadedOption = False,
    as_json: JsonOption = False,
) -> int:
    """Have the CRM mail last month's report by itself each month; what is there already is repaired.

    It counts only when the CRM shows it after the page was loaded anew. `robot collect` takes what is mailed.
    """
    key = crm_with_a_robot(crm)
    places: Places = context.obj
    settings, home = places.prepared()
    accounts = accounts_of(settings.client(client), key, rooftop)

    async def do(browser: "Browser", progress: "Showing") -> "list[Result]":
        from export_robots.runs.subscribing import subscribe_all

        return await subscribe_all(settings, home, accounts, browser=browser, progress=progress)

    return show(work(settings, home, do, headed=headed, early=True), as_json=as_json)
