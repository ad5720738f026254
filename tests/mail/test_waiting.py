"""Waiting for mail that has not come yet: on both servers."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from report_mailbox import Collector, Handed
from tests.mail.conftest import (
    QUICK,
    Post,
    accept_by_content,
    expectation,
    in_background,
    report_mail,
    soon,
)


def test_mail_is_noticed_at_once_while_waiting(post: Post, engine: Engine, tmp_path: Path) -> None:
    waiting = threading.Event()

    def note(step: str) -> None:
        if step == "waiting":
            waiting.set()

    # Only the mail that comes in the moment before IDLE may have to wait for the end of the first, short cycle.
    pace = replace(QUICK, idle_cycles=(timedelta(seconds=0.5), timedelta(seconds=60)))
    collector = Collector(post.mailbox(), engine, tmp_path / "mail", accept_by_content, pace=pace, on_step=note)
    collector.ledger.expect(expectation())
    arrived: list[datetime] = []

    def send_it() -> None:
        assert waiting.wait(10)
        post.send(report_mail())
        arrived.append(datetime.now(UTC))

    with in_background(send_it):
        (handed,) = collector.wait(soon(30))
    assert handed.expectation_id == "abc 2026-10"
    assert datetime.now(UTC) - arrived[0] < timedelta(seconds=5)


def test_waiting_ends_at_its_time(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())

    assert collector.wait(soon(0.5)) == []


def test_an_expectation_that_comes_while_watching_is_noticed(post: Post, engine: Engine, tmp_path: Path) -> None:
    waiting = threading.Event()

    def note(step: str) -> None:
        if step == "waiting":
            waiting.set()

    collector = Collector(post.mailbox(), engine, tmp_path / "mail", accept_by_content, pace=QUICK, on_step=note)
    post.send(report_mail())
    stop = threading.Event()
    got: list[Handed] = []

    def take(handed: Handed) -> None:
        got.append(handed)
        stop.set()

    with in_background(lambda: collector.watch(stop, take), stop):
        assert waiting.wait(10)
        collector.ledger.expect(expectation())
        assert stop.wait(10)
    assert [handed.expectation_id for handed in got] == ["abc 2026-10"]
    assert collector.ledger.untaken() == []


def test_a_watch_survives_a_server_that_is_restarted(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())
    stop, troubled = threading.Event(), threading.Event()
    got: list[Handed] = []

    def take(handed: Handed) -> None:
        got.append(handed)
        stop.set()

    with in_background(lambda: collector.watch(stop, take, trouble=lambda _: troubled.set()), stop):
        post.stop()
        assert troubled.wait(10)
        post.start()
        post.send(report_mail())
        assert stop.wait(10)
    assert [handed.expectation_id for handed in got] == ["abc 2026-10"]
