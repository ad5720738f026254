"""A mail server and a webhook that are told, a ledger with something to tell, and the days that pass."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from pydantic import SecretStr
from sqlalchemy.orm import Session

from export_robots import clock
from export_robots.config_schedule import NoticesSettings
from export_robots.periods import Month, Period
from export_robots.runs.database import open_database
from export_robots.runs.ledger import Ending, Ledger
from export_robots.runs.notices import alarms_due
from export_robots.runs.operating_tables import NoticeRow
from export_robots.settings import Settings

TOKEN = "hook-token-93521"
PASSWORD = "smtp-password-7"
OCTOBER = Month(2026, 10)
NOVEMBER_1 = datetime(2026, 11, 1, 14, tzinfo=UTC)
DUE = datetime(2026, 11, 2, 16, tzinfo=UTC)


class Mails:
    """A mail server that takes everything, or nothing."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.refuses = False
        self.port = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.refuses:
            return "451 not now"
        self.taken.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@dataclass
class Hook:
    """A webhook; `status` is what it answers."""

    taken: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    port: int = 0


@contextmanager
def listening(hook: Hook) -> Iterator[None]:
    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if hook.status == 200:
                hook.taken.append(json.loads(body))
            self.send_response(hook.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    hook.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    with listening(made):
        yield made


@pytest.fixture
def mails() -> Iterator[Mails]:
    made = Mails()
    # Port 0 would have the controller knock at port 0: it is asked for a free one first.
    controller = Controller(made, hostname="127.0.0.1", port=free_port())
    controller.start()
    made.port = controller.port
    yield made
    controller.stop()


def free_port() -> int:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return int(server.server_address[1])


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    made = Ledger(open_database(url))
    yield made
    made.engine.dispose()


class Days:
    def __init__(self) -> None:
        self.now = NOVEMBER_1


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Days:
    made = Days()
    monkeypatch.setattr(clock, "now", lambda: made.now)
    return made


def telling(tmp_path: Path, *addresses: str) -> Settings:
    secrets = {"clients.abc.activix.password": SecretStr("hunter22")}
    notices = NoticesSettings.model_validate({"urls": list(addresses)}) if addresses else NoticesSettings()
    return Settings(tmp_path, notices=notices, secrets=secrets)


def by_mail(mails: Mails) -> str:
    return f"mailto://127.0.0.1:{mails.port}?from=robot@example.com&to=ops@example.com"


def by_hook(hook: Hook) -> str:
    return f"json://127.0.0.1:{hook.port}/{TOKEN}"


def delivery(ledger: Ledger, client: str, crm: str = "activix", ending: Ending | None = None) -> str:
    key = ledger.expect(client, crm, "Activix CRM", None, Period.month(OCTOBER), due_at=DUE).id
    if ending:
        ledger.begin_attempt(key, upload=True)
        ledger.end_attempt(key, ending)
    return key


def notice(ledger: Ledger, key: str) -> NoticeRow:
    with Session(ledger.engine, expire_on_commit=False) as session:
        return session.get_one(NoticeRow, key)


def told(ledger: Ledger, days: Days, settings: Settings, trouble: str | None = None) -> list[str]:
    return alarms_due(ledger, settings, days.now, mailbox_trouble=trouble)
