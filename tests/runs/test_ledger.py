from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from export_robots import clock
from export_robots.clients import Account
from export_robots.outcomes import AccountBusy, Outcome, UsageWrong
from export_robots.periods import Month, Period
from export_robots.robot import ReportRequest
from export_robots.runs.database import open_database, sqlite_url
from export_robots.runs.ledger import Ending, Ledger, delivery_id
from export_robots.runs.tables import State

OCTOBER = Period.month(Month(2026, 10))


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    made = Ledger(open_database(url))
    yield made
    made.engine.dispose()


def request_report(ledger: Ledger, key: str, deadline: timedelta = timedelta(minutes=30)) -> int:
    number = ledger.intend_request(key, ledger.begin_attempt(key, upload=True))
    now = clock.now()
    request = ReportRequest(now, None, date(2026, 10, 1), date(2026, 10, 31), 3, False, "it will be mailed")
    ledger.end_request(number, request, now + deadline)
    return number


def test_the_same_delivery_has_the_same_readable_id() -> None:
    assert delivery_id("abc", "activix", None, OCTOBER) == "abc/activix/2026-10"
    backdata = Period(Month(2026, 3), Month(2026, 4))
    assert delivery_id("abc", "activix", "ABC/North", backdata) == "abc/activix/2026-03..2026-04/ABC-North"


def test_expecting_again_creates_nothing_and_forgets_nothing(ledger: Ledger) -> None:
    row = ledger.expect("abc", "activix", "Activix CRM", None, OCTOBER)
    request_report(ledger, row.id)
    again = ledger.expect("abc", "activix", "Activix CRM", None, OCTOBER)
    assert (again.state, again.attempt) == (State.REQUESTED, 1)
    assert [each.id for each in ledger.deliveries(Month(2026, 10))] == [row.id]
    assert ledger.deliveries(Month(2026, 9)) == []


def test_times_come_back_aware_and_in_utc(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    local = datetime(2026, 11, 1, 1, 30, tzinfo=timezone(timedelta(hours=-5)))
    monkeypatch.setattr(clock, "now", lambda: local)
    row = ledger.delivery(ledger.expect("abc", "activix", "Activix CRM", None, OCTOBER).id)
    assert row.created_at == local
    assert row.created_at.tzinfo is UTC


def test_a_request_is_known_before_the_crm_has_accepted_it(ledger: Ledger) -> None:
    key = ledger.expect("abc", "activix", "Activix CRM", None, OCTOBER).id
    number = ledger.intend_request(key, ledger.begin_attempt(key, upload=True))
    assert ledger.delivery(key).state == State.REQUESTED
    assert [each.ended_at for each in ledger.requests(key)] == [None]
    ledger.end_request(number, None, None)
    assert ledger.delivery(key).state == State.EXPECTED
    assert len(ledger.requests(key)) == 1, "its mail may come all the same"


def test_a_report_answers_all_open_requests_and_the_same_bytes_are_the_same_report(ledger: Ledger) -> None:
    key = ledger.expect("abc", "activix", "Activix CRM", None, OCTOBER).id
    request_report(ledger, key)
    second = request_report(ledger, key)
    file = ledger.add_file(key, source="mail", path="a.csv", sha256="11")
    assert (file.request_id, ledger.requests(key)) == (second, [])
    assert ledger.add_file(key, source="mail", path="b.csv", sha256="11").id == file.id
    assert ledger.delivery(key).state == State.COLLECTED


def test_a_refused_report_has_to_be_asked_for_anew(ledger: Ledger) -> None:
    key = ledger.expect("abc", "activix", "Activix CRM", None, OCTOBER).id
    request_report(ledger, key)
    ledger.add_file(key, source="mail", path="a.csv", sha256="11")
    ledger.refuse_file(key)
    assert ledger.delivery(key).state == State.EXPECTED
    request_report(ledger, key)
    assert not ledger.add_file(key, source="mail", path="a.csv", sha256="11").refused


def test_an_intended_post_stays_until_a_person_settles_it(ledger: Ledger) -> None:
    key = ledger.expect("abc", "activix", "Activix CRM", None, OCTOBER).id
    file = ledger.add_file(key, source="mail", path="a.csv", sha256="11")
    ledger.update_file(file.id, sha256="11")
    present = ledger.file(key)
    assert present
    ledger.intend_upload(key, present)
    ledger.end_attempt(key, Ending(Outcome.UPLOAD_FAILED, ("silence",), "look"))
    assert ledger.delivery(key).state == State.POSTED
    ledger.settle_upload(key)
    assert ledger.delivery(key).state == State.COLLECTED


def test_what_is_being_posted_or_was_confirmed_is_not_posted_by_another_run(ledger: Ledger) -> None:
    key = ledger.expect("abc", "activix", "Activix CRM", None, OCTOBER).id
    file = ledger.add_file(key, source="mail", path="a.csv", sha256="11")
    ledger.update_file(file.id, sha256="11")
    present = ledger.file(key)
    assert present
    number = ledger.intend_upload(key, present)
    with pytest.raises(AccountBusy, match="just posting, or has posted"):
        ledger.intend_upload(key, present)
    ledger.answer_upload(number, "confirmed", "Thank you")
    with pytest.raises(AccountBusy):
        ledger.intend_upload(key, present)


def test_only_other_periods_of_the_same_client_count_as_delivered_before(ledger: Ledger) -> None:
    for month in (9, 10):
        key = ledger.expect("abc", "activix", "Activix CRM", None, Period.month(Month(2026, month))).id
        ledger.add_file(key, source="mail", path="a.csv", sha256=str(month))
        ledger.close(key, State.DELIVERED, "export")
    row = ledger.expect("abc", "activix", "Activix CRM", None, OCTOBER)
    assert ledger.delivered_before(row) == {"9": "2026-09"}


def test_an_authenticator_code_is_used_once(ledger: Ledger) -> None:
    account = Account("abc", "activix", "ABC Autos", None, None, "a@example.com", (), timedelta(1), ZoneInfo("UTC"))
    assert ledger.use_code(account, 59_000_000)
    assert not ledger.use_code(account, 59_000_000)
    assert not ledger.use_code(account, 58_999_999)
    assert ledger.use_code(account, 59_000_001)


def test_a_full_database_is_said_in_a_sentence(tmp_path: Path) -> None:
    ledger = Ledger(open_database(sqlite_url(tmp_path / "robot.sqlite")))
    with ledger.engine.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        connection.execute(text(f"PRAGMA max_page_count={pages}"))

    def fill() -> None:
        for number in range(1000):
            ledger.expect("abc", "activix", "Activix CRM", f"rooftop {number} {'x' * 500}", OCTOBER)

    with pytest.raises(UsageWrong, match="database or disk is full"):
        fill()
    ledger.engine.dispose()


def test_a_file_that_is_no_database_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "robot.sqlite").write_text("not a database " * 100, "utf-8")
    with pytest.raises(UsageWrong, match="file is not a database"):
        open_database(sqlite_url(tmp_path / "robot.sqlite"))
