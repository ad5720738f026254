"""What of the ledger is worth telling people, how often, and in which words."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from export_robots.clients import Account, Client, Rooftop
from export_robots.config_mailbox import MailboxSettings
from export_robots.outcomes import Outcome
from export_robots.periods import Period
from export_robots.runs import alarms
from export_robots.runs.ledger import Ending, Ledger
from export_robots.runs.month import expect_due
from export_robots.runs.notices import summary
from export_robots.runs.operating_tables import CrmRow, NoticeRow, QuestionRow
from export_robots.runs.questions import Questions
from export_robots.runs.tables import DeliveryRow, How, State
from export_robots.runs.waves import OpenDelivery
from export_robots.settings import Settings
from tests.runs.telling import DUE, NOVEMBER_1, OCTOBER, Days, days, delivery, ledger, notice, telling, told

__all__ = ["days", "ledger"]

# Apprise brings its own for Python 3.13, and the old one on older ones.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def test_what_is_overdue_is_told_each_day_and_as_it_spreads(ledger: Ledger, days: Days, tmp_path: Path) -> None:
    settings = telling(tmp_path)
    delivery(ledger, "a")
    assert told(ledger, days, settings) == [], "it is not due yet"
    days.now = DUE + timedelta(minutes=1)
    (key,) = told(ledger, days, settings)
    assert notice(ledger, key).title == "Activix CRM: 1 delivery of 2026-10 overdue; next move: robot"
    assert "- a/activix/2026-10: expected" in notice(ledger, key).text
    assert told(ledger, days, settings) == []
    delivery(ledger, "b")
    delivery(ledger, "c")
    (key,) = told(ledger, days, settings)
    assert "3 deliveries of 2026-10 overdue" in notice(ledger, key).title
    delivery(ledger, "d")
    days.now += timedelta(days=1)
    assert len(told(ledger, days, settings)) == 1


def test_what_needs_a_person_is_one_alarm_for_many_accounts(ledger: Ledger, days: Days, tmp_path: Path) -> None:
    settings = telling(tmp_path)
    for number in range(25):
        delivery(ledger, f"c{number:02}", ending=Ending(Outcome.PERMISSION_MISSING, ("no Export icon",), "ask them"))
    delivery(ledger, "well")
    (key,) = told(ledger, days, settings)
    said = notice(ledger, key)
    assert said.title == "Activix CRM: permission_missing on 25 deliveries; next move: crm support"
    assert "- c00/activix/2026-10: permission_missing" in said.text
    assert "- and 5 more" in said.text


def test_what_the_robot_tries_again_by_itself_is_no_alarm(ledger: Ledger, days: Days, tmp_path: Path) -> None:
    soon = days.now + timedelta(minutes=5)
    delivery(ledger, "a", ending=Ending(Outcome.SITE_DOWN, ("503",), None, retry_at=soon))
    assert told(ledger, days, telling(tmp_path)) == []


def test_a_stopped_crm_is_one_alarm_and_its_accounts_are_none(ledger: Ledger, days: Days, tmp_path: Path) -> None:
    ending = Ending(Outcome.SITE_CHANGED, ("no list",), None)
    failed = [delivery(ledger, client, ending=ending) for client in "abc"]
    delivery(ledger, "untried")
    with Session(ledger.engine) as session, session.begin():
        row = CrmRow(crm="activix", wave_from=days.now, stopped_at=days.now, accounts=failed)
        row.signature, row.saw = "site_changed in “open My Clients”", "there is no list"
        session.add(row)
    keys = told(ledger, days, telling(tmp_path))
    assert [key.partition("/")[0] for key in keys] == ["stopped", "stalled"]
    said = notice(ledger, keys[0])
    assert said.title == "Activix CRM is stopped"
    assert "Not tried: 1." in said.text
    assert "robot resume activix" in said.text
    assert told(ledger, days, telling(tmp_path)) == []


def test_a_code_that_is_wanted_is_told_with_the_command_that_answers(
    ledger: Ledger, days: Days, tmp_path: Path
) -> None:
    key = delivery(ledger, "a", ending=Ending(Outcome.CODE_NEEDED, ("a text message was sent",), None))
    delivery(ledger, "b")
    with Session(ledger.engine) as session, session.begin():
        values = {"run": f"{key}#1", "delivery_id": key, "account": "activix:a", "asked_at": days.now}
        session.add(QuestionRow(**values, saw="a code was sent to a phone", open_until=days.now))
    (told_key,) = told(ledger, days, telling(tmp_path))
    assert "robot answer 'a/activix/2026-10#1' CODE" in notice(ledger, told_key).text


def test_a_mailbox_in_trouble_is_told_once_a_day(ledger: Ledger, days: Days, tmp_path: Path) -> None:
    assert told(ledger, days, telling(tmp_path), "no mail since 9") == [], "no mailbox is configured"
    mailbox = MailboxSettings.model_validate({"host": "imap.example.com", "username": "datateam@example.com"})
    settings = Settings(tmp_path, mailbox=mailbox)
    assert len(told(ledger, days, settings, "no mail since 9")) == 1
    assert told(ledger, days, settings, "no mail since 9") == []
    days.now += timedelta(days=1)
    assert len(told(ledger, days, settings, "no mail since 9")) == 1


def test_a_month_that_closes_is_summed_up_once(ledger: Ledger, days: Days, tmp_path: Path) -> None:
    for client, how in zip("abc", (How.SUBSCRIPTION, How.REPULL, How.BY_HAND), strict=True):
        ledger.close(delivery(ledger, client), State.DELIVERED, how)
    ledger.waive(delivery(ledger, "left"), "ann", "the dealership has left")
    last = delivery(ledger, "d")
    assert told(ledger, days, telling(tmp_path)) == []
    ledger.close(last, State.VERIFIED_EMPTY, How.SUBSCRIPTION)
    (key,) = told(ledger, days, telling(tmp_path))
    said = notice(ledger, key)
    assert (said.kind, said.title) == ("summary", "2026-10 is closed: 5 deliveries")
    assert said.text.splitlines() == [
        "2026-10: 5 of 5 deliveries closed",
        "- Activix CRM: 3 delivered, 1 verified_empty, 1 waived (subscription 2, re-pull 1, by hand 1)",
    ]
    assert summary(ledger, OCTOBER) == said.text
    days.now += timedelta(days=3)
    assert told(ledger, days, telling(tmp_path)) == []


def test_a_month_is_not_closed_before_it_has_ended_for_all_and_all_is_expected(
    ledger: Ledger, days: Days, tmp_path: Path
) -> None:
    zones = {"far": ZoneInfo("Pacific/Auckland"), "here": ZoneInfo("America/Vancouver")}
    accounts = {
        key: Account(key, "activix", key, None, None, f"{key}@example.com", (), timedelta(minutes=30), zone)
        for key, zone in zones.items()
    }
    clients = {
        key: Client(key, key, OCTOBER, zones[key], (Rooftop(None, {"activix": account}),))
        for key, account in accounts.items()
    }
    settings = Settings(tmp_path, clients=clients)
    days.now = datetime(2026, 10, 31, 20, tzinfo=UTC)
    expect_due(ledger, settings, days.now)
    assert [row.client for row in ledger.deliveries()] == ["far"]
    ledger.close("far/activix/2026-10", State.DELIVERED, How.EXPORT)
    assert told(ledger, days, settings) == []
    days.now = NOVEMBER_1
    assert told(ledger, days, settings) == [], "the other one is due, and not expected yet"
    expect_due(ledger, settings, days.now)
    assert told(ledger, days, settings) == []
    ledger.close("here/activix/2026-10", State.DELIVERED, How.EXPORT)
    assert told(ledger, days, settings) == ["closed/2026-10"]


def test_a_month_in_which_only_people_can_move_anything_stands_still(
    ledger: Ledger, days: Days, tmp_path: Path
) -> None:
    ledger.close(delivery(ledger, "a"), State.DELIVERED, How.EXPORT)
    delivery(ledger, "b", ending=Ending(Outcome.SIGN_IN_REFUSED, ("refused",), None))
    delivery(ledger, "c", crm="vinsolutions")  # no robot: by hand
    keys = told(ledger, days, telling(tmp_path))
    assert [key.partition("/")[0] for key in keys] == ["person", "stalled"]
    assert notice(ledger, keys[1]).title == "2026-10 stands still: 2 of 3 deliveries wait for a person"
    todo, counts, *_ = notice(ledger, keys[1]).text.splitlines()
    assert todo == "`robot status --month 2026-10 --open` says what to do about each."
    assert counts == "2026-10: 1 of 3 deliveries closed"


def test_each_alarm_begins_with_what_to_do(ledger: Ledger, days: Days, tmp_path: Path) -> None:
    settings = telling(tmp_path)
    delivery(ledger, "a", ending=Ending(Outcome.ACTION_NEEDED, ("terms",), "Accept the terms as that user."))
    (key, _) = told(ledger, days, settings)
    assert notice(ledger, key).text.startswith("Accept the terms as that user.\n- a/activix")
    days.now = DUE + timedelta(minutes=1)
    delivery(ledger, "b")
    todo = {key.partition("/")[0]: notice(ledger, key).text.splitlines()[0] for key in told(ledger, days, settings)}
    says = "`robot status --month 2026-10 --crm activix --open` says"
    assert todo["overdue"] in (f"{says} what to do about each.", f"The robot goes on by itself; {says} when.")
    lost = OpenDelivery(
        id="gone/activix/2026-10",
        client="gone",
        crm="activix",
        rooftop="North",
        period_start="2026-10",
        period_end="2026-10",
        state=State.EXPECTED,
        outcome=None,
        step=None,
        attempt=0,
        again=1,
        split=False,
        upload=True,
        asked_by=How.EXPORT,
        transient=False,
        tries=0,
        retry_at=None,
        due_at=None,
        changed_at=days.now,
    )
    (stranger,) = alarms.of_strangers([lost], days.now)
    assert '`robot waive activix --client gone --month 2026-10 --rooftop "North" --reason TEXT`' in stranger.text
    assert not list(alarms.of_strangers([lost], days.now + timedelta(days=150))), "told for long enough"


def test_many_codes_and_many_mistakes_are_one_short_notice_each(ledger: Ledger, days: Days, tmp_path: Path) -> None:
    for number in range(45):
        key = delivery(ledger, f"c{number:02}")
        Questions(ledger.engine).ask(f"{key}#1", key, f"activix:c{number:02}", "a code was sent to a phone", None)
    (key,) = told(ledger, days, telling(tmp_path))
    said = notice(ledger, key)
    assert said.title == "45 sign-in codes are needed"
    assert "`robot answer 'c00/activix/2026-10#1' CODE`" in said.text
    assert said.text.endswith("- and 25 more")
    (mistakes,) = alarms.of_failures(
        {f"c{each:02}": "the robot made a mistake (KeyError)" for each in range(45)}, days.now
    )
    assert mistakes.title == "the robot cannot go on with c00 and 44 more"
    assert len(mistakes.text.splitlines()) == 22


def test_a_month_of_long_ago_and_what_nobody_asked_for_by_a_time_are_no_alarm(
    ledger: Ledger, days: Days, tmp_path: Path
) -> None:
    key = delivery(ledger, "a", ending=Ending(Outcome.SITE_CHANGED, ("no list",), None))
    with Session(ledger.engine) as session, session.begin():
        session.execute(update(DeliveryRow).where(DeliveryRow.id == key).values(due_at=None))
    ledger.expect("b", "activix", "Activix CRM", None, Period.month(OCTOBER.plus(-6)), due_at=DUE - timedelta(days=180))
    assert told(ledger, days, telling(tmp_path)) == []
    with Session(ledger.engine) as session:
        assert session.scalars(select(NoticeRow)).all() == []
