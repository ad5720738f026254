"""What mail servers do on bad days, each by name (fault_server.py): nothing is lost, doubled, or waited for in vain."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import Engine

from report_mailbox import (
    Collector,
    Fate,
    Handed,
    Mailbox,
    MailboxError,
    MailboxLost,
    MailboxProtocol,
    MailboxThrottled,
    MailboxUnreachable,
    Pace,
)
from tests.mail.conftest import (
    ADDRESS,
    QUICK,
    accept_by_content,
    expectation,
    in_background,
    reasons,
    report_mail,
    soon,
)
from tests.mail.fault_server import FaultServer, fault_server

RAW = f"Delivered-To: {ADDRESS}\r\n".encode() + report_mail().as_bytes().replace(b"\n", b"\r\n")
LONG_IDLE = replace(QUICK, idle_cycles=(timedelta(seconds=30),))


def mailbox(world: FaultServer, **settings: Any) -> Mailbox:
    return Mailbox("127.0.0.1", world.port, "datateam@example.com", lambda: "secret", "none", **settings)


def collector_for(world: FaultServer, engine: Engine, folder: Path, pace: Pace = QUICK, **settings: str) -> Collector:
    collector = Collector(mailbox(world, **settings), engine, folder / "mail", accept_by_content, pace=pace)
    collector.ledger.expect(expectation())
    return collector


def add_before_the_first_idle(world: FaultServer, collector: Collector) -> None:
    """The mail comes after the last search and before IDLE: the server has no other occasion to announce it."""
    register = collector._register
    plain = register.to_mark

    def just_then(uidvalidity: int) -> list[int]:
        if not world.mails:
            world.add(RAW)
        return plain(uidvalidity)

    register.to_mark = just_then  # type: ignore[method-assign]


@pytest.mark.parametrize("fault", ["notice_with_plus", "notice_before_plus"])
def test_a_notice_in_the_same_segment_as_the_answer_to_idle_is_seen(fault: str, engine: Engine, tmp_path: Path) -> None:
    with fault_server(fault) as world:
        collector = collector_for(world, engine, tmp_path, LONG_IDLE)
        add_before_the_first_idle(world, collector)
        began = monotonic()

        assert len(collector.wait(soon(20))) == 1
        assert monotonic() - began < 10
        assert world.count("LOGIN") == 1


def test_a_notice_that_comes_only_with_the_end_of_idle_is_found_by_the_short_first_cycle(
    engine: Engine, tmp_path: Path
) -> None:
    pace = replace(QUICK, idle_cycles=(timedelta(seconds=0.3), timedelta(seconds=60)))
    with fault_server("notice_after_done") as world:
        collector = collector_for(world, engine, tmp_path, pace)
        add_before_the_first_idle(world, collector)

        assert len(collector.wait(soon(20))) == 1


@pytest.mark.parametrize("fault", ["dies_in_idle", "bye_before_idle", "bye_in_idle", "frozen_in_idle", "refuses_idle"])
def test_an_idle_that_goes_wrong_is_made_good(fault: str, engine: Engine, tmp_path: Path) -> None:
    pace = replace(QUICK, idle_cycles=(timedelta(seconds=0.5),), end_idle=timedelta(seconds=0.5))
    with fault_server(fault) as world:
        collector = collector_for(world, engine, tmp_path, pace)

        def send_later() -> None:
            world.wait_for("IDLE")
            world.add(RAW)

        with in_background(send_later):
            assert len(collector.wait(soon(15))) == 1


def test_a_server_that_refuses_idle_is_asked_twice_and_then_polled(engine: Engine, tmp_path: Path) -> None:
    with fault_server("refuses_idle") as world:
        collector = collector_for(world, engine, tmp_path)
        stop = threading.Event()
        with in_background(lambda: collector.watch(stop, lambda _: None), stop):
            world.wait_for("UID SEARCH", times=5)
            stop.set()
        assert world.count("IDLE") == 2


def test_a_server_that_shuts_down_before_idle_is_not_one_that_refuses_it(engine: Engine, tmp_path: Path) -> None:
    """It is met again when it is back: at once by IDLE, not by polling for ever after."""
    with fault_server("bye_before_idle") as world:
        collector = collector_for(world, engine, tmp_path)
        stop, troubles = threading.Event(), list[MailboxError]()
        with in_background(lambda: collector.watch(stop, lambda _: None, trouble=troubles.append), stop):
            world.wait_for("IDLE", times=5)
            stop.set()
        assert [type(each) for each in troubles] == [MailboxLost] * 3


def test_a_server_without_idle_is_polled(engine: Engine, tmp_path: Path) -> None:
    with fault_server("no_idle") as world:
        collector = collector_for(world, engine, tmp_path)

        def send_later() -> None:
            world.wait_for("UID SEARCH", times=2)
            world.add(RAW)

        with in_background(send_later):
            assert len(collector.wait(soon(15))) == 1
        assert world.count("IDLE") == 0


def test_a_quiet_idle_is_renewed(engine: Engine, tmp_path: Path) -> None:
    pace = replace(QUICK, idle_cycles=(timedelta(seconds=0.1), timedelta(seconds=0.2)))
    with fault_server() as world:
        collector = collector_for(world, engine, tmp_path, pace)
        stop = threading.Event()
        with in_background(lambda: collector.watch(stop, lambda _: None), stop):
            world.wait_for("IDLE", times=4)
            stop.set()
        assert world.count("LOGIN") == 1


def test_a_body_that_is_cut_off_is_fetched_again(engine: Engine, tmp_path: Path) -> None:
    with fault_server("cuts_literal") as world:
        world.add(RAW)
        collector = collector_for(world, engine, tmp_path)
        with pytest.raises(MailboxLost):
            collector.collect_once()

        assert list((collector.folder / "spool").iterdir()) == []
        assert len(collector.collect_once()) == 1


@pytest.mark.parametrize("fault", ["omits_from_lists", "expunge_issued"])
def test_a_mail_left_out_of_a_long_answer_is_not_taken_for_gone(fault: str, engine: Engine, tmp_path: Path) -> None:
    with fault_server(fault) as world:
        world.add(RAW.replace(b"<1@", b"<0@").replace(b"2026-10-01", b"2026-09-01"))
        world.add(RAW)
        collector = collector_for(world, engine, tmp_path)
        collector.collect_once()

        assert [handed.expectation_id for handed in collector.collect_once()] == ["abc 2026-10"]


def test_a_body_that_is_never_given_is_held_and_blocks_nothing(engine: Engine, tmp_path: Path) -> None:
    with fault_server("nil_body") as world:
        world.add(RAW)
        world.add(RAW.replace(b"<1@", b"<2@"))
        collector = collector_for(world, engine, tmp_path)

        assert len(collector.collect_once()) == 1
        for _ in range(6):
            collector.collect_once()
        assert reasons(collector) == ["the mail server does not hand it out"]


def test_refused_flags_do_not_matter(engine: Engine, tmp_path: Path) -> None:
    with fault_server("refuses_flags") as world:
        uid = world.add(RAW)
        collector = collector_for(world, engine, tmp_path)

        for _ in range(5):
            assert len(collector.collect_once()) == 1
        assert collector.ledger.decisions()[uid][0] is Fate.REPORT
        assert world.count("UID STORE") == 3


def test_a_server_that_cannot_move_gets_no_expunge(engine: Engine, tmp_path: Path) -> None:
    with fault_server("plain_server") as world:
        uid = world.add(RAW)
        collector = collector_for(world, engine, tmp_path, done_folder="Done")

        assert len(collector.collect_once()) == 1
        assert world.flags == {uid: {"\\Seen"}}
        assert world.count("EXPUNGE") == 0


def test_a_server_that_drips_is_cut_off_at_the_deadline_over_all(engine: Engine, tmp_path: Path) -> None:
    with fault_server("drips") as world:
        for _ in range(20):
            world.add(RAW)
        collector = collector_for(world, engine, tmp_path, replace(QUICK, command=timedelta(seconds=1)))
        began = monotonic()
        with pytest.raises(MailboxLost, match="no answer in time"):
            collector.collect_once()
        assert monotonic() - began < 4


def test_an_answer_that_is_not_imap_is_named(engine: Engine, tmp_path: Path) -> None:
    with fault_server("not_imap") as world, pytest.raises(MailboxProtocol, match="cannot be understood"):
        collector_for(world, engine, tmp_path).collect_once()


@pytest.mark.parametrize(("fault", "error"), [("throttles", MailboxThrottled), ("bye_at_sign_in", MailboxLost)])
def test_a_server_that_does_not_let_us_in_for_now_has_not_refused_the_password(
    fault: str, error: type[Exception], engine: Engine, tmp_path: Path
) -> None:
    with fault_server(fault) as world, pytest.raises(error):
        collector_for(world, engine, tmp_path).collect_once()


def test_a_mailbox_that_stays_unreachable_is_named_when_the_time_is_up(engine: Engine, tmp_path: Path) -> None:
    with fault_server() as world:
        collector = collector_for(world, engine, tmp_path)
    troubles: list[MailboxError] = []

    with pytest.raises(MailboxUnreachable, match=f"no connection to the mailbox at 127.0.0.1:{world.port}"):
        collector.wait(soon(0.6), trouble=troubles.append)
    assert len(troubles) > 1


def test_nothing_is_logged_of_mails_and_passwords(
    engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with fault_server() as world, caplog.at_level("DEBUG"):
        world.add(RAW)
        collector = collector_for(world, engine, tmp_path)
        got: list[Handed] = collector.wait(datetime.now(UTC) + timedelta(seconds=10))

    assert len(got) == 1
    assert "mail 101: report" in caplog.text
    for private in ("secret", "ann@example.net", "Your report", "reports@"):
        assert private not in caplog.text
