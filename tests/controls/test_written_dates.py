from datetime import date

import pytest
from babel.dates import format_date
from hypothesis import given
from hypothesis import strategies as st

from export_robots.controls.written_dates import dates_in, month_in, shows, written
from export_robots.periods import Month, Period

OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))


@pytest.mark.parametrize(
    "text",
    [
        "Oct 1, 2026 - Oct 31, 2026",
        "October 1, 2026 12:00 AM - October 31, 2026 11:59 PM",
        "2026-10-01 - 2026-10-31",
        "2026-10-01 00:00 – 2026-10-31 23:59",
        "10/01/2026 - 10/31/2026",
        "01/10/2026 – 31/10/2026",
        "01.10.26 - 31.10.26",
        "Oct 1 – 31, 2026",
        "1 – 31 octobre 2026",
        "1er oct. 2026 – 31 oct. 2026",
        "du 1er octobre 2026 au 31 octobre 2026",
        "2026-10-01 à 2026-10-31",
        "Thursday, October 1st, 2026 to Saturday, October 31st, 2026",
    ],
)
def test_a_period_is_read_in_any_usual_notation(text: str) -> None:
    assert shows(text, *OCTOBER)


@pytest.mark.parametrize("text", ["Oct 1, 2026 - Oct 30, 2026", "2026-10-01 - 2026-11-01", "Last Month", "1 - 31", ""])
def test_another_period_is_not_taken_for_it(text: str) -> None:
    assert not shows(text, *OCTOBER)


def test_a_range_across_the_year_s_end_may_name_the_year_once() -> None:
    assert shows("Dec 1 – Jan 31, 2026", date(2025, 12, 1), date(2026, 1, 31))


MONTHS = st.builds(Month, st.integers(2000, 2090), st.integers(1, 12))


@given(MONTHS, st.integers(0, 11), st.sampled_from(["en_CA", "en_US", "fr_CA", "fr_FR"]))
def test_what_babel_writes_is_read_back(start: Month, more: int, locale: str) -> None:
    period = Period(start, start.plus(more))
    for width in ("long", "medium", "full"):
        text = " – ".join(format_date(day, width, locale=locale) for day in (period.first, period.last))
        assert shows(text, period.first, period.last), text


@given(MONTHS, st.sampled_from(["%d/%m/%Y", "%m/%d/%Y", "%Y-%m-%d", "%Y/%m/%d", "%d-%m-%Y", "%m.%d.%Y"]))
def test_a_whole_month_in_numbers_has_one_reading_that_is_a_whole_month(month: Month, notation: str) -> None:
    text = f"{month.first.strftime(notation)} - {month.last.strftime(notation)}"
    whole = [reading for reading in dates_in(text) if reading[0] == Month.of(reading[0]).first < reading[1]]
    assert (month.first, month.last) in whole
    assert [reading for reading in whole if reading[1] == Month.of(reading[1]).last] == [(month.first, month.last)]


@pytest.mark.parametrize(
    ("like", "wanted"),
    [
        ("jj/mm/aaaa", "01/10/2026"),
        ("MM/DD/YY", "10/01/26"),
        ("yyyy-mm-dd", "2026-10-01"),
        ("23/11/2026", "01/10/2026"),
        ("11/23/2026", "10/01/2026"),
        ("2026/11/23", "2026/10/01"),
    ],
)
def test_a_day_is_written_as_the_field_has_it(like: str, wanted: str) -> None:
    assert next(written(date(2026, 10, 1), like)) == wanted


@pytest.mark.parametrize(
    "caption", ["October 2026", "octobre 2026", "Oct 2026", "2026 October", "10/2026", "2026-10", "OCT. 2026"]
)
def test_a_calendar_s_caption_names_its_month(caption: str) -> None:
    assert month_in(caption) == Month(2026, 10)


def test_two_months_are_no_caption() -> None:
    assert month_in("October 2026 November 2026") is None
