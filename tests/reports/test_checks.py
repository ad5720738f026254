import pickle
from datetime import date
from pathlib import Path

import pytest

from export_robots.periods import Month, Period
from tests.reports.csv_files import HEADER, check, encoded, finding, lead, leads, names, table, write, write_bytes


def test_a_good_file_has_no_findings(tmp_path: Path) -> None:
    result = check(write(tmp_path, leads(340)), rows_shown=340)
    assert result.findings == ()
    assert not result.refused
    assert (result.rows, result.columns) == (340, len(HEADER))
    assert (result.first, result.last) == (date(2026, 10, 1), date(2026, 10, 31))
    assert not result.empty


def test_a_result_survives_pickling(tmp_path: Path) -> None:
    result = check(write(tmp_path, [*leads(3), HEADER]))
    assert pickle.loads(pickle.dumps(result)) == result  # noqa: S301 - our own bytes


def test_no_finding_quotes_a_lead(tmp_path: Path) -> None:
    rows = [*leads(30), HEADER, ["Total", "30"], lead(2), lead(31, "Tremblay"), lead(32, "2025-01-01"), ["short"]]
    result = check(write(tmp_path, [*rows, *(lead(number, Email="", Home_Phone="") for number in range(40, 45))]))
    assert len(result.findings) >= 6
    text = " ".join(map(str, result.findings))
    for secret in ("Tremblay", "zoe", "418", "Église", "short"):
        assert secret not in text


def test_leads_outside_the_period_are_counted_with_their_lines(tmp_path: Path) -> None:
    rows = leads(20)
    for position, day in enumerate(
        ["2026-09-30", "2026-11-01", "2025-10-05 10:00:00", "2026-09-01", "2026-12-01", "2027-01-01"]
    ):
        rows[position * 2][0] = day
    found = finding(check(write(tmp_path, rows)), "outside_period")
    assert found.level == "refuse"
    assert str(found).endswith("(lines 2, 4, 6, 8, 10 and 1 more)")
    assert found.sentence.startswith("6 of 20 leads are not of 2026-10 in America/Toronto")
    assert "another time zone" not in found.sentence


def test_both_ends_of_the_period_belong_to_it(tmp_path: Path) -> None:
    rows = [lead(1, "2026-09-01 00:00:00"), lead(2, "2026-10-31 23:59:59")]
    assert names(check(write(tmp_path, rows), period=Period(Month(2026, 9), Month(2026, 10)))) == []


def test_without_a_period_only_the_span_is_told(tmp_path: Path) -> None:
    result = check(write(tmp_path, [lead(1, "2019-02-03"), lead(2, "2026-10-31")]), period=None)
    assert names(result) == []
    assert (result.first, result.last) == (date(2019, 2, 3), date(2026, 10, 31))


def test_rows_with_another_number_of_columns_are_refused(tmp_path: Path) -> None:
    rows = leads(10)
    rows[3] = rows[3][:-2]
    rows[7] = [*rows[7], "more", "still"]
    result = check(write(tmp_path, rows))
    assert names(result) == ["uneven_columns"]
    assert finding(result, "uneven_columns").lines == (5, 9)
    assert result.rows == 10


def test_empty_columns_beyond_the_header_are_a_warning(tmp_path: Path) -> None:
    result = check(write(tmp_path, [[*row, ""] for row in leads(10)]))
    assert names(result, "warn") == ["padded_rows"]
    assert not result.refused
    assert result.rows == 10


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le with mark", "cp1252"])
def test_a_last_row_that_stops_short_is_a_cut_file(tmp_path: Path, encoding: str) -> None:
    text = table([HEADER, *leads(40)])[
        : -len("0 rue de l'Église,Québec,QC,G1R 4S9,+1 418 555-0039,zoe39@example.com,2026-12-24\r\n")
    ]
    result = check(write_bytes(tmp_path, encoded(text, encoding)))
    assert finding(result, "cut_off").lines == (41,)
    assert finding(result, "cut_off").level == "refuse"


