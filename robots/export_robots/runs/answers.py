"""What a request's report is expected as, and whether a file is the one that answers it."""

from datetime import date
from pathlib import Path

from export_robots.runs.ledger import Ledger, period_of
from export_robots.runs.tables import DeliveryRow
from export_robots.settings import Settings
from report_mailbox.judging import Accept
from report_mailbox.matching import Acceptance


def expectation_id(row: DeliveryRow, request: int) -> str:
    """Under which name the mailbox expects the report that a request asked for."""
    return f"{row.id}#{request}"


def delivery_of(expectation: str) -> str:
    """The delivery's id in an `expectation_id`."""
    return expectation.rpartition("#")[0]


def acceptance(settings: Settings, ledger: Ledger) -> Accept:
    """Says whose report a file is: one with no lead of the period at all is another one's."""

    def accept(expectation: str, file: Path) -> Acceptance:
        from export_robots.runs.finishing import examine

        row = ledger.find(delivery_of(expectation))
        if row is None or row.client not in settings.clients:
            return Acceptance.other("nothing is known here of what it would answer")
        request = ledger.requests(row.id)
        zone = settings.client(row.client).timezone
        result = examine(ledger, row, file, request[-1] if request else None, zone)
        period = period_of(row)
        if result.first and result.last and (result.last < period.first or result.first > period.last):
            return Acceptance.other(f"its leads are of {result.first} to {result.last}, and {period} is expected")
        if result.refused:
            return Acceptance.broken("; ".join(result.reasons))
        if result.first and result.last and (narrower := _expected_by_itself(ledger, row, result.first, result.last)):
            return Acceptance.other(f"its leads are of {narrower} alone, which is expected by itself")
        return Acceptance.fits()

    return accept


def _expected_by_itself(ledger: Ledger, row: DeliveryRow, first: date, last: date) -> str | None:
    """A part of the delivery's period that holds these days and is waited for too, at the same address."""
    for other in ledger.waiting():
        period = period_of(other)
        same = (other.client, other.crm, other.rooftop) == (row.client, row.crm, row.rooftop)
        if same and period != period_of(row) and period.contains(first) and period.contains(last):
            wider = period_of(row)
            if wider.first <= period.first and period.last <= wider.last:
                return str(period)
    return None
