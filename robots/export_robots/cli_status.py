"""`robot status`: the month on one table, and by its exit code."""

import gc
from typing import TYPE_CHECKING, Annotated

import typer

from export_robots import clock
from export_robots.cli_output import out, print_json, table
from export_robots.cli_places import Places
from export_robots.cli_whom import JsonOption, crm_key
from export_robots.periods import Month

if TYPE_CHECKING:
    from export_robots.runs.month_view import Entry, MonthView

OPEN = 3
"""The exit code of a month that is not closed."""


def register(app: typer.Typer) -> None:
    app.command()(status)


def status(
    context: typer.Context,
    month: Annotated[
        str | None, typer.Option("--month", metavar="YYYY-MM", help="Which month. [default: the last full month]")
    ] = None,
    client: Annotated[str | None, typer.Option("--client", metavar="KEY", help="This client alone.")] = None,
    crm: Annotated[str | None, typer.Option("--crm", metavar="CRM", help="This CRM alone.")] = None,
    still_open: Annotated[bool, typer.Option("--open", help="Show only what is not closed.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Show where each delivery of a month stands, and whose move is next.

    The exit code is 0 when the month is closed: something was expected, and all of it is delivered, verified empty or
    waived. Otherwise it is 3.
    """
    asked = Month.parse(month) if month else None
    key = crm_key(crm) if crm else None
    places: Places = context.obj
    settings, home = places.prepared()

    from export_robots.runs.database import database_url, open_database
    from export_robots.runs.ledger import Ledger
    from export_robots.runs.month_shown import as_object, usual_month
    from export_robots.runs.month_view import view_month

    ledger = Ledger(open_database(database_url(settings, home)))
    gc.disable()  # a seventh of the time of a large month, looking for circles where there are none
    try:
        when = asked or usual_month()
        view = view_month(ledger, settings, when, client=client, crm=key, with_files=as_json)
        if client and not view.entries:
            settings.client(client)  # which says so, if there is no such client
    finally:
        gc.enable()
        ledger.engine.dispose()
    shown = view.open_entries if still_open else list(view.entries)
    if as_json:
        print_json(as_object(view, shown))
    else:
        out("\n".join(_text(view, shown)))
    return 0 if view.is_closed else OPEN


def _text(view: "MonthView", shown: "list[Entry]") -> list[str]:
    from export_robots.runs.month_shown import NOT_SERVED, summary_line

    lines = [
        f"STOPPED since {clock.minute_of(each.stopped_at)}: {each.crm}, {each.signature}: {each.saw}; "
        f"once it is mended: `robot resume {each.crm}`"
        for each in view.stopped
        if each.stopped_at
    ]
    lines += [f"CODE WANTED: {each.saw}: `robot answer {each.run} CODE`" for each in view.questions]
    if not view.entries and not view.not_expected:
        return [*lines, f"nothing is expected for {view.month} yet"]
    if view.counts["under_way"] and not view.is_served:
        lines.append(NOT_SERVED)
    if lines:
        lines.append("")
    lines.append(summary_line(view))
    if shown:
        lines += ["", _table(shown)]
    return lines


def _table(shown: "list[Entry]") -> str:
    from export_robots.runs.month_shown import HEADINGS, cells, has_periods

    lines: list[tuple[str, ...]] = [HEADINGS, *map(cells, shown)]
    if not has_periods(shown):
        lines = [line[:3] + line[4:] for line in lines]
    return table(lines[0], lines[1:])
