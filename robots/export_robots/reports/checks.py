"""Proves that a leads file is the right one and whole, in one pass over its records and in bounded memory."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from export_robots.periods import Month, Period
from export_robots.reports.dates import MOST_TEXTS, Days
from export_robots.reports.fields import REQUIRED
from export_robots.reports.findings import CheckResult, Finding, Level, Lines
from export_robots.reports.reading import FIELD_LIMIT, Survey, Table, survey
from export_robots.reports.rows import RowsPass

_NEARLY_ALL = 0.95
_ENOUGH_TO_JUDGE = 20
_ENOUGH_FOR_EACH_DAY = 200

_CAPS_SEEN_ELSEWHERE = frozenset(
    {100, 200, 250, 500, 20_588, 32_767, 32_768, 65_534, 65_535, 65_536, 1_048_574, 1_048_575, 1_048_576}
)


def check_report(
    file: Path,
    *,
    zone: ZoneInfo,
    period: Period | None,
    aliases: Mapping[str, tuple[str, ...]] | None = None,
    known_caps: Sequence[int] = (),
    rows_shown: int | None = None,
    says_empty: bool = False,
    delivered_before: Mapping[str, str] | None = None,
) -> CheckResult:
    """Check `file`; what is wrong is in the result, and only a file that cannot be opened raises (`UsageWrong`).

    Args:
        file: The report as the CRM made it.
        zone: The client's time zone, in which each lead's date must be inside the period.
        period: None leaves the dates' range unchecked.
        aliases: The CRM's own header texts per field (`fields.FIELDS`), preferred to the general ones.
        known_caps: Row counts at which this CRM cuts reports off.
        rows_shown: How many rows the CRM's page said the report would have.
        says_empty: The CRM's page said that there is nothing in the period.
        delivered_before: The hash of each report of an earlier delivery, with what that was (`ABC Autos 2026-09`).
    """
    surveyed = survey(file)
    findings = list(surveyed.findings)
    before = (delivered_before or {}).get(surveyed.sha256)
    if before:
        findings.append(
            Finding("refuse", f"the file is the same, byte for byte, as that of {before}", name="seen_before")
        )
    if surveyed.dialect is None:
        return _without_table(surveyed, findings)
    table = Table(file, surveyed.encoding, surveyed.dialect)
    passed = RowsPass(aliases)
    for batch in table.batches():
        passed.take(batch)
    findings += _structure_findings(passed, table, surveyed)
    findings += _count_findings(passed.rows, rows_shown, known_caps, says_empty=says_empty)
    days = passed.dates.conclude(zone, period) if passed.dates else None
    if passed.columns and days and passed.dates:
        findings += _date_findings(days, passed, period, zone)
        findings += _rival_findings(passed, zone, period)
    findings += _content_findings(passed)
    columns = passed.columns
    return CheckResult(
        findings=tuple(sorted(findings, key=lambda finding: finding.level != "refuse")),
        rows=passed.rows,
        columns=len(passed.header),
        first=days.first if days else None,
        last=days.last if days else None,
        sha256=surveyed.sha256,
        encoding=surveyed.encoding.name,
        dialect=surveyed.dialect,
        has_date_of_birth=bool(columns and columns.births),
        empty=bool(passed.header) and not passed.rows and not passed.oddities,
        fields=_named_fields(passed),
    )


def _without_table(surveyed: Survey, findings: list[Finding]) -> CheckResult:
    return CheckResult(
        findings=tuple(findings),
        rows=0,
        columns=0,
        first=None,
        last=None,
        sha256=surveyed.sha256,
        encoding=surveyed.encoding.name,
        dialect=None,
        has_date_of_birth=False,
        empty=False,
    )


def _structure_findings(passed: RowsPass, table: Table, surveyed: Survey) -> list[Finding]:
    """Findings about the table itself: header, column counts, where it ends."""
    findings: list[Finding] = []
    if not passed.columns:
        return [Finding("refuse", "the file has no header", name="no_header")]
    if passed.header_below:
        sentence = "the header is not the first row: other text stands above it"
        findings.append(Finding("refuse", sentence, (passed.header_below,), "header_not_first"))
    else:
        findings += [
            Finding("refuse", f"no column fits the required field “{name}”", name="missing_field")
            for name in passed.columns.missing
        ]
    for text in passed.columns.doubled:
        findings.append(Finding("warn", f"two columns are called “{text}”", name="doubled_header"))
    if table.unclosed:
        what = (
            f"a quoted field is never closed: the file is cut off, or a field is longer than {FIELD_LIMIT:,} characters"
        )
        findings.append(Finding("refuse", what, (table.unclosed,), "cut_off"))
    elif passed.last_short and not surveyed.ends_with_newline and not surveyed.cut_off:
        findings.append(
            Finding("refuse", "the last row stops short: the file is cut off", (passed.last_short,), "cut_off")
        )
    width = len(passed.header)
    if passed.uneven.count:
        sentence = f"{_rows(passed.uneven.count)} another number of columns than the header, which has {width}"
        findings.append(passed.uneven.finding("refuse", "uneven_columns", sentence))
    if passed.padded.count:
        sentence = f"{_rows(passed.padded.count)} more columns than the header, all empty"
        findings.append(passed.padded.finding("warn", "padded_rows", sentence))
    if passed.repeated.count:
        findings.append(passed.repeated.finding("refuse", "repeated_header", "the header is repeated among the rows"))
    if passed.totals.count:
        findings.append(passed.totals.finding("refuse", "total_row", "the file holds total rows, which are no leads"))
    if passed.blank.count:
        sentence = f"{passed.blank.count:,} row{' is' if passed.blank.count == 1 else 's are'} blank"
        findings.append(passed.blank.finding("warn", "blank_rows", sentence))
    return findings


def _content_findings(passed: RowsPass) -> list[Finding]:
    """Findings about the leads as a whole."""
    findings: list[Finding] = []
    if not passed.columns:
        return findings
    if passed.columns.births:
        names = ", ".join(f"“{passed.header[column].strip()}”" for column in passed.columns.births)
        findings.append(Finding("warn", f"the file holds {names}, which will be removed", name="date_of_birth"))
    if not passed.rows:
        return findings
    if passed.columns.contacts and passed.unreachable.count:
        sentence = f"{_rows(passed.unreachable.count)} neither a phone nor an e-mail"
        many = passed.rows >= _ENOUGH_TO_JUDGE and passed.unreachable.count >= _NEARLY_ALL * passed.rows
        findings.append(passed.unreachable.finding("refuse" if many else "warn", "unreachable", sentence))
    if passed.rows >= _ENOUGH_TO_JUDGE:
        findings += [
            Finding(
                "warn",
                f"the column “{passed.header[passed.columns.found[name]].strip()}” is empty in every row",
                name="empty_column",
            )
            for name in sorted(passed.unfilled)
        ]
    doubles = passed.doubles()
    if doubles.count:
        sentence = f"{doubles.count:,} row{' is' if doubles.count == 1 else 's are'} the same as an earlier row"
        if passed.rows > len(passed.hashes):
            sentence += f", among the first {len(passed.hashes):,}"
        findings.append(doubles.finding("warn", "identical_rows", sentence))
    return findings


def _rival_findings(passed: RowsPass, zone: ZoneInfo, period: Period | None) -> list[Finding]:
    if not (passed.rival and passed.columns and passed.columns.rival_date is not None and period):
        return []
    outside = passed.rival.conclude(zone, period).outside(period)
    if not outside.count:
        return []
    chosen, rival = passed.header[passed.columns.found["date"]], passed.header[passed.columns.rival_date]
    sentence = (
        f"“{chosen.strip()}” was taken for the lead's date; by “{rival.strip()}”, {outside.count:,} of "
        f"{passed.rows:,} rows would be outside {period}"
    )
    return [outside.finding("warn", "rival_date", sentence)]


def _named_fields(passed: RowsPass) -> tuple[tuple[str, str], ...]:
    if not passed.columns:
        return ()
    found = {REQUIRED.get(key, key.replace("_", " ").title()): at for key, at in passed.columns.found.items()}
    contacts = [("Phone or Email", passed.header[column].strip()) for column in passed.columns.contacts]
    return (*((name, passed.header[at].strip()) for name, at in found.items()), *contacts)


def _rows(count: int) -> str:
    return "1 row has" if count == 1 else f"{count:,} rows have"


def _count_findings(rows: int, shown: int | None, known_caps: Sequence[int], *, says_empty: bool) -> list[Finding]:
    if says_empty:
        if not rows:
            return []
        sentence = f"the CRM's page said that there is nothing in the period, and the file has {_leads(rows)}"
        return [Finding("refuse", sentence, name="rows_though_empty")]
    findings = []
    if not rows:
        sentence = "the file has no leads, and the CRM did not say that there are none"
        findings.append(Finding("refuse", sentence, name="no_rows"))
    if shown is not None and shown != rows:
        what = f"{abs(shown - rows):,} too {'few' if rows < shown else 'many'}"
        sentence = f"the CRM's page showed {shown:,} rows, and the file has {rows:,}: {what}"
        findings.append(Finding("refuse", sentence, name="row_count"))
    if shown == rows or not rows:
        return findings
    if rows in known_caps:
        sentence = f"the file has exactly {rows:,} rows, at which this CRM is known to cut reports off"
        findings.append(Finding("refuse", sentence, name="known_cap"))
    elif rows in _CAPS_SEEN_ELSEWHERE or rows % 1000 == 0:
        sentence = f"the file has exactly {rows:,} rows, which looks like a limit: compare with the CRM"
        findings.append(Finding("warn", sentence, name="round_number"))
    return findings


def _leads(count: int) -> str:
    return "1 lead" if count == 1 else f"{count:,} leads"


def _date_findings(days: Days, passed: RowsPass, period: Period | None, zone: ZoneInfo) -> list[Finding]:
    findings: list[Finding] = []
    assert passed.columns
    assert passed.dates
    name = passed.header[passed.columns.found["date"]].strip()
    if passed.dateless.count:
        sentence = f"{_rows(passed.dateless.count)} no date in “{name}”"
        findings.append(passed.dateless.finding("refuse", "no_date", sentence))
    unreadable = Lines.merged([passed.not_dates, days.unreadable])
    if unreadable.count:
        sentence = f"{_rows(unreadable.count)} something in “{name}” that cannot be read as a date"
        findings.append(unreadable.finding("refuse", "unreadable_date", sentence))
    if passed.dates.too_many:
        sentence = f"“{name}” holds more than {MOST_TEXTS:,} different dates"
        findings.append(Finding("refuse", sentence, name="unreadable_date"))
    if days.ambiguous:
        level: Level = "refuse" if period else "warn"
        return [*findings, Finding(level, f"in “{name}” {days.ambiguous}", name="ambiguous_dates")]
    if len(days.ways) > 1:
        sentence = f"the dates in “{name}” are written in {len(days.ways)} ways ({', '.join(days.ways)})"
        findings.append(Finding("warn", sentence, name="mixed_dates"))
    if period and days.first and days.last:
        findings += _range_findings(days, days.first, days.last, passed.rows, period, zone)
    return findings


def _range_findings(days: Days, first: date, last: date, rows: int, period: Period, zone: ZoneInfo) -> list[Finding]:
    outside = days.outside(period)
    if outside.count:
        sentence = (
            f"{outside.count:,} of {_leads(rows)} {'is' if outside.count == 1 else 'are'} not of {period} "
            f"in {zone.key}: the file goes from {first} to {last}"
        )
        if 0 <= (period.first - first).days <= 1 and (last - period.last).days <= 1:
            sentence += "; a day at the edge points to another time zone"
        return [outside.finding("refuse", "outside_period", sentence)]
    findings = []
    if rows > _ENOUGH_FOR_EACH_DAY:
        if last < period.last:
            findings.append(
                Finding("warn", f"the last lead is of {last}, the period ends on {period.last}", name="ends_early")
            )
        if first > period.first:
            sentence = f"the first lead is of {first}, the period begins on {period.first}"
            findings.append(Finding("warn", sentence, name="begins_late"))
    with_leads = {Month.of(day) for day in days.counts}
    findings += [
        Finding("warn", f"not one lead is of {month}", name="month_without_leads")
        for month in period.months
        if month not in with_leads
    ]
    return findings
