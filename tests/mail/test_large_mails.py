"""Mails too large to be downloaded: only what may be the report, where the server says what parts there are."""

from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import Engine

from report_mailbox import Collector, Fate, HandedKind, Limits
from tests.mail.conftest import QUICK, REPORT, Post, accept_by_content, expectation, fates, reasons, text_mail

SMALL = Limits(mail_bytes=200_000, whole_bytes=50_000)
FILM = b"\x00\x00\x00\x20ftypisom" + bytes(range(256)) * 2_000


def mail_with_film(*, name: str = "film.mp4", declared: str = "video/mp4") -> EmailMessage:
    message = text_mail("Your report, and our film of the month.")
    kind, _, subtype = declared.partition("/")
    message.add_attachment(FILM, maintype=kind, subtype=subtype, filename=name)
    message.add_attachment(REPORT, maintype="application", subtype="octet-stream", filename="leads.csv")
    return message


def collector_of(post: Post, engine: Engine, folder: Path, **settings: str) -> Collector:
    collector = Collector(
        post.mailbox(**settings), engine, folder / "mail", accept_by_content, limits=SMALL, pace=QUICK
    )
    collector.ledger.expect(expectation())
    return collector


def test_a_report_beside_a_film_is_collected_without_the_film(post: Post, engine: Engine, tmp_path: Path) -> None:
    collector = collector_of(post, engine, tmp_path)
    post.send(mail_with_film())

    (handed,) = collector.collect_once()
    assert handed.kind is HandedKind.REPORT
    assert handed.name == "leads.csv"
    assert handed.file is not None
    assert handed.file.read_bytes() == REPORT
    (kept,) = (collector.folder / "spool").glob("*.eml")
    assert kept.stat().st_size < 10_000


def test_two_copies_of_it_are_known_as_such(post: Post, engine: Engine, tmp_path: Path) -> None:
    collector = collector_of(post, engine, tmp_path)
    raw = mail_with_film().as_bytes()
    post.deliver(raw)
    post.deliver(raw)

    assert len(collector.collect_once()) == 1
    assert fates(collector) == [Fate.REPORT, Fate.DUPLICATE]


def test_a_large_report_is_not_taken_for_a_film_whatever_it_is_declared_as(
    post: Post, engine: Engine, tmp_path: Path
) -> None:
    collector = collector_of(post, engine, tmp_path)
    message = text_mail("Your report.")
    large = REPORT + b"2026-10-02,bob@example.net\r\n" * 4_000
    message.add_attachment(large, maintype="video", subtype="mp4", filename="leads.csv")
    message.add_attachment(FILM, maintype="video", subtype="mp4", filename="film.mp4")
    post.send(message)

    (handed,) = collector.collect_once()
    assert handed.file is not None
    assert handed.file.read_bytes() == large


def test_what_is_too_large_without_the_film_too_is_a_rejection(post: Post, engine: Engine, tmp_path: Path) -> None:
    collector = collector_of(post, engine, tmp_path)
    post.send(mail_with_film(name="film.bin", declared="application/octet-stream"))

    (handed,) = collector.collect_once()
    assert handed.kind is HandedKind.REJECTION
    assert "are not opened" in handed.reason


def test_its_sender_is_not_taken_on_trust_where_unsigned_mail_is_held(
    post: Post, engine: Engine, tmp_path: Path
) -> None:
    """Its signature is over the whole: making a forgery large must not get it past the check."""
    collector = collector_of(post, engine, tmp_path, unsigned="hold")
    post.send(mail_with_film())

    assert collector.collect_once() == []
    assert reasons(collector) == ["it may not be from activix.ca: it is too large for its signature to be checked here"]


@pytest.mark.parametrize("sender", ["reports@activix.ca", "x@example.net"])
def test_where_the_server_says_whose_it_is_less_is_downloaded(
    post: Post, engine: Engine, tmp_path: Path, sender: str
) -> None:
    limits = Limits(whole_bytes=50_000)
    mailbox = post.mailbox(authserv_id=post.server.authserv_id)
    collector = Collector(mailbox, engine, tmp_path / "mail", accept_by_content, limits=limits, pace=QUICK)
    collector.ledger.expect(expectation())
    post.send(mail_with_film(), sender=sender)

    assert len(collector.collect_once()) == (sender == "reports@activix.ca")
    (kept,) = (collector.folder / "spool").glob("*.eml")
    assert kept.stat().st_size < 10_000
