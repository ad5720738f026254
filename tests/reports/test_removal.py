import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from export_robots.outcomes import ReportRejected
from export_robots.reports.removal import without_date_of_birth
from tests.reports.csv_files import ENCODINGS, HEADER, check, encoded, leads, table, write_bytes

OTHERS = ["Date", "Name", "City", "Comments", "Vehicle"]
cells = st.text(st.sampled_from('ab é",;|\t\n\r'), max_size=8)


def removed(folder: Path, content: bytes) -> bytes:
    target = folder / "without.csv"
    without_date_of_birth(write_bytes(folder, content), target)
    return target.read_bytes()


def without(rows: Sequence[Sequence[str]], column: int) -> list[list[str]]:
    return [[text for number, text in enumerate(row) if number != column] for row in rows]


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(cells, min_size=6, max_size=6), max_size=8),
    column=st.integers(0, 5),
    encoding=st.sampled_from(sorted(ENCODINGS)),
    delimiter=st.sampled_from(",;\t|"),
    line_end=st.sampled_from(["\r\n", "\n", "\r"]),
    quote_all=st.booleans(),
    final_line_end=st.booleans(),
)
def test_removes_the_column_and_nothing_else_byte_for_byte(
    tmp_path: Path,
    rows: list[list[str]],
    column: int,
    encoding: str,
    delimiter: str,
    line_end: str,
    quote_all: bool,
    final_line_end: bool,
) -> None:
    whole = [[*OTHERS[:column], "Date of Birth", *OTHERS[column:]], *rows]
    before = table(whole, delimiter, line_end, quote_all=quote_all)
    after = table(without(whole, column), delimiter, line_end, quote_all=quote_all)
    if not final_line_end:
        before, after = before.removesuffix(line_end), after.removesuffix(line_end)
    assert removed(tmp_path, encoded(before, encoding)) == encoded(after, encoding)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(st.text(st.sampled_from('a"; \n'), max_size=6), min_size=3, max_size=3), max_size=6))
def test_reads_untidy_quotes_as_csv_reads_them(tmp_path: Path, rows: list[list[str]]) -> None:
    text = "DOB;Name;City\n" + "".join(";".join(row) + "\n" for row in rows)
    try:
        content = removed(tmp_path, text.encode())
    except ReportRejected:  # a quote that is never closed
        return
    before = list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))
    after = list(csv.reader(io.StringIO(content.decode(), newline=""), delimiter=";"))
    blank = [""]  # a row of one empty text is a blank line where it is written without quotes
    assert [row or blank for row in after] == [(row[1:] if row else row) or blank for row in before]


def test_keeps_mixed_quoting_line_ends_and_a_line_that_names_the_delimiter(tmp_path: Path) -> None:
    content = b'sep=;\r\n"Date";DOB;City\r\n2026-10-01;"1980;01";"a ""b"""\n\n"2026";;c  \r\n1;2\r\nx;y;z;w'
    expected = b'sep=;\r\n"Date";City\r\n2026-10-01;"a ""b"""\n\n"2026";c  \r\n1\r\nx;z;w'
    assert removed(tmp_path, content) == expected


def test_removes_every_date_of_birth(tmp_path: Path) -> None:
    content = b"DOB,Name,Date de naissance\n1,Zo\xc3\xa9,2\n"
    assert removed(tmp_path, content) == b"Name\nZo\xc3\xa9\n"


def test_a_crm_s_own_name_for_it_is_known(tmp_path: Path) -> None:
    file, target = write_bytes(tmp_path, b"Geb,Name\n1,2\n"), tmp_path / "without.csv"
    without_date_of_birth(file, target, {"date_of_birth": ("Geb.",)})
    assert target.read_bytes() == b"Name\n2\n"


def test_a_file_without_the_column_is_copied_as_it_is(tmp_path: Path) -> None:
    content = encoded(table([HEADER, *leads(30)]), "utf-16-le with mark")
    assert removed(tmp_path, content) == content


def test_what_was_removed_is_gone_and_the_rest_passes_the_checks(tmp_path: Path) -> None:
    rows = [[*row, "1980-04-01"] for row in leads(340)]
    file, target = write_bytes(tmp_path, table([[*HEADER, "Date of Birth"], *rows]).encode()), tmp_path / "without.csv"
    without_date_of_birth(file, target)
    result = check(target)
    assert result.findings == ()
    assert (result.rows, result.columns) == (340, len(HEADER))
    assert b"1980-04-01" not in target.read_bytes()
    assert target.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content", [b"<html></html>", b'DOB,Name\n1,2\n"3,4\n', b"DOB,Name\n" + "é".encode() * 9 + b",\xff\n"]
)
def test_a_damaged_file_is_rejected_and_nothing_is_left_behind(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ReportRejected):
        removed(tmp_path, content)
    assert [file.name for file in tmp_path.iterdir()] == ["leads.csv"]


def test_the_original_is_never_overwritten(tmp_path: Path) -> None:
    file = write_bytes(tmp_path, b"DOB,Name\n1,2\n")
    with pytest.raises(ValueError, match="another path"):
        without_date_of_birth(file, file)
