"""A Dovecot that dies, is restarted or stops in the middle of everything: with real signals to real processes."""

import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from emulated_world.dovecot import Dovecot
from report_mailbox import Collector, Handed, MailboxError, Pace
from tests.conftest import Run
from tests.mail.conftest import QUICK, Post, accept_by_content, expectation, in_background, report_mail

pytestmark = pytest.mark.dovecot

LONG_IDLE = replace(QUICK, idle_cycles=(timedelta(seconds=60),))
SHORT_IDLE = replace(QUICK, idle_cycles=(timedelta(seconds=0.3),), end_idle=timedelta(seconds=0.5))


@pytest.fixture
def dovecot(run: Run) -> Iterator[Dovecot]:
    server = Dovecot()
    run(server.__aenter__())
    yield server
    run(server.__aexit__(None, None, None))


class Watch:
    """A collector that watches, and what came of it."""

    def __init__(self, collector: Collector) -> None:
        self.stop, self.idling, self.troubled = threading.Event(), threading.Event(), threading.Event()
        self.got: list[Handed] = []
        self._collector = collector
        collector._on_step = lambda step: self.idling.set() if step == "waiting" else None

    def run(self) -> None:
        self._collector.watch(self.stop, self._take, trouble=self._note)

    def _take(self, handed: Handed) -> None:
        self.got.append(handed)
        self.stop.set()

    def _note(self, _: MailboxError) -> None:
        self.troubled.set()


def session_of(server: Dovecot) -> int:
    """The process of the last session that was opened."""
    return int(re.findall(r"mpid=(\d+)", server.log_file.read_text("utf-8"))[-1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_session_that_is_killed_in_idle_is_replaced_at_once(
    number: signal.Signals, dovecot: Dovecot, run: Run, engine: Engine, tmp_path: Path
) -> None:
    """With an IDLE of a minute: it is the end of the connection that is noticed."""
    watch = watch_over(dovecot, run, engine, tmp_path, LONG_IDLE)
    with in_background(watch.run, watch.stop):
        assert watch.idling.wait(10)
        os.kill(session_of(dovecot), number)
        assert watch.troubled.wait(10)
        Post(dovecot, run).deliver(report_mail().as_bytes())
        assert watch.stop.wait(15)
    assert len(watch.got) == 1


@pytest.mark.parametrize("abruptly", [True, False])
def test_a_server_that_is_restarted_during_idle_is_found_again(
    abruptly: bool, dovecot: Dovecot, run: Run, engine: Engine, tmp_path: Path
) -> None:
    watch = watch_over(dovecot, run, engine, tmp_path, LONG_IDLE)
    with in_background(watch.run, watch.stop):
        assert watch.idling.wait(10)
        Post(dovecot, run).restart(abruptly=abruptly)
        assert watch.troubled.wait(10)
        Post(dovecot, run).deliver(report_mail().as_bytes())
        assert watch.stop.wait(15)
    assert len(watch.got) == 1


def test_a_server_that_stops_without_closing_is_noticed_and_left(
    dovecot: Dovecot, run: Run, engine: Engine, tmp_path: Path
) -> None:
    """A quiet mailbox and a machine that is gone look alike until IDLE is ended."""
    watch = watch_over(dovecot, run, engine, tmp_path, SHORT_IDLE)
    with in_background(watch.run, watch.stop):
        assert watch.idling.wait(10)
        stopped = session_of(dovecot)
        os.kill(stopped, signal.SIGSTOP)
        try:
            assert watch.troubled.wait(10)
            Post(dovecot, run).deliver(report_mail().as_bytes())
            assert watch.stop.wait(15)
        finally:
            os.kill(stopped, signal.SIGCONT)
    assert len(watch.got) == 1


@pytest.mark.parametrize("step", ["listed", "spooled", "decided"])
def test_a_session_that_is_killed_in_the_middle_of_a_pass_is_replaced(
    step: str, dovecot: Dovecot, run: Run, engine: Engine, tmp_path: Path
) -> None:
    watch = watch_over(dovecot, run, engine, tmp_path, LONG_IDLE)
    killed: list[int] = []

    def kill_it_at(done: str) -> None:
        if done == step and not killed:
            killed.append(session_of(dovecot))
            os.kill(killed[0], signal.SIGKILL)

    set_on_step(watch, kill_it_at)
    Post(dovecot, run).deliver(report_mail().as_bytes())
    with in_background(watch.run, watch.stop):
        assert watch.stop.wait(15)
    assert len(watch.got) == len(killed) == 1


def set_on_step(watch: Watch, told: Callable[[str], None]) -> None:
    watch._collector._pass._on_step = told


def watch_over(server: Dovecot, run: Run, engine: Engine, folder: Path, pace: Pace) -> Watch:
    collector = Collector(Post(server, run).mailbox(), engine, folder / "mail", accept_by_content, pace=pace)
    collector.ledger.expect(expectation())
    return Watch(collector)
