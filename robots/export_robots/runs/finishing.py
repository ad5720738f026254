"""The second half of a run, on this machine: the checks, the name, the receipt. Each may run again after a crash."""

import os
import shutil
import tempfile
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from export_robots import clock
from export_robots.catalogue import robot_class
from export_robots.outcomes import ReportRejected, RobotDefect
from export_robots.reports.checks import check_report
from export_robots.reports.findings import CheckResult
from export_robots.reports.naming import clean, file_name
from export_robots.reports.receipt import (
    CrmShowed,
    FileHeld,
    MailBrought,
    PortalAnswered,
    Receipt,
    sync_folder,
    write_receipt,
)
from export_robots.reports.removal import without_date_of_birth
from export_robots.runs import again, stored_files
from export_robots.runs.asking import sha256_of
from export_robots.runs.ledger import CLOSED, Ledger, period_of
from export_robots.runs.tables import DeliveryRow, FileRow, How, RequestRow, State
from export_robots.runs.workplace import Workplace, current

_UNNAMED = "as-received"


def check(delivery: str) -> None:
    """Prove that the file is the right one and whole. Raises `ReportRejected` with every reason; the file is kept."""
    work = current()
    row = work.ledger.delivery(delivery)
    file = _present_file(work, delivery)
    with work.step("check the report"):
        zone = work.client_of(row).timezone
        result = examine(work.ledger, row, _received(work, file), work.ledger.request(file.request_id), zone)
    work.ledger.update_file(
        file.id,
        checked=True,
        rows=result.rows,
        first=_iso(result.first),
        last=_iso(result.last),
        encoding=result.encoding,
        dialect=str(result.dialect) if result.dialect else None,
        columns=result.columns,
        fields=[list(pair) for pair in result.fields],
        findings=[*result.reasons, *result.warnings],
        has_date_of_birth=result.has_date_of_birth,
        empty=result.empty,
    )
    if result.refused:
        work.ledger.refuse_file(delivery)
        raise ReportRejected(f"the report must not be sent on: {result.reasons[0]}", "", result.reasons)


def examine(ledger: Ledger, row: DeliveryRow, file: Path, request: RequestRow | None, zone: ZoneInfo) -> CheckResult:
    """The checks of a file that shall be the delivery's report; `zone` is the client's."""
    robot = robot_class(row.crm)
    return check_report(
        file,
        zone=zone,
        period=period_of(row),
        aliases=robot.column_aliases if robot else {},
        known_caps=robot.known_caps if robot else (),
        rows_shown=request.rows_shown if request else None,
        says_empty=bool(request and request.says_empty),
        delivered_before=ledger.delivered_before(row),
    )


def name(delivery: str, run: str) -> None:
    """Put the file under the name it is uploaded by, without a Date of Birth column, and its receipt beside it."""
    work = current()
    row = work.ledger.delivery(delivery)
    file = _present_file(work, delivery)
    named = file_name(work.dealership_of(row), row.crm_label, period_of(row), row.crm)
    target = _named(work, row, file, named)
    work.ledger.update_file(
        file.id,
        path=str(target),
        name=named,
        sha256=sha256_of(target),
        date_of_birth_removed=file.has_date_of_birth,
    )
    _write_receipt(work, delivery, run)


def named_file(work: Workplace, delivery: str) -> Path:
    """The named file on this machine; where another one made it, or somebody changed it since, it is made anew."""
    file = _present_file(work, delivery)
    assert file.path
    assert file.name
    assert file.sha256
    if stored_files.is_still(Path(file.path), file.sha256):
        return Path(file.path)
    target = _named(work, work.ledger.delivery(delivery), file, file.name)
    if sha256_of(target) != file.sha256:
        raise RobotDefect("a file that was named before came out differently now")
    work.ledger.update_file(file.id, path=str(target))
    return target


def _named(work: Workplace, row: DeliveryRow, file: FileRow, named: str) -> Path:
    received = _received(work, file)
    folder = work.home.downloads / clean(row.client)
    if row.again > 1:
        folder /= f"again {row.again}"  # what was delivered before keeps its file and its receipt
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / named
    if file.has_date_of_birth:
        robot = robot_class(row.crm)
        without_date_of_birth(received, target, robot.column_aliases if robot else {})
    else:
        copy_whole(received, target)
    return target


def _received(work: Workplace, file: FileRow) -> Path:
    """The file as it came, on this machine; another one may have collected it.

    One that is lost before it was posted has to be asked for anew: the next attempt does so.
    """
    try:
        return stored_files.bring(work.ledger.engine, work.home, Path(file.received_path), file.received_sha256)
    except stored_files.ReportLost:
        if work.ledger.delivery(file.delivery_id).state == State.COLLECTED:
            work.ledger.update_file(file.id, checked=False)  # the same bytes may come again
            work.ledger.refuse_file(file.delivery_id)
        raise


