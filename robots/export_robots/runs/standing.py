"""Where deliveries stand, read from the ledger alone: for a command's result, and for `robot status`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from export_robots.home import Home
from export_robots.outcomes import Outcome
from export_robots.periods import Month
from export_robots.runs.database import open_database, sqlite_url
from export_robots.runs.ledger import Ledger, run_id
from export_robots.runs.results import Result
from export_robots.runs.tables import DeliveryRow, FileRow, State

_CLOSED = {State.DELIVERED: Outcome.DELIVERED, State.VERIFIED_EMPTY: Outcome.VERIFIED_EMPTY}
_SO_FAR = {
    State.EXPECTED: "nothing was asked of the CRM yet",
    State.REQUESTED: "the CRM was asked or was about to be; the report is not here yet",
    State.COLLECTED: "the report is here, and not uploaded yet",
    State.POSTED: "the file may have been posted, and the portal has not confirmed it",
    State.DELIVERED: "it is delivered",
    State.VERIFIED_EMPTY: "it is verified that the period is empty",
}


def result_of(ledger: Ledger, row: DeliveryRow, note: str | None = None) -> Result:
    """How the delivery ended, last or for good."""
    outcome = _CLOSED.get(State(row.state)) or Outcome(row.outcome or Outcome.INTERNAL)
    closed = row.state in _CLOSED
    return _result(row, ledger.file(row.id), outcome, closed=closed, note=note)


def _result(row: DeliveryRow, file: FileRow | None, outcome: Outcome, *, closed: bool, note: str | None) -> Result:
    return Result(
        outcome=outcome,
        client=row.client,
        crm=row.crm,
        rooftop=row.rooftop,
        period=(row.period_start, row.period_end),
        file=(file.path or file.received_path) if file else None,
        file_name=file.name if file else None,
        rows=file.rows if file else None,
        sha256=(file.sha256 or file.received_sha256) if file else None,
        run=run_id(row.id, row.attempt) if row.attempt else None,
        reasons=() if closed else tuple(row.reasons),
        next=None if closed else row.next,
        evidence=None if closed else row.evidence,
        note=note,
    )


def failed_result(row: DeliveryRow, outcome: Outcome, reasons: Sequence[str], hint: str | None) -> Result:
    """A command that could do nothing for this delivery, which stands as before."""
    return Result(
        outcome=outcome,
        client=row.client,
        crm=row.crm,
        rooftop=row.rooftop,
        period=(row.period_start, row.period_end),
        reasons=tuple(reasons),
        next=hint,
    )


def so_far(row: DeliveryRow) -> str:
    """One sentence without a full stop."""
    return f"{row.id}: {_SO_FAR[State(row.state)]}"


@dataclass(frozen=True)
class Standing:
    """One line of `robot status`."""

    headings: ClassVar = ("client", "CRM", "rooftop", "period", "state", "last outcome", "since", "how", "next")
    row: DeliveryRow
    result: Result | None

    @property
    def cells(self) -> tuple[str, ...]:
        row = self.row
        return (
            row.client,
            row.crm,
            row.rooftop or "",
            row.period_start if row.period_start == row.period_end else f"{row.period_start}..{row.period_end}",
            row.state,
            "" if row.state in _CLOSED else row.outcome or "",
            f"{row.changed_at.astimezone():%Y-%m-%d %H:%M}",
            row.how or "",
            "" if row.state in _CLOSED else (row.next or "").split("\n")[0],
        )

    def as_json(self) -> dict[str, Any]:
        since = {"state": self.row.state, "since": self.row.changed_at.isoformat(), "how": self.row.how}
        if self.result:
            return {**self.result.as_json(), **since}
        open_ = _result(self.row, None, Outcome.INTERNAL, closed=False, note=None).as_json()
        return {**open_, "outcome": None, **since}


def standings(home: Home, month: Month) -> list[Standing]:
    ledger = Ledger(open_database(sqlite_url(home.database)))
    try:
        return [
            Standing(row, result_of(ledger, row) if row.outcome or row.state in _CLOSED else None)
            for row in ledger.deliveries(month)
        ]
    finally:
        ledger.engine.dispose()
