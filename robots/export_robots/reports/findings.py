"""What the checks say about a file: sentences, levels and line numbers, and never what a row holds."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from export_robots.reports.dialects import Dialect

Level = Literal["refuse", "warn"]

LINES_KEPT = 5
"""Line numbers kept per finding; the rest is counted."""


@dataclass(frozen=True)
class Finding:
    """One thing that the checks noticed.

    Attributes:
        level: `refuse`: the file must not be sent on. `warn`: it may be, and the receipt says so.
        sentence: What was noticed, without a full stop and without anything of a lead.
        lines: The first few lines concerned. A record's line is the physical one it starts on, counted from 1.
        name: A word for scripts and tests, e.g. `outside_period`.
        more: How many further lines there are.
    """

    level: Level
    sentence: str
    lines: tuple[int, ...] = ()
    name: str = ""
    more: int = 0

    def __str__(self) -> str:
        if not self.lines:
            return self.sentence
        word = "line" if len(self.lines) == 1 and not self.more else "lines"
        more = f" and {self.more:,} more" if self.more else ""
        return f"{self.sentence} ({word} {', '.join(map(str, self.lines))}{more})"


@dataclass
class Lines:
    """Counts lines and keeps the numbers of the first few."""

    count: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, line: int) -> None:
        self.count += 1
        if len(self.first) < LINES_KEPT:
            self.first.append(line)

    @classmethod
    def merged(cls, parts: "Iterable[Lines]") -> "Lines":
        parts = list(parts)
        first = sorted(line for part in parts for line in part.first)[:LINES_KEPT]
        return cls(sum(part.count for part in parts), first)

    def finding(self, level: Level, name: str, sentence: str) -> Finding:
        return Finding(level, sentence, tuple(self.first), name, self.count - len(self.first))


@dataclass(frozen=True)
class CheckResult:
    """What a file holds and what is wrong with it. Holds header texts, but nothing of any row."""

    findings: tuple[Finding, ...]
    rows: int
    """Records that are leads: without the header, blank rows, repeated headers and total rows."""
    columns: int
    first: date | None
    """The earliest lead date in the client's zone; None where no date could be read."""
    last: date | None
    sha256: str
    encoding: str
    dialect: Dialect | None
    has_date_of_birth: bool
    empty: bool
    """A header and not one lead."""
    fields: tuple[tuple[str, str], ...] = ()
    """Each field of the portal that was found, with the header text it was found under."""

    @property
    def refused(self) -> bool:
        return any(finding.level == "refuse" for finding in self.findings)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Every reason to refuse, each one sentence with its line numbers."""
        return tuple(str(finding) for finding in self.findings if finding.level == "refuse")

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(str(finding) for finding in self.findings if finding.level == "warn")
