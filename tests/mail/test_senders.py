"""From the mailbox to the hand-over: whose mail counts, and what people are told about the rest."""

import smtplib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import Engine

from emulated_world.dovecot import Dovecot
from report_mailbox import Collector, Fate, Limits
from report_mailbox.dkim_check import Standing
from report_mailbox.health import protection_of
from report_mailbox.verdicts import Verdicts
from tests.mail.conftest import (
    ADDRESS,
    QUICK,
    REPORT,
    Post,
    accept_by_content,
    expectation,
    reasons,
    report_mail,
    text_mail,
)
from tests.mail.dns_server import DnsServer, dns_server
from tests.mail.signing import publish, sign

MakeCollector = Callable[..., Collector]


@pytest.fixture
def names() -> Iterator[DnsServer]:
    with dns_server() as server:
        publish(server)
        yield server


@pytest.fixture
def watching(post: Post, names: DnsServer, engine: Engine, tmp_path: Path) -> MakeCollector:
    def make(**settings: object) -> Collector:
        mailbox = post.mailbox(**{"unsigned": "by_policy", "nameservers": (names.place,), **settings})
        collector = Collector(mailbox, engine, tmp_path / "mail", accept_by_content, pace=QUICK)
        collector.ledger.expect(expectation())
        return collector

    return make


def bytes_of(message: EmailMessage) -> bytes:
    return message.as_bytes().replace(b"\n", b"\r\n")


def test_a_report_with_a_good_signature_is_handed_over(post: Post, watching: MakeCollector) -> None:
    collector = watching()
    post.deliver(sign(bytes_of(report_mail())))

    (handed,) = collector.collect_once()
    assert handed.file is not None
    assert handed.file.read_bytes() == REPORT


def test_a_report_with_a_broken_signature_is_held_and_shown(post: Post, watching: MakeCollector) -> None:
    collector = watching()
    post.deliver(sign(bytes_of(report_mail())).replace(b"Hello", b"Hullo"))

    assert collector.collect_once() == []
    (held,) = collector.ledger.held()
    assert held.sender_domain == "activix.ca"
    assert held.reason == (
        "it may not be from activix.ca: its content is not what was signed: it was changed on the way, or forged"
    )


def test_a_broken_signature_counts_for_nobody_who_accepts_unsigned_mail(post: Post, watching: MakeCollector) -> None:
    collector = watching(unsigned="accept")
    post.deliver(sign(bytes_of(report_mail())).replace(b"Hello", b"Hullo"))
    assert len(collector.collect_once()) == 1


def test_unsigned_mail_counts_while_nothing_says_that_its_domain_signs(post: Post, watching: MakeCollector) -> None:
    collector = watching()
    post.deliver(bytes_of(report_mail()))
    assert len(collector.collect_once()) == 1


def test_unsigned_mail_is_held_where_the_domain_asks_for_it(
    post: Post, watching: MakeCollector, names: DnsServer
) -> None:
    names.records["_dmarc.activix.ca"] = [b"v=DMARC1; p=quarantine"]
    publish(names, "evil.example")
    collector = watching()
    post.deliver(sign(bytes_of(report_mail(sender="reports@mail.activix.ca")), "evil.example"))

    assert collector.collect_once() == []
    assert reasons(collector) == [
        "it may not be from mail.activix.ca: it carries no DKIM signature of mail.activix.ca, and activix.ca asks that "
        "such mail be refused (DMARC)"
    ]


def test_unsigned_mail_is_held_once_the_domain_has_signed(post: Post, watching: MakeCollector) -> None:
    collector = watching()
    collector.ledger.expect(expectation("abc 2026-11"))
    post.deliver(sign(bytes_of(report_mail())))
    assert len(collector.collect_once()) == 1
    post.deliver(bytes_of(report_mail(b"2026-11", message_id="<2@activix.ca>")))

    assert len(collector.collect_once()) == 1
    assert reasons(collector) == [
        "it may not be from activix.ca: it carries no DKIM signature of activix.ca, and earlier mails had a good one"
    ]


def test_only_verified_mail_counts_where_the_settings_say_so(
    post: Post, watching: MakeCollector, names: DnsServer
) -> None:
    collector = watching(unsigned="hold")
    post.deliver(bytes_of(report_mail(b"2026-10 unsigned")))
    assert collector.collect_once() == []
    assert "no DKIM signature" in reasons(collector)[0]
    post.deliver(sign(bytes_of(report_mail())))
    assert len(collector.collect_once()) == 1


@pytest.mark.parametrize("post", ["embedded"], indirect=True)
def test_without_dns_mail_counts_by_its_address_sender_and_content(
    post: Post, watching: MakeCollector, names: DnsServer
) -> None:
    names.silent = True
    collector = watching()
    collector.ledger.expect(expectation("abc 2026-11"))
    post.deliver(sign(bytes_of(report_mail())))
    post.deliver(bytes_of(report_mail(b"2026-11", message_id="<2@activix.ca>")))

    assert len(collector.collect_once()) == 2
    assert set(names.asked) == {"k1._domainkey.activix.ca"}  # the second mail waited for no one


