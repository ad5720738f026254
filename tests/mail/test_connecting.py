"""Signing in, and saying in words why it did not work."""

import pickle
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from emulated_world.dovecot import Dovecot
from report_mailbox import (
    Mailbox,
    MailboxError,
    MailboxFolderMissing,
    MailboxMisconfigured,
    MailboxSignInRefused,
    MailboxUnreachable,
    errors,
    probe,
)
from report_mailbox.connection import Connection
from tests.conftest import Run
from tests.mail.conftest import QUICK, Post
from tests.mail.fault_server import fault_server


@pytest.fixture
def encrypted(run: Run) -> Iterator[Dovecot]:
    server = Dovecot(tls=True)
    run(server.__aenter__())
    yield server
    run(server.__aexit__(None, None, None))


def test_a_probe_tells_what_the_server_can_do(post: Post) -> None:
    health = probe(post.mailbox(), QUICK)

    assert (health.idle, health.move, health.uidplus, health.mails) == (True, True, True, 0)
    assert health.remarks == (
        'nothing protects against forged senders: no authserv_id is set, and unsigned is "accept"',
    )


def test_a_wrong_password_is_refused_and_not_tried_again(post: Post) -> None:
    asked = []

    def wrong() -> str:
        asked.append(1)
        return "not-the-secret"

    with pytest.raises(MailboxSignInRefused) as refused:
        probe(replace(post.mailbox(), password=wrong), QUICK)
    assert refused.value.saw.startswith(f"127.0.0.1:{post.server.imap_port} refuses the user name or password of data")
    assert "not-the-secret" not in str(refused.value)
    assert asked == [1]


@pytest.mark.dovecot
@pytest.mark.parametrize("password", ["pâté", 'quotes " and \\ backslashes'])
def test_a_password_with_odd_characters_is_sent_as_it_is(run: Run, password: str) -> None:
    server = Dovecot(password=password)
    run(server.__aenter__())
    try:
        assert probe(Post(server, run).mailbox(), QUICK).mails == 0
    finally:
        run(server.__aexit__(None, None, None))


def test_a_password_with_a_line_break_is_not_sent(post: Post) -> None:
    with pytest.raises(MailboxMisconfigured, match="line break"):
        probe(replace(post.mailbox(), password=lambda: "secret\r\nA1 DELETE INBOX"), QUICK)


def test_a_folder_that_is_not_there_is_named(post: Post) -> None:
    with pytest.raises(MailboxFolderMissing, match="does not open the folder Reports"):
        probe(post.mailbox(folder="Reports"), QUICK)


@pytest.mark.parametrize(
    ("host", "port", "cause"),
    [("127.0.0.1", 1, "nothing listens there"), ("no-such-host.invalid", 993, "the host's name is not known")],
)
def test_an_unreachable_mailbox_is_named_with_the_cause(host: str, port: int, cause: str) -> None:
    with pytest.raises(MailboxUnreachable) as error:
        probe(Mailbox(host, port, "u", lambda: "p"), QUICK)
    assert str(error.value) == f"no connection to the mailbox at {host}:{port}: {cause}"


def test_no_encryption_is_refused_for_any_host_but_this_machine() -> None:
    with pytest.raises(MailboxMisconfigured, match="without encryption"):
        Mailbox("imap.example.com", 143, "u", lambda: "p", "none")
    for host in ("localhost", "127.0.0.1", "127.8.0.1", "::1"):
        Mailbox(host, 143, "u", lambda: "p", "none")


def test_a_server_that_does_not_speak_tls_is_named() -> None:
    with fault_server() as world, pytest.raises(MailboxUnreachable, match="it does not speak TLS there") as error:
        probe(Mailbox("127.0.0.1", world.port, "u", lambda: "p", "tls"), QUICK)
    assert error.value.hint == 'Port 993 usually takes security = "tls", port 143 security = "starttls".'


def test_a_server_without_starttls_is_named() -> None:
    with fault_server() as world, pytest.raises(MailboxMisconfigured, match="does not offer STARTTLS"):
        probe(Mailbox("127.0.0.1", world.port, "u", lambda: "p", "starttls"), QUICK)


@pytest.mark.dovecot
@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_certificate_is_verified(encrypted: Dovecot, monkeypatch: pytest.MonkeyPatch, security: str) -> None:
    port = encrypted.imaps_port if security == "tls" else encrypted.imap_port
    mailbox = Mailbox("localhost", port, encrypted.username, lambda: encrypted.password, security)  # type: ignore[arg-type]
    with pytest.raises(MailboxUnreachable, match="its certificate is not trusted"):
        probe(mailbox, QUICK)

    monkeypatch.setenv(ssl.get_default_verify_paths().openssl_cafile_env, str(encrypted.certificate))
    assert probe(mailbox, QUICK).encrypted


def test_a_search_through_a_large_mailbox_goes_in_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("report_mailbox.reading._SEARCH_WINDOW", 4)
    with fault_server() as world:
        uids = [world.add(b"From: a@example.net\r\n\r\n") for _ in range(11)]
        world.mails.pop(uids[5])
        with Connection(Mailbox("127.0.0.1", world.port, "u", lambda: "p", "none"), QUICK) as connection:
            connection.exists = 10_000
            monkeypatch.setattr(connection, "next_uid", lambda: uids[-1] + 1)
            found = [uid for chunk in connection.search(uids[1], None) for uid in chunk]
    assert found == uids[1:5] + uids[6:]
    assert [each for each in world.asked if "SEARCH" in each] == [
        "UID SEARCH UID 102:105", "UID SEARCH UID 106:109", "UID SEARCH UID 110:111",
    ]  # fmt: skip


def test_a_range_beyond_the_newest_mail_finds_nothing(post: Post) -> None:
    """By IMAP's rules `n:*` gives the newest mail also when its number is below n."""
    post.deliver(b"From: a@example.net\r\n\r\nx")
    with Connection(post.mailbox(), QUICK) as connection:
        assert list(connection.search(connection.next_uid(), None)) == []


def test_long_lists_are_asked_for_in_pieces() -> None:
    with fault_server() as world:
        for _ in range(250):
            world.add(b"From: a@example.net\r\n\r\n")
        with Connection(Mailbox("127.0.0.1", world.port, "u", lambda: "p", "none"), QUICK) as connection:
            heads = list(connection.heads(sorted(world.mails)))
    assert [uid for uid, head in heads if head is not None] == sorted(world.mails)
    assert world.count("UID FETCH") == 3


def test_a_finished_connection_says_so() -> None:
    with fault_server("frozen_in_idle") as world:
        pace = replace(QUICK, end_idle=timedelta(seconds=0.2))
        with Connection(Mailbox("127.0.0.1", world.port, "u", lambda: "p", "none"), pace) as connection:
            for _ in range(2):
                with pytest.raises(MailboxUnreachable):
                    connection.wait(timedelta(seconds=0.1), lambda: False)


def test_every_error_survives_pickling_and_has_a_remedy() -> None:
    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, MailboxError)]
    for each in classes:
        error = each("something was seen")
        again = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert (type(again), again.saw, again.hint) == (each, error.saw, error.hint)
        assert each is MailboxError or error.hint
