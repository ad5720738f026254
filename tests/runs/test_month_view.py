"""Whose move is next, and what `robot status` says of a month, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from export_robots import clock
from export_robots.outcomes import Outcome
from export_robots.periods import Month, Period
from export_robots.runs.database import open_database, sqlite_url
from export_robots.runs.ledger import Ending, Ledger
from export_robots.runs.month import expect_due
from export_robots.runs.month_view import Entry, MonthView, view_month
from export_robots.runs.operating_tables import CrmRow, MachineRow, QuestionRow
from export_robots.runs.owners import Owner, owner_of
from export_robots.runs.tables import DeliveryRow, State
from tests.cli.conftest import CONFIGURATION
from tests.runs.conftest import Robot, robot
from tests.runs.databases import emptied, server, url
from tests.runs.test_month import NOVEMBER_1, client, settings

__all__ = ["emptied", "robot", "server", "url"]

OCTOBER = Month(2026, 10)
CONFIG = settings(*(client(key, "activix") for key in ("abc", "lmn", "xyz")), client("hand", "vinsolutions"))


@pytest.fixture
def ledger(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """On the 1st of November the month is expected."""
    monkeypatch.setattr(clock, "now", lambda: NOVEMBER_1)
    made = Ledger(open_database(url))
    expect_due(made, CONFIG, NOVEMBER_1)
    yield made
    made.engine.dispose()


def look(ledger: Ledger, *, client: str | None = None, crm: str | None = None) -> tuple[MonthView, dict[str, Entry]]:
    view = view_month(ledger, CONFIG, OCTOBER, client=client, crm=crm)
    return view, {entry.line.client: entry for entry in view.entries}


def end(ledger: Ledger, key: str, outcome: Outcome, next_: str | None = "do this") -> None:
    ledger.begin_attempt(key, upload=True)
    ledger.end_attempt(key, Ending(outcome, ("it was seen",), next_))


def change(ledger: Ledger, key: str, **values: object) -> None:
    with Session(ledger.engine) as session, session.begin():
        session.execute(update(DeliveryRow).where(DeliveryRow.id == key).values(**values))


def test_every_delivery_has_one_who_owns_its_next_move(ledger: Ledger) -> None:
    view, of = look(ledger)
    assert (of["abc"].move.owner, of["hand"].move.owner) == (Owner.ROBOT, Owner.OPERATOR)
    assert 'robot deliver FILE --client hand --crm "VinSolutions" --month 2026-10' in of["hand"].move.what
    assert view.summary() == {
        "expected": 4,
        "closed": 0,
        "person": 1,
        "under_way": 3,
        "overdue": 0,
        "not_expected_yet": 0,
    }
    end(ledger, "abc/activix/2026-10", Outcome.SITE_CHANGED)
    end(ledger, "lmn/activix/2026-10", Outcome.SITE_DOWN)
    change(ledger, "lmn/activix/2026-10", transient=True, retry_at=NOVEMBER_1 + timedelta(minutes=5))
    ledger.begin_attempt("xyz/activix/2026-10", upload=True)
    _, of = look(ledger)
    assert (of["abc"].move.owner, of["abc"].next) == (Owner.KEEPER, "do this")
    assert (of["lmn"].move.owner, of["lmn"].outcome) == (Owner.ROBOT, "site_down")
    assert of["lmn"].move.what.startswith("tried again at 2026-11-01")
    assert of["xyz"].move == (Owner.ROBOT, "run xyz/activix/2026-10#1 is at it")


@pytest.mark.parametrize("outcome", Outcome)
def test_each_way_a_run_can_end_leaves_the_next_move_with_somebody(outcome: Outcome) -> None:
    row = DeliveryRow(id="abc/activix/2026-10", client="abc", crm="activix", crm_label="Activix CRM", rooftop=None)
    row.period_start = row.period_end = "2026-10"
    row.state, row.outcome, row.attempt, row.transient, row.next = State.EXPECTED, outcome, 1, False, None
    assert owner_of(row) is not Owner.NOBODY
    row.state, row.reasons = State.DELIVERED, []
    assert owner_of(row) is Owner.NOBODY


def test_silence_past_the_due_time_is_said_in_the_table(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.close("abc/activix/2026-10", State.DELIVERED, "export")
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 2, 16, 1, tzinfo=UTC))
    view, of = look(ledger)
    assert [of[key].overdue for key in ("abc", "lmn")] == [False, True]
    assert (view.counts["overdue"], view.is_closed) == (3, False)
    assert of["lmn"].as_json()["overdue"] is True


def test_the_month_is_closed_when_everything_was_expected_and_all_of_it_is_closed(ledger: Ledger) -> None:
    for key in ("abc/activix", "lmn/activix", "hand/vinsolutions"):
        ledger.close(f"{key}/2026-10", State.DELIVERED, "export")
    assert not look(ledger)[0].is_closed
    assert look(ledger, client="abc")[0].is_closed
    ledger.waive("xyz/activix/2026-10", "zoe", "they have left")
    view, of = look(ledger)
    assert view.is_closed
    assert of["xyz"].move == (Owner.NOBODY, "zoe waived it: they have left")
    more = settings(*CONFIG.clients.values(), client("new", "activix"))
    late = view_month(ledger, more, OCTOBER)
    assert (late.is_closed, late.not_expected, late.summary()["expected"]) == (False, 1, 5)
    assert not view_month(ledger, more, Month(2026, 1)).is_closed, "nothing was expected"


def test_a_stopped_crm_and_a_wanted_code_stand_above_all(ledger: Ledger) -> None:
    end(ledger, "abc/activix/2026-10", Outcome.CODE_NEEDED)
    with Session(ledger.engine) as session, session.begin():
        stopped = CrmRow(crm="activix", wave_from=NOVEMBER_1, stopped_at=NOVEMBER_1, accounts=["lmn/activix/2026-10"])
        stopped.signature, stopped.saw = "site_changed at “generate the report”", "it is gone"
        session.add(stopped)
        question = QuestionRow(run="abc/activix/2026-10#1", delivery_id="abc/activix/2026-10", account="a")
        question.saw, question.asked_at = "the CRM has sent a code to a phone", NOVEMBER_1
        session.add(question)
    view, of = look(ledger)
    assert [each.crm for each in view.stopped] == ["activix"]
    assert of["xyz"].move.owner is Owner.KEEPER
    assert "robot resume activix" in of["xyz"].move.what
    assert of["abc"].move.owner is Owner.OPERATOR
    assert "robot answer abc/activix/2026-10#1 CODE" in of["abc"].move.what
    assert not look(ledger, client="lmn")[0].questions


def test_what_lies_over_several_months_stands_in_each_of_them(ledger: Ledger) -> None:
    long = ledger.expect("abc", "activix", "Activix CRM", None, Period(Month(2026, 8), Month(2026, 10)))
    assert long.id in {entry.line.id for entry in look(ledger)[0].entries}
    assert [e.line.id for e in view_month(ledger, CONFIG, Month(2026, 9)).entries] == [long.id]
    ledger.split(long.id)
    assert long.id not in {entry.line.id for entry in look(ledger)[0].entries}


def test_a_machine_that_serves_is_seen_by_its_heartbeat(ledger: Ledger) -> None:
    assert not look(ledger)[0].is_served
    with Session(ledger.engine) as session, session.begin():
        session.add(MachineRow(executor="a", host="a", pid=1, started_at=NOVEMBER_1, seen_at=NOVEMBER_1))
    assert look(ledger)[0].is_served


def test_the_table_and_the_exit_code_of_the_command(
    robot: Robot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 3, tzinfo=UTC))
    config = tmp_path / "credentials.toml"
    config.touch(mode=0o600)
    config.write_text(CONFIGURATION, "utf-8")
    from export_robots import cli

    def status(*words: str) -> tuple[int, str]:
        code = cli.run(["status", "--config", str(config), "--home", str(tmp_path / "home"), *words])
        return code, capfd.readouterr().out

    assert status() == (3, "2026-10: 0 of 1 closed, 1 not expected yet (`robot serve` does that)\n")
    ledger = Ledger(open_database(sqlite_url(tmp_path / "home" / "robot.sqlite")))
    ledger.expect("abc", "activix", "Activix CRM", None, Period.month(OCTOBER), due_at=NOVEMBER_1)
    code, text = status()
    assert code == 3
    assert "no `robot serve` is at work here" in text
    assert "2026-10: 0 of 1 closed, 1 under way; 1 OVERDUE" in text
    assert "client  CRM      rooftop  state" in text
    assert "expected OVERDUE" in text
    ledger.close("abc/activix/2026-10", State.DELIVERED, "subscription")
    code, text = status()
    assert (code, "2026-10: 1 of 1 closed\n" in text, "subscription" in text) == (0, True, True)
    assert status("--open") == (0, "2026-10: 1 of 1 closed\n")
    assert status("--crm", "vinsolutions")[0] == 3
    assert status("--client", "abd")[0] == 2
    ledger.engine.dispose()
