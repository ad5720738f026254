"""For the tests of saved views: one Chromium, and one emulated CRM for each test, whose clock the test moves."""

import csv
import io
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from email.message import EmailMessage
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import APIRequestContext, Browser, Page, Playwright

from emulated_world.contract import SiteAccount, SiteWorld
from emulated_world.leads import leads, months_until
from emulated_world.web_server import WebServer
from export_robots.chromium import find_chromium, may_sandbox
from export_robots.settings import BrowserSettings
from tests.conftest import Run

ZONE = ZoneInfo("America/Toronto")
NOW = datetime(2026, 11, 12, 10, tzinfo=ZONE)
ENGLISH, FRENCH = "datateam+abcautos@example.com", "datateam+autoslevis@example.com"
PASSWORD = "Très secret 1"
TITLE = "ABC Autos - Activix CRM (Clarivoy Leads)"


class Emulation:
    """A running site, its world, and what it mailed."""

    def __init__(self, run: Run, site: str) -> None:
        self.run = run
        self.now = NOW
        self.mails: list[EmailMessage] = []
        self.world = SiteWorld(
            {
                ENGLISH: SiteAccount(ENGLISH, PASSWORD, "ABC Autos"),
                FRENCH: SiteAccount(FRENCH, PASSWORD, "Autos Lévis", "fr"),
            },
            lambda dealership, zone: leads(dealership, zone, months_until(self.now.date(), 8)),
            self._take,
            lambda: self.now,
        )
        self.server = WebServer(import_module(f"emulated_world.sites.{site}").app(self.world))

    async def _take(self, sender: str, recipient: str, message: EmailMessage) -> None:
        assert (sender.partition("@")[2], recipient) == ("activix.ca", message["To"])
        self.mails.append(message)

    @property
    def url(self) -> str:
        return self.server.url

    def misbehave(self, *names: str) -> None:
        self.world.misbehaviours.update(names)

    def move_clock(self, year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> None:
        """To a time of the accounts' zone; what is due by then has been mailed afterwards."""
        self.now = datetime(year, month, day, hour, minute, tzinfo=ZONE)

        async def fire() -> None:
            for hook in self.world.clock_hooks:
                await hook(self.now)

        self.run(fire())

    def the(self, event: str) -> dict[str, Any]:
        """The facts of the one entry of this kind."""
        (entry,) = self.world.journal.of(event)
        return {name: fact for name, fact in entry.items() if name != "event"}

    def rows(self, place: int = -1, separator: str = ",") -> list[list[str]]:
        """Of the attached CSV file; the mail is waited for."""
        deadline, pause = time.monotonic() + 10, threading.Event()
        while not self.mails:
            assert time.monotonic() < deadline, "nothing was mailed"
            pause.wait(0.01)
        (part,) = [part for part in self.mails[place].walk() if part.get_filename()]
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=separator))


Start = Callable[[str], Emulation]


@pytest.fixture
def start(run: Run) -> Iterator[Start]:
    """Starts an emulation by the name of its package."""
    started: list[Emulation] = []

    def start(site: str) -> Emulation:
        started.append(Emulation(run, site))
        run(started[-1].server.start())
        return started[-1]

    yield start
    for emulation in started:
        run(emulation.server.stop())


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    program = find_chromium(BrowserSettings(), bundled=playwright.chromium.executable_path)
    browser = playwright.chromium.launch(executable_path=program, chromium_sandbox=may_sandbox())
    yield browser
    browser.close()


@pytest.fixture
def page(chromium: Browser, start: Start) -> Iterator[Page]:
    """Closed before the emulation ends: a browser that is cut off tries again at once."""
    context = chromium.new_context(viewport={"width": 1366, "height": 850}, locale="en-CA", reduced_motion="reduce")
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def visitor(playwright: Playwright) -> Iterator[APIRequestContext]:
    """One who visits without a browser, where no page is needed."""
    context = playwright.request.new_context(timeout=15_000)
    yield context
    context.dispose()
