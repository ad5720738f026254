"""Writes leads files as CRMs make them, for the tests of the checks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from export_robots.periods import Month, Period
from export_robots.reports.checks import check_report
from export_robots.reports.findings import CheckResult, Finding

TORONTO = ZoneInfo("America/Toronto")
OCTOBER = Period.month(Month(2026, 10))
HEADER = [
    *("Creation Date", "Created By", "Lead Source", "First Name", "Last Name", "Address", "City", "Province"),
    *("Postal Code", "Home Phone", "Email", "Sale Date"),
]
ENCODINGS = {
    "utf-8": b"",
    "utf-8 with mark": b"\xef\xbb\xbf",
    "utf-16-le with mark": b"\xff\xfe",
    "utf-16-be with mark": b"\xfe\xff",
    "utf-16-le": b"",
    "utf-16-be": b"",
    "cp1252": b"",
}


def lead(number: int, created: str | None = None, **changes: str) -> list[str]:
    """One lead, a different one for each number; without `created` of one day of October 2026 after the other."""
    row = dict(
        zip(
            HEADER,
            [
                created if created is not None else f"2026-10-{number % 31 + 1:02} 09:{number % 60:02}:07",
                "Robot, Web",
                "AutoTrader",
                "Zoé",
                f"Tremblay {number}",
                f"{number} rue de l'Église",
                "Québec",
                "QC",
                "G1R 4S9",
                f"+1 418 555-{number:04}",
                f"zoe{number}@example.com",
                "2026-12-24",
            ],
            strict=True,
        )
    )
    row.update({name.replace("_", " "): value for name, value in changes.items()})
    return list(row.values())


def leads(count: int) -> list[list[str]]:
    return [lead(number) for number in range(count)]


def table(
    rows: Sequence[Sequence[str]], delimiter: str = ",", line_end: str = "\r\n", *, quote_all: bool = False
) -> str:
    """Not by csv.writer, which writes a line break that is not its own `line_end` without quotes."""

    def cell(text: str) -> str:
        quoted = quote_all or any(letter in text for letter in f'"\r\n{delimiter}')
        return '"' + text.replace('"', '""') + '"' if quoted else text

    return "".join(delimiter.join(map(cell, row)) + line_end for row in rows)


def encoded(text: str, encoding: str = "utf-8") -> bytes:
    """`encoding` is one of `ENCODINGS`."""
    return ENCODINGS[encoding] + text.encode(encoding.removesuffix(" with mark"))


def write(folder: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER, encoding: str = "utf-8") -> Path:
    file = folder / "leads.csv"
    file.write_bytes(encoded(table([header, *rows]), encoding))
    return file


def write_bytes(folder: Path, content: bytes) -> Path:
    file = folder / "leads.csv"
    file.write_bytes(content)
    return file


def check(file: Path, period: Period | None = OCTOBER, zone: ZoneInfo = TORONTO, **options: Any) -> CheckResult:
    return check_report(file, zone=zone, period=period, **options)


def names(result: CheckResult, level: str | None = None) -> list[str]:
    return [finding.name for finding in result.findings if level in {None, finding.level}]


def finding(result: CheckResult, name: str) -> Finding:
    [found] = [finding for finding in result.findings if finding.name == name]
    return found
