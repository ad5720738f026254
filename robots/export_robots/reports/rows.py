"""What is kept of a leads file's records while they go by, in bounded memory.

The work per record is a handful of calls that run in C over a batch of records; only records that stand out are looked
at one by one.
"""

import re
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from export_robots.reports.dates import DateColumn
from export_robots.reports.fields import Columns, find_columns
from export_robots.reports.findings import Lines
from export_robots.reports.reading import Batch

_HEADER_SEARCHED = 10
_DUPLICATES_SOUGHT = 2_000_000
"""Records among which identical ones are looked for, at 12 bytes each."""
_SEPARATOR = "\x1f"

_REACHABLE = re.compile(r"@|[1-9]").search
_TOTAL = re.compile(
    r"\W*(?:(?:grand|overall|sous|sub)?[\s-]*tota(?:l|ls|ux)\b"
    r"|(?:somme|sum|count|nombre|number of|records?|rows?|lignes?|enregistrements)\b[^:=]{0,20}"
    r"\s*[:=(]?\s*[\d\s,.]*\)?$)",
    re.IGNORECASE,
).match
_TOTAL_LENGTH = 60
"""A longer text is no total row's; matching it could take very long."""


@dataclass
class RowsPass:
    """What is kept of the records while they go by."""

    aliases: Mapping[str, tuple[str, ...]] | None
    header: list[str] = field(default_factory=list)
    header_line: int = 0
    columns: Columns | None = None
    dates: DateColumn | None = None
    rival: DateColumn | None = None
    rows: int = 0
    blank: Lines = field(default_factory=Lines)
    repeated: Lines = field(default_factory=Lines)
    totals: Lines = field(default_factory=Lines)
    uneven: Lines = field(default_factory=Lines)
    padded: Lines = field(default_factory=Lines)
    dateless: Lines = field(default_factory=Lines)
    not_dates: Lines = field(default_factory=Lines)
    unreachable: Lines = field(default_factory=Lines)
    last_short: int | None = None
    header_below: int | None = None
    hashes: "array[int]" = field(default_factory=lambda: array("q"))
    _lines: "array[int]" = field(default_factory=lambda: array("I"))
    unfilled: set[str] = field(default_factory=set)

    @property
    def oddities(self) -> int:
        return self.totals.count + self.repeated.count

    def take(self, batch: Batch) -> None:
        rows, lines = batch.rows, batch.lines
        if not self.header:
            rows, lines = self._take_header(rows, lines)
        if not rows or self.columns is None:
            return
        self.last_short = None
        width = len(self.header)
        if set(map(len, rows)) != {width} or not all(map(any, rows)) or self.header in rows:
            rows, lines = self._take_out(rows, lines)
        if self.dates and rows:
            column = self.columns.found["date"]
            bad = self.dates.take(list(map(itemgetter(column), rows)), lines)
            if bad:
                rows, lines = self._take_undated(rows, lines, bad, column)
        if not rows:
            return
        self.rows += len(rows)
        if self.rival and self.columns.rival_date is not None:
            self.rival.take(list(map(itemgetter(self.columns.rival_date), rows)), lines)
        if self.columns.contacts:
            texts = map("".join, map(itemgetter(*self.columns.contacts), rows))
            for position, text in enumerate(texts):
                if not _REACHABLE(text):
                    self.unreachable.add(lines[position])
        for name in tuple(self.unfilled):
            if any(map(itemgetter(self.columns.found[name]), rows)):
                self.unfilled.discard(name)
        if len(self.hashes) < _DUPLICATES_SOUGHT:
            self.hashes.extend(map(hash, map(_SEPARATOR.join, rows)))
            self._lines.extend(lines)

    def _take_header(self, rows: list[list[str]], lines: Sequence[int]) -> tuple[list[list[str]], Sequence[int]]:
        for position, row in enumerate(rows):
            if not any(row):
                self.blank.add(lines[position])
                continue
            self.header = [text.lstrip("\ufeff") for text in row]
            self.header_line = lines[position]
            self.columns = find_columns(self.header, self.aliases)
            if self.columns.missing:
                self._look_below(rows[position + 1 :], lines[position + 1 :])
            if "date" in self.columns.found:
                self.dates = DateColumn(utc=self.columns.date_is_utc)
                self.rival = DateColumn() if self.columns.rival_date is not None else None
            self.unfilled = set(self.columns.found) - {"date"}
            return rows[position + 1 :], lines[position + 1 :]
        return [], ()

    def _look_below(self, rows: list[list[str]], lines: Sequence[int]) -> None:
        """Some reports put a title above their header; then one sentence is clearer than a list of missing fields."""
        for row, line in list(zip(rows, lines, strict=True))[:_HEADER_SEARCHED]:
            if len(row) > 1 and not find_columns(row, self.aliases).missing:
                self.header_below = line
                return

    def _take_out(self, rows: list[list[str]], lines: Sequence[int]) -> tuple[list[list[str]], Sequence[int]]:
        """The records that are leads with all their columns; the others are counted by what they are."""
        width = len(self.header)
        good: list[list[str]] = []
        good_lines: list[int] = []
        for row, line in zip(rows, lines, strict=True):
            self.last_short = None
            if not any(row):
                self.blank.add(line)
            elif row == self.header:
                self.repeated.add(line)
            elif len(row) == width:
                good.append(row)
                good_lines.append(line)
            elif len(row) > width and not any(row[width:]):
                self.padded.add(line)
                good.append(row[:width])
                good_lines.append(line)
            elif _is_total(row) and len(row) < width:
                self.totals.add(line)
            else:
                self.uneven.add(line)
                self.rows += 1
                self.last_short = line if len(row) < width else None
        return good, good_lines

    def _take_undated(
        self, rows: list[list[str]], lines: Sequence[int], bad: list[int], column: int
    ) -> tuple[list[list[str]], Sequence[int]]:
        dropped = set()
        for position in bad:
            row, line = rows[position], lines[position]
            if _is_total(row):
                self.totals.add(line)
                dropped.add(position)
            elif not "".join(row).strip():
                self.blank.add(line)
                dropped.add(position)
            elif row[column].strip():
                self.not_dates.add(line)
            else:
                self.dateless.add(line)
        if not dropped:
            return rows, lines
        kept = [position for position in range(len(rows)) if position not in dropped]
        return [rows[position] for position in kept], [lines[position] for position in kept]

    def doubles(self) -> Lines:
        """Records that are the same as an earlier one, found by their hashes in 256 parts, one at a time."""
        parts = [array("q") for _ in range(256)]
        for one in self.hashes:
            parts[one & 255].append(one)
        twice: set[int] = set()
        for part in parts:
            if len(set(part)) != len(part):
                twice.update(one for one, count in Counter(part).items() if count > 1)
        lines = Lines()
        if twice:
            met: set[int] = set()
            for position, one in enumerate(self.hashes):
                if one in twice:
                    if one in met:
                        lines.add(self._lines[position])
                    met.add(one)
        return lines


def _is_total(row: list[str]) -> bool:
    return any(_TOTAL(text) for text in row if 0 < len(text) <= _TOTAL_LENGTH)
