"""Which months are expected, and when they are due: as the clock goes on, in every zone, caught up once."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from export_robots import clock
from export_robots.clients import Account, Client, Rooftop
from export_robots.config_schedule import ScheduleSettings
from export_robots.periods import Month, Period
from export_robots.runs.database import open_database
from export_robots.runs.ledger import Ledger
from export_robots.runs.month import due_at, due_when_asked, expect_due, missing
from export_robots.runs.subscribed import await_subscribed
from export_robots.runs.tables import DeliveryRow, RequestRow, State
from export_robots.settings import Settings
from tests.runs.databases import emptied, server, url

__all__ = ["emptied", "server", "url"]

TORONTO, TOKYO = ZoneInfo("America/Toronto"), ZoneInfo("Asia/Tokyo")
NOVEMBER_1 = datetime(2026, 11, 1, 12, tzinfo=UTC)


def account(client: str, crm: str, zone: ZoneInfo, rooftop: str | None = None) -> Account:
    return Account(client, crm, client.upper(), rooftop, None, f"{client}@example.com", (), timedelta(1), zone)


def client(
    key: str, *crms: str, zone: ZoneInfo = TORONTO, starts: str | None = "2026-05", north: bool = False
) -> Client:
    places = [Rooftop(None, {crm: account(key, crm, zone) for crm in crms})]
    if north:
        places.append(Rooftop("North", {crms[0]: account(key, crms[0], zone, "North")}))
    return Client(key, key.upper(), Month.parse(starts) if starts else None, zone, tuple(places))


def settings(*clients: Client) -> Settings:
    return Settings(Path("home"), clients={each.key: each for each in clients})


class Days:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = NOVEMBER_1


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Days:
    made = Days()
    monkeypatch.setattr(clock, "now", lambda: made.now)
    return made


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    made = Ledger(open_database(url))
    yield made
    made.engine.dispose()


def expected_at(ledger: Ledger, config: Settings, days: Days, now: datetime) -> list[str]:
    days.now = now
    return [row.id for row in expect_due(ledger, config, now)]


def test_the_last_full_month_of_every_account_is_expected_once(ledger: Ledger, days: Days) -> None:
    config = settings(client("abc", "activix", "vinsolutions", north=True), client("new", "activix", starts="2026-11"))
    made = expected_at(ledger, config, days, NOVEMBER_1)
    assert made == ["abc/activix/2026-10", "abc/activix/2026-10/North", "abc/vinsolutions/2026-10"]
    assert expected_at(ledger, config, days, NOVEMBER_1 + timedelta(days=20)) == []
    row = ledger.delivery("abc/vinsolutions/2026-10")
    assert (row.crm_label, row.state, row.attempt, row.rooftop) == ("VinSolutions", State.EXPECTED, 0, None)


def test_the_month_begins_where_the_client_is(ledger: Ledger, days: Days) -> None:
    config = settings(client("east", "activix", zone=TOKYO), client("west", "activix"))
    before = datetime(2026, 10, 31, 14, 59, tzinfo=UTC)
    assert expected_at(ledger, config, days, before) == ["east/activix/2026-09", "west/activix/2026-09"]
    assert expected_at(ledger, config, days, before + timedelta(minutes=1)) == ["east/activix/2026-10"]
    assert expected_at(ledger, config, days, datetime(2026, 11, 1, 3, 59, tzinfo=UTC)) == []
    assert expected_at(ledger, config, days, datetime(2026, 11, 1, 4, tzinfo=UTC)) == ["west/activix/2026-10"]


def test_the_due_time_counts_from_the_clients_midnight_also_where_the_clocks_change(ledger: Ledger, days: Days) -> None:
    # In Toronto the 1st of November 2026 has 25 hours: the clocks go back at two in the morning.
    config = settings(client("abc", "activix"))
    expected_at(ledger, config, days, NOVEMBER_1)
    assert ledger.delivery("abc/activix/2026-10").due_at == datetime(2026, 11, 2, 16, tzinfo=UTC)
    october = Period.month(Month(2026, 10))
    assert due_at(config, TOKYO, october) == datetime(2026, 11, 2, 3, tzinfo=UTC)


def test_what_was_missed_while_the_machine_was_off_is_caught_up_once(ledger: Ledger, days: Days) -> None:
    config = settings(client("abc", "activix"))
    expected_at(ledger, config, days, NOVEMBER_1)
    february = datetime(2027, 2, 3, tzinfo=UTC)
    assert len(missing(ledger, config, february)) == 3
    caught_up = ["abc/activix/2026-11", "abc/activix/2026-12", "abc/activix/2027-01"]
    assert expected_at(ledger, config, days, february) == caught_up
    assert expected_at(ledger, config, days, february) == []
    november = ledger.delivery(caught_up[0])
    assert november.due_at
    assert november.due_at < november.created_at, "it is late, and that is said"


def test_an_old_month_that_somebody_asked_for_is_no_reason_to_catch_up_all_since(ledger: Ledger, days: Days) -> None:
    config = settings(client("abc", "activix"))
    days.now = NOVEMBER_1
    old = Period.month(Month(2026, 6))
    ledger.expect("abc", "activix", "Activix CRM", None, old, due_at=due_when_asked(config, TORONTO, old))
    assert ledger.delivery("abc/activix/2026-06").due_at == NOVEMBER_1 + timedelta(hours=36)
    assert expected_at(ledger, config, days, NOVEMBER_1) == ["abc/activix/2026-10"]
    assert expected_at(ledger, config, days, datetime(2026, 12, 1, 12, tzinfo=UTC)) == ["abc/activix/2026-11"]


def test_the_first_month_of_a_new_account_is_not_late_on_the_day_it_is_configured(ledger: Ledger, days: Days) -> None:
    assert expected_at(ledger, settings(client("abc", "activix")), days, NOVEMBER_1 + timedelta(days=15))
    due = ledger.delivery("abc/activix/2026-10").due_at
    assert due == days.now + timedelta(hours=36)


def test_nothing_is_expected_of_the_time_before_the_service(ledger: Ledger, days: Days) -> None:
    assert expected_at(ledger, settings(client("abc", "activix", starts="2026-11")), days, NOVEMBER_1) == []
    config = settings(client("abc", "activix", starts="2026-10"))
    assert expected_at(ledger, config, days, NOVEMBER_1) == ["abc/activix/2026-10"]


def test_what_joins_or_leaves_in_the_middle_of_a_year_changes_nothing_of_what_the_others_owe(
    ledger: Ledger, days: Days
) -> None:
    december, january = datetime(2026, 12, 1, 12, tzinfo=UTC), datetime(2027, 1, 1, 12, tzinfo=UTC)
    future = client("new", "activix", starts="2026-12")
    expected_at(ledger, settings(client("abc", "activix"), client("left", "activix"), future), days, NOVEMBER_1)
    grown = client("abc", "activix", "vinsolutions", north=True)
    assert expected_at(ledger, settings(grown, future), days, december) == [
        "abc/activix/2026-11",
        "abc/activix/2026-11/North",
        "abc/vinsolutions/2026-11",
    ], "a new rooftop or CRM owes the last month alone, who has left nothing, who begins later nothing yet"
    assert len(expected_at(ledger, settings(grown, future), days, january)) == 4
    assert ledger.delivery("new/activix/2026-12").due_at == datetime(2027, 1, 2, 17, tzinfo=UTC)
    assert ledger.delivery("left/activix/2026-10").state == State.EXPECTED, "what it owed is a person's to waive"


def test_an_account_that_is_configured_after_the_month_was_closed_opens_it_again(ledger: Ledger, days: Days) -> None:
    expected_at(ledger, settings(client("abc", "activix")), days, NOVEMBER_1)
    ledger.close("abc/activix/2026-10", State.DELIVERED, "export")
    both = settings(client("abc", "activix"), client("late", "activix"))
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert expected_at(ledger, both, days, noon) == ["late/activix/2026-10"]
    assert ledger.delivery("late/activix/2026-10").due_at == noon + timedelta(hours=36)
    assert ledger.delivery("abc/activix/2026-10").state == State.DELIVERED


def test_an_account_with_another_sign_in_owes_what_it_owed(ledger: Ledger, days: Days) -> None:
    expected_at(ledger, settings(client("abc", "activix")), days, NOVEMBER_1)
    renamed = client("abc", "activix")
    place = Rooftop(None, {"activix": replace(renamed.rooftops[0].accounts["activix"], username="other@example.com")})
    config = settings(replace(renamed, rooftops=(place,), dealership="ABC of another name"))
    assert expected_at(ledger, config, days, NOVEMBER_1 + timedelta(days=3)) == []


def test_no_month_before_the_schedules_first_is_expected_or_missed(ledger: Ledger, days: Days) -> None:
    config = settings(client("abc", "activix"))
    config = replace(config, schedule=ScheduleSettings.model_validate({"first_month": "2026-11"}))
    assert expected_at(ledger, config, days, NOVEMBER_1) == []
    assert missing(ledger, config, NOVEMBER_1) == []
    assert expected_at(ledger, config, days, datetime(2026, 12, 1, 12, tzinfo=UTC)) == ["abc/activix/2026-11"]


def test_a_month_within_a_longer_delivery_is_not_expected_a_second_time(ledger: Ledger, days: Days) -> None:
    config = settings(client("abc", "activix"))
    days.now = NOVEMBER_1
    backdata = ledger.expect("abc", "activix", "Activix CRM", None, Period(Month(2026, 9), Month(2026, 10)))
    assert expected_at(ledger, config, days, NOVEMBER_1) == []
    ledger.split(backdata.id)
    assert expected_at(ledger, config, days, NOVEMBER_1) == ["abc/activix/2026-10"]


def test_what_a_command_or_a_subscription_has_expected_gets_its_due_time(ledger: Ledger, days: Days) -> None:
    config = settings(client("abc", "activix"))
    days.now = NOVEMBER_1
    row = ledger.expect("abc", "activix", "Activix CRM", None, Period.month(Month(2026, 10)))
    assert row.due_at is None
    assert expected_at(ledger, config, days, NOVEMBER_1) == [], "it is not new"
    due = ledger.delivery(row.id).due_at
    assert due == datetime(2026, 11, 2, 16, tzinfo=UTC)
    ledger.expect("abc", "activix", "Activix CRM", None, Period.month(Month(2026, 10)), due_at=NOVEMBER_1)
    assert ledger.delivery(row.id).due_at == due, "a due time stays"


def test_machines_that_expect_the_same_month_at_once_make_it_once(ledger: Ledger, days: Days) -> None:
    config = settings(*(client(f"client{number}", "activix", north=True) for number in range(300)))
    days.now = NOVEMBER_1
    made: list[DeliveryRow] = []
    machines = [threading.Thread(target=lambda: made.extend(expect_due(ledger, config, NOVEMBER_1))) for _ in range(4)]
    for machine in machines:
        machine.start()
    for machine in machines:
        machine.join()
    assert len(made) == len({row.id for row in made}) == len(ledger.deliveries()) == 600


def test_a_period_stays_as_it_was_when_the_zone_changes_afterwards(ledger: Ledger, days: Days) -> None:
    expected_at(ledger, settings(client("abc", "activix")), days, NOVEMBER_1)
    moved = settings(client("abc", "activix", zone=TOKYO))
    assert expected_at(ledger, moved, days, NOVEMBER_1) == []
    row = ledger.delivery("abc/activix/2026-10")
    assert (row.period_start, row.due_at) == ("2026-10", datetime(2026, 11, 2, 16, tzinfo=UTC))


def test_no_more_than_a_year_is_caught_up(ledger: Ledger, days: Days) -> None:
    config = settings(client("abc", "activix", starts="2020-01"))
    days.now = datetime(2024, 5, 1, 12, tzinfo=UTC)
    expect_due(ledger, config, days.now)
    with Session(ledger.engine) as session, session.begin():
        session.execute(update(DeliveryRow).values(period_start="2025-07", period_end="2025-07"))
        session.execute(update(DeliveryRow).values(created_at=datetime(2025, 8, 2, tzinfo=UTC)))
    assert len(expected_at(ledger, config, days, datetime(2027, 1, 5, tzinfo=UTC))) == 12


def test_hundreds_of_subscriptions_are_awaited_once(ledger: Ledger, days: Days) -> None:
    config = settings(*(client(f"client{number}", "activix") for number in range(300)))
    days.now = datetime(2026, 9, 20, tzinfo=UTC)
    for each in config.accounts:
        ledger.draw_subscription(each, "Activix CRM")
        ledger.verify_subscription(each, "made", {})
    days.now = NOVEMBER_1
    for _ in range(2):
        await_subscribed(ledger, config)
    awaited = ledger.requests("client7/activix/2026-10")
    assert [each.how for each in awaited] == ["subscription"]
    assert awaited[0].intended_at == datetime(2026, 11, 1, 4, tzinfo=UTC)
    assert len(ledger.deliveries()) == 600, "of the 1st of October and of November"
    assert expect_due(ledger, config, NOVEMBER_1) == []
    with Session(ledger.engine) as session:
        assert session.scalar(select(func.count()).select_from(RequestRow)) == 600
