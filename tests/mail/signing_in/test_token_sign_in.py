"""Signing in to the mailbox with tokens, and what becomes of a refused secret."""

import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email.policy import SMTP
from pathlib import Path
from time import monotonic

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import LoginError
from sqlalchemy import Engine

from emulated_world.dovecot import Dovecot
from report_mailbox import Collector, Mailbox, MailboxMisconfigured, MailboxSignInRefused, MailboxUnreachable, probe
from report_mailbox.connection import Connection
from report_mailbox.errors import MailboxConsentNeeded, MailboxLost, MailboxNotConnected
from report_mailbox.oauth_google import Google
from report_mailbox.oauth_microsoft import Microsoft
from tests.conftest import Run
from tests.mail.conftest import ADDRESS, QUICK, REPORT, Post, accept_by_content, expectation, report_mail, soon
from tests.mail.fault_server import FaultServer, fault_server
from tests.mail.signing_in.consenting import REMEDY, USER, Store, consented, tokens
from tests.mail.signing_in.oauth_server import OAuthWorld


@pytest.fixture
def dovecot(run: Run, world: OAuthWorld) -> Iterator[Dovecot]:
    """Takes the token that was issued last, and no other."""
    server = Dovecot(username=USER)
    run(server.__aenter__())
    world.on_token = lambda token: only(server, token)
    yield server
    run(server.__aexit__(None, None, None))


def only(server: Dovecot, token: str) -> None:
    """Rewrite Dovecot's list, and wait until it has seen that: it looks once a second."""
    before = server.passwd_file.stat().st_mtime
    server.passwd_file.write_text(f"{USER}:{{PLAIN}}{token}::::::\n", "utf-8")
    os.utime(server.passwd_file, (before + 1, before + 1))
    ends = monotonic() + 10
    while True:
        with IMAPClient(server.host, server.imap_port, ssl=False, timeout=10) as client:
            try:
                client.login(USER, token)
            except LoginError:
                assert monotonic() < ends, "Dovecot does not see the new token"
                threading.Event().wait(0.05)
            else:
                return


def mailbox_at(port: int, provider: Google | Microsoft, store: Store) -> Mailbox:
    return Mailbox("127.0.0.1", port, USER, None, "none", tokens=tokens(provider, store))


class Ready:
    """A `TokenSource` that has its tokens ready, in order; the last one for ever."""

    remedy = REMEDY

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)

    def token(self, *, refused: str | None = None) -> str:
        if refused is not None and len(self.tokens) > 1:
            self.tokens.pop(0)
        return self.tokens[0]


def mailbox_with(server: FaultServer, *ready: str) -> Mailbox:
    return Mailbox("127.0.0.1", server.port, USER, None, "none", tokens=Ready(*ready))


@pytest.mark.dovecot
def test_a_consent_opens_the_mailbox(dovecot: Dovecot, provider: Google | Microsoft) -> None:
    store = Store(consented(provider))
    assert probe(mailbox_at(dovecot.imap_port, provider, store), QUICK).username == USER


@pytest.mark.dovecot
def test_a_token_that_the_mailbox_refuses_before_its_end_is_renewed_once(
    dovecot: Dovecot, provider: Google | Microsoft, world: OAuthWorld
) -> None:
    store = Store(consented(provider))
    only(dovecot, "another")
    probe(mailbox_at(dovecot.imap_port, provider, store), QUICK)
    assert world.asked.count("refresh_token") == 1
    kept = store.read()
    assert kept
    assert kept.token == world.access_tokens[1]


@pytest.mark.dovecot
def test_a_token_that_is_refused_once_more_needs_a_person(
    dovecot: Dovecot, provider: Google | Microsoft, world: OAuthWorld
) -> None:
    store = Store(consented(provider))
    world.on_token = lambda _: None
    only(dovecot, "another")
    with pytest.raises(MailboxConsentNeeded, match=f"refuses the access token of {USER}") as caught:
        probe(mailbox_at(dovecot.imap_port, provider, store), QUICK)
    assert world.asked.count("refresh_token") == 1
    assert caught.value.hint == REMEDY
    assert not [token for token in world.access_tokens if token in str(caught.value)]


@pytest.mark.dovecot
def test_reports_are_collected_while_tokens_expire_and_are_renewed(
    dovecot: Dovecot, run: Run, world: OAuthWorld, provider: Google | Microsoft, engine: Engine, tmp_path: Path
) -> None:
    store = Store(consented(provider))
    collector = Collector(
        mailbox_at(dovecot.imap_port, provider, store), engine, tmp_path / "mail", accept_by_content, pace=QUICK
    )
    for number in range(3):
        collector.ledger.expect(expectation(f"abc {number} 2026-10"))
        report = report_mail(REPORT + b"%d" % number, message_id=f"<{number}@activix.ca>")
        Post(dovecot, run).send(report)
        (handed,) = collector.wait(soon())
        collector.ledger.taken(handed.id)
        store.changed(expires=soon(60))
    assert world.asked.count("refresh_token") == 2


