"""What is asked for `--again`: which delivery that is, and in which rows it differs from what was delivered before."""

from datetime import timedelta
from pathlib import Path

from export_robots import clock
from export_robots.catalogue import robot_class
from export_robots.outcomes import RobotDefect
from export_robots.reports.differences import Difference, difference
from export_robots.runs import stored_files
from export_robots.runs.ledger import CLOSED, Ledger, months_option, period_of
from export_robots.runs.month import due_when_asked
from export_robots.runs.tables import DeliveryRow, FileRow, How, State
from export_robots.runs.workplace import current

SAME, APPROVED, DIFFERENT = "same", "approved", "different"
# A report that differs waits so long for a person's word; after that `--again` asks for a new one.
_STALE = timedelta(days=1)


def time_to_pursue(ledger: Ledger, row: DeliveryRow, *, again: bool) -> DeliveryRow:
    """The delivery that a command is about: the first time, or with `again` a further one, made if need be.

    One that is under way already, or waits for a person's word, is gone on with. What was never delivered is not asked
    for again, but for the first time.
    """
    times = ledger.times(row)
    first, last = times[0], times[-1]
    if not again or first.state not in CLOSED or first.state == State.WAIVED:
        return first
    if last.state not in CLOSED and not _is_stale(ledger, last):
        return last
    work, period = current(), period_of(row)
    due = due_when_asked(work.settings, work.client_of(row).timezone, period)
    return ledger.expect(row.client, row.crm, row.crm_label, row.rooftop, period, again=last.again + 1, due_at=due)


def _is_stale(ledger: Ledger, row: DeliveryRow) -> bool:
    file = ledger.file(row.id)
    waits = row.state == State.COLLECTED and row.outcome is not None
    return waits and file is not None and file.received_at < clock.now() - _STALE


def delivered_before(ledger: Ledger, row: DeliveryRow) -> FileRow | None:
    """The report of the same period that was delivered last, before this time; None: this is the first time."""
    if row.again == 1:
        return None
    for earlier in reversed(ledger.times(row)):
        brought = earlier.state in CLOSED and earlier.state != State.WAIVED
        if earlier.again < row.again and brought and earlier.how != How.UNCHANGED:
            return ledger.file(earlier.id)
    return None


def compare(delivery: str) -> str:
    """Whether the report is the `SAME` as what was delivered, `DIFFERENT`, or that but `APPROVED` by a person."""
    work = current()
    row = work.ledger.delivery(delivery)
    file = work.ledger.file(delivery)
    found = differs(delivery)
    if found is not None and found.none:
        return SAME
    if file and row.approved == file.received_sha256:
        return APPROVED
    return DIFFERENT


def differs(delivery: str) -> Difference | None:
    """In which rows it differs; None: what was delivered is not on disk any more."""
    work = current()
    row = work.ledger.delivery(delivery)
    before, now = delivered_before(work.ledger, row), work.ledger.file(delivery)
    if before is None or now is None or now.path is None:
        raise RobotDefect("a report is compared with an earlier one, and one of them is missing")
    if before.received_sha256 == now.received_sha256:
        rows = now.rows or 0
        return Difference(rows, rows, 0, 0, 0)
    from export_robots.runs.finishing import named_file  # which uses this module

    earlier = Path(before.path or before.received_path)
    if not (before.sha256 and stored_files.is_still(earlier, before.sha256)):
        try:
            received = Path(before.received_path)
            earlier = stored_files.bring(work.ledger.engine, work.home, received, before.received_sha256)
        except stored_files.ReportLost:
            return None
    robot = robot_class(row.crm)
    return difference(earlier, named_file(work, delivery), robot.column_aliases if robot else {})


def said(delivery: str) -> str:
    """The difference as one sentence without a full stop."""
    work = current()
    row = work.ledger.delivery(delivery)
    before = delivered_before(work.ledger, row)
    assert before
    when = f"what was delivered on {_day(work.ledger, row)}"
    found = differs(delivery)
    if found is None:
        return f"{when} is not on this disk any more, so nobody can say in which rows the new report differs from it"
    if found.none:
        return f"the report is the same as {when}; nothing was sent"
    return f"compared with {when}: {found}"


def _day(ledger: Ledger, row: DeliveryRow) -> str:
    brought = [each for each in ledger.times(row) if each.again < row.again and each.how not in (None, How.UNCHANGED)]
    moments = [each.closed_at for each in brought if each.closed_at]
    return f"{moments[-1].astimezone():%Y-%m-%d}" if moments else "an earlier day"


def deliver_hint(ledger: Ledger, row: DeliveryRow) -> str:
    """The exact command that sends a report which differs."""
    file = ledger.file(row.id)
    path = (file.path or file.received_path) if file else "FILE"
    return f'robot deliver "{path}" --client {row.client} --crm {row.crm} {months_option(row)} --again'