def is_empty(delivery: str) -> bool:
    """Whether the CRM itself said that there is nothing, and the file agrees: then there is nothing to upload."""
    work = current()
    file = _present_file(work, delivery)
    request = work.ledger.request(file.request_id)
    return file.empty and bool(request and request.says_empty)


def close(delivery: str, run: str, state: str) -> None:
    """Write the receipt and close the expected delivery."""
    work = current()
    _write_receipt(work, delivery, run)
    how, why = _how(work, delivery)
    work.ledger.close(delivery, State(state), how, why)


def close_unchanged(delivery: str, run: str) -> None:
    """What was asked for again is what was delivered before: nothing is sent, and the new file stays beside it."""
    work = current()
    _write_receipt(work, delivery, run)
    work.ledger.close(delivery, State.DELIVERED, How.UNCHANGED, _how(work, delivery)[1])


def remarks(delivery: str) -> tuple[tuple[str, ...], str | None]:
    """What is to be told of a delivery that went well: how its report came, if not in the usual way; and what to do."""
    work = current()
    row = work.ledger.delivery(delivery)
    reasons = [again.said(delivery)] if row.again > 1 and row.state in CLOSED else []
    how, why = _how(work, delivery)
    if why:
        reasons.append(why)
    if row.asked_by == How.REPULL and how == How.EXPORT:
        rooftop = f' --rooftop "{row.rooftop}"' if row.rooftop else ""
        return tuple(reasons), f"`robot subscribe {row.crm} --client {row.client}{rooftop}` saves the report anew."
    return tuple(reasons), None


def _how(work: Workplace, delivery: str) -> tuple[str, str | None]:
    file = _present_file(work, delivery)
    request = work.ledger.request(file.request_id)
    if file.source == "by hand":
        return How.BY_HAND, None
    return (request.how, request.why) if request else (How.EXPORT, None)


def _present_file(work: Workplace, delivery: str) -> FileRow:
    file = work.ledger.file(delivery)
    if file is None:
        raise RobotDefect("a run goes on to its file, and there is none")
    return file


def copy_whole(source: Path, target: Path) -> None:
    """`target` is there wholly or not at all, even if the machine loses its power."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as out, source.open("rb") as stream:
            shutil.copyfileobj(stream, out)
            out.flush()
            os.fsync(out.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(target.parent)


def _write_receipt(work: Workplace, delivery: str, run: str) -> None:
    row = work.ledger.delivery(delivery)
    file = _present_file(work, delivery)
    path = named_file(work, delivery)
    assert file.name
    assert file.sha256
    request = work.ledger.request(file.request_id)
    upload = work.ledger.last_upload(delivery)
    confirmed = upload and upload.answer == "confirmed" and upload.sha256 == file.sha256
    receipt = Receipt(
        client=row.client,
        dealership=work.dealership_of(row),
        rooftop=row.rooftop,
        crm=row.crm,
        period=(row.period_start, row.period_end),
        run=run,
        file=FileHeld(
            name=file.name,
            size=path.stat().st_size,
            sha256=file.sha256,
            received_sha256=file.received_sha256,
            encoding=file.encoding or "",
            dialect=file.dialect or "",
            columns=file.columns or 0,
            rows=file.rows or 0,
            first=_day(file.first),
            last=_day(file.last),
            fields=tuple((name, text) for name, text in file.fields),
            date_of_birth_removed=file.date_of_birth_removed,
            warnings=tuple(file.findings),
        ),
        crm_showed=_shown(request) if request else None,
        mail=(
            MailBrought(
                file.mail.get("message_id"),
                datetime.fromisoformat(file.mail["received"]),
                file.mail.get("sender_domain", ""),
                file.mail.get("released_by"),
            )
            if file.mail
            else None
        ),
        portal=(
            PortalAnswered(upload.text or "", upload.reference, upload.answered_at or clock.now())
            if upload and confirmed
            else None
        ),
    )
    write_receipt(receipt, path)


def _shown(request: RequestRow) -> CrmShowed | None:
    if not (request.requested_at and request.first and request.last):
        return None  # interrupted before its acknowledgement was noted: nothing is known but that a report came
    return CrmShowed(
        account=request.account,
        first=date.fromisoformat(request.first),
        last=date.fromisoformat(request.last),
        rows_shown=request.rows_shown,
        says_empty=request.says_empty,
        requested_at=request.requested_at,
        acknowledgement=request.acknowledgement or "",
        settings={
            **{key: str(value) for key, value in request.settings.items()},
            **({"asked for by": request.how} if request.how != How.EXPORT else {}),
            **({"why": request.why} if request.why else {}),
        },
    )


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
