"""Several collectors on one mailbox: in threads, in processes, and on two machines with one PostgreSQL database."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, select

from report_mailbox import Acceptance, Collector, Fate
from report_mailbox.tables import handed, messages, metadata
from tests.mail import crashing_collector
from tests.mail.conftest import (
    QUICK,
    Post,
    accept_by_content,
    expectation,
    fates,
    in_background,
    report_mail,
)
from tests.mail.postgres import PROGRAMS, postgres

MONTHS = [f"2026-{month:02}" for month in range(1, 9)]


@pytest.fixture(scope="module")
def postgres_address() -> Iterator[str]:
    with postgres() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"] if PROGRAMS else ["sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    address = f"sqlite:///{tmp_path}/shared.sqlite"
    if request.param == "postgresql":
        address = request.getfixturevalue("postgres_address")
    yield address
    engine = create_engine(address)
    metadata.drop_all(engine)
    engine.dispose()


@pytest.fixture
def shared(database: str) -> Iterator[Engine]:
    engine = create_engine(database)
    yield engine
    engine.dispose()


def expect_and_send(collector: Collector, post: Post) -> None:
    for month in MONTHS:
        collector.ledger.expect(expectation(f"abc {month}"))
        post.deliver(report_mail(f"Created On\r\n{month}\r\n".encode(), message_id=f"<{month}@activix.ca>").as_bytes())


def test_two_machines_with_one_database_hand_over_once(post: Post, shared: Engine, tmp_path: Path) -> None:
    """With a folder each: the lock on the folder does not help them."""
    machines = [
        Collector(post.mailbox(), shared, tmp_path / name, accept_by_content, pace=QUICK) for name in ("one", "two")
    ]
    expect_and_send(machines[0], post)
    got: list[set[tuple[int, str]]] = [set(), set()]

    def collect(number: int) -> None:
        for _ in range(2):
            machines[number].collect_once()
        got[number] = {(each.id, each.expectation_id) for each in machines[number].collect_once()}

    with in_background(lambda: collect(0)), in_background(lambda: collect(1)):
        pass
    # Both may have the file, and be told of it, under the same number, until one says that it is taken.
    assert sorted(expected for _, expected in got[0] | got[1]) == [f"abc {month}" for month in MONTHS]
    assert fates(machines[0]) == [Fate.REPORT] * 8


def test_a_machine_hands_out_what_lies_in_its_own_folder(post: Post, shared: Engine, tmp_path: Path) -> None:
    one, two = (
        Collector(post.mailbox(), shared, tmp_path / name, accept_by_content, pace=QUICK) for name in ("one", "two")
    )
    one.ledger.expect(expectation())
    post.deliver(report_mail().as_bytes())

    (collected,) = one.collect_once()
    assert collected.file is not None
    assert two.collect_once() == []
    assert [each.id for each in one.collect_once()] == [collected.id]


def test_a_report_in_two_mails_that_two_machines_read_at_once_is_handed_over_once(
    post: Post, shared: Engine, tmp_path: Path
) -> None:
    """Each has judged its mail to be the report before either has recorded anything."""
    machines: list[Collector] = []

    def accept(expectation_id: str, file: Path) -> Acceptance:
        if machines:
            machines.pop().collect_once()  # the other one passes by in the middle of it
        return Acceptance.fits()

    first = Collector(post.mailbox(), shared, tmp_path / "one", accept, pace=QUICK)
    second = Collector(post.mailbox(), shared, tmp_path / "two", accept_by_content, pace=QUICK)
    machines.append(second)
    first.ledger.expect(expectation())
    for number in (1, 2):
        mail = report_mail(f"2026-10 {number}".encode(), message_id=f"<{number}@activix.ca>")
        post.deliver(mail.as_bytes())

    first.collect_once()
    first.collect_once()

    with shared.connect() as connection:
        assert len(connection.execute(select(handed.c.id)).all()) == 1
        assert sorted(connection.execute(select(messages.c.decision)).scalars()) == ["duplicate", "report"]


@pytest.mark.parametrize("together", ["one folder", "a folder each"])
def test_two_processes_hand_over_once(together: str, embedded: Post, database: str, tmp_path: Path) -> None:
    engine = create_engine(database)
    collector = Collector(embedded.mailbox(), engine, tmp_path / "0", accept_by_content, pace=QUICK)
    expect_and_send(collector, embedded)
    command = [sys.executable, crashing_collector.__file__, str(embedded.server.imap_port)]
    environment = os.environ | {"MAILBOX_PASSWORD": embedded.server.password, "LEDGER": database}
    folders = ["0", "0"] if together == "one folder" else ["0", "1"]
    processes = [subprocess.Popen([*command, str(tmp_path / each), "never"], env=environment) for each in folders]

    assert [process.wait(60) for process in processes] == [0, 0]
    assert sorted(each.expectation_id for each in collector.ledger.untaken()) == [f"abc {month}" for month in MONTHS]
    assert fates(collector) == [Fate.REPORT] * 8
    engine.dispose()
