"""Which expectation a mail answers, which it does not, and what is held: on both servers."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from report_mailbox import Collector, Fate, HandedKind
from tests.mail.conftest import (
    ADDRESS,
    QUICK,
    REPORT,
    Post,
    accept_by_content,
    expectation,
    fates,
    reasons,
    report_mail,
    text_mail,
)


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


def test_an_encrypted_zip_is_a_rejection_with_advice(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())
    post.deliver((Path(__file__).parent / "messages" / "zip_encrypted.eml").read_bytes())

    (handed,) = collector.collect_once()
    assert handed.kind is HandedKind.REJECTION
    assert handed.reason == "the zip is encrypted: ask the sender for one without a password"


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


def test_a_withdrawn_expectation_is_not_answered_until_it_is_expected_again(post: Post, collector: Collector) -> None:
    expected = expectation()
    collector.ledger.expect(expected)
    collector.ledger.withdraw(expected.id)
    collector.ledger.expect(expectation("other 1999-01"))
    post.send(report_mail())
    assert collector.collect_once() == []

    collector.ledger.expect(expected)
    assert [handed.expectation_id for handed in collector.collect_once()] == [expected.id]
