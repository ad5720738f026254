from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from export_robots.periods import Month, Period
from tests.reports.csv_files import HEADER, check, finding, lead, leads, names, write

FORMATS = [
    "2026-10-{day:02}",
    "2026-10-{day:02} 14:05:22",
    "2026-10-{day:02}T14:05:22.123456",
    "2026/10/{day}",
    "{day:02}/10/2026",
    "10/{day}/2026",
    "{day}-10-2026 2:05 PM",
    "10/{day:02}/26 02:05:10 p.m.",
    "{day:02}.10.2026 14h05",
    "202610{day:02}",
    "Oct {day}, 2026",
    "Oct {day}, 2026 2:05 PM",
    "Oct {day}, 2026, 2:05\u202fPM",
    "October {day}, 2026 at 2:05 PM",
    "Oct. {day}, 2026",
    "Sat Oct {day:02} 2026 14:05:00 GMT-0400 (Eastern Daylight Time)",
    "{day} oct. 2026 14 h 05",
    "{day} octobre 2026",
    "{day} octobre 2026 à 14:05",
    "le {day} octobre 2026",
    "sam. {day} oct. 2026",
    "{day:02}-Oct-2026",
    "{day:02}-OCT-26",
    "Sat, {day:02} Oct 2026 14:05:00 -0400",
    "2026-10-{day:02}T14:05:22-04:00",
    "2026-10-{day:02}T18:05:22Z",
    "2026-10-{day:02} 18:05:22 UTC",
    "10/{day:02}/2026 2:05 PM EDT",
    "{day:02}/10/2026 14:05 HAE",
    " 2026-10-{day:02} ",
]


@pytest.mark.parametrize("form", FORMATS)
def test_reads_dates_however_they_are_written(tmp_path: Path, form: str) -> None:
    rows = [lead(day, form.format(day=day)) for day in range(1, 32)]
    result = check(write(tmp_path, rows))
    assert names(result) == []
    assert (result.first, result.last) == (date(2026, 10, 1), date(2026, 10, 31))


@pytest.mark.parametrize(
    ("month", "words"),
    [(1, "janv."), (2, "févr."), (2, "fevrier"), (3, "mars"), (4, "avr."), (5, "mai"), (6, "juin"), (7, "juil."),
     (7, "juill."), (8, "août"), (8, "AOUT"), (9, "Sept"), (9, "sept."), (12, "déc."), (5, "May"), (6, "June")],
)  # fmt: skip
def test_knows_month_names_with_and_without_accents(tmp_path: Path, month: int, words: str) -> None:
    result = check(write(tmp_path, [lead(1, f"3 {words} 2026")]), period=Period.month(Month(2026, month)))
    assert names(result) == []
    assert result.first == date(2026, month, 3)


def test_a_time_with_a_zone_belongs_to_the_client_s_own_day(tmp_path: Path) -> None:
    rows = [lead(1, "2026-10-01T03:59:59Z"), lead(2, "2026-10-01T04:00:00Z"), lead(3, "2026-11-01T03:59:59Z")]
    rows.append(lead(4, "2026-10-31T23:30:00-07:00"))
    result = check(write(tmp_path, rows))
    assert finding(result, "outside_period").lines == (2, 5)
    assert (result.first, result.last) == (date(2026, 9, 30), date(2026, 11, 1))
    assert "another time zone" in finding(result, "outside_period").sentence
    assert names(check(write(tmp_path, rows[:2]), zone=ZoneInfo("Asia/Kolkata"))) == []


def test_a_header_that_says_utc_is_believed(tmp_path: Path) -> None:
    header = ["Creation Date (UTC)", *HEADER[1:]]
    result = check(write(tmp_path, [lead(1, "2026-10-01 03:00:00"), lead(2, "2026-10-15 03:00:00")], header))
    assert finding(result, "outside_period").lines == (2,)
    assert result.first == date(2026, 9, 30)


def test_twelve_o_clock_is_read_as_people_mean_it(tmp_path: Path) -> None:
    rows = [lead(1, "10/01/2026 12:10 AM EDT"), lead(2, "10/31/2026 12:10 PM PDT"), lead(3, "10/31/2026 11:50 PM EDT")]
    result = check(write(tmp_path, rows))
    assert (result.first, result.last) == (date(2026, 10, 1), date(2026, 10, 31))


