"""A mail that cannot be read never blocks the others: on real servers, with the mails before and behind it."""

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from report_mailbox import Collector, HandedKind, Limits, parsing
from report_mailbox.attachments import Contents
from tests.mail.conftest import QUICK, Post, accept_by_content, expectation, report_mail, text_mail

HEAD = b"From: reports@activix.ca\r\nTo: datateam+abc@example.com\r\nMIME-Version: 1.0\r\n"
HOSTILE = {
    "nested": HEAD
    + b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (level, level) for level in range(3_000)
    ),
    "parts": HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 100_000,
    "header": HEAD + b"X-Long: " + b"y\r\n " * 300_000 + b"\r\n\r\nx\r\n",
    "addresses": HEAD + b"Cc: " + b"a@b.example,\r\n " * 20_000 + b"c@b.example\r\n\r\nx\r\n",
    "words": HEAD + b"Content-Type: text/csv; name=" + b"=?utf-8?q?a?=\r\n " * 4_000 + b"\r\n\r\nother\r\n",
    "pieces": HEAD
    + b"Content-Type: text/csv"
    + b"".join(b";\r\n name*%d=a" % piece for piece in range(4_000))
    + b"\r\n\r\nother\r\n",
    "slow page": HEAD + b"Content-Type: text/html\r\n\r\n" + b'<a href="' * 55_000,
}


def deliver_hostile(post: Post) -> None:
    for raw in HOSTILE.values():
        post.deliver(raw)


# Python's own mail server goes down on mails nested this deeply before anybody reads them.
@pytest.mark.parametrize("post", [pytest.param("dovecot", marks=pytest.mark.dovecot)], indirect=True)
def test_hostile_mails_are_dealt_with_and_the_reports_around_them_come(
    post: Post, engine: Engine, tmp_path: Path
) -> None:
    limits = Limits(parse=timedelta(seconds=2))
    collector = Collector(post.mailbox(), engine, tmp_path / "mail", accept_by_content, pace=QUICK, limits=limits)
    collector.ledger.expect(expectation("abc 2026-10"))
    collector.ledger.expect(expectation("xyz 2026-11", address="datateam+xyz@example.com"))
    deliver_hostile(post)
    post.send(report_mail(b"2026-11\r\n", to="datateam+xyz@example.com"), to="datateam+xyz@example.com")

    handed = {each.expectation_id: each for each in collector.collect_once()}

    assert handed["xyz 2026-11"].kind is HandedKind.REPORT
    assert handed["abc 2026-10"].kind is HandedKind.REJECTION  # it is the only one expected where the hostile ones came
    assert not collector._register.undecided()


def test_a_mail_that_kills_its_reader_each_time_is_held_and_the_next_one_comes(
    embedded: Post, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    real = parsing.parse_apart

    def parse_apart(raw: bytes, limits: Limits) -> Contents:
        return real(raw, limits, command=(sys.executable, "-I", "-c", code)) if b"poison" in raw else real(raw, limits)

    monkeypatch.setattr(parsing, "parse_apart", parse_apart)
    collector = Collector(embedded.mailbox(), engine, tmp_path / "mail", accept_by_content, pace=QUICK)
    collector.ledger.expect(expectation("abc 2026-10"))
    collector.ledger.expect(expectation("abc 2026-11"))
    embedded.send(text_mail("poison" + "\r\nboundary" * 20))
    embedded.send(report_mail(b"2026-10\r\n" + b"x\r\n" * 1_500_000))

    (handed,) = collector.collect_once()

    assert handed.expectation_id == "abc 2026-10"
    (held,) = collector.ledger.held()
    assert held.reason == "reading it brings the reader down (SIGSEGV)"


def test_a_hundred_megabytes_of_attachment_are_refused_by_their_size_alone(
    embedded: Post, engine: Engine, tmp_path: Path
) -> None:
    limits = replace(Limits(), mail_bytes=1_000_000)
    collector = Collector(embedded.mailbox(), engine, tmp_path / "mail", accept_by_content, pace=QUICK, limits=limits)
    collector.ledger.expect(expectation())
    embedded.deliver(HEAD + b"Content-Type: text/csv\r\n\r\n" + b"2026-10,x\r\n" * 200_000)
    (handed,) = collector.collect_once()
    assert handed.reason == "the mail is 2 MB large, more than 1 MB are not opened"
    assert not list((tmp_path / "mail" / "spool").glob("*.eml"))