def test_a_file_without_a_final_line_end_is_whole(tmp_path: Path) -> None:
    assert names(check(write_bytes(tmp_path, table([HEADER, *leads(40)]).removesuffix("\r\n").encode()))) == []


def test_a_header_that_is_repeated_is_refused(tmp_path: Path) -> None:
    result = check(write(tmp_path, [*leads(5), HEADER, *leads(9)[5:]]))
    assert names(result) == ["repeated_header"]
    assert finding(result, "repeated_header").lines == (7,)
    assert result.rows == 9


WIDTH = len(HEADER)
TOTALS = [
    ["Total", "340"],
    ["Total: 340"],
    ["Totaux", *[""] * (WIDTH - 1)],
    ["Grand Total", "340", *[""] * (WIDTH - 2)],
    ["", "", "TOTAL", "340", *[""] * (WIDTH - 4)],
    ["Sous-total", "12"],
    ["Nombre de clients: 340", *[""] * (WIDTH - 1)],
    ["Count", "340", *[""] * (WIDTH - 2)],
]


@pytest.mark.parametrize("total", TOTALS)
def test_a_total_row_is_refused_and_not_counted(tmp_path: Path, total: list[str]) -> None:
    result = check(write(tmp_path, [*leads(9), total]))
    assert names(result) == ["total_row"]
    assert finding(result, "total_row").lines == (11,)
    assert result.rows == 9


def test_a_lead_called_total_is_a_lead(tmp_path: Path) -> None:
    assert names(check(write(tmp_path, [lead(1, Last_Name="Total"), lead(2, Lead_Source="Total Auto")]))) == []


def test_blank_rows_are_a_warning(tmp_path: Path) -> None:
    result = check(write(tmp_path, [*leads(3), [], [""] * WIDTH, [" "] * WIDTH, *leads(5)[3:]]))
    assert names(result, "warn") == ["blank_rows"]
    assert finding(result, "blank_rows").lines == (5, 6, 7)
    assert result.rows == 5


def test_blank_lines_above_the_header_are_a_warning(tmp_path: Path) -> None:
    result = check(write_bytes(tmp_path, b"\r\n,,\r\n" + table([HEADER, *leads(9)]).encode()))
    assert names(result) == ["blank_rows"]
    assert finding(result, "blank_rows").lines == (1, 2)
    assert result.rows == 9


def test_a_file_of_nothing_but_delimiters_has_no_header(tmp_path: Path) -> None:
    result = check(write_bytes(tmp_path, b",,,\r\n" * 200))
    assert "the file has no header" in result.reasons
    assert (result.columns, result.empty) == (0, False)


def test_leads_without_phone_and_email_are_counted(tmp_path: Path) -> None:
    rows = [*leads(30), lead(30, Home_Phone="", Email=""), lead(31, Home_Phone=" n/a", Email="-")]
    result = check(write(tmp_path, rows))
    assert names(result, "warn") == ["unreachable"]
    assert finding(result, "unreachable").lines == (32, 33)


def test_nearly_all_leads_without_phone_and_email_are_refused(tmp_path: Path) -> None:
    rows = [lead(number, Home_Phone="", Email="") for number in range(39)]
    assert names(check(write(tmp_path, [*rows, lead(39)])), "refuse") == ["unreachable"]
    assert names(check(write(tmp_path, rows[:10])), "refuse") == []


def test_a_required_column_that_is_empty_throughout_is_a_warning(tmp_path: Path) -> None:
    result = check(write(tmp_path, [lead(number, Lead_Source="") for number in range(25)]))
    assert names(result, "warn") == ["empty_column"]
    assert "“Lead Source”" in result.warnings[0]


def test_date_of_birth_is_a_warning_that_it_will_be_removed(tmp_path: Path) -> None:
    result = check(write(tmp_path, [[*lead(1), "1980-01-01"]], [*HEADER, "Date de naissance"]))
    assert names(result, "warn") == ["date_of_birth"]
    assert result.has_date_of_birth
    assert not result.refused


