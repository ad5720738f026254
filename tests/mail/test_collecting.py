"""Reports that arrive at a real IMAP server, and how they are handed over: on both servers."""

from pathlib import Path

from sqlalchemy import Engine

from report_mailbox import Acceptance, Collector, HandedKind, Limits
from tests.mail.conftest import (
    QUICK,
    REPORT,
    Post,
    accept_by_content,
    expectation,
    reasons,
    report_mail,
    text_mail,
)


def test_a_report_is_handed_over_with_its_bytes_and_then_marked(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())
    post.send(report_mail())

    (handed,) = collector.collect_once()

    assert handed.expectation_id == "abc 2026-10"
    assert handed.kind is HandedKind.REPORT
    assert handed.name == "leads.csv"
    assert handed.file is not None
    assert handed.file.read_bytes() == REPORT
    assert handed.file.stat().st_mode & 0o777 == 0o600
    assert (collector.folder / "parts").stat().st_mode & 0o777 == 0o700
    assert post.seen() == {handed.uid}


def test_it_is_told_again_until_it_is_taken_and_then_never(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())
    post.send(report_mail())

    (first,) = collector.collect_once()
    (again,) = collector.collect_once()
    collector.ledger.taken(again.id)

    assert again == first
    assert collector.collect_once() == []
    assert collector.ledger.handed_for("abc 2026-10") == first


def test_a_mail_with_nothing_in_it_is_held_and_leaves_nothing_on_disk(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())
    post.send(text_mail("Welcome to Activix!"))

    assert collector.collect_once() == []
    assert reasons(collector) == ["it holds no data file, and no link to one"]
    assert [path for path in collector.folder.rglob("*") if path.is_file() and path.suffix == ".eml"] == []


def test_a_mail_over_the_limit_is_not_downloaded(post: Post, engine: Engine, tmp_path: Path) -> None:
    collector = Collector(
        post.mailbox(), engine, tmp_path / "mail", accept_by_content, limits=Limits(mail_bytes=1_000_000), pace=QUICK
    )
    collector.ledger.expect(expectation())
    post.send(report_mail(b"x" * 1_000_000))

    (handed,) = collector.collect_once()
    assert handed.reason == "the mail is 1 MB large, more than 1 MB are not opened"


def test_a_mail_that_takes_several_pieces_to_download_is_whole(post: Post, collector: Collector) -> None:
    content = b"2026-10," + b"0123456789abcde\n" * 150_000
    collector.ledger.expect(expectation())
    post.send(report_mail(content))

    (handed,) = collector.collect_once()
    assert handed.file is not None
    assert handed.file.read_bytes() == content


def test_finished_mails_go_to_the_folder_named_for_them(post: Post, engine: Engine, tmp_path: Path) -> None:
    mailbox = post.mailbox(done_folder="Done")
    collector = Collector(mailbox, engine, tmp_path / "mail", accept_by_content, pace=QUICK)
    collector.ledger.expect(expectation())
    post.send(report_mail())
    post.send(report_mail(sender="x@example.net"))

    assert len(collector.collect_once()) == 1
    with post.person() as client:
        assert len(client.search("ALL")) == 1
        client.select_folder("Done")
        assert len(client.search("ALL")) == 1


def test_a_mail_that_cannot_be_read_is_held_after_three_attempts_and_blocks_nothing(
    post: Post, engine: Engine, tmp_path: Path
) -> None:
    def accept(expectation_id: str, file: Path) -> Acceptance:
        if b"poison" in file.read_bytes():
            raise LookupError("an encoding that nobody knows")
        return accept_by_content(expectation_id, file)

    collector = Collector(post.mailbox(), engine, tmp_path / "mail", accept, pace=QUICK)
    collector.ledger.expect(expectation())
    post.send(report_mail(b"poison"))
    post.send(report_mail())

    assert len(collector.collect_once()) == 1
    for _ in range(3):
        collector.collect_once()
    assert reasons(collector) == ["it could not be read in 3 attempts"]
