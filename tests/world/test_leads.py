import hashlib
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, timedelta
from zoneinfo import ZoneInfo

import pytest

from emulated_world.contract import Lead
from emulated_world.leads import leads, months_until, sister

ZONE = "America/Toronto"
OCTOBER = date(2026, 10, 1)
YEAR = months_until(date(2026, 12, 1), 12)


@pytest.fixture(scope="module")
def year() -> list[Lead]:
    return leads("ABC Autos", ZONE, YEAR)


def test_the_same_arguments_make_the_same_leads_in_another_process() -> None:
    program = (
        "import hashlib, datetime; from emulated_world.leads import leads; "
        f"made = leads('ABC Autos', '{ZONE}', [datetime.date(2026, 10, 1)]); "
        "print(hashlib.sha256(repr(made).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert digests == {hashlib.sha256(repr(leads("ABC Autos", ZONE, [OCTOBER])).encode()).hexdigest()}


def test_a_month_does_not_depend_on_the_other_months_asked_for(year: list[Lead]) -> None:
    alone = leads("ABC Autos", ZONE, [date(2026, 10, 31)])
    assert alone == [lead for lead in year if lead.created.month == 10]


def test_dealerships_and_seeds_differ() -> None:
    def names(dealership: str, seed: int = 0) -> list[str]:
        return [lead.last_name for lead in leads(dealership, ZONE, [OCTOBER], seed=seed)]

    assert names("ABC Autos") != names("Autos Lévis")
    assert names("ABC Autos") != names(sister("ABC Autos"))
    assert names("ABC Autos") != names("ABC Autos", seed=1)


def test_counts_are_a_few_hundred_seasonal_and_never_round(year: list[Lead]) -> None:
    counts = [sum(lead.created.month == month for lead in year) for month in range(1, 13)]
    assert all(100 < count < 700 for count in counts)
    assert all(count % 10 for count in counts)
    assert counts[3] > 1.3 * counts[11]  # April, December


def test_months_until_crosses_the_year() -> None:
    assert months_until(date(2026, 1, 20), 3) == [date(2025, 11, 1), date(2025, 12, 1), date(2026, 1, 1)]


def test_a_slip_to_utc_puts_leads_of_the_last_second_into_the_next_month() -> None:
    october = leads("ABC Autos", ZONE, [OCTOBER])
    first = [lead for lead in october if lead.created.isoformat() == "2026-10-01T00:00:00-04:00"]
    last = [lead for lead in october if lead.created.isoformat() == "2026-10-31T23:59:59-04:00"]
    assert len(first) >= 3
    assert len(last) >= 3
    assert {lead.created.astimezone(UTC).month for lead in last} == {11}
    # And a site that takes their wall clock for UTC moves those of the first second into the month before.
    assert {lead.created.replace(tzinfo=UTC).astimezone(ZoneInfo(ZONE)).month for lead in first} == {9}


def test_the_hour_that_happens_twice_holds_a_lead_each_time() -> None:
    twice = [lead for lead in leads("ABC Autos", ZONE, [date(2026, 11, 1)]) if lead.created.day == 1]
    offsets = {lead.created.utcoffset() for lead in twice if (lead.created.hour, lead.created.minute) == (1, 30)}
    assert offsets == {timedelta(hours=-4), timedelta(hours=-5)}


def test_no_time_falls_into_the_hour_that_the_clock_leaps_over(year: list[Lead]) -> None:
    moments = [
        moment
        for lead in year
        for moment in (lead.created, lead.modified, lead.sold, lead.delivered, lead.appointment)
        if moment
    ]
    assert [moment for moment in moments if moment.astimezone(UTC).astimezone(moment.tzinfo) != moment] == []
    assert {(m.month, m.day) for m in moments if m.hour == 3 and m.minute == 0 and m.day == 8} >= {(3, 8)}


def test_leads_of_one_month_are_changed_and_sold_in_another() -> None:
    october = leads("ABC Autos", ZONE, [OCTOBER])
    assert sum(lead.modified.month == 11 for lead in october) > 20
    assert sum(lead.sold is not None and lead.sold.month == 11 for lead in october) > 5
    assert any(lead.created.day == 31 and lead.created.hour == 23 and lead.sold for lead in october)
    assert all(lead.modified.astimezone(UTC) >= lead.created.astimezone(UTC) for lead in october)


def _phones(lead: Lead) -> list[str]:
    return [phone for phone in (lead.phone_home, lead.phone_mobile, lead.phone_work) if phone]


@pytest.mark.parametrize(
    "kind",
    [
        lambda lead: _phones(lead) and not lead.email and not lead.email_work,
        lambda lead: not _phones(lead) and lead.email,
        lambda lead: not _phones(lead) and not lead.email and not lead.email_work,
        lambda lead: _phones(lead) and lead.email,
    ],
    ids=["phone only", "e-mail only", "neither", "both"],
)
def test_every_way_of_reaching_a_person_occurs(kind: Callable[[Lead], object]) -> None:
    assert any(kind(lead) for lead in leads("ABC Autos", ZONE, [OCTOBER]))


def test_people_without_phone_and_e_mail_are_few(year: list[Lead]) -> None:
    unreachable = [lead for lead in year if not _phones(lead) and not lead.email and not lead.email_work]
    assert 0 < len(unreachable) < 0.06 * len(year)


def test_phones_are_written_in_many_ways(year: list[Lead]) -> None:
    notations = {re.sub(r"\d", "9", phone) for lead in year for phone in _phones(lead)}
    assert len(notations) >= 8


def test_places_look_canadian(year: list[Lead]) -> None:
    assert {len(lead.province) for lead in year} == {2}
    assert all(re.fullmatch(r"[A-Z]\d[A-Z] ?\d[A-Z]\d", lead.postal_code.upper()) for lead in year)


@pytest.mark.parametrize(
    ("field", "pattern"),
    [
        ("last_name", "^NULL$"),
        ("first_name", "^=1"),
        ("first_name", r"^\+"),
        ("last_name", "^-"),
        ("last_name", "^@"),
        ("first_name", '"'),
        ("last_name", ", "),
        ("last_name", ";"),
        ("first_name", "œ"),
        ("first_name", "’"),
        ("comments", "\r\n"),
        ("comments", "[^\r]\n"),
        ("comments", "^="),
        ("comments", "^.{5000,}"),
        ("source_detail", "^00"),
        ("street", "^00"),
        ("street", "\n"),
    ],
)
def test_each_month_holds_the_awkward_value(field: str, pattern: str) -> None:
    for month in (date(2026, 12, 1), date(2026, 4, 1)):
        assert any(re.search(pattern, getattr(lead, field)) for lead in leads("Autos Lévis", ZONE, [month]))


def test_some_names_are_empty() -> None:
    assert any(lead.first_name == lead.last_name == "" for lead in leads("ABC Autos", ZONE, [OCTOBER]))


def test_every_text_fits_windows_1252_unless_emoji_are_asked_for(year: list[Lead]) -> None:
    repr(year).encode("windows-1252")
    with pytest.raises(UnicodeEncodeError):
        repr(leads("ABC Autos", ZONE, [OCTOBER], emoji=True)).encode("windows-1252")


def test_numbers_are_unique(year: list[Lead]) -> None:
    assert len({lead.number for lead in year}) == len(year)