def test_identical_rows_are_a_warning(tmp_path: Path) -> None:
    rows = leads(300)
    result = check(write(tmp_path, [*rows, rows[7], rows[7], rows[120]]))
    assert names(result, "warn") == ["identical_rows"]
    assert finding(result, "identical_rows").lines == (302, 303, 304)
    assert result.rows == 303


@pytest.mark.parametrize("count", [100, 500, 1000, 5000])
def test_a_round_number_of_rows_is_suspicious_unless_the_page_says_the_same(tmp_path: Path, count: int) -> None:
    file = write(tmp_path, leads(count))
    assert names(check(file), "warn") == ["round_number"]
    assert names(check(file, rows_shown=count)) == []


def test_a_number_at_which_the_crm_cuts_off_is_refused_unless_the_page_says_the_same(tmp_path: Path) -> None:
    file = write(tmp_path, leads(347))
    assert names(check(file, known_caps=(347,)), "refuse") == ["known_cap"]
    assert names(check(file, known_caps=(347,), rows_shown=347)) == []
    assert names(check(file, known_caps=(348,))) == []


@pytest.mark.parametrize(("shown", "words"), [(347, "7 too few"), (333, "7 too many")])
def test_another_number_of_rows_than_the_page_showed_is_refused(tmp_path: Path, shown: int, words: str) -> None:
    result = check(write(tmp_path, leads(340)), rows_shown=shown)
    assert names(result) == ["row_count"]
    assert words in result.reasons[0]


def test_a_header_alone_is_refused_unless_the_crm_says_that_there_is_nothing(tmp_path: Path) -> None:
    file = write(tmp_path, [])
    assert names(check(file), "refuse") == ["no_rows"]
    result = check(file, says_empty=True, rows_shown=0)
    assert result.findings == ()
    assert result.empty
    assert (result.rows, result.first) == (0, None)


def test_rows_although_the_crm_says_that_there_is_nothing_are_refused(tmp_path: Path) -> None:
    result = check(write(tmp_path, [lead(1)]), says_empty=True)
    assert names(result) == ["rows_though_empty"]
    assert not result.empty


def test_an_empty_file_is_refused_whatever_the_crm_says(tmp_path: Path) -> None:
    assert names(check(write_bytes(tmp_path, b""), says_empty=True), "refuse") == ["no_content"]


def test_the_bytes_of_an_earlier_delivery_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path, leads(20))
    result = check(file, delivered_before={check(file).sha256: "ABC Autos 2026-09"})
    assert result.reasons == ("the file is the same, byte for byte, as that of ABC Autos 2026-09",)


def test_a_last_day_without_leads_in_a_big_file_is_a_warning(tmp_path: Path) -> None:
    rows = [lead(number, f"2026-10-{number % 22 + 3:02}") for number in range(220)]
    result = check(write(tmp_path, rows))
    assert names(result, "warn") == ["ends_early", "begins_late"]
    assert result.warnings[0] == "the last lead is of 2026-10-24, the period ends on 2026-10-31"
    assert names(check(write(tmp_path, rows[:190]))) == []


def test_a_month_of_several_without_leads_is_a_warning(tmp_path: Path) -> None:
    period = Period(Month(2026, 8), Month(2026, 10))
    result = check(write(tmp_path, [lead(1, "2026-08-03"), lead(2)]), period=period)
    assert result.warnings == ("not one lead is of 2026-09",)


def test_all_reasons_are_told_at_once(tmp_path: Path) -> None:
    rows = [*leads(30), HEADER, ["Total", "30"], lead(31, "2026-11-02"), lead(32, "")]
    result = check(write(tmp_path, rows), rows_shown=30)
    assert names(result, "refuse") == ["repeated_header", "total_row", "row_count", "no_date", "outside_period"]
    assert result.refused
