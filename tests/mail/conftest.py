import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from imapclient import IMAPClient
from sqlalchemy import Engine, create_engine

from emulated_world.dovecot import Dovecot
from emulated_world.mail_server import EmbeddedMail, MailServer
from report_mailbox import Acceptance, Collector, Expectation, Fate, Mailbox, Pace
from tests.conftest import Run

ADDRESS = "datateam+abc@example.com"
REPORT = b"Created On,Email\r\n2026-10-01,ann@example.net\r\n"
QUICK = Pace(
    connect=timedelta(seconds=5),
    read=timedelta(seconds=5),
    command=timedelta(seconds=10),
    end_idle=timedelta(seconds=2),
    poll=timedelta(seconds=0.2),
    pauses=(timedelta(seconds=0.1),),
    glance=timedelta(seconds=0.05),
)


def report_mail(
    content: bytes = REPORT,
    *,
    to: str = ADDRESS,
    sender: str = "reports@activix.ca",
    sent: datetime | None = None,
    message_id: str = "<1@activix.ca>",
) -> EmailMessage:
    message = text_mail("Hello, your report is attached.", to=to, sender=sender, sent=sent, message_id=message_id)
    message.add_attachment(content, maintype="text", subtype="csv", filename="leads.csv")
    return message


def text_mail(
    text: str,
    *,
    to: str = ADDRESS,
    sender: str = "reports@activix.ca",
    sent: datetime | None = None,
    message_id: str = "<1@activix.ca>",
) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, "Your report"
    message["Date"], message["Message-ID"] = sent or datetime.now(UTC), message_id
    message.set_content(text)
    return message


def accept_by_content(expectation_id: str, file: Path) -> Acceptance:
    """A file fits when the last word of its expectation's id stands in it; `broken` in it makes it useless."""
    content = file.read_bytes()
    if b"broken" in content:
        return Acceptance.broken("it stops in the middle of a line")
    if expectation_id.split()[-1].encode() in content:
        return Acceptance.fits()
    return Acceptance.other("it is of another month")


class Post:
    """One mailbox on a real server, and what tests do with it."""

    def __init__(self, server: MailServer, run: Run) -> None:
        self.server = server
        self._run = run

    def mailbox(self, **settings: Any) -> Mailbox:
        return Mailbox(
            self.server.host,
            self.server.imap_port,
            self.server.username,
            lambda: self.server.password,
            **{"security": "none", "unsigned": "accept", **settings},  # unsigned mail costs no look into DNS
        )

    def send(self, message: EmailMessage, *, to: str = ADDRESS, sender: str = "reports@activix.ca") -> None:
        self._run(self.server.send(sender, to, message))

    def deliver(self, raw: bytes, *, to: str = ADDRESS) -> None:
        self._run(self.server.deliver_raw(raw, to))

    def restart(self, *, abruptly: bool = False) -> None:
        self._run(self.server.restart(abruptly=abruptly))

    def stop(self) -> None:
        self._run(self.server.stop(abruptly=True))

    def renumber(self) -> None:
        """The folder is made anew, empty, with another UIDVALIDITY. Only the embedded server."""
        assert isinstance(self.server, EmbeddedMail)
        self._run(self.server.stop(abruptly=True))
        self.server._backend = None
        self._run(self.server.start())

    def start(self) -> None:
        self._run(self.server.start())

    @contextmanager
    def person(self) -> Iterator[IMAPClient]:
        """Somebody who looks into the mailbox with a mail program."""
        with IMAPClient(self.server.host, self.server.imap_port, ssl=False, timeout=10) as client:
            client.login(self.server.username, self.server.password)
            client.select_folder("INBOX")
            yield client

    def seen(self) -> set[int]:
        with self.person() as client:
            return {int(uid) for uid in client.search(["SEEN"])}


@pytest.fixture(params=["embedded", pytest.param("dovecot", marks=pytest.mark.dovecot)])
def post(request: pytest.FixtureRequest, run: Run) -> Iterator[Post]:
    server: MailServer = Dovecot() if request.param == "dovecot" else EmbeddedMail()
    run(server.__aenter__())
    yield Post(server, run)
    run(server.__aexit__(None, None, None))


@pytest.fixture
def embedded(run: Run) -> Iterator[Post]:
    server = EmbeddedMail()
    run(server.__aenter__())
    yield Post(server, run)
    run(server.__aexit__(None, None, None))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path}/ledger.sqlite")
    yield engine
    engine.dispose()


@pytest.fixture
def collector(post: Post, engine: Engine, tmp_path: Path) -> Collector:
    return Collector(post.mailbox(), engine, tmp_path / "mail", accept_by_content, pace=QUICK)


def expectation(identifier: str = "abc 2026-10", **facts: Any) -> Expectation:
    standard: dict[str, Any] = {
        "address": ADDRESS,
        "senders": ("activix.ca",),
        "newer_than": datetime.now(UTC) - timedelta(seconds=1),
        "link_hosts": ("crm.activix.ca",),
    }
    return Expectation(identifier, **(standard | facts))


def soon(seconds: float = 10) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def fates(collector: Collector) -> list[Fate | None]:
    return [fate for fate, _ in collector.ledger.decisions().values()]


def reasons(collector: Collector) -> list[str]:
    return [mail.reason for mail in collector.ledger.held()]


@contextmanager
def in_background(work: Callable[[], None], stop: threading.Event | None = None) -> Iterator[threading.Thread]:
    """Runs beside the test; what it raises is raised at the end.

    Args:
        stop: Set when the test itself fails: what went on beside the tests after it would trouble those.
    """
    failure: list[BaseException] = []

    def run_it() -> None:
        try:
            work()
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run_it, daemon=True)
    thread.start()
    try:
        yield thread
    except BaseException:
        if stop:
            stop.set()
        thread.join(20)
        raise
    thread.join(20)
    assert not thread.is_alive(), "it did not end"
    if failure:
        raise failure[0]