def test_a_day_over_twelve_decides_for_all_rows(tmp_path: Path) -> None:
    result = check(write(tmp_path, [lead(1, "04/10/2026"), lead(2, "13/10/2026")]))
    assert (result.first, result.last) == (date(2026, 10, 4), date(2026, 10, 13))


def test_else_the_period_decides_between_day_first_and_month_first(tmp_path: Path) -> None:
    file = write(tmp_path, [lead(1, "04/10/2026"), lead(2, "05/10/2026")])
    assert check(file).first == date(2026, 10, 4)
    april_may = Period(Month(2026, 4), Month(2026, 5))
    assert check(file, period=april_may).first == date(2026, 4, 10)


def test_dates_that_fit_the_period_both_ways_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path, [lead(1, "09/10/2026"), lead(2, "10/09/2026")])
    result = check(file, period=Period(Month(2026, 9), Month(2026, 10)))
    assert names(result) == ["ambiguous_dates"]
    assert "day/month/year or as month/day/year" in result.reasons[0]
    assert result.first is None


def test_dates_that_fit_the_period_neither_way_are_refused(tmp_path: Path) -> None:
    assert names(check(write(tmp_path, [lead(1, "03/04/2026")]))) == ["ambiguous_dates"]


def test_dates_that_mean_the_same_both_ways_are_no_doubt(tmp_path: Path) -> None:
    assert check(write(tmp_path, [lead(1, "10/10/2026")])).first == date(2026, 10, 10)


def test_without_a_period_doubtful_dates_are_a_warning_with_both_spans(tmp_path: Path) -> None:
    result = check(write(tmp_path, [lead(1, "03/04/2026")]), period=None)
    assert names(result, "warn") == ["ambiguous_dates"]
    assert "2026-04-03 to 2026-04-03" in result.warnings[0]
    assert "2026-03-04 to 2026-03-04" in result.warnings[0]


def test_rows_without_or_with_unreadable_dates_are_refused_with_their_lines(tmp_path: Path) -> None:
    rows = leads(40)
    for number in range(8):
        rows[number * 2][0] = ""
    rows[30][0], rows[32][0], rows[34][0] = "soon", "2026-13-45", "2026-10-03 10:00 XYZ"
    result = check(write(tmp_path, rows))
    assert names(result) == ["no_date", "unreadable_date"]
    assert str(finding(result, "no_date")) == "8 rows have no date in “Creation Date” (lines 2, 4, 6, 8, 10 and 3 more)"
    assert finding(result, "unreadable_date").lines == (32, 34, 36)


def test_dates_written_in_several_ways_are_told(tmp_path: Path) -> None:
    result = check(write(tmp_path, [lead(1, "2026-10-03"), lead(2, "10/14/2026")]))
    assert names(result) == ["mixed_dates"]
    assert result.last == date(2026, 10, 14)


def test_a_leap_day_is_a_day_and_the_29th_of_another_february_is_none(tmp_path: Path) -> None:
    assert names(check(write(tmp_path, [lead(1, "2028-02-29")]), period=Period.month(Month(2028, 2)))) == []
    of_2026 = check(write(tmp_path, [lead(1, "2026-02-29")]), period=Period.month(Month(2026, 2)))
    assert names(of_2026) == ["unreadable_date"]


def test_more_different_dates_than_any_history_has_are_refused(tmp_path: Path) -> None:
    days = (date(1900, 1, 1) + timedelta(days=number) for number in range(50_100))
    file = tmp_path / "leads.csv"
    file.write_text("Creation Date,Email\n" + "".join(f"{day},zoe@example.com\n" for day in days))
    assert "more than 50,000 different dates" in " ".join(check(file).reasons)


def test_values_made_to_take_long_are_given_up_at_once(tmp_path: Path) -> None:
    rows = [lead(1, "2026-10-03" + " " * 100_000 + "x"), lead(2, "Count" + " " * 100_000 + "x")]
    assert names(check(write(tmp_path, rows)), "refuse") == ["unreadable_date"]
