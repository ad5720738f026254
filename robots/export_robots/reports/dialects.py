"""How a table is written: what separates its columns and ends its lines."""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
_LINE_ENDS = {"\r\n": "CRLF", "\n": "LF", "\r": "CR"}
_SEP_LINE = re.compile(r"\"?sep=(.)\"?(?:\r\n|\r|\n)", re.IGNORECASE)
_ROWS_LOOKED_AT = 300
_ALIKE_ENOUGH = 0.8


@dataclass(frozen=True)
class Dialect:
    """`sep_line`: the first line is Excel's `sep=;`, which names the delimiter and is no part of the table."""

    delimiter: str
    line_end: str
    sep_line: bool = False

    def __str__(self) -> str:
        note = ", named in a first line" if self.sep_line else ""
        return f"{DELIMITERS.get(self.delimiter, self.delimiter)}{note}, {_LINE_ENDS[self.line_end]}"


def find_dialect(sample: str, *, whole: bool) -> Dialect | None:
    """Find the delimiter that gives the most rows the same number of columns; None where nothing separates columns.

    Args:
        sample: The beginning of the text.
        whole: Whether the sample is all of it; otherwise its last record may be cut and does not count.
    """
    if not whole and not ("\n" in sample or "\r" in sample):
        return None  # no header is that long
    line_end = _line_end(sample)
    named = _SEP_LINE.match(sample)
    if named:
        return Dialect(named[1], line_end, sep_line=True)
    best: tuple[bool, float, int] = (False, 0.0, 0)
    found = None
    for delimiter in DELIMITERS:
        widths = _widths(sample, delimiter, whole=whole)
        if not widths:
            continue
        width, rows = widths.most_common(1)[0]
        alike = rows / widths.total()
        score = (alike >= _ALIKE_ENOUGH, alike * width, width)
        if width > 1 and score > best:
            best, found = score, delimiter
    return Dialect(found, line_end) if found else None


def _widths(sample: str, delimiter: str, *, whole: bool) -> Counter[int]:
    rows: list[int] = []
    try:
        for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter):
            if row:
                rows.append(len(row))
            if len(rows) > _ROWS_LOOKED_AT:
                break
        else:
            if not whole and len(rows) > 1:
                rows.pop()
    except csv.Error:  # a field longer than the limit: with this delimiter or damaged quotes
        pass
    return Counter(rows)


def _line_end(sample: str) -> str:
    crlf = sample.count("\r\n")
    counts = {"\r\n": crlf, "\n": sample.count("\n") - crlf, "\r": sample.count("\r") - crlf}
    best = max(counts, key=lambda end: counts[end])
    return best if counts[best] else "\n"
