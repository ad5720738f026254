"""The CRM's own monthly report: set up once, awaited on the 1st, collected without a request."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from export_robots import clock, credentials
from export_robots.clients import Account
from export_robots.periods import Month
from export_robots.runs.database import open_database, sqlite_url
from export_robots.runs.ledger import Ledger
from export_robots.runs.locks import hold
from tests.runs.conftest import Place, Robot, wait_until
from tests.runs.mailed_reports import mail
from tests.runs.quick_site import csv_of, report_mail

TORONTO = ZoneInfo("America/Toronto")
SUBSCRIBE = ("subscribe", "activix", "--client", "abc", "--json")
ADDRESS = "datateam+abcautos@example.com"
TITLE = "ABC Autos - Activix CRM (Clarivoy Leads)"

pytestmark = pytest.mark.browser

# Mail servers stamp mails with the real time, so the story is told in the past: whatever comes is newer than the 1st.
_NOW = datetime.now(UTC)
THE_FIRST = datetime.combine(Month.of(_NOW.date()).plus(-1).first, datetime.min.time(), TORONTO)
MONTH = Month.of(THE_FIRST.date()).plus(-1)


class Time:
    """The robot's clock and the world's, which a test moves."""

    def __init__(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        self._place = place
        self.now = THE_FIRST - timedelta(days=10)
        monkeypatch.setattr(clock, "now", lambda: self.now.astimezone(UTC))
        self.move(self.now)

    def move(self, to: datetime) -> None:
        self.now = to
        self._place.world.call(self._place.world.move_clock(to))

    def come_six(self) -> None:
        self.move(THE_FIRST + timedelta(hours=6))


@pytest.fixture
def time(quick: Place, monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(quick, monkeypatch)


@pytest.fixture
def subscribed(quick: Place, robot: Robot, time: Time) -> Place:
    answer = robot(quick, *SUBSCRIBE)
    assert (answer.code, answer.json["outcome"]) == (0, "subscribed"), answer.said
    return quick


def status(place: Place, robot: Robot) -> list[dict[str, object]]:
    answer = robot(place, "status", "--month", str(MONTH), "--json")
    assert answer.code == (0 if answer.json["closed"] else 3)
    return list(answer.json["deliveries"])


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(open_database(sqlite_url(tmp_path / "a.sqlite")))
    yield made
    made.engine.dispose()


def account(username: str = ADDRESS) -> Account:
    return Account("abc", "activix", "ABC Autos", None, None, username, (), timedelta(minutes=30), TORONTO)


def test_the_time_is_drawn_once_before_six_on_the_next_first(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    # 23:30 on the 31st in Toronto is the 1st already in UTC
    monkeypatch.setattr(clock, "now", lambda: datetime(2027, 1, 1, 4, 30, tzinfo=UTC))
    drawn = ledger.draw_subscription(account(), "Activix CRM")
    at = datetime.fromisoformat(drawn.first_execution)
    assert (at.year, at.month, at.day) == (2027, 1, 1)
    assert 5 <= at.hour * 60 + at.minute <= 355
    assert drawn.title == TITLE
    others = {ledger.draw_subscription(account(f"a{n}@example.com"), "Activix CRM").first_execution for n in range(20)}
    assert len(others) > 1

    ledger.verify_subscription(account(), "made", {})
    monkeypatch.setattr(clock, "now", lambda: datetime(2027, 5, 7, tzinfo=UTC))
    assert ledger.draw_subscription(account(), "Activix CRM").first_execution == drawn.first_execution


def test_a_time_that_passed_before_the_crm_ever_showed_it_moves_on(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 12, 20, tzinfo=UTC))
    drawn = ledger.draw_subscription(account(), "Activix CRM").first_execution
    monkeypatch.setattr(clock, "now", lambda: datetime(2027, 2, 7, tzinfo=UTC))
    moved = ledger.draw_subscription(account(), "Activix CRM").first_execution
    assert (drawn[:10], moved[:10], moved[10:]) == ("2027-01-01", "2027-03-01", drawn[10:])


def test_subscribing_tells_what_the_crm_shows_and_doubles_nothing(quick: Place, robot: Robot, time: Time) -> None:
    first = robot(quick, *SUBSCRIBE)
    assert (first.code, first.json["outcome"]) == (0, "subscribed"), first.said
    shown = first.json["subscription"]
    assert (shown["title"], shown["frequency"], shown["how"]) == (TITLE, "Monthly", "made")
    assert shown["first_execution"].startswith(f"{THE_FIRST:%Y-%m-%d}T0")
    again = robot(quick, *SUBSCRIBE)
    assert again.json["subscription"]["how"] == "as it was"
    assert again.json["subscription"]["first_execution"] == shown["first_execution"]
    text = robot(quick, *SUBSCRIBE[:-1])
    assert text.json["text"].startswith("abc activix: subscribed")


def test_a_held_account_is_not_subscribed(quick: Place, robot: Robot, time: Time) -> None:
    assert robot(quick, "status").code == 3  # makes the home
    with hold(quick.home / "locks", f"activix:{ADDRESS}", "abc/activix/2026-01"):
        answer = robot(quick, *SUBSCRIBE)
    assert (answer.code, answer.json["outcome"]) == (19, "busy")
    assert not quick.world.journal.of("sign_in")


def test_what_is_mailed_on_the_first_is_collected_without_a_request(
    subscribed: Place, robot: Robot, time: Time
) -> None:
    assert robot(subscribed, "collect").json["text"] == "nothing is waited for\n"
    time.move(THE_FIRST + timedelta(minutes=1))
    early = robot(subscribed, "collect")
    assert ": requested" in early.json["text"], early.said
    assert [each["state"] for each in status(subscribed, robot)] == ["expected"]

    time.come_six()
    done = robot(subscribed, "collect")

    assert (done.code, f"abc activix {MONTH}: delivered" in done.json["text"]) == (0, True), done.said
    (delivery,) = status(subscribed, robot)
    assert (delivery["state"], delivery["how"]) == ("delivered", "subscription")
    assert len(subscribed.received) == 1
    assert not subscribed.requests
    assert len(subscribed.world.journal.of("sign_in")) == 1


def test_a_subscription_that_fires_twice_is_delivered_once(subscribed: Place, robot: Robot, time: Time) -> None:
    subscribed.world.misbehaviours.add("subscription_fires_twice")
    time.come_six()
    assert ": delivered" in robot(subscribed, "collect").json["text"]
    assert robot(subscribed, "collect").json["text"] == "nothing is waited for\n"
    assert len(subscribed.received) == 1
    assert robot(subscribed, "mailbox", "status", "--json").json["held"] == []


def test_one_that_has_stopped_is_told_when_it_is_due_and_a_re_pull_is_suggested(
    subscribed: Place, robot: Robot, time: Time
) -> None:
    subscribed.world.misbehaviours.add("subscription_stops")
    time.come_six()
    (delivery,) = status(subscribed, robot)
    assert (delivery["state"], delivery["outcome"]) == ("expected", "report_late")
    assert "nothing had come to" in str(delivery["reasons"])
    assert f"robot repull activix --client abc --month {MONTH}" in str(delivery["next"])
    late = robot(subscribed, "collect")
    assert late.code == 16
    assert "robot repull" in late.said

    pulled = robot(subscribed, "repull", "activix", "--client", "abc", "--month", str(MONTH), "--json")

    assert (pulled.code, pulled.json["outcome"]) == (0, "delivered"), pulled.said
    assert [each["view"] for each in subscribed.requests] == [TITLE]
    (delivery,) = status(subscribed, robot)
    assert delivery["how"] == "re-pull"
    assert "nothing had come" in str(delivery["why"])
    assert "re-pull" in Path(pulled.json["file"] + ".receipt.json").read_text("utf-8")


def test_wrong_columns_are_rejected_with_reasons(subscribed: Place, robot: Robot, time: Time) -> None:
    subscribed.world.misbehaviours.add("subscription_wrong_columns")
    time.come_six()
    answer = robot(subscribed, "collect")
    assert answer.code == 17, answer.said
    assert "no column fits" in answer.said
    assert "robot repull activix" in answer.said
    (delivery,) = status(subscribed, robot)
    assert (delivery["state"], delivery["outcome"]) == ("expected", "report_rejected")
    assert not subscribed.received


def test_wrong_dates_are_held_and_nothing_is_delivered(subscribed: Place, robot: Robot, time: Time) -> None:
    subscribed.world.misbehaviours.add("subscription_wrong_dates")
    time.come_six()
    answer = robot(subscribed, "collect")
    assert answer.code == 16, answer.said
    assert "its leads are of" in answer.said
    assert not subscribed.received


def test_the_mail_of_another_saved_report_is_held(subscribed: Place, robot: Robot, time: Time) -> None:
    subscribed.world.misbehaviours.add("subscription_stops")
    time.move(THE_FIRST + timedelta(minutes=1))
    of = subscribed.world.accounts[ADDRESS]
    text = csv_of(subscribed.world, of, MONTH.first, MONTH.last)[0]
    other = report_mail(
        ADDRESS, text, "Scheduled report: ABC Autos - Activix CRM (Clarivoy Sales)", subscribed.world.now()
    )
    subscribed.world.call(subscribed.world.mail.send("reports@activix.ca", ADDRESS, other))
    assert ": requested" in robot(subscribed, "collect").json["text"]
    held = robot(subscribed, "mailbox", "status", "--json").json["held"]
    assert ["another saved report" in each["reason"] for each in held] == [True]
    assert not subscribed.received


def test_a_month_that_was_exported_before_is_not_sent_again(subscribed: Place, robot: Robot, time: Time) -> None:
    time.move(THE_FIRST + timedelta(minutes=1))
    assert ": requested" in robot(subscribed, "collect").json["text"]
    export = robot(subscribed, "export", "activix", "--client", "abc", "--json")
    assert (export.code, export.json["outcome"]) == (0, "delivered"), export.said
    time.come_six()
    wait_until(lambda: len(subscribed.world.journal.of("report_mailed")) == 2, "the subscription has mailed")
    assert robot(subscribed, "collect").json["text"] == "nothing is waited for\n"
    assert len(subscribed.received) == 1
    assert [each["state"] for each in status(subscribed, robot)] == ["delivered"]


def test_a_mail_from_elsewhere_is_no_subscriptions(subscribed: Place, robot: Robot, time: Time) -> None:
    subscribed.world.misbehaviours.add("subscription_stops")
    time.move(THE_FIRST + timedelta(minutes=1))
    of = subscribed.world.accounts[ADDRESS]
    text = csv_of(subscribed.world, of, MONTH.first, MONTH.last)[0]
    mail(subscribed, ("report.csv", text), sender="reports@elsewhere.example", subject=f"Scheduled report: {TITLE}")
    assert ": requested" in robot(subscribed, "collect").json["text"]
    assert not subscribed.received


def test_a_saved_report_that_is_gone_is_replaced_by_the_plain_export(
    subscribed: Place, robot: Robot, time: Time
) -> None:
    subscribed.world.misbehaviours.update({"subscription_stops", "view_gone"})
    time.come_six()
    pulled = robot(subscribed, "repull", "activix", "--client", "abc", "--json")
    assert (pulled.code, pulled.json["outcome"]) == (0, "delivered"), pulled.said
    assert "so the plain export was run" in pulled.json["reasons"][0]
    assert "robot subscribe activix --client abc" in pulled.json["next"]
    assert [each["view"] for each in subscribed.requests] == [""]
    assert [each["how"] for each in status(subscribed, robot)] == ["export"]


def test_a_month_of_subscribing_collecting_and_pulling_again_costs_one_sign_in(
    subscribed: Place, robot: Robot, time: Time
) -> None:
    subscribed.world.misbehaviours.add("subscription_stops")
    time.come_six()
    assert robot(subscribed, "collect").code == 16
    assert robot(subscribed, "repull", "activix", "--client", "abc", "--json").json["outcome"] == "delivered"
    assert robot(subscribed, *SUBSCRIBE).json["outcome"] == "subscribed"
    assert len(subscribed.world.journal.of("sign_in")) == 1
    (kept,) = (subscribed.home / "browser").glob("*.signed-in.json")
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_kept_sign_in_ends_with_a_refusal(subscribed: Place, robot: Robot, time: Time) -> None:
    (kept,) = (subscribed.home / "browser").glob("*.signed-in.json")
    kept.write_text(kept.read_text("utf-8").replace("session-", "ended-"), "utf-8")
    subscribed.world.misbehaviours.add("refuses_password")
    assert robot(subscribed, *SUBSCRIBE).json["outcome"] == "sign_in_refused"
    assert not kept.exists()
    assert len(subscribed.world.journal.of("sign_in")) == 2


def test_forgetting_the_password_forgets_the_sign_in(
    subscribed: Place, robot: Robot, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "forget_secret", lambda name: None)  # there is no keyring on a test's machine
    (kept,) = (subscribed.home / "browser").glob("*.signed-in.json")
    assert robot(subscribed, "credentials", "forget", "clients.lmn.activix.password").code == 0
    assert kept.exists()
    assert robot(subscribed, "credentials", "forget", "clients.abc.activix.password").code == 0
    assert not kept.exists()


def test_watching_takes_what_is_mailed_while_it_waits(subscribed: Place, robot: Robot, time: Time) -> None:
    time.move(THE_FIRST + timedelta(minutes=1))
    subscribed.world.misbehaviours.add("subscription_stops")
    assert ": requested" in robot(subscribed, "collect").json["text"]
    with subscribed.process("collect", "--watch") as watch:
        of = subscribed.world.accounts[ADDRESS]
        text = csv_of(subscribed.world, of, MONTH.first, MONTH.last)[0]
        report = report_mail(ADDRESS, text, f"Scheduled report: {TITLE}", datetime.now(UTC))
        subscribed.world.call(subscribed.world.mail.send("reports@activix.ca", ADDRESS, report))
        assert watch.stdout
        assert f"abc activix {MONTH}: delivered" in watch.stdout.readline()
    assert len(subscribed.received) == 1
