"""Where deliveries stand, read from the ledger alone: for a command's result, and for `robot status`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from export_robots import clock
from export_robots.home import Home
from export_robots.outcomes import Outcome, PermissionMissing, RobotError
from export_robots.periods import Month
from export_robots.runs.asking import missed_subscription, repull_hint
from export_robots.runs.database import open_database, sqlite_url
from export_robots.runs.ledger import Ledger, run_id
from export_robots.runs.results import Result
from export_robots.runs.subscribed import await_subscribed
from export_robots.runs.tables import DeliveryRow, FileRow, How, RequestRow, State
from export_robots.settings import Settings

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


def so_far(row: DeliveryRow) -> str:
    """One sentence without a full stop."""
    return f"{row.id}: {_SO_FAR[State(row.state)]}"


def _present(ledger: Ledger, settings: Settings, row: DeliveryRow) -> Result | None:
    if row.outcome or row.state in _CLOSED:
        return result_of(ledger, row)
    missed = [each for each in ledger.requests(row.id) if each.how == How.SUBSCRIPTION and _is_past(each)]
    if not missed or row.state != State.EXPECTED or row.client not in settings.clients:
        return None
    account = settings.client(row.client).account(row.crm, row.rooftop)
    return failed_result(row, Outcome.REPORT_LATE, (missed_subscription(account, missed[-1]),), repull_hint(row))


def _is_past(request: RequestRow) -> bool:
    return request.deadline_at is not None and request.deadline_at <= clock.now()


@dataclass(frozen=True)
class Standing:
    """One line of `robot status`."""

    headings: ClassVar = ("client", "CRM", "rooftop", "period", "state", "last outcome", "since", "how", "next")
    row: DeliveryRow
    result: Result | None

    @property
    def cells(self) -> tuple[str, ...]:
        row = self.row
        closed = row.state in _CLOSED
        return (
            row.client,
            row.crm,
            row.rooftop or "",
            (row.period_start if row.period_start == row.period_end else f"{row.period_start}..{row.period_end}")
            + (f" (time {row.again})" if row.again > 1 else ""),
            row.state,
            "" if closed or not self.result else str(self.result.outcome),
            f"{row.changed_at.astimezone():%Y-%m-%d %H:%M}",
            row.how or "",
            (self.result.next or "").split("\n")[0] if self.result else "",
        )

    def as_json(self) -> dict[str, Any]:
        row = self.row
        since: dict[str, Any] = {
            "state": row.state,
            "since": row.changed_at.isoformat(),
            "how": row.how,
            "why": row.why,
        }
        if row.again > 1:
            since["again"] = row.again
        if self.result:
            return {**self.result.as_json(), **since}
        open_ = _result(self.row, None, Outcome.INTERNAL, closed=False, note=None).as_json()
        return {**open_, "outcome": None, **since}


def standings(settings: Settings, home: Home, month: Month) -> list[Standing]:
    """What is expected for the month, also of subscriptions that are due by now; not what is pursued month by month."""
    ledger = Ledger(open_database(sqlite_url(home.database)))
    try:
        await_subscribed(ledger, settings)
        rows = [row for row in ledger.deliveries(month) if not row.split]
        return [Standing(row, _present(ledger, settings, row)) for row in rows]
    finally:
        ledger.engine.dispose()
