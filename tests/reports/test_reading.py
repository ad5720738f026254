import csv
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from export_robots.outcomes import UsageWrong
from export_robots.reports.reading import FIELD_LIMIT
from tests.reports.csv_files import (
    ENCODINGS,
    HEADER,
    check,
    encoded,
    finding,
    lead,
    leads,
    names,
    table,
    write,
    write_bytes,
)

SHOWN = {
    "utf-8": "UTF-8",
    "utf-8 with mark": "UTF-8 with BOM",
    "utf-16-le with mark": "UTF-16 LE with BOM",
    "utf-16-be with mark": "UTF-16 BE with BOM",
    "utf-16-le": "UTF-16 LE",
    "utf-16-be": "UTF-16 BE",
    "cp1252": "Windows-1252",
}


@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_finds_encoding_and_dialect(tmp_path: Path, encoding: str, delimiter: str, line_end: str) -> None:
    content = encoded(table([HEADER, *leads(40)], delimiter, line_end), encoding)
    result = check(write_bytes(tmp_path, content))
    assert names(result) == []
    assert (result.rows, result.columns, result.encoding) == (40, len(HEADER), SHOWN[encoding])
    assert result.dialect
    assert (result.dialect.delimiter, result.dialect.line_end) == (delimiter, line_end)


# Letters that begin a pair which is by chance a letter of UTF-8: enough such pairs make any file look like UTF-8.
PAIRS = bytes(range(0xC2, 0xE0)).decode("cp1252")
cells = st.text(
    st.characters(codec="cp1252", exclude_categories=("Cc", "Cs"), exclude_characters=PAIRS)
    | st.sampled_from('",;|\t\n\r'),
    max_size=12,
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    comments=st.lists(cells, min_size=1, max_size=25),
    encoding=st.sampled_from(sorted(ENCODINGS)),
    delimiter=st.sampled_from(",;\t|"),
    line_end=st.sampled_from(["\r\n", "\n", "\r"]),
    quote_all=st.booleans(),
    final_line_end=st.booleans(),
)
def test_counts_the_rows_of_any_csv(
    tmp_path: Path,
    comments: list[str],
    encoding: str,
    delimiter: str,
    line_end: str,
    quote_all: bool,
    final_line_end: bool,
) -> None:
    rows = [[*lead(number), comment] for number, comment in enumerate(comments)]
    text = table([[*HEADER, "Comments"], *rows], delimiter, line_end, quote_all=quote_all)
    if not final_line_end and comments[-1]:
        text = text.removesuffix(line_end)
    result = check(write_bytes(tmp_path, encoded(text, encoding)))
    assert result.findings == ()
    assert result.rows == len(comments)
    assert result.dialect
    assert result.dialect.delimiter == delimiter


def test_lines_are_the_physical_ones_records_start_on(tmp_path: Path) -> None:
    rows = [lead(1, Address="first\r\nsecond\nthird"), lead(2, ""), lead(3, Address="a\n\n\nb"), lead(4, "")]
    assert finding(check(write(tmp_path, rows)), "no_date").lines == (5, 10)


def test_a_first_line_that_names_the_delimiter_is_no_header(tmp_path: Path) -> None:
    text = "sep=;\r\n" + table([HEADER, *leads(3), lead(4, "")], ";")
    result = check(write_bytes(tmp_path, text.encode()))
    assert names(result) == ["no_date"]
    assert finding(result, "no_date").lines == (6,)
    assert result.rows == 4
    assert str(result.dialect) == "semicolon, named in a first line, CRLF"


def test_a_wrong_byte_late_in_a_big_utf8_file_is_found(tmp_path: Path) -> None:
    content = table([HEADER, *leads(30_000)], line_end="\n").encode()
    lines = content.split(b"\n")
    lines[29_000] = lines[29_000].replace(b"\xc3\xa9", b"\xe9", 1)
    result = check(write_bytes(tmp_path, b"\n".join(lines)))
    assert finding(result, "mixed_encoding").lines == (29_001,)
    assert result.refused
    assert result.rows == 30_000


def test_a_file_that_is_ascii_up_to_its_last_row_may_be_windows_1252(tmp_path: Path) -> None:
    rows = [[text.encode("ascii", "ignore").decode() for text in row] for row in leads(30_000)]
    content = table([HEADER, *rows, lead(30_000)]).encode("cp1252")
    result = check(write_bytes(tmp_path, content))
    assert result.encoding == "Windows-1252"
    assert not result.refused


def test_a_letter_cut_at_the_end_of_a_utf8_file_is_a_cut_file(tmp_path: Path) -> None:
    content = table([[*HEADER, "Comments"], *([*row, "déjà"] for row in leads(9))]).encode().removesuffix(b"\xa0\r\n")
    result = check(write_bytes(tmp_path, content))
    assert "the file ends in the middle of a character of UTF-8: it is cut off" in result.reasons


def test_an_odd_byte_at_the_end_of_a_utf16_file_is_a_cut_file(tmp_path: Path) -> None:
    result = check(write_bytes(tmp_path, encoded(table([HEADER, *leads(9)]), "utf-16-le with mark")[:-1]))
    assert finding(result, "cut_off").level == "refuse"


def test_a_one_byte_encoding_that_is_not_windows_1252_is_warned_of(tmp_path: Path) -> None:
    content = table([HEADER, lead(1, City="Qu\x81bec")]).encode("latin-1")
    result = check(write_bytes(tmp_path, content))
    assert names(result, "warn") == ["odd_bytes"]
    assert result.encoding == "ISO-8859-1"


def test_a_field_of_a_megabyte_is_read_and_the_limit_of_csv_put_back(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    result = check(write(tmp_path, [lead(1, Address="x" * 1_000_000), lead(2)]))
    assert names(result) == []
    assert csv.field_size_limit() == before


def test_a_quote_that_is_never_closed_is_told_with_its_line(tmp_path: Path) -> None:
    text = table([HEADER, *leads(5)]) + '2026-10-05,"Robot' + "\r\nx" * 10
    found = finding(check(write_bytes(tmp_path, text.encode())), "cut_off")
    assert found.lines == (7,)
    assert "never closed" in found.sentence


def test_a_quote_that_swallows_a_huge_rest_is_told_with_its_line(tmp_path: Path) -> None:
    text = table([HEADER, *leads(5)]) + '2026-10-05,"Robot\n' + "x,y\n" * (FIELD_LIMIT // 4 + 10)
    result = check(write_bytes(tmp_path, text.encode()))
    assert finding(result, "cut_off").lines == (7,)
    assert result.rows == 5


def test_a_file_that_cannot_be_opened_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageWrong, match="No such file"):
        check(tmp_path / "nothing.csv")
    with pytest.raises(UsageWrong, match="directory"):
        check(tmp_path)
