import asyncio
import imaplib
import os
import smtplib
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage, Message

import pytest
from imapclient import IMAPClient

from emulated_world.dovecot import Dovecot
from emulated_world.mail_server import EmbeddedMail, MailServer
from tests.conftest import Run


@pytest.fixture(params=["embedded", pytest.param("dovecot", marks=pytest.mark.dovecot)])
def mail(request: pytest.FixtureRequest, run: Run) -> Iterator[MailServer]:
    server = EmbeddedMail() if request.param == "embedded" else Dovecot()
    run(server.start())
    yield server
    run(server.__aexit__(None, None, None))


@pytest.fixture
def dovecot(run: Run) -> Iterator[Dovecot]:
    server = Dovecot(tls=True)
    run(server.start())
    yield server
    run(server.__aexit__(None, None, None))


def report(sender: str = "reports@activix.ca") -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = "ABC Autos <datateam+abcautos@example.com>"
    message["Subject"] = "Rapport prêt – Clients +"
    message.set_content("Voilà.")
    message.add_attachment("é;1\r\n".encode("windows-1252"), "text", "csv", filename="rapport d’août.csv")
    return message


def inbox(mail: MailServer) -> IMAPClient:
    client = IMAPClient(mail.host, mail.imap_port, ssl=False, timeout=20)
    client.login(mail.username, mail.password)
    client.select_folder("INBOX")
    return client


@contextmanager
def ended(client: IMAPClient) -> Iterator[IMAPClient]:
    """For a client whose server goes away: logging out would fail."""
    try:
        yield client
    finally:
        client.shutdown()


def raw_messages(mail: MailServer) -> list[bytes]:
    with inbox(mail) as client:
        found = client.fetch(client.search(), ["BODY.PEEK[]"])
        return [found[uid][b"BODY[]"] for uid in sorted(found)]


def messages(mail: MailServer) -> list[Message]:
    return [message_from_bytes(raw) for raw in raw_messages(mail)]


def test_a_mail_crosses_the_hop_and_keeps_its_plus_address(mail: MailServer, run: Run) -> None:
    run(mail.send("bounce@activix.ca", "datateam+ABC_autos-1@example.com", report()))
    (received,) = messages(mail)
    assert received["Delivered-To"] == "datateam+ABC_autos-1@example.com"
    assert received["Return-Path"] == "<bounce@activix.ca>"
    assert len(received.get_all("Received", [])) == 2
    assert "for <datateam+ABC_autos-1@example.com>" in received.get_all("Received", [])[0]
    assert [part.get_filename() for part in received.walk() if part.get_filename()] == ["rapport d’août.csv"]


def test_mail_for_any_other_mailbox_is_refused(mail: MailServer, run: Run) -> None:
    for stranger in ("datateamx@example.com", "someone+datateam@example.com", "datateam@example.net"):
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            run(mail.send("bounce@activix.ca", stranger, report()))


@pytest.mark.parametrize(
    ("envelope", "shown", "verdict"),
    [
        ("bounce@activix.ca", "reports@crm.activix.ca", "dkim=pass header.d=activix.ca"),
        ("someone@example.net", "reports@activix.ca", "dkim=none"),
        ("bounce@notactivix.ca", "reports@notactivix.ca", "dkim=none"),
    ],
)
def test_the_hop_says_whether_the_mail_is_the_crms_own(run: Run, envelope: str, shown: str, verdict: str) -> None:
    async def stamped() -> str:
        async with EmbeddedMail() as mail:
            await mail.send(envelope, "datateam@example.com", report(shown))
            (received,) = await asyncio.to_thread(messages, mail)
            return str(received["Authentication-Results"])

    assert run(stamped()) == f"mx.example.com; {verdict}"


def test_a_raw_mail_is_delivered_as_it_is_below_the_trace(mail: MailServer, run: Run) -> None:
    raw = b"From: a@example.net\r\nSubject: \xff raw\r\n\r\n\x80\r\n.\r\n..dots\r\n"
    run(mail.deliver_raw(raw, "datateam+raw@example.com"))
    (received,) = raw_messages(mail)
    assert received.endswith(raw)
    assert b"Delivered-To: datateam+raw@example.com" in received
    assert b"Authentication-Results" not in received


def test_an_appended_mail_has_no_trace_at_all(mail: MailServer, run: Run) -> None:
    raw = b"From: a@example.net\r\nSubject: bare\r\n\r\nnothing\r\n"
    run(mail.append(raw))
    assert raw_messages(mail) == [raw]


def test_a_mail_wakes_whoever_idles(mail: MailServer, run: Run) -> None:
    with inbox(mail) as client:
        client.idle()
        run(mail.send("bounce@activix.ca", "datateam+abcautos@example.com", report()))
        assert (1, b"EXISTS") in client.idle_check(timeout=10)
        client.idle_done()


def test_a_wrong_password_is_refused(mail: MailServer) -> None:
    with IMAPClient(mail.host, mail.imap_port, ssl=False, timeout=20) as client, pytest.raises(imaplib.IMAP4.error):
        client.login(mail.username, "wrong")


def test_ports_and_mail_survive_a_restart(mail: MailServer, run: Run) -> None:
    run(mail.send("bounce@activix.ca", "datateam+abcautos@example.com", report()))
    ports = mail.imap_port, mail.smtp_port
    run(mail.restart(abruptly=True))
    assert (mail.imap_port, mail.smtp_port) == ports
    assert len(messages(mail)) == 1


def test_an_abrupt_stop_cuts_the_sessions(mail: MailServer, run: Run) -> None:
    with ended(inbox(mail)) as client:
        run(mail.stop(abruptly=True))
        with pytest.raises((imaplib.IMAP4.abort, ConnectionError)):
            client.noop()


@pytest.mark.dovecot
def test_dovecot_serves_tls_with_its_own_certificate(dovecot: Dovecot) -> None:
    context = ssl.create_default_context(cafile=str(dovecot.certificate))
    with IMAPClient("127.0.0.1", dovecot.imaps_port, ssl_context=context, timeout=20) as client:
        client.login(dovecot.username, dovecot.password)
    with IMAPClient("127.0.0.1", dovecot.imap_port, ssl=False, timeout=20) as client:
        client.starttls(context)
        client.login(dovecot.username, dovecot.password)


@pytest.mark.dovecot
def test_dovecot_starts_at_once_and_leaves_nothing_behind(run: Run) -> None:
    async def live() -> tuple[float, Dovecot, int]:
        begin = time.monotonic()
        async with Dovecot() as server:
            seconds = time.monotonic() - begin
            await server.send("bounce@activix.ca", "datateam@example.com", report())
            os.killpg(server.pid, 0)  # all its processes are of its master's group
            return seconds, server, server.pid

    seconds, server, group = run(live())
    assert seconds < 2  # 0.02 s on an idle machine
    assert not server.log_file.parent.exists()
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)


@pytest.mark.dovecot
def test_dovecot_says_goodbye_when_it_is_stopped_in_order(dovecot: Dovecot, run: Run) -> None:
    with ended(inbox(dovecot)) as client:
        client.idle()
        run(dovecot.stop())
        deadline = time.monotonic() + 10
        said: list[bytes] = []
        while b"BYE" not in said and time.monotonic() < deadline:
            said += [answer[0] for answer in client.idle_check(timeout=1)]
        assert b"BYE" in said
