"""The connection to a Dovecot is cut at each step of a round: the report is handed over exactly once each time."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select

from emulated_world.dovecot import Dovecot
from report_mailbox import Collector, Fate, Handed, Mailbox
from report_mailbox.tables import handed, messages
from tests.conftest import Run
from tests.mail.conftest import QUICK, REPORT, Post, accept_by_content, expectation, in_background, report_mail
from tests.mail.proxy import Proxy, proxy

pytestmark = pytest.mark.dovecot

PACE = replace(QUICK, pauses=(timedelta(seconds=0.01),), idle_cycles=(timedelta(seconds=30),))
PLAIN = ("MOVE", "UIDPLUS", "IDLE")
"""Offered by Dovecot, and hidden."""

ROUNDS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "marked": ({}, ()),
    "moved": ({"done_folder": "Done"}, ()),
    "copied": ({"done_folder": "Done"}, ("MOVE",)),
    "plain": ({"done_folder": "Done"}, PLAIN),
}  # fmt: skip
COMMANDS = {
    "marked": ["GREETING", "CAPABILITY", "LOGIN", "SELECT", "UID SEARCH", "UID FETCH of headers", "UID FETCH of mail",
               "UID STORE", "LOGOUT"],
    "moved": ["LIST", "CREATE", "UID MOVE"],
    "copied": ["UID COPY", "UID STORE", "UID EXPUNGE"],
    "plain": ["UID STORE"],
}  # fmt: skip


@pytest.fixture(scope="module")
def dovecot(run: Run) -> Iterator[Dovecot]:
    server = Dovecot()
    run(server.__aenter__())
    yield server
    run(server.__aexit__(None, None, None))


@pytest.fixture
def post(dovecot: Dovecot, run: Run) -> Post:
    return Post(dovecot, run)


class Round:
    """One report from its arrival to its being marked, over a proxy, with a ledger of its own."""

    def __init__(self, post: Post, folder: Path, line: Proxy, settings: dict[str, Any]) -> None:
        self._engine = create_engine(f"sqlite:///{folder}.sqlite")
        mailbox = Mailbox(
            "127.0.0.1", line.port, post.server.username, lambda: post.server.password, "none", **settings
        )
        self._collector = Collector(mailbox, self._engine, folder, accept_by_content, pace=PACE)
        self._collector.ledger.expect(expectation(newer_than=expectation().newer_than - timedelta(seconds=5)))
        self.got: list[Handed] = []
        self.stop = threading.Event()

    def watch(self) -> None:
        self._collector.watch(self.stop, self._take)

    def _take(self, each: Handed) -> None:
        self.got.append(each)
        self.stop.set()

    def look_once_more(self) -> None:
        """What was not handed over or marked because of the cut is, by the next passes."""
        self._collector.collect_once()
        self._collector.collect_once()

    def check(self, step: str) -> None:
        assert [each.file and each.file.read_bytes() for each in self.got] == [REPORT], step
        with self._engine.connect() as connection:
            assert len(connection.execute(select(handed.c.id)).all()) == 1, step
            decided = connection.execute(select(messages.c.decision, messages.c.marked_at)).all()
            assert [decision for decision, _ in decided if decision == Fate.REPORT] == [Fate.REPORT], step
            assert all(decision in (Fate.REPORT, Fate.DUPLICATE) and marked for decision, marked in decided), step
        self._engine.dispose()


@contextmanager
def mail_of_this_round(post: Post) -> Iterator[None]:
    yield
    with post.person() as client:
        client.delete_messages(client.search("ALL"))
        client.expunge()
        if client.folder_exists("Done"):
            client.delete_folder("Done")


def steps_of(command: str) -> Iterator[str]:
    """In the order in which they come; those that there are not are not cut at."""
    yield f"{command}: not sent"
    for line in count(1):
        yield f"{command}: line {line}"


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("kind", "command"), [(kind, command) for kind in COMMANDS for command in COMMANDS[kind]])
def test_cut_anywhere_it_is_handed_over_once(kind: str, command: str, post: Post, tmp_path: Path) -> None:
    settings, without = ROUNDS[kind]

    def cut_at(step: str, number: int) -> bool:
        with proxy(post.server.imap_port, cut_at=step, without=without) as line, mail_of_this_round(post):
            post.deliver(report_mail(message_id=f"<{number}@activix.ca>").as_bytes())
            one = Round(post, tmp_path / str(number), line, settings)
            one.watch()
            one.look_once_more()
            one.check(step)
            return line.cut.is_set()

    assert walk(command, cut_at) >= (1 if command == "GREETING" else 2)


def walk(command: str, cut_at: Callable[[str, int], bool]) -> int:
    """Cut at each step of the command until there are no more; returns how many there were."""
    found = 0
    for number, step in enumerate(steps_of(command)):
        if step == "GREETING: not sent":
            continue
        if not cut_at(step, number):
            break
        found += 1
    for number, step in enumerate(("middle of a literal", "end of a literal", "all said"), start=1000):
        found += cut_at(f"{command}: {step}", number)
    return found


def test_the_commands_that_are_cut_are_all_there_are(post: Post, tmp_path: Path) -> None:
    for kind, (settings, without) in ROUNDS.items():
        with proxy(post.server.imap_port, without=without) as line, mail_of_this_round(post):
            post.deliver(report_mail().as_bytes())
            one = Round(post, tmp_path / kind, line, settings)
            one.watch()
            one.check(kind)
            seen = {step.partition(":")[0] for step in line.steps}
        assert seen <= {command for commands in COMMANDS.values() for command in commands}
        assert set(COMMANDS[kind]) <= seen


@pytest.mark.parametrize("command", ["IDLE", "DONE"])
def test_cut_while_it_waits_for_mail_it_is_handed_over_once(command: str, post: Post, tmp_path: Path) -> None:
    def cut_at(step: str, number: int) -> bool:
        with proxy(post.server.imap_port, cut_at=step) as line, mail_of_this_round(post):
            one = Round(post, tmp_path / str(number), line, {})
            with in_background(one.watch):
                line.wait_for("IDLE: line 1")
                post.deliver(report_mail(message_id=f"<{number}@activix.ca>").as_bytes())
            one.look_once_more()
            one.check(step)
            return line.cut.is_set()

    assert walk(command, cut_at) >= 2
