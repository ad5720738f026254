"""A month in the words that `robot status` and the status page have in common, so that both say the same."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from export_robots import clock
from export_robots.periods import Month

if TYPE_CHECKING:
    from export_robots.runs.month_view import Entry, MonthView


class Cells(NamedTuple):
    """One line of the table. `period` is shown only where it says more than the month does (`has_periods`)."""

    client: str
    crm: str
    rooftop: str
    period: str
    state: str
    outcome: str
    since: str
    how: str
    owner: str
    next: str


HEADINGS = Cells("client", "CRM", "rooftop", "period", "state", "outcome", "since", "how", "owner", "next")
NOT_SERVED = "no `robot serve` is at work here: what is the robot's to do waits for a command"


def usual_month() -> Month:
    """The last full month, by this machine's zone."""
    return Month.of(clock.now().astimezone().date()).plus(-1)


def as_object(view: "MonthView", shown: "Sequence[Entry]") -> dict[str, Any]:
    """What `robot status --json` prints."""
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


def summary_line(view: "MonthView") -> str:
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


def has_periods(shown: "Sequence[Entry]") -> bool:
    return any(entry.line.again > 1 or entry.line.period_start != entry.line.period_end for entry in shown)


def cells(entry: "Entry") -> Cells:
    line = entry.line
    return Cells(
        line.client,
        line.crm,
        line.rooftop or "",
        _period(entry),
        f"{line.state} OVERDUE" if entry.overdue else line.state,
        "" if entry.is_closed else entry.outcome or "",
        clock.minute_of(line.changed_at),
        line.how or "",
        "" if entry.is_closed else entry.move.owner,
        entry.move.what.partition("\n")[0],
    )


def _period(entry: "Entry") -> str:
    line = entry.line
    whole = line.period_start if line.period_start == line.period_end else f"{line.period_start}..{line.period_end}"
    return f"{whole} (time {line.again})" if line.again > 1 else whole
