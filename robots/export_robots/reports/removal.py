"""Takes a Date of Birth column out of a report and leaves every other byte as the CRM wrote it."""

import csv
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from export_robots.outcomes import ReportRejected, RobotDefect
from export_robots.reports.dialects import Dialect
from export_robots.reports.fields import find_columns
from export_robots.reports.reading import Encoding, long_fields, open_text, survey
from export_robots.reports.receipt import sync_folder


def without_date_of_birth(file: Path, target: Path, aliases: Mapping[str, tuple[str, ...]] | None = None) -> None:
    """Copy `file` to `target` without its Date of Birth column or columns; without any, byte for byte.

    Encoding, byte order mark, quotes, line ends and delimiters stay. The copy is read again and compared with the
    original, value by value, before `target` comes into being.

    Raises:
        ReportRejected: The file is no whole CSV.
        RobotDefect: The copy is not what it should be.
    """
    if target.resolve() == file.resolve():
        raise ValueError("the copy needs another path than the original")
    surveyed = survey(file)
    if surveyed.dialect is None or surveyed.encoding.errors != "strict":
        reasons = tuple(map(str, surveyed.findings))
        raise ReportRejected(f"no column can be removed from {file.name}: {reasons[0]}", "", reasons)
    encoding, dialect = surveyed.encoding, surveyed.dialect
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".part")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(encoding.bom)
            with long_fields():
                for text in _shortened(file, encoding, dialect, aliases):
                    out.write(text.encode(encoding.codec))
            out.flush()
            os.fsync(out.fileno())
        with long_fields():
            _verify(file, temporary, encoding, dialect, aliases)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def _births(header: Sequence[str], aliases: Mapping[str, tuple[str, ...]] | None) -> tuple[int, ...]:
    return find_columns([text.lstrip("\ufeff") for text in header], aliases).births


def _shortened(
    file: Path, encoding: Encoding, dialect: Dialect, aliases: Mapping[str, tuple[str, ...]] | None
) -> Iterator[str]:
    """Each record's text without the column. Where records begin and end is csv's word, so that both read the same."""
    taken: list[str] = []
    split = _Splitter(dialect.delimiter)
    births: tuple[int, ...] | None = None
    with open_text(file, encoding) as stream:
        if dialect.sep_line:
            yield stream.readline()
        reader = csv.reader(_noting(stream, taken), delimiter=dialect.delimiter)
        for row in reader:
            record = "".join(taken)
            taken.clear()
            if births is None and any(row):
                births = _births(row, aliases)
            fields, line_end = split(record) if births else ([], record)
            if fields is None or (fields and len(fields) != len(row)):
                raise ReportRejected(f"no column can be removed from {file.name}: a quoted field is never closed")
            if not births or not fields:
                yield record
                continue
            kept = [text for column, text in enumerate(fields) if column not in births]
            yield dialect.delimiter.join(kept) + line_end


def _noting(lines: Iterator[str], taken: list[str]) -> Iterator[str]:
    for line in lines:
        taken.append(line)
        yield line


class _Splitter:
    """Cuts a record's text where csv cuts it: a quoted field may go on after its closing quote, up to the delimiter."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        plain = rf"[^{re.escape(delimiter)}\r\n]*"
        self._field = re.compile(rf'"[^"]*(?:""[^"]*)*"(?!"){plain}|(?!"){plain}')

    def __call__(self, record: str) -> tuple[list[str] | None, str]:
        """The fields as they are written, and the line end. A blank line has no fields; None: an unclosed quote."""
        fields: list[str] = []
        position = 0
        if not record.strip("\r\n"):
            return [], record
        while True:
            found = self._field.match(record, position)
            if found is None:
                return None, record
            fields.append(found[0])
            position = found.end()
            if record[position : position + 1] != self._delimiter:
                return fields, record[position:]
            position += 1


def _verify(
    file: Path, copy: Path, encoding: Encoding, dialect: Dialect, aliases: Mapping[str, tuple[str, ...]] | None
) -> None:
    births: tuple[int, ...] | None = None
    for number, (before, after) in enumerate(
        zip_longest(_rows(file, encoding, dialect), _rows(copy, encoding, dialect))
    ):
        row = before or []
        if births is None and any(row):
            births = _births(row, aliases)
        kept = [text for column, text in enumerate(row) if column not in (births or ())]
        # A lone empty field without quotes is a blank line, which csv reads as no field at all.
        if before is None or after is None or (kept != after and not (kept == [""] and not after)):
            raise RobotDefect(f"removing Date of Birth from {file.name} changed something else in record {number + 1}")


def _rows(file: Path, encoding: Encoding, dialect: Dialect) -> Iterator[list[str]]:
    with open_text(file, encoding) as stream:
        if dialect.sep_line:
            stream.readline()
        yield from csv.reader(stream, delimiter=dialect.delimiter)
