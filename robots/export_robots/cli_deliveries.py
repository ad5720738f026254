"""The commands that bring reports to the portal: export, repull, deliver, check, collect."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export_robots.cli_again import asked_about
from export_robots.cli_output import out, show
from export_robots.cli_periods import BackdataOption, FromOption, MonthOption, ToOption, named_period, period_of
from export_robots.cli_places import Places
from export_robots.cli_whom import (
    AgainOption,
    ClientOption,
    CrmArgument,
    HeadedOption,
    JsonOption,
    NoUploadOption,
    NoWaitOption,
    RooftopOption,
    accounts_of,
    crm_entry,
    crm_with_a_robot,
    who,
)
from export_robots.cli_work import work
from export_robots.clients import Client
from export_robots.outcomes import UsageWrong
from export_robots.periods import Period
from export_robots.runs.results import Result, worst

if TYPE_CHECKING:
    from export_robots.browser import Browser
    from export_robots.progress import Showing


def register(app: typer.Typer) -> None:
    app.command()(export)
    app.command()(repull)
    app.command()(deliver)
    app.command()(check)
    app.command()(collect)


def export(
    context: typer.Context,
    crm: CrmArgument,
    client: ClientOption,
    month: MonthOption = None,
    first: FromOption = None,
    last: ToOption = None,
    backdata: BackdataOption = False,
    rooftop: RooftopOption = None,
    again: AgainOption = False,
    no_upload: NoUploadOption = False,
    no_wait: NoWaitOption = False,
    headed: HeadedOption = False,
    as_json: JsonOption = False,
) -> int:
    """Have the CRM export the leads, and upload the report.

    The same command again goes on where an earlier one ended, and never doubles anything.
    """
    return _have_exported(
        context.obj,
        crm,
        client,
        lambda of_client: period_of(of_client, month, first, last, backdata=backdata),
        rooftop=rooftop,
        again=again,
        no_upload=no_upload,
        no_wait=no_wait,
        headed=headed,
        as_json=as_json,
    )


def repull(
    context: typer.Context,
    crm: CrmArgument,
    client: ClientOption,
    month: MonthOption = None,
    first: FromOption = None,
    last: ToOption = None,
    backdata: BackdataOption = False,
    rooftop: RooftopOption = None,
    again: AgainOption = False,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why; it is kept with the delivery.")
    ] = None,
    no_upload: NoUploadOption = False,
    no_wait: NoWaitOption = False,
    headed: HeadedOption = False,
    as_json: JsonOption = False,
) -> int:
    """Have the CRM run the saved report once more, when its monthly mail did not come; then as `robot export`.

    Where the saved report is gone, the plain export is run instead.
    """
    why = f"{who()} asked for it" + (f": {reason.strip()}" if reason and reason.strip() else "")
    return _have_exported(
        context.obj,
        crm,
        client,
        lambda of_client: period_of(of_client, month, first, last, backdata=backdata),
        rooftop=rooftop,
        again=again,
        repull_because=why,
        no_upload=no_upload,
        no_wait=no_wait,
        headed=headed,
        as_json=as_json,
    )


def deliver(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The report as it came out of the CRM.")],
    client: ClientOption,
    crm: Annotated[
        str, typer.Option("--crm", metavar="NAME", help="The CRM's key, or its name as the file shall bear it.")
    ],
    month: MonthOption = None,
    first: FromOption = None,
    last: ToOption = None,
    backdata: BackdataOption = False,
    rooftop: RooftopOption = None,
    again: AgainOption = False,
    as_json: JsonOption = False,
) -> int:
    """Check, name and upload a report that you exported.

    It closes the same expected delivery as an export would, and settles one whose upload was not confirmed.
    """
    places: Places = context.obj
    settings, home = places.prepared()
    of_client = settings.client(client)
    period = period_of(of_client, month, first, last, backdata=backdata)

    report = _readable(file)

    async def do(browser: "Browser", progress: "Showing") -> Result:
        from export_robots.runs.exporting import deliver_by_hand

        return await deliver_by_hand(
            settings,
            home,
            of_client,
            crm,
            rooftop,
            period,
            file=report,
            again=again,
            browser=browser,
            progress=progress,
        )

    return show([work(settings, home, do, early=True)], as_json=as_json)


def check(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The report to look at; it is not changed.")],
    crm: Annotated[
        str | None, typer.Option("--crm", metavar="CRM", help="Know this CRM's own names of columns as well.")
    ] = None,
    client: Annotated[
        str | None,
        typer.Option("--client", metavar="KEY", help="Judge dates in this client's time zone. [default: UTC]"),
    ] = None,
    month: MonthOption = None,
    first: FromOption = None,
    last: ToOption = None,
    backdata: BackdataOption = False,
    as_json: JsonOption = False,
) -> int:
    """Do an export's checks on a file; nothing is sent.

    Without a period the leads' dates may be any.
    """
    places: Places = context.obj
    of_client = places.settings().client(client) if client else None
    period = named_period(of_client, month, first, last, backdata=backdata)
    key = crm_entry(crm).key if crm else None

    from export_robots.runs.checking import check_by_hand

    return show([check_by_hand(_readable(file), key, of_client, period)], as_json=as_json)


def collect(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and wait for mail, until interrupted.")] = False,
) -> int:
    """Take reports out of the mailbox, and upload them.

    Those that `robot export` has asked for, and what subscriptions mail by themselves. One line for each delivery; the
    exit code is that of the worst.
    """
    places: Places = context.obj
    settings, home = places.prepared()

    results: list[Result] = []

    def tell(result: Result) -> None:
        results.append(result)
        show([result], as_json=False)

    async def do(browser: "Browser", progress: "Showing") -> None:
        from export_robots.runs.exporting import collect_all

        await collect_all(settings, home, watch=watch, browser=browser, progress=progress, tell=tell)

    work(settings, home, do)
    if not results:
        out("nothing is waited for")
        return 0
    return worst(results).exit_code


def _have_exported(
    places: Places,
    crm: str,
    client: str,
    period_for: Callable[[Client], Period],
    *,
    rooftop: str | None,
    again: bool,
    no_upload: bool,
    no_wait: bool,
    headed: bool,
    as_json: bool,
    repull_because: str | None = None,
) -> int:
    """Export and repull: with `repull_because`, the saved report is run."""
    key = crm_with_a_robot(crm)
    settings, home = places.prepared()
    accounts = accounts_of(settings.client(client), key, rooftop)
    period = period_for(settings.client(client))

    async def do(browser: "Browser", progress: "Showing") -> list[Result]:
        from export_robots.runs.exporting import export_all
        from export_robots.runs.running import Wanted
        from export_robots.runs.tables import How

        how = How.REPULL if repull_because else How.EXPORT
        wanted = Wanted(upload=not no_upload, wait=not no_wait, asked_by=how, why=repull_because)
        return await export_all(
            settings, home, accounts, period, wanted=wanted, again=again, browser=browser, progress=progress
        )

    results = work(settings, home, do, headed=headed, early=True)
    return show(results if no_upload else asked_about(settings, home, results), as_json=as_json)


def _readable(file: Path) -> Path:
    path = file.expanduser().absolute()
    try:
        with path.open("rb"):
            return path
    except IsADirectoryError:
        why = "it is a folder"
    except FileNotFoundError:
        why = "there is none of that name"
    except PermissionError:
        why = "this user may not read it"
    except OSError as error:
        why = (error.strerror or "it does not answer").lower()
    raise UsageWrong(f"the file {file} cannot be read: {why}", "Name the report's file as the first argument.")
