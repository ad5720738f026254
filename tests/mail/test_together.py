"""Small mails that come together are taken together, and what goes wrong with one costs the others nothing."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from report_mailbox import Acceptance, Collector, Fate, MailboxLost
from tests.mail.conftest import QUICK, Post, accept_by_content, expectation, report_mail, soon
from tests.mail.fault_server import FaultServer, fault_server
from tests.mail.test_faults import RAW, collector_for, mailbox

NAMES = ("one", "two", "three")


def address(name: str) -> str:
    return f"datateam+{name}@example.com"


def raw_for(name: str, content: str = "") -> bytes:
    mail = report_mail((content or name).encode(), to=address(name), message_id=f"<{name}@activix.ca>")
    return f"Delivered-To: {address(name)}\r\n".encode() + mail.as_bytes().replace(b"\n", b"\r\n")


def expecting(world: FaultServer, engine: Engine, folder: Path) -> Collector:
    collector = Collector(mailbox(world), engine, folder / "mail", accept_by_content, pace=QUICK)
    for name in NAMES:
        collector.ledger.expect(expectation(f"report {name}", address=address(name)))
        world.add(raw_for(name))
    return collector


def bodies(world: FaultServer) -> list[str]:
    return [each.partition(" (")[0] for each in world.asked if "BODY.PEEK[]" in each]


def test_small_mails_are_asked_for_in_one_command(engine: Engine, tmp_path: Path) -> None:
    with fault_server() as world:
        collector = expecting(world, engine, tmp_path)

        assert [each.expectation_id for each in collector.collect_once()] == [f"report {name}" for name in NAMES]
        assert bodies(world) == ["UID FETCH 101,102,103"]


def test_after_a_cut_each_mail_is_asked_for_alone(engine: Engine, tmp_path: Path) -> None:
    with fault_server("cuts_literal") as world:
        collector = expecting(world, engine, tmp_path)
        with pytest.raises(MailboxLost):
            collector.collect_once()

        assert len(collector.collect_once()) == len(NAMES)
        assert bodies(world) == ["UID FETCH 101,102,103", "UID FETCH 101", "UID FETCH 102", "UID FETCH 103"]


def test_a_mail_that_is_not_given_keeps_none_of_the_others_back(engine: Engine, tmp_path: Path) -> None:
    with fault_server("nil_body") as world:
        collector = expecting(world, engine, tmp_path)

        assert [each.expectation_id for each in collector.collect_once()] == ["report two", "report three"]
        for _ in range(6):
            collector.collect_once()
        assert [fate for fate, _ in collector.ledger.decisions().values()] == [Fate.HELD, Fate.REPORT, Fate.REPORT]
        # Together with the others, alone right after, and once in each pass until that makes five times.
        assert [each for each in bodies(world) if each == "UID FETCH 101"] == ["UID FETCH 101"] * 5


def test_the_same_report_twice_at_once_is_one_report_and_a_duplicate(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation("abc leads.csv"))
    for number in range(2):
        mail = report_mail(b"leads.csv", message_id=f"<{number}@activix.ca>")
        mail.replace_header("Subject", f"Your report, sent {number} times before")
        post.deliver(mail.as_bytes())

    assert len(collector.collect_once()) == 1
    assert [fate for fate, _ in collector.ledger.decisions().values()] == [Fate.REPORT, Fate.DUPLICATE]


def test_what_was_decided_while_something_else_began_to_be_expected_is_looked_at_again(
    engine: Engine, tmp_path: Path
) -> None:
    with fault_server() as world:

        def accept(expectation_id: str, file: Path) -> Acceptance:
            collector.ledger.expect(expectation("report late", address=address("two")))
            collector._register.look_back()  # as another process does that looks at the same mailbox
            return accept_by_content(expectation_id, file)

        collector = Collector(mailbox(world), engine, tmp_path / "mail", accept, pace=QUICK)
        for name in ("one", "two"):
            collector.ledger.expect(expectation(f"report {name}", address=address(name)))
        world.add(raw_for("one"))
        world.add(raw_for("two", "late"))

        assert [each.expectation_id for each in collector.collect_once()] == ["report one", "report late"]


def test_a_mail_that_is_announced_in_the_answer_to_a_search_is_not_waited_for(engine: Engine, tmp_path: Path) -> None:
    pace = replace(QUICK, idle_cycles=(timedelta(seconds=60),))
    with fault_server("notice_in_search") as world:
        world.coming.append(RAW)
        collector = collector_for(world, engine, tmp_path, pace)

        assert len(collector.wait(soon(20))) == 1
