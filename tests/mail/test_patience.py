"""Servers that cannot do something now: they are given time, no mail is blamed, and no person is called."""

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from report_mailbox import (
    Fate,
    MailboxError,
    MailboxLost,
    MailboxProtocol,
    MailboxThrottled,
    Pace,
)
from tests.mail.conftest import ADDRESS, QUICK, expectation, reasons, report_mail, soon
from tests.mail.fault_server import fault_server
from tests.mail.test_faults import RAW, collector_for

IMPATIENT = replace(QUICK, throttled=timedelta(seconds=0.05))


def raw_of(month: str) -> bytes:
    mail = report_mail(month.encode(), message_id=f"<{month}@activix.ca>").as_bytes()
    return f"Delivered-To: {ADDRESS}\r\n".encode() + mail.replace(b"\n", b"\r\n")


def test_no_mail_is_blamed_for_an_account_that_is_read_too_much(engine: Engine, tmp_path: Path) -> None:
    with fault_server("throttles_bodies") as world:
        world.add(RAW)
        collector = collector_for(world, engine, tmp_path)
        for _ in range(6):
            with pytest.raises(MailboxThrottled, match="asks for patience while downloading a mail"):
                collector.collect_once()

        assert len(collector.collect_once()) == 1
        assert reasons(collector) == []


def test_a_folder_that_cannot_be_opened_now_is_opened_later(engine: Engine, tmp_path: Path) -> None:
    with fault_server("opens_later") as world:
        world.add(RAW)
        collector = collector_for(world, engine, tmp_path, IMPATIENT)
        troubles: list[MailboxError] = []

        assert len(collector.wait(soon(), trouble=troubles.append)) == 1
        assert [type(trouble) for trouble in troubles] == [MailboxProtocol]


def test_a_folder_that_may_only_be_read_is_not_written_to(engine: Engine, tmp_path: Path) -> None:
    with fault_server("read_only") as world:
        world.add(RAW)
        collector = collector_for(world, engine, tmp_path)

        assert len(collector.collect_once()) == 1
        assert world.count("UID STORE") == 0
        world.faults.clear()
        collector.collect_once()
        assert world.flags == {101: {"\\Seen"}}


def test_a_full_mailbox_does_not_keep_a_report_back(engine: Engine, tmp_path: Path) -> None:
    with fault_server("full") as world:
        uid = world.add(RAW)
        collector = collector_for(world, engine, tmp_path, done_folder="Done")

        for _ in range(5):
            assert len(collector.collect_once()) == 1
        assert collector.ledger.decisions()[uid][0] is Fate.REPORT
        assert world.flags == {uid: {"\\Seen"}}
        assert world.count("UID MOVE") == 3


def test_a_server_that_says_goodbye_in_the_middle_of_an_answer_is_asked_again(engine: Engine, tmp_path: Path) -> None:
    with fault_server("bye_in_fetch") as world:
        world.add(RAW)
        collector = collector_for(world, engine, tmp_path)
        with pytest.raises(MailboxLost):
            collector.collect_once()

        assert len(collector.collect_once()) == 1


def test_a_server_that_counts_backwards_under_one_numbering_loses_and_doubles_nothing(
    engine: Engine, tmp_path: Path
) -> None:
    """As after a backup that was played back: the numbers of younger mails are given to others."""
    with fault_server() as world:
        world.add(raw_of("2026-08"))
        world.add(raw_of("2026-10"))
        world.add(raw_of("2026-07"))
        collector = collector_for(world, engine, tmp_path)
        assert len(collector.collect_once()) == 1

        world.mails.clear()
        world.add(raw_of("2026-09"))
        world.add(raw_of("2026-10"))
        collector.ledger.expect(expectation("abc 2026-09"))

        got = collector.collect_once()
        assert [each.expectation_id for each in got] == ["abc 2026-10", "abc 2026-09"]
        assert [fate for fate, _ in collector.ledger.decisions().values()] == [Fate.REPORT, Fate.DUPLICATE]


def test_a_dead_server_in_the_middle_of_a_command_is_noticed_within_a_minute() -> None:
    """By its settings: a read, and a whole wait for mail with its end, each last less."""
    pace = Pace()
    assert pace.read < timedelta(minutes=1)
    assert max(pace.idle_cycles) + pace.end_idle < timedelta(minutes=1)


def test_asking_for_patience_does_not_end_a_watch(engine: Engine, tmp_path: Path) -> None:
    stop = threading.Event()
    with fault_server("throttles_bodies") as world:
        world.add(RAW)
        collector = collector_for(world, engine, tmp_path, IMPATIENT)
        collector.watch(stop, lambda _: stop.set())
        assert world.throttled == 6
