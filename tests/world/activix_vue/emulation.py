"""The emulated Activix with Vue as it runs for these tests, and what it mailed."""

import csv
import io
import threading
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

from emulated_world.contract import Lead, SiteWorld
from emulated_world.leads import leads, months_until

ZONE = ZoneInfo("America/Toronto")
NOW = datetime(2026, 11, 18, 10, 30, tzinfo=ZONE)
OCTOBER = ("2026-10-01", "2026-10-31")
PASSWORD = "right-1"
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
ENGLISH, FRENCH = "datateam+abcautos@example.com", "datateam+levis@example.com"
DEALERSHIPS = {ENGLISH: "ABC Autos", FRENCH: "Lévis Auto"}
ALL_BUT_BIRTH = 28


def leads_of(dealership: str, zone: str) -> list[Lead]:
    return leads(dealership, zone, months_until(NOW.date(), 5))


def created_in_october(dealership: str) -> list[Lead]:
    return [lead for lead in leads_of(dealership, ZONE.key) if lead.created.strftime("%Y-%m") == "2026-10"]


@dataclass
class Outbox:
    """What the site mailed, in order. `send` runs on the site's loop, the rest on the test's thread."""

    mails: list[tuple[str, str, EmailMessage]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    async def send(self, sender: str, recipient: str, message: EmailMessage) -> None:
        with self.changed:
            self.mails.append((sender, recipient, message))
            self.changed.notify_all()

    def wait_for(self, count: int = 1, seconds: float = 15) -> list[tuple[str, str, EmailMessage]]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.mails) >= count, seconds), f"{len(self.mails)} of {count}"
            return list(self.mails)

    def report(self) -> bytes:
        return attachment(self.wait_for()[-1][2])


@dataclass
class RunningSite:
    url: str
    world: SiteWorld
    outbox: Outbox

    def asked(self) -> dict[str, Any]:
        """The one report that was asked for."""
        (entry,) = self.world.journal.of("report_requested")
        return entry


def attachment(mail: EmailMessage) -> bytes:
    (part,) = [part for part in mail.walk() if part.get_filename()]
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content


def rows_of(content: bytes, encoding: str = "utf-8-sig", separator: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(encoding), newline=""), delimiter=separator))
