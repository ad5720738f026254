"""Reports that arrive at a real IMAP server, and which of them are handed over: on both servers."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from report_mailbox import Acceptance, Collector, Fate, Handed, HandedKind, Limits
from tests.mail.conftest import (
    ADDRESS,
    QUICK,
    REPORT,
    Post,
    accept_by_content,
    expectation,
    in_background,
    reasons,
    report_mail,
    soon,
    text_mail,
)


def fates(collector: Collector) -> list[Fate | None]:
    return [fate for fate, _ in collector.ledger.decisions().values()]


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


def test_the_same_report_twice_is_handed_over_once(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())
    post.send(report_mail(message_id="<1@activix.ca>"))
    post.send(report_mail(message_id="<2@activix.ca>"))

    assert len(collector.collect_once()) == 1
    assert fates(collector) == [Fate.REPORT, Fate.DUPLICATE]


def test_a_second_report_of_other_bytes_is_a_duplicate_too(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())
    post.send(report_mail())
    collector.collect_once()
    post.send(report_mail(REPORT + b"2026-10-02,bob@example.net\r\n"))

    assert len(collector.collect_once()) == 1
    assert fates(collector) == [Fate.REPORT, Fate.DUPLICATE]


def test_the_very_same_mail_twice_is_handed_over_once(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())
    raw = report_mail().as_bytes()
    post.deliver(raw)
    post.deliver(raw)

    assert len(collector.collect_once()) == 1
    assert fates(collector) == [Fate.REPORT, Fate.DUPLICATE]


def test_a_report_of_another_month_is_held_and_the_right_one_still_comes(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())
    post.send(report_mail(b"Created On,Email\r\n2026-09-01,ann@example.net\r\n"))

    assert collector.collect_once() == []
    assert reasons(collector) == ["it is of another month"]
    post.send(report_mail())
    assert [handed.expectation_id for handed in collector.collect_once()] == ["abc 2026-10"]


def test_a_held_report_answers_an_expectation_that_comes_later(post: Post, collector: Collector) -> None:
    asked = datetime.now(UTC) - timedelta(seconds=1)
    collector.ledger.expect(expectation(newer_than=asked))
    post.send(report_mail(b"Created On,Email\r\n2026-09-01,ann@example.net\r\n"))
    collector.collect_once()

    collector.ledger.expect(expectation("abc 2026-09", newer_than=asked))

    assert [handed.expectation_id for handed in collector.collect_once()] == ["abc 2026-09"]
    assert reasons(collector) == []


def test_looking_again_and_again_at_a_held_mail_does_not_wear_it_out(post: Post, collector: Collector) -> None:
    asked = datetime.now(UTC) - timedelta(seconds=1)
    collector.ledger.expect(expectation("abc 2026-01", newer_than=asked))
    post.send(report_mail())
    for month in range(2, 6):
        collector.collect_once()
        collector.ledger.expect(expectation(f"abc 2026-0{month}", newer_than=asked))
    collector.ledger.expect(expectation(newer_than=asked))

    assert [handed.expectation_id for handed in collector.collect_once()] == ["abc 2026-10"]


def test_a_mail_that_came_before_anything_was_expected_is_found(post: Post, collector: Collector) -> None:
    post.send(report_mail())
    collector.collect_once()
    collector.ledger.expect(expectation())

    assert len(collector.collect_once()) == 1


def test_another_clients_report_is_not_touched(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())
    post.send(report_mail(), to="datateam+xyz@example.com")

    assert collector.collect_once() == []
    assert collector.ledger.decisions().popitem()[1] == (
        Fate.IGNORED,
        "nothing is expected at datateam+xyz@example.com",
    )
    assert post.seen() == set()


def test_the_delivery_decides_and_not_what_stands_in_to(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())
    collector.ledger.expect(expectation("xyz 2026-10", address="datateam+xyz@example.com"))
    post.send(report_mail(to="datateam+xyz@example.com"), to="DataTeam+ABC@example.com")

    assert [handed.expectation_id for handed in collector.collect_once()] == ["abc 2026-10"]


@pytest.mark.parametrize(
    ("sender", "reason"),
    [
        ("reports@activix.ca.example.net", "it comes from activix.ca.example.net, reports only from activix.ca"),
        ("reports@notactivix.ca", "it comes from notactivix.ca, reports only from activix.ca"),
        ('"reports@activix.ca" <x@example.net>', "it comes from example.net, reports only from activix.ca"),
    ],
)
def test_a_foreign_sender_is_held(embedded: Post, engine: Engine, tmp_path: Path, sender: str, reason: str) -> None:
    collector = Collector(embedded.mailbox(), engine, tmp_path / "mail", accept_by_content, pace=QUICK)
    collector.ledger.expect(expectation())
    embedded.send(report_mail(sender=sender))

    assert collector.collect_once() == []
    assert reasons(collector) == [reason]
    assert embedded.seen() == set()


def test_a_subdomain_of_the_sender_is_the_sender(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())
    post.send(report_mail(sender="Activix <no-reply@mail.activix.ca>"))

    assert len(collector.collect_once()) == 1


def test_a_report_that_lay_there_before_it_was_asked_for_is_not_the_answer(post: Post, collector: Collector) -> None:
    raw = report_mail().as_bytes()
    with post.person() as client:
        client.append(
            "INBOX", f"Delivered-To: {ADDRESS}\r\n".encode() + raw, (), datetime.now(UTC) - timedelta(hours=3)
        )
    collector.ledger.expect(expectation())

    assert collector.collect_once() == []
    assert fates(collector) in ([], [Fate.IGNORED])


def test_a_report_that_fits_two_expectations_is_held(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation("first 2026-10"))
    collector.ledger.expect(expectation("second 2026-10"))
    post.send(report_mail())

    assert collector.collect_once() == []
    assert reasons(collector) == ["one file fits 2 expectations"]


def test_one_mail_with_two_reports_answers_two_expectations(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation("abc 2026-09"))
    collector.ledger.expect(expectation("abc 2026-10"))
    message = report_mail()
    message.add_attachment(
        b"Created On,Email\r\n2026-09-01,x@example.net\r\n", maintype="text", subtype="csv", filename="b.csv"
    )
    post.send(message)

    assert {handed.expectation_id for handed in collector.collect_once()} == {"abc 2026-09", "abc 2026-10"}


def test_two_different_files_that_fit_one_expectation_are_held(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())
    message = report_mail()
    message.add_attachment(REPORT + b"2026-10-03,\r\n", maintype="text", subtype="csv", filename="b.csv")
    post.send(message)

    assert collector.collect_once() == []
    assert reasons(collector) == ["2 different files fit one expectation"]


def test_a_damaged_report_is_told_at_once_as_a_rejection(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())
    post.send(report_mail(b"broken"))

    (handed,) = collector.collect_once()
    assert handed.kind is HandedKind.REJECTION
    assert handed.reason == "it stops in the middle of a line"
    assert handed.file is not None
    assert handed.file.read_bytes() == b"broken"


def test_a_damaged_report_with_two_expectations_is_held(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation("abc 2026-09"))
    collector.ledger.expect(expectation("abc 2026-10"))
    post.send(report_mail(b"broken"))

    assert collector.collect_once() == []
    assert reasons(collector) == ["it stops in the middle of a line"]


def test_a_link_is_handed_over_and_what_was_fetched_is_kept(post: Post, collector: Collector, tmp_path: Path) -> None:
    collector.ledger.expect(expectation())
    post.send(text_mail("Download your report: https://crm.activix.ca/reports/81/download"))

    (handed,) = collector.collect_once()
    assert handed.kind is HandedKind.LINK
    assert handed.link == "https://crm.activix.ca/reports/81/download"
    fetched = tmp_path / "from the browser.csv"
    fetched.write_bytes(REPORT)
    whole = collector.ledger.fetched(handed.id, fetched)
    assert whole.file is not None
    assert whole.file.read_bytes() == REPORT
    assert whole.file.is_relative_to(collector.folder)


def test_what_is_given_back_is_held_and_the_next_report_is_taken(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())
    post.send(text_mail("Download your report: https://crm.activix.ca/reports/81/download"))
    (handed,) = collector.collect_once()

    collector.ledger.give_back(handed.id, "the link leads to a report of another month")

    assert reasons(collector) == ["the link leads to a report of another month"]
    post.send(report_mail())
    (second,) = collector.collect_once()
    assert second.kind is HandedKind.REPORT
    assert second.id != handed.id


def test_a_link_to_another_host_is_a_rejection(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())
    post.send(text_mail("Download your report: https://files.example.net/reports/81/download"))

    (handed,) = collector.collect_once()
    assert handed.kind is HandedKind.REJECTION
    assert handed.reason == "it holds no file but a link to another host (files.example.net), which is not followed"


def test_a_mail_with_nothing_in_it_is_held_and_leaves_nothing_on_disk(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())
    post.send(text_mail("Welcome to Activix!"))

    assert collector.collect_once() == []
    assert reasons(collector) == ["it holds no data file, and no link to one"]
    assert [path for path in collector.folder.rglob("*") if path.is_file() and path.suffix == ".eml"] == []


def test_an_encrypted_zip_is_a_rejection_with_advice(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())
    post.deliver((Path(__file__).parent / "messages" / "zip_encrypted.eml").read_bytes())

    (handed,) = collector.collect_once()
    assert handed.kind is HandedKind.REJECTION
    assert handed.reason == "the zip is encrypted: ask the sender for one without a password"


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


def test_with_authserv_id_only_vouched_mail_counts(post: Post, engine: Engine, tmp_path: Path) -> None:
    mailbox = post.mailbox(authserv_id=post.server.authserv_id)
    collector = Collector(mailbox, engine, tmp_path / "mail", accept_by_content, pace=QUICK)
    collector.ledger.expect(expectation())
    post.deliver(report_mail(b"2026-10 unstamped").as_bytes())
    post.send(report_mail(b"2026-10 spoofed"), sender="x@example.net")

    assert collector.collect_once() == []
    assert reasons(collector) == [
        "it may not be from activix.ca: mx.example.com found neither DKIM nor DMARC passed for activix.ca",
        "it may not be from activix.ca: it carries no Authentication-Results of mx.example.com",
    ]
    post.send(report_mail())
    assert len(collector.collect_once()) == 1


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


def test_a_mail_that_is_removed_meanwhile_is_let_go(post: Post, engine: Engine, tmp_path: Path) -> None:
    def remove_it(step: str) -> None:
        if step == "listed":
            with post.person() as client:
                uids = client.search("ALL")
                client.add_flags(uids, [b"\\Deleted"])
                client.expunge()

    collector = Collector(post.mailbox(), engine, tmp_path / "mail", accept_by_content, pace=QUICK, on_step=remove_it)
    collector.ledger.expect(expectation())
    post.send(report_mail())

    handed = collector.collect_once()
    # Dovecot may still give it to a session that had seen it: then it is whole.
    assert (len(handed), fates(collector)) in [(0, [Fate.IGNORED]), (1, [Fate.REPORT])]


def test_after_the_mailbox_is_made_anew_nothing_comes_twice_and_nothing_is_lost(
    embedded: Post, engine: Engine, tmp_path: Path
) -> None:
    raw, later = report_mail().as_bytes(), report_mail(b"2026-09,x").as_bytes()
    asked = datetime.now(UTC) - timedelta(seconds=1)
    collector = Collector(embedded.mailbox(), engine, tmp_path / "mail", accept_by_content, pace=QUICK)
    collector.ledger.expect(expectation(newer_than=asked))
    embedded.deliver(raw)
    embedded.deliver(later)
    assert len(collector.collect_once()) == 1
    assert reasons(collector) == ["nothing that is expected now fits its file"]

    embedded.renumber()
    collector.ledger.expect(expectation("abc 2026-09", newer_than=asked))
    embedded.deliver(raw)
    embedded.deliver(later)

    assert [handed.expectation_id for handed in collector.collect_once()] == ["abc 2026-10", "abc 2026-09"]
    assert fates(collector) == [Fate.DUPLICATE, Fate.REPORT]
    assert reasons(collector) == []


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

    with in_background(lambda: collector.watch(stop, take)):
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

    with in_background(lambda: collector.watch(stop, take, trouble=lambda _: troubled.set())):
        post.stop()
        assert troubled.wait(10)
        post.start()
        post.send(report_mail())
        assert stop.wait(10)
    assert [handed.expectation_id for handed in got] == ["abc 2026-10"]


def test_two_collectors_on_one_mailbox_hand_over_once(post: Post, engine: Engine, tmp_path: Path) -> None:
    """With a folder each, as on two machines: the lock on the folder does not help them."""
    collectors = [
        Collector(post.mailbox(), engine, tmp_path / name, accept_by_content, pace=QUICK) for name in ("one", "two")
    ]
    months = [f"2026-{month:02}" for month in range(1, 9)]
    for month in months:
        collectors[0].ledger.expect(expectation(f"abc {month}"))
        post.send(report_mail(f"Created On\r\n{month}\r\n".encode(), message_id=f"<{month}@activix.ca>"))
    together = threading.Barrier(2)

    def collect(collector: Collector) -> None:
        together.wait(5)
        collector.collect_once()

    with in_background(lambda: collect(collectors[0])), in_background(lambda: collect(collectors[1])):
        pass
    assert sorted(handed.expectation_id for handed in collectors[0].ledger.untaken()) == [f"abc {m}" for m in months]
    assert fates(collectors[0]) == [Fate.REPORT] * 8


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


def test_a_withdrawn_expectation_is_not_answered_until_it_is_expected_again(post: Post, collector: Collector) -> None:
    expected = expectation()
    collector.ledger.expect(expected)
    collector.ledger.withdraw(expected.id)
    collector.ledger.expect(expectation("other 1999-01"))
    post.send(report_mail())
    assert collector.collect_once() == []

    collector.ledger.expect(expected)
    assert [handed.expectation_id for handed in collector.collect_once()] == [expected.id]