@pytest.mark.parametrize("post", ["embedded"], indirect=True)
def test_without_dns_nothing_counts_where_only_verified_mail_does(
    post: Post, watching: MakeCollector, names: DnsServer
) -> None:
    names.silent = True
    collector = watching(unsigned="hold")
    post.deliver(sign(bytes_of(report_mail())))
    assert collector.collect_once() == []
    assert reasons(collector) == ["it may not be from activix.ca: the key of activix.ca could not be looked up"]


def test_an_old_mail_that_is_sent_again_does_not_count(post: Post, watching: MakeCollector) -> None:
    collector = watching()
    old = report_mail(sent=datetime(2026, 9, 2, 12, 0, tzinfo=UTC))
    post.deliver(sign(bytes_of(old)))

    assert collector.collect_once() == []
    assert reasons(collector) == [
        "it is an old mail that came again: activix.ca sent it on 2026-09-02, before it was asked for"
    ]


def test_a_mail_is_verified_once_as_keys_are_withdrawn(
    post: Post, watching: MakeCollector, names: DnsServer, engine: Engine
) -> None:
    collector = watching()
    raw = sign(bytes_of(report_mail(b"2026-11", sent=datetime.now(UTC) - timedelta(hours=1))))
    post.deliver(raw)
    assert collector.collect_once() == []
    assert reasons(collector) == ["it is of another month"]

    names.records.clear()
    again = watching()  # asks anew
    again.ledger.expect(expectation("abc 2026-11"))
    assert len(again.collect_once()) == 1


def test_the_verdict_on_each_mail_is_kept(post: Post, watching: MakeCollector, engine: Engine, tmp_path: Path) -> None:
    collector = watching()
    post.deliver(sign(bytes_of(report_mail())))
    collector.collect_once()
    (spooled,) = (tmp_path / "mail" / "spool").glob("*.eml")
    verdict = Verdicts(engine, collector.mailbox, tmp_path / "mail").of(spooled.stem)
    assert verdict is not None
    assert verdict.standing is Standing.VERIFIED


def test_a_mail_too_large_to_be_verified_ends_no_expectation(
    post: Post, names: DnsServer, engine: Engine, tmp_path: Path
) -> None:
    mailbox = post.mailbox(unsigned="by_policy", nameservers=(names.place,))
    limits = Limits(mail_bytes=1_000_000)
    collector = Collector(mailbox, engine, tmp_path / "mail", accept_by_content, limits=limits, pace=QUICK)
    collector.ledger.expect(expectation())
    post.deliver(bytes_of(text_mail("x" * 70 + "\n" + "y" * 70 + "\n" * 600_000)))

    assert collector.collect_once() == []
    assert reasons(collector) == [
        "the mail is 1 MB large, more than 1 MB are not opened, and it may not be from activix.ca: its DKIM signature "
        "could not be checked"
    ]
    post.deliver(sign(bytes_of(report_mail())))
    assert len(collector.collect_once()) == 1


@pytest.mark.parametrize("post", [pytest.param("dovecot", marks=pytest.mark.dovecot)], indirect=True)
def test_two_recipients_in_one_transaction(post: Post, watching: MakeCollector) -> None:
    """Dovecot then writes neither Delivered-To nor, in Received, for whom it is."""
    assert isinstance(post.server, Dovecot)
    collector = watching(unsigned="accept")
    with smtplib.LMTP("127.0.0.1", post.server.lmtp_port, local_hostname="mx.example.com", timeout=20) as lmtp:
        lmtp.ehlo_or_helo_if_needed()
        lmtp.mail("reports@activix.ca")
        lmtp.rcpt(ADDRESS)
        lmtp.rcpt("datateam+xyz@example.com")
        lmtp.data(bytes_of(report_mail()))
        lmtp.getreply()  # LMTP answers once for each recipient

    assert collector.collect_once() == []
    held = f"only what its sender wrote says that it is for {ADDRESS}, not the delivery"
    assert list(collector.ledger.decisions().values()) == [(Fate.HELD, held)] * 2


@pytest.mark.parametrize(
    ("settings", "silent", "complete", "saw"),
    [
        ({"authserv_id": "mx.example.com"}, False, True, "mx.example.com vouches for senders: other mail is held"),
        ({"authserv_id": "m365-topmost"}, True, True, "Microsoft 365 vouches for senders: other mail is held"),
        ({}, False, True, "DKIM signatures are verified here (DNS answers)"),
        ({"unsigned": "hold"}, False, True, "and every unsigned mail"),
        ({}, True, False, "nothing protects against forged senders: no authserv_id is set, and DNS does not answer"),
        ({"unsigned": "hold"}, True, False, "DNS does not answer: every mail is held"),
        ({"unsigned": "accept"}, False, False, "nothing protects against forged senders"),
    ],
)
def test_what_protects_a_mailbox(
    embedded: Post, names: DnsServer, settings: dict[str, str], silent: bool, complete: bool, saw: str
) -> None:
    names.silent = silent
    found = protection_of(embedded.mailbox(**{"unsigned": "by_policy", "nameservers": (names.place,), **settings}))
    assert saw in found.saw
    assert found.complete is complete
    assert bool(found.mend) is not complete
