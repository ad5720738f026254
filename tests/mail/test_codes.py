"""Sign-in codes out of a real mailbox."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from report_mailbox import CodeReader, Collector, Fate
from report_mailbox.files import SPOOL
from tests.mail.conftest import ADDRESS, QUICK, Post, accept_by_content, expectation, in_background, soon, text_mail

SENDERS = ("activix.ca",)


@pytest.fixture
def reader(post: Post, engine: Engine, tmp_path: Path) -> CodeReader:
    return CodeReader(post.mailbox(), engine, tmp_path / "mail", pace=QUICK)


def test_the_code_that_comes_after_it_was_asked_for_is_read(post: Post, reader: CodeReader) -> None:
    post.send(text_mail("Your verification code is 111111."))
    mark = reader.mark()
    asked = datetime.now(UTC)

    def send_it() -> None:
        post.send(text_mail("Your verification code is 222222."))

    with in_background(send_it):
        assert reader.wait_for_code(ADDRESS, SENDERS, asked, soon(), mark=mark) == "222222"
    assert len(post.seen()) == 1


def test_without_a_mark_the_clocks_tell_an_old_code(post: Post, reader: CodeReader) -> None:
    post.send(text_mail("Your verification code is 111111.", sent=datetime.now(UTC) - timedelta(minutes=5)))

    assert reader.wait_for_code(ADDRESS, SENDERS, datetime.now(UTC), soon(0.5)) is None


def test_an_old_code_that_is_delivered_late_is_not_taken(post: Post, reader: CodeReader) -> None:
    mark = reader.mark()
    post.send(text_mail("Your verification code is 111111.", sent=datetime.now(UTC) - timedelta(minutes=5)))

    assert reader.wait_for_code(ADDRESS, SENDERS, datetime.now(UTC), soon(0.5), mark=mark) is None


def test_of_two_codes_the_later_one_is_taken_and_each_only_once(post: Post, reader: CodeReader) -> None:
    mark = reader.mark()
    asked = datetime.now(UTC)
    post.send(text_mail("Your verification code is 111111."))
    post.send(text_mail("Your verification code is 222222."))

    assert reader.wait_for_code(ADDRESS, SENDERS, asked, soon(), mark=mark) == "222222"
    assert reader.wait_for_code(ADDRESS, SENDERS, asked, soon(), mark=mark) == "111111"
    assert reader.wait_for_code(ADDRESS, SENDERS, asked, soon(0.3), mark=mark) is None


@pytest.mark.parametrize(
    ("to", "sender"),
    [("datateam+xyz@example.com", "no-reply@activix.ca"), (ADDRESS, "no-reply@activix.example")],
    ids=["to another client", "from another sender"],
)
def test_a_code_for_somebody_else_is_left_alone(
    embedded: Post, engine: Engine, tmp_path: Path, to: str, sender: str
) -> None:
    reader = CodeReader(embedded.mailbox(), engine, tmp_path / "mail", pace=QUICK)
    mark = reader.mark()
    embedded.send(text_mail("Your verification code is 222222.", sender=sender), to=to)

    assert reader.wait_for_code(ADDRESS, SENDERS, datetime.now(UTC), soon(0.5), mark=mark) is None
    assert embedded.seen() == set()


def test_a_collector_that_was_first_does_not_take_the_code_away_nor_keep_it(
    post: Post, engine: Engine, tmp_path: Path, reader: CodeReader
) -> None:
    collector = Collector(post.mailbox(), engine, tmp_path / "mail", accept_by_content, pace=QUICK)
    collector.ledger.expect(expectation())
    mark = reader.mark()
    post.send(text_mail("Your verification code is 222222."))
    collector.collect_once()
    assert collector.ledger.held() == []

    assert reader.wait_for_code(ADDRESS, SENDERS, datetime.now(UTC), soon(), mark=mark) == "222222"
    assert [fate for fate, _ in collector.ledger.decisions().values()] == [Fate.CODE]
    assert list((tmp_path / "mail" / SPOOL).iterdir()) == []
    assert b"222222" not in (tmp_path / "ledger.sqlite").read_bytes()


def test_a_forged_code_is_not_typed_anywhere(post: Post, engine: Engine, tmp_path: Path) -> None:
    reader = CodeReader(post.mailbox(authserv_id="mx.example.com"), engine, tmp_path / "mail", pace=QUICK)
    mark = reader.mark()
    post.send(text_mail("Your verification code is 666666."), sender="x@example.net")
    assert reader.wait_for_code(ADDRESS, SENDERS, datetime.now(UTC), soon(0.3), mark=mark) is None

    post.send(text_mail("Your verification code is 222222."))
    assert reader.wait_for_code(ADDRESS, SENDERS, datetime.now(UTC), soon(), mark=mark) == "222222"
