"""The collector is killed (SIGKILL) after each step of its way, and started again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, select

from report_mailbox import Collector, Fate
from report_mailbox.tables import handed, messages
from tests.mail import crashing_collector
from tests.mail.conftest import QUICK, REPORT, Post, accept_by_content, expectation, reasons, report_mail

STEPS = ["listed", "spooled", "parts kept", "judged", "decided", "marked"]


def killed_at(step: str, post: Post, folder: Path) -> None:
    process = subprocess.run(
        [sys.executable, crashing_collector.__file__, str(post.server.imap_port), str(folder), step],
        env=os.environ | {"MAILBOX_PASSWORD": post.server.password},
        timeout=60,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("step", STEPS)
def test_killed_after_a_step_it_is_handed_over_once_in_the_end(
    step: str, embedded: Post, engine: Engine, tmp_path: Path
) -> None:
    collector = Collector(embedded.mailbox(), engine, tmp_path / "mail", accept_by_content, pace=QUICK)
    collector.ledger.expect(expectation())
    embedded.send(report_mail())

    killed_at(step, embedded, tmp_path)

    (first,) = collector.collect_once()
    assert first.file is not None
    assert first.file.read_bytes() == REPORT
    collector.ledger.taken(first.id)
    assert collector.collect_once() == []
    with engine.connect() as connection:
        assert len(connection.execute(select(handed.c.id)).all()) == 1
        assert connection.execute(select(messages.c.decision)).scalars().all() == [Fate.REPORT]
    assert embedded.seen() == {first.uid}


def test_a_mail_that_kills_its_reader_each_time_is_held_after_three(
    embedded: Post, engine: Engine, tmp_path: Path
) -> None:
    collector = Collector(embedded.mailbox(), engine, tmp_path / "mail", accept_by_content, pace=QUICK)
    collector.ledger.expect(expectation())
    embedded.send(report_mail())
    for _ in range(3):
        killed_at("accept", embedded, tmp_path)

    assert collector.collect_once() == []
    assert reasons(collector) == ["it could not be read in 3 attempts"]


def test_half_a_spool_file_is_not_believed(embedded: Post, engine: Engine, tmp_path: Path) -> None:
    """As after a power cut on a file system that lost what it had promised to keep."""
    collector = Collector(embedded.mailbox(), engine, tmp_path / "mail", accept_by_content, pace=QUICK)
    collector.ledger.expect(expectation())
    embedded.send(report_mail())
    killed_at("spooled", embedded, tmp_path)
    (spooled,) = (tmp_path / "mail" / "spool").glob("*.eml")
    spooled.write_bytes(spooled.read_bytes()[:200])

    (first,) = collector.collect_once()
    assert first.file is not None
    assert first.file.read_bytes() == REPORT


def test_a_mail_that_was_removed_after_it_was_spooled_is_still_handed_over(
    embedded: Post, engine: Engine, tmp_path: Path
) -> None:
    collector = Collector(embedded.mailbox(), engine, tmp_path / "mail", accept_by_content, pace=QUICK)
    collector.ledger.expect(expectation())
    embedded.send(report_mail())
    killed_at("spooled", embedded, tmp_path)
    with embedded.person() as client:
        client.delete_messages(client.search("ALL"))
        client.expunge()

    assert len(collector.collect_once()) == 1


def test_two_processes_that_make_the_tables_at_once_do_not_disturb_each_other(embedded: Post, tmp_path: Path) -> None:
    command = [sys.executable, crashing_collector.__file__, str(embedded.server.imap_port), str(tmp_path), "never"]
    environment = os.environ | {"MAILBOX_PASSWORD": embedded.server.password}
    processes = [subprocess.Popen(command, env=environment) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    engine = create_engine(f"sqlite:///{tmp_path}/ledger.sqlite")
    with engine.connect() as connection:
        assert connection.execute(select(handed.c.id)).all() == []
    engine.dispose()
