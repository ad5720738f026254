"""One address and one browser context for all tests of the classic Activix, and a new site for each."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from tests.conftest import Run
from tests.world.activix_classic.emulation import Server, Site


@pytest.fixture(scope="package")
def server(run: Run) -> Iterator[Server]:
    server = Server()
    run(server.start())
    yield server
    run(server.stop())


@pytest.fixture
def site(server: Server, playwright: Playwright) -> Iterator[Site]:
    visitor = playwright.request.new_context(base_url=server.url)
    server.site = Site(server.url, visitor)
    yield server.site
    visitor.dispose()


@pytest.fixture(scope="package")
def browsing(server: Server, chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(
        base_url=server.url, viewport={"width": 1366, "height": 850}, reduced_motion="reduce", locale="en-CA"
    )
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def page(browsing: BrowserContext, site: Site) -> Iterator[Page]:
    browsing.clear_cookies()
    page = browsing.new_page()
    yield page
    page.close()
