"""`robot status`: the month on one table, and by its exit code."""

import gc
from typing import TYPE_CHECKING, Annotated, Any

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

_HEADINGS = ("client", "CRM", "rooftop", "state", "outcome", "since", "how", "owner", "next")


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
    wanted = Month.parse(month) if month else Month.of(clock.now().astimezone().date()).plus(-1)
    key = crm_key(crm) if crm else None
    places: Places = context.obj
    settings, home = places.prepared()

    from export_robots.runs.database import database_url, open_database
    from export_robots.runs.ledger import Ledger
    from export_robots.runs.month_view import view_month

    ledger = Ledger(open_database(database_url(settings, home)))
    gc.disable()  # a seventh of the time of a large month, looking for circles where there are none
    try:
        view = view_month(ledger, settings, wanted, client=client, crm=key)
        if client and not view.entries:
            settings.client(client)  # which says so, if there is no such client
    finally:
        gc.enable()
        ledger.engine.dispose()
    shown = view.open_entries if still_open else list(view.entries)
    if as_json:
        print_json(_object(view, shown))
    else:
        out("\n".join(_text(view, shown)))
    return 0 if view.is_closed else OPEN


def _object(view: "MonthView", shown: "list[Entry]") -> dict[str, Any]:
    return {
        "month": str(view.month),
        "closed": view.is_closed,
        "summary": view.summary(),
        "stopped": [
            {
                "crm": each.crm,
                "since": each.stopped_at.isoformat() if each.stopped_at else None,
                "failure": each.signature,
                "saw": each.saw,
                "deliveries": each.accounts,
                "next": f"robot resume {each.crm}",
            }
            for each in view.stopped
        ],
        "questions": [
            {
                "run": each.run,
                "delivery": each.delivery_id,
                "saw": each.saw,
                "asked_at": each.asked_at.isoformat(),
                "open_until": each.open_until.isoformat() if each.open_until else None,
                "next": f"robot answer {each.run} CODE",
            }
            for each in view.questions
        ],
        "deliveries": [entry.as_json() for entry in shown],
    }


def _text(view: "MonthView", shown: "list[Entry]") -> list[str]:
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
        lines.append("no `robot serve` is at work here: what is the robot's to do waits for a command")
    if lines:
        lines.append("")
    lines.append(_summary(view))
    if shown:
        lines += ["", _table(view, shown)]
    return lines


def _summary(view: "MonthView") -> str:
    numbers = view.summary()
    parts = [f"{view.month}: {numbers['closed']} of {numbers['expected']} closed"]
    if person := numbers["person"]:
        parts.append(f"{person} need{'s' if person == 1 else ''} a person")
    if under_way := numbers["under_way"]:
        parts.append(f"{under_way} under way")
    if later := numbers["not_expected_yet"]:
        parts.append(f"{later} not expected yet (`robot serve` does that)")
    said = ", ".join(parts)
    return f"{said}; {numbers['overdue']} OVERDUE" if numbers["overdue"] else said


def _table(view: "MonthView", shown: "list[Entry]") -> str:
    whole = str(view.month)
    several = any(entry.line.again > 1 or entry.line.period_start != entry.line.period_end for entry in shown)
    headings = (*_HEADINGS[:3], "period", *_HEADINGS[3:]) if several else _HEADINGS
    return table(headings, [_cells(entry, whole, several=several) for entry in shown])


def _cells(entry: "Entry", month: str, *, several: bool) -> tuple[str, ...]:
    line = entry.line
    period = [_period(entry, month)] if several else []
    return (
        line.client,
        line.crm,
        line.rooftop or "",
        *period,
        f"{line.state} OVERDUE" if entry.overdue else line.state,
        "" if entry.is_closed else entry.outcome or "",
        clock.minute_of(line.changed_at),
        line.how or "",
        "" if entry.is_closed else entry.move.owner,
        entry.move.what.partition("\n")[0],
    )


def _period(entry: "Entry", month: str) -> str:
    line = entry.line
    whole = month if line.period_start == line.period_end else f"{line.period_start}..{line.period_end}"
    return f"{whole} (time {line.again})" if line.again > 1 else whole
