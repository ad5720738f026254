"""`robot check`: the checks of an export on any file, and nothing else."""

from pathlib import Path
from zoneinfo import ZoneInfo

from export_robots.catalogue import robot_class
from export_robots.clients import Client
from export_robots.outcomes import Outcome, ReportRejected
from export_robots.periods import Period
from export_robots.reports.checks import check_report
from export_robots.runs.results import Result


def check_by_hand(file: Path, crm: str | None, client: Client | None, period: Period | None) -> Result:
    robot = robot_class(crm) if crm else None
    result = check_report(
        file,
        zone=client.timezone if client else ZoneInfo("UTC"),
        period=period,
        aliases=robot.column_aliases if robot else {},
        known_caps=robot.known_caps if robot else (),
    )
    return Result(
        outcome=Outcome.REPORT_REJECTED if result.refused else Outcome.CHECKED,
        client=client.key if client else None,
        crm=crm,
        period=(str(period.start), str(period.end)) if period else None,
        file=str(file),
        file_name=file.name,
        rows=result.rows,
        sha256=result.sha256,
        reasons=(*result.reasons, *result.warnings),
        next=ReportRejected.remedy if result.refused else None,
    )
