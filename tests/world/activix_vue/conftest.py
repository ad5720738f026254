"""A running site for each test of the Activix with Vue, and how it is visited."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import APIRequestContext, Browser, Page, Playwright

from emulated_world.contract import SiteAccount, SiteWorld
from emulated_world.sites.activix_vue import app
from emulated_world.web_server import WebServer
from tests.world.activix_vue.emulation import (
    DEALERSHIPS,
    FRENCH,
    NOW,
    PASSWORD,
    TOTP_SECRET,
    Outbox,
    RunningSite,
    leads_of,
)


@pytest.fixture
def site(run: Callable[..., Any]) -> Iterator[RunningSite]:
    outbox = Outbox()
    accounts = {
        name: SiteAccount(name, PASSWORD, dealership, "fr" if name == FRENCH else "en", totp_secret=TOTP_SECRET)
        for name, dealership in DEALERSHIPS.items()
    }
    world = SiteWorld(accounts, leads_of, outbox.send, lambda: NOW)
    server = WebServer(app(world), world.misbehaviours)
    run(server.start())
    yield RunningSite(server.url, world, outbox)
    run(server.stop())


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1360, "height": 800}, locale="en-CA", reduced_motion="reduce")
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def api(playwright: Playwright) -> Iterator[APIRequestContext]:
    """A client without a browser, for what no page is needed for."""
    context = playwright.request.new_context(timeout=10_000)
    yield context
    context.dispose()
