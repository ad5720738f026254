"""The emulated classic Activix as it runs for these tests, and what its reports are to hold."""

import csv
import io
import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlencode

import pyotp
from playwright.sync_api import APIRequestContext, APIResponse
from starlette.types import Receive, Scope, Send

from emulated_world.contract import Lead, SiteAccount, SiteWorld
from emulated_world.leads import leads
from emulated_world.sites.activix_classic import app
from emulated_world.sites.activix_classic.columns import COLUMNS
from emulated_world.web_server import WebServer

NOW = datetime(2026, 11, 12, 15, tzinfo=UTC)
MONTHS = [date(2026, month, 1) for month in (8, 9, 10, 11)]
ENGLISH = "datateam+abcautos@example.com"
FRENCH = "datateam+autoslevis@example.com"
PASSWORD = "Très secret 1"
EVERYTHING_BUT_DATE_OF_BIRTH = [column.key for column in COLUMNS if column.key != "date_of_birth"]
ENGLISH_HEADER = [
    "Client No.",
    "Dealership",
    "First Name",
    "Last Name",
    "Email",
    "Work Email",
    "Home Phone",
    "Mobile Phone",
    "Work Phone",
    "Address",
    "City",
    "Province",
    "Postal Code",
    "Country",
    "Language",
    "Source",
    "Source Detail",
    "Type",
    "Division",
    "Status",
    "Advisor",
    "Vehicle of Interest",
    "Comments",
    "Creation Date",
    "Created By",
    "Last Modified",
    "Appointment Date",
    "Sale Date",
    "Delivery Date",
]

FRENCH_HEADER = [
    "No client",
    "Concession",
    "Prénom",
    "Nom de famille",
    "Courriel",
    "Courriel (travail)",
    "Téléphone (maison)",
    "Cellulaire",
    "Téléphone (travail)",
    "Adresse",
    "Ville",
    "Province",
    "Code postal",
    "Pays",
    "Langue",
    "Source",
    "Détail de la source",
    "Type",
    "Division",
    "Statut",
    "Conseiller",
    "Véhicule désiré",
    "Commentaires",
    "Date de création",
    "Créé par",
    "Dernière modification",
    "Date de rendez-vous",
    "Date de vente",
    "Date de livraison",
]

OCTOBER: dict[str, Any] = {
    "view": "mine",
    "first": "2026-10-01",
    "last": "2026-10-31",
    "date_fields": ["created"],
}


class Site:
    """The site as it runs, what it mailed, and a visitor without a browser, who posts what the page's script would."""

    def __init__(self, address: str, visitor: APIRequestContext) -> None:
        self.address = address
        self.visitor = visitor
        self.mails: list[tuple[str, str, EmailMessage]] = []
        self.world = SiteWorld(
            accounts={
                ENGLISH: SiteAccount(ENGLISH, PASSWORD, "ABC Autos", totp_secret=pyotp.random_base32()),
                FRENCH: SiteAccount(FRENCH, PASSWORD, "Autos Lévis", language="fr"),
            },
            leads_of=lambda dealership, zone: leads(dealership, zone, MONTHS),
            send=self._take,
            now=lambda: NOW,
        )
        self.app = app(self.world)

    async def _take(self, sender: str, recipient: str, message: EmailMessage) -> None:
        self.mails.append((sender, recipient, message))

    def misbehave(self, *names: str) -> None:
        self.world.misbehaviours.update(names)

    def get(self, path: str) -> APIResponse:
        return self.visitor.get(path)

    def text(self, path: str) -> str:
        return self.get(path).text()

    def post(self, path: str, *, by_script: bool = True, **fields: Any) -> APIResponse:
        token = re.search(r'name="csrf-token" content="([^"]+)"', self.text("/dashboard"))
        assert token
        pairs = [(f"{name}[]", item) for name, items in fields.items() if isinstance(items, list) for item in items]
        pairs += [(name, str(value)) for name, value in fields.items() if not isinstance(value, list)]
        headers = {"content-type": "application/x-www-form-urlencoded", "x-csrf-token": token[1]}
        if by_script:
            headers["x-requested-with"] = "XMLHttpRequest"
        return self.visitor.post(path, data=urlencode(pairs), headers=headers)

    def sign_in(self, username: str = ENGLISH, password: str = PASSWORD) -> str:
        """The address and the text of the page that it leads to."""
        answer = self.post("/login", by_script=False, email=username, password=password)
        return f"{answer.url.removeprefix(self.address)} {answer.text()}"

    def set(self, changed: str = "dates", **settings: Any) -> APIResponse:
        return self.post("/my-clients/filters", changed=changed, **(OCTOBER | settings))

    def generate(self, mails: int = 1, **settings: Any) -> APIResponse:
        columns = {"columns": EVERYTHING_BUT_DATE_OF_BIRTH, "export_type": "csv"}
        answer = self.post("/my-clients/report", **(OCTOBER | columns | settings))
        wait_for(lambda: len(self.mails) >= mails)
        return answer

    def attachment(self, place: int = 0) -> tuple[str, bytes]:
        part = next(part for part in self.mails[place][2].walk() if part.get_filename())
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        return part.get_filename() or "", content

    def rows(self, encoding: str = "utf-8") -> list[list[str]]:
        return list(csv.reader(io.StringIO(self.attachment()[1].decode(encoding), newline="")))


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        pause.wait(0.01)


def october(dealership: str = "ABC Autos") -> list[Lead]:
    found = [lead for lead in leads(dealership, "America/Toronto", MONTHS) if f"{lead.created:%Y-%m}" == "2026-10"]
    return sorted(found, key=lambda lead: (lead.created, lead.number), reverse=True)


class Server(WebServer):
    """One address for all tests, so that the browser fetches the widget libraries once; each test has a new site."""

    def __init__(self) -> None:
        self.site: Site | None = None
        super().__init__(self._newest)

    async def _newest(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.site
        await self.site.app(scope, receive, send)
