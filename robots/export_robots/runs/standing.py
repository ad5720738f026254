"""Where one delivery stands, read from the ledger alone: for a command's result."""

from collections.abc import Sequence

from export_robots.outcomes import Outcome, PermissionMissing, RobotError
from export_robots.runs.ledger import Ledger, months_option, run_id
from export_robots.runs.results import Result
from export_robots.runs.tables import DeliveryRow, State

_CLOSED = {
    State.DELIVERED: Outcome.DELIVERED,
    State.VERIFIED_EMPTY: Outcome.VERIFIED_EMPTY,
    State.WAIVED: Outcome.WAIVED,
}
_SO_FAR = {
    State.EXPECTED: "nothing was asked of the CRM yet",
    State.REQUESTED: "the CRM was asked or was about to be; the report is not here yet",
    State.COLLECTED: "the report is here, and not uploaded yet",
    State.POSTED: "the file may have been posted, and the portal has not confirmed it",
    State.DELIVERED: "it is delivered",
    State.VERIFIED_EMPTY: "it is verified that the period is empty",
    State.WAIVED: "it is waived",
}


def result_of(ledger: Ledger, row: DeliveryRow, note: str | None = None) -> Result:
    """How the delivery ended, last or for good."""
    if row.state == State.WAIVED:
        note = take_back_hint(row)
    closed = row.state in _CLOSED
    outcome = _CLOSED.get(State(row.state)) or Outcome(row.outcome or Outcome.INTERNAL)
    file = ledger.file(row.id)
    return Result(
        outcome=outcome,
        client=row.client,
        crm=row.crm,
        rooftop=row.rooftop,
        period=(row.period_start, row.period_end),
        file=(file.path or file.received_path) if file and not file.removed_at else None,
        file_name=file.name if file else None,
        rows=file.rows if file else None,
        sha256=(file.sha256 or file.received_sha256) if file else None,
        run=run_id(row.id, row.attempt) if row.attempt else None,
        reasons=tuple(row.reasons),
        next=row.next,
        evidence=None if closed else row.evidence,
        note=note,
        differs=row.again > 1 and row.outcome == Outcome.COLLECTED and bool(row.next),
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


def failed(row: DeliveryRow, error: RobotError) -> Result:
    hint = hint_for(error, row.client, row.crm, row.rooftop)
    return failed_result(row, error.outcome, error.reasons or (error.saw,), hint)


def hint_for(error: RobotError, client: str, crm: str, rooftop: str | None) -> str:
    """The error's hint; where a permission is missing, also the command that has the letters for it."""
    if not isinstance(error, PermissionMissing):
        return error.hint
    place = f' --rooftop "{rooftop}"' if rooftop else ""
    return f"{error.hint} `robot onboard {crm} --client {client}{place}` has the letters, and says what is missing."


def take_back_hint(row: DeliveryRow) -> str:
    """How a waived delivery is pursued after all."""
    return f"`robot retry {row.crm} --client {row.client} {months_option(row)}` takes that back."


def so_far(row: DeliveryRow) -> str:
    """One sentence without a full stop."""
    return f"{row.id}: {_SO_FAR[State(row.state)]}"
