"""The commands of a person's decisions about a delivery: waive, retry, confirm."""

from typing import TYPE_CHECKING, Annotated

import typer

from export_robots import clock
from export_robots.cli_output import out, print_json, show
from export_robots.cli_periods import BackdataOption, FromOption, MonthOption, ToOption, named_period, period_of
from export_robots.cli_places import Places
from export_robots.cli_whom import ClientOption, CrmArgument, JsonOption, RooftopOption, crm_key, who
from export_robots.cli_work import work
from export_robots.outcomes import UsageWrong
from export_robots.periods import Month, Period

if TYPE_CHECKING:
    from export_robots.browser import Browser
    from export_robots.progress import Showing
    from export_robots.runs.decisions import Decided
    from export_robots.runs.month_view import Entry
    from export_robots.settings import Settings

ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept with the delivery.")]


def register(app: typer.Typer) -> None:
    app.command()(waive)
    app.command()(retry)
    app.command()(confirm)


def waive(
    context: typer.Context,
    crm: CrmArgument,
    client: ClientOption,
    reason: ReasonOption,
    month: MonthOption = None,
    first: FromOption = None,
    last: ToOption = None,
    backdata: BackdataOption = False,
    rooftop: RooftopOption = None,
    as_json: JsonOption = False,
) -> int:
    """Close an expected delivery that is not wanted, with your name and the reason.

    `robot retry` takes it back.
    """
    decided = _decide(context.obj, "waive", crm, client, reason, rooftop, (month, first, last, backdata))
    return show(decided.results, as_json=as_json)


def retry(
    context: typer.Context,
    crm: CrmArgument,
    client: ClientOption,
    month: MonthOption = None,
    first: FromOption = None,
    last: ToOption = None,
    backdata: BackdataOption = False,
    rooftop: RooftopOption = None,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why; it is kept with the delivery.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Have `robot serve` try again at once what has failed, whatever it waits for; or take a waive back.

    A file that the portal may have is never posted again so: see `robot confirm`.
    """
    decided = _decide(context.obj, "retry", crm, client, reason, rooftop, (month, first, last, backdata))
    if not as_json:
        for entry in decided.entries:
            out(_said(entry))
    if decided.failures:
        return show(decided.failures, as_json=as_json)
    if as_json:
        objects = [entry.as_json() for entry in decided.entries]
        print_json(objects[0] if len(objects) == 1 else {"results": objects})
    return 0


def confirm(
    context: typer.Context,
    crm: CrmArgument,
    client: ClientOption,
    reason: ReasonOption,
    month: MonthOption = None,
    first: FromOption = None,
    last: ToOption = None,
    backdata: BackdataOption = False,
    rooftop: RooftopOption = None,
    as_json: JsonOption = False,
) -> int:
    """Close a delivery whose upload was never confirmed: you saw that the portal has the file.

    The receipt says that it was you.
    """
    decided = _decide(context.obj, "confirm", crm, client, reason, rooftop, (month, first, last, backdata))
    return show(decided.results, as_json=as_json)


def _decide(
    places: Places,
    what: str,
    crm: str,
    client: str,
    reason: str | None,
    rooftop: str | None,
    named: tuple[str | None, str | None, str | None, bool],
) -> "Decided":
    from report_mailbox.mails import readable

    why = readable(reason) if reason else None
    if reason is not None and not why:
        raise UsageWrong("--reason is empty", "Say in a few words why; it is kept with the delivery.")
    settings, home = places.prepared()
    period = _period(settings, client, named)

    async def do(browser: "Browser", progress: "Showing") -> "Decided":
        from export_robots.runs.decisions import Word, decide

        word = Word(what, who(), why, crm_key(crm), client, rooftop, period)
        return await decide(settings, home, word, browser=browser, progress=progress)

    return work(settings, home, do)


def _period(settings: "Settings", client: str, named: tuple[str | None, str | None, str | None, bool]) -> Period:
    """As for any command; also of a client that is not in the configuration any more."""
    month, first, last, backdata = named
    if client in settings.clients:
        return period_of(settings.client(client), month, first, last, backdata=backdata)
    here = Month.of(clock.now().astimezone().date())
    return named_period(None, month, first, last, backdata=backdata) or Period.month(here.plus(-1))


def _said(entry: "Entry") -> str:
    line = entry.line
    whose = f"{line.client} {line.crm} {line.period_start}" + (f" ({line.rooftop})" if line.rooftop else "")
    return f"{whose}: {line.state}, {entry.move.owner}: {entry.move.what}"
