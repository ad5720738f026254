"""One emulated Activix of each kind and one Chromium for all tests of a worker; misbehaviours are switched per test."""

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyotp
import pytest
from pydantic import SecretStr

from emulated_world.contract import SiteAccount
from emulated_world.world import EmulatedWorld, running_world
from export_robots.browser import Browser, open_browser
from export_robots.crm.activix import Activix
from export_robots.periods import Month, Period
from export_robots.robot import ReportRequest
from export_robots.settings import BrowserSettings
from export_robots.visit import Login
from tests.conftest import Run

Worlds = Callable[[str], EmulatedWorld]
OCTOBER = Period.month(Month(2026, 10))


@dataclass
class Codes:
    """The account's own authenticator; mailed codes are the business of `tests/runs`."""

    account: SiteAccount

    async def totp(self) -> str | None:
        return pyotp.TOTP(self.account.totp_secret).now() if self.account.totp_secret else None

    async def mailed(self, newer_than: datetime) -> str | None:
        return None

    async def told(self, saw: str) -> str | None:
        return None


@pytest.fixture(scope="session")
def worlds() -> Iterator[Worlds]:
    with ExitStack() as stack:
        running: dict[str, EmulatedWorld] = {}

        def world(site: str) -> EmulatedWorld:
            if site not in running:
                running[site] = stack.enter_context(running_world(site=site, portal=None))
            return running[site]

        yield world


@pytest.fixture(scope="session")
def browser_settings() -> BrowserSettings:
    return BrowserSettings.model_validate({"step_timeout": "15s"})


@pytest.fixture(scope="session")
def chromium(run: Run, browser_settings: BrowserSettings) -> Iterator[Browser]:
    stack = AsyncExitStack()
    yield run(stack.enter_async_context(open_browser(browser_settings)))
    run(stack.aclose())


@dataclass
class Exported:
    request: ReportRequest
    world: EmulatedWorld

    def asked(self) -> dict[str, Any]:
        """What the site was asked for, once."""
        (asked,) = self.world.journal.of("report_requested")
        return asked


Export = Callable[..., Exported]


@pytest.fixture
def export(run: Run, worlds: Worlds, chromium: Browser) -> Iterator[Export]:
    """Signs in and requests a report: `export(site, client="abc", period=..., password=..., *misbehaviours)`."""
    used: list[EmulatedWorld] = []

    def export_from(
        site: str,
        *misbehaviours: str,
        client: str = "abc",
        period: Period = OCTOBER,
        password: str | None = None,
    ) -> Exported:
        world = worlds(site)
        used.append(world)
        world.journal.entries.clear()
        world.misbehaviours.clear()
        world.misbehaviours.update(misbehaviours)
        account = world.clients[client].account
        login = Login(account.username, SecretStr(password or account.password))

        async def visit() -> ReportRequest:
            async with chromium.visit(world.site_url, login, run="test", codes=Codes(account)) as visited:
                robot = Activix(visited)
                await robot.sign_in()
                return await robot.request_report(period)

        return Exported(run(visit()), world)

    yield export_from
    for world in used:
        world.misbehaviours.clear()
