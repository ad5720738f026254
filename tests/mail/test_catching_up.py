"""After a long absence, and in large mailboxes: everything is collected, oldest first, and only what is new costs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from report_mailbox import Collector
from tests.mail.conftest import ADDRESS, QUICK, Post, accept_by_content, expectation, report_mail
from tests.mail.fault_server import FaultServer, fault_server
from tests.mail.test_faults import collector_for, mailbox


def test_three_weeks_of_reports_are_collected_oldest_first(post: Post, collector: Collector) -> None:
    began = datetime.now(UTC) - timedelta(weeks=3)
    months = [f"{year}-{month:02}" for year in (2024, 2025) for month in range(1, 13)]
    with post.person() as client:
        for number, month in enumerate(months):
            collector.ledger.expect(expectation(f"abc {month}", newer_than=began))
            raw = report_mail(month.encode(), message_id=f"<{month}@activix.ca>").as_bytes()
            arrived = began + timedelta(hours=1 + number * 20)
            client.append("INBOX", f"Delivered-To: {ADDRESS}\r\n".encode() + raw, (), arrived)

    assert [each.expectation_id for each in collector.collect_once()] == [f"abc {month}" for month in months]


def full(world: FaultServer, count: int) -> None:
    for _ in range(count):
        world.add(b"From: a@example.net\r\nTo: b@example.net\r\n\r\nx\r\n")


def test_a_pass_asks_only_for_what_came_after_the_last_one(engine: Engine, tmp_path: Path) -> None:
    with fault_server() as world:
        full(world, 300)
        collector = collector_for(world, engine, tmp_path)
        collector.collect_once()
        world.asked.clear()
        full(world, 3)
        collector.collect_once()

        fetched = [each for each in world.asked if each.startswith("UID FETCH")]
        assert [each.partition(" (")[0] for each in fetched] == ["UID FETCH 401,402,403"]
        assert all(each.startswith(("UID SEARCH UID 401:", "UID SEARCH UID 404:")) for each in world.asked
                   if "SEARCH" in each)  # fmt: skip


def test_a_new_expectation_looks_back_by_day_and_reads_nothing_twice(engine: Engine, tmp_path: Path) -> None:
    with fault_server() as world:
        full(world, 300)
        collector = collector_for(world, engine, tmp_path)
        collector.collect_once()
        world.asked.clear()
        collector.ledger.expect(expectation("xyz 2026-10", newer_than=datetime.now(UTC) - timedelta(days=3)))
        collector.collect_once()

        day = (datetime.now(UTC) - timedelta(days=4, minutes=2)).strftime("%d-%b-%Y").upper()
        assert [each for each in world.asked if each.startswith("UID SEARCH")] == [f"UID SEARCH UID 1:* SINCE {day}"]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id FROM mail_messages WHERE account = 'a' AND folder = 'f' AND decision IS NULL",
        "SELECT uid FROM mail_messages WHERE account = 'a' AND folder = 'f' AND uidvalidity = 7"
        " AND decision IN ('report', 'duplicate') AND marked_at IS NULL AND mark_attempts < 3",
        "UPDATE mail_messages SET decision = NULL WHERE account = 'a' AND folder = 'f' AND address = 'x'"
        " AND received >= '2026-10-01' AND decision IN ('held', 'ignored') AND final IS 0",
        "UPDATE mail_messages SET decision = NULL WHERE account = 'a' AND folder = 'f' AND address IS NULL"
        " AND received IS NULL AND decision IN ('held', 'ignored') AND final IS 0",
    ],
)
def test_what_each_pass_asks_the_ledger_is_found_by_an_index(query: str, engine: Engine, tmp_path: Path) -> None:
    with fault_server() as world:
        Collector(mailbox(world), engine, tmp_path / "mail", accept_by_content, pace=QUICK)
    with engine.connect() as connection:
        (plan,) = (row[-1] for row in connection.execute(text(f"EXPLAIN QUERY PLAN {query}")))
    assert "USING INDEX" in plan or "USING COVERING INDEX" in plan, plan
    assert " AND decision=?" in plan or " AND address=?" in plan, plan