@pytest.mark.parametrize("fault", ["", "closes_after_refusal"])
def test_a_second_token_is_tried_on_a_new_connection(fault: str) -> None:
    with fault_server(*([fault] if fault else [])) as server:
        server.good_tokens = {"new"}
        probe(mailbox_with(server, "old", "new"), QUICK)
        assert server.presented == ["old", "new"]


def test_a_refused_token_is_not_tried_for_ever() -> None:
    with fault_server() as server:
        with pytest.raises(MailboxConsentNeeded):
            probe(mailbox_with(server, "old", "new"), QUICK)
        assert server.presented == ["old", "new"]


def test_a_server_without_xoauth2_is_a_mistake_in_the_settings(run: Run, embedded: Post) -> None:
    mailbox = replace(embedded.mailbox(), password=None, tokens=Ready("token"))
    with pytest.raises(MailboxMisconfigured, match="does not take a sign-in by Google or Microsoft"):
        probe(mailbox, QUICK)


def test_a_sign_in_that_opens_no_mailbox_is_said_in_its_own_words() -> None:
    with fault_server("not_connected") as server:
        server.good_tokens = {"token"}
        with pytest.raises(MailboxNotConnected, match=f"lets {USER} in, but opens no mailbox for it") as caught:
            probe(mailbox_with(server, "token"), QUICK)
    assert "IMAP must be switched on" in caught.value.hint


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("token_expires", "the access token of the connection expired while"),
        ("bye_token_expires", "AccessTokenExpired"),
    ],
)
def test_a_token_that_expires_in_the_middle_ends_the_connection_and_no_more(
    fault: str, words: str, engine: Engine, tmp_path: Path
) -> None:
    with fault_server(fault) as server:
        server.good_tokens = {"token"}
        with Connection(mailbox_with(server, "token"), QUICK) as connection:
            with pytest.raises(MailboxLost, match=words):
                list(connection.search(1, None))
            with pytest.raises(MailboxLost, match="finished already"):
                list(connection.search(1, None))
        server.done_once.clear()
        troubles: list[str] = []
        collector = Collector(mailbox_with(server, "token"), engine, tmp_path / "mail", accept_by_content, pace=QUICK)
        collector.ledger.expect(expectation())
        server.add(f"Delivered-To: {ADDRESS}\r\n".encode() + report_mail().as_bytes(policy=SMTP))
        assert collector.wait(soon(), trouble=lambda error: troubles.append(error.saw))
        assert len(troubles) == 1


def test_a_watcher_stops_when_the_consent_is_withdrawn(
    provider: Google | Microsoft, world: OAuthWorld, engine: Engine, tmp_path: Path
) -> None:
    store = Store(consented(provider))
    store.changed(expires=soon())
    world.withdraw()
    with fault_server() as server:
        collector = Collector(
            mailbox_at(server.port, provider, store), engine, tmp_path / "mail", accept_by_content, pace=QUICK
        )
        with pytest.raises(MailboxConsentNeeded):
            collector.wait(soon())
        assert not server.presented


def test_a_refused_password_is_sent_once_and_another_one_again(post: Post, engine: Engine, tmp_path: Path) -> None:
    passwords = ["wrong"]
    mailbox = replace(post.mailbox(), password=lambda: passwords[-1])
    collector = Collector(mailbox, engine, tmp_path / "mail", accept_by_content, pace=QUICK)
    with pytest.raises(MailboxSignInRefused, match="refuses the user name or password"):
        collector.collect_once()
    for use in (collector.collect_once, lambda: collector.wait(soon()), lambda: probe(mailbox, QUICK)):
        with pytest.raises(MailboxSignInRefused, match="and it is still the same"):
            use()
    assert "wrong" not in repr(mailbox)
    passwords.append(post.server.password)
    assert collector.collect_once() == []


def test_a_mailbox_signs_in_in_one_way() -> None:
    with pytest.raises(MailboxMisconfigured, match="either with a password or with tokens"):
        Mailbox("localhost", 143, USER, None, "none")
    with pytest.raises(MailboxMisconfigured, match="either with a password or with tokens"):
        Mailbox("localhost", 143, USER, lambda: "p", "none", tokens=Ready("token"))


def test_a_token_source_has_its_say_before_a_connection_is_opened() -> None:
    class Away(Ready):
        def token(self, *, refused: str | None = None) -> str:
            raise MailboxUnreachable("the provider does not answer")

    with fault_server() as server:
        with pytest.raises(MailboxUnreachable, match="the provider does not answer"):
            probe(replace(mailbox_with(server, "x"), tokens=Away()), replace(QUICK, connect=timedelta(seconds=1)))
        assert not server.asked
