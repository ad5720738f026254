"""The emulated Activix with web components: what it mails depends strictly on what was posted.

The script below is deliberately straight and knows these very pages: it is no robot.
"""

import csv
import io
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Playwright, expect
from starlette.types import ASGIApp, Receive, Scope, Send

from emulated_world.contract import Lead, SiteAccount, SiteWorld
from emulated_world.leads import leads, months_until
from emulated_world.sites.activix_components import app
from emulated_world.web_server import WebServer
from export_robots.chromium import find_chromium, may_sandbox
from export_robots.settings import BrowserSettings

pytestmark = pytest.mark.browser

ZONE = "America/Toronto"
NOW = datetime(2026, 11, 18, 10, 30, tzinfo=ZoneInfo(ZONE))
PASSWORD = "right-1"
ENGLISH, FRENCH = "datateam+abcautos@example.com", "datateam+levis@example.com"
OCTOBER_1, OCTOBER_31 = "October 1, 2026", "October 31, 2026"


def leads_of(dealership: str, zone: str) -> list[Lead]:
    return leads(dealership, zone, months_until(NOW.date(), 4))


def october(dealership: str) -> set[str]:
    return {str(lead.number) for lead in leads_of(dealership, ZONE) if f"{lead.created:%Y-%m}" == "2026-10"}


@dataclass
class RunningSite:
    """`send` runs on the site's loop, the rest on the test's thread."""

    url: str = ""
    mails: list[EmailMessage] = field(default_factory=list)
    mailed: threading.Event = field(default_factory=threading.Event)
    world: SiteWorld = field(init=False)

    def __post_init__(self) -> None:
        accounts = {
            ENGLISH: SiteAccount(ENGLISH, PASSWORD, "ABC Autos"),
            FRENCH: SiteAccount(FRENCH, PASSWORD, "Lévis Auto", "fr"),
        }
        self.world = SiteWorld(accounts, leads_of, self.send, lambda: NOW)

    async def send(self, sender: str, recipient: str, message: EmailMessage) -> None:
        assert (sender, recipient) == ("reports@activix.ca", message["To"])
        self.mails.append(message)
        self.mailed.set()

    def report(self) -> list[list[str]]:
        assert self.mailed.wait(10)
        (part,) = self.mails[0].iter_attachments()
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        return list(csv.reader(io.StringIO(content.decode(), newline="")))

    def asked(self) -> dict[str, Any]:
        (entry,) = self.world.journal.of("report_requested")
        return entry


class Front:
    """One address for all tests of this file, so that the widgets' many files are fetched once."""

    def __init__(self) -> None:
        self.server = WebServer(self)
        self.site: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.site and scope["type"] == "http":
            await self.site(scope, receive, send)


@pytest.fixture(scope="module")
def front(run: Callable[[Coroutine[Any, Any, Any]], Any]) -> Iterator[Front]:
    front = Front()
    run(front.server.start())
    yield front
    run(front.server.stop())


@pytest.fixture
def site(front: Front) -> RunningSite:
    running = RunningSite(front.server.url)
    front.site = app(running.world)
    return running


@pytest.fixture(scope="module")
def context(playwright: Playwright) -> Iterator[BrowserContext]:
    program = find_chromium(BrowserSettings(), bundled=playwright.chromium.executable_path)
    browser = playwright.chromium.launch(executable_path=program, chromium_sandbox=may_sandbox())
    context = browser.new_context(viewport={"width": 1366, "height": 820}, locale="en-CA", reduced_motion="reduce")
    context.set_default_timeout(10_000)
    yield context
    browser.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    yield page
    page.close()
    context.clear_cookies()


def sign_in(page: Page, username: str = ENGLISH) -> None:
    page.locator("#user_email").fill(username)
    page.locator("#user_password").fill(PASSWORD)
    page.locator("input[type=submit]").click()


def open_clients(page: Page, site: RunningSite, username: str = ENGLISH) -> None:
    page.goto(f"{site.url}/clients")
    sign_in(page, username)
    expect(page.locator("input.dates.input")).to_be_visible()


def choose_dates(page: Page, first: str = OCTOBER_1, last: str = OCTOBER_31) -> None:
    page.locator("input.dates.input").click()
    page.locator(".flatpickr-prev-month").click()
    page.locator(f".flatpickr-day[aria-label='{first}']:not(.hidden)").click()
    page.locator(f".flatpickr-day[aria-label='{last}']:not(.hidden)").click()
    with page.expect_navigation():
        page.locator(".dates-foot button").click()


def only_creation_date(page: Page) -> None:
    page.locator("#date-fields > sl-button").click()
    for item in page.locator("#date-fields sl-menu-item").all():
        if (item.get_attribute("aria-checked") == "true") != (item.get_attribute("value") == "created"):
            item.click()
    with page.expect_navigation():
        page.keyboard.press("Escape")


def tool(page: Page, icon: str) -> Locator:
    """It scrolls until the section is there."""
    page.locator("#clients-plus").scroll_into_view_if_needed()
    # A component that is not there yet hears no click.
    page.wait_for_function("() => document.querySelector('#columns-plus') && !document.querySelector(':not(:defined)')")
    return page.locator(f"#clients-plus sl-icon-button[name={icon}]")


def every_column_but(page: Page, sought: str, *, save: bool = True) -> None:
    tool(page, "layout-three-columns").click()
    dialog = page.locator("#columns-plus")
    dialog.locator("sl-checkbox.all").click()
    dialog.locator("sl-input input").fill(sought)
    dialog.locator("sl-checkbox.column:visible").click()
    if save:
        with page.expect_navigation():
            dialog.locator("sl-button[type=submit]").click()
    else:
        dialog.locator("sl-button").first.click()
        expect(dialog.locator("form")).to_be_hidden()


def generate(page: Page, export_type: str = "csv") -> Locator:
    """The message on the page that comes then."""
    tool(page, "database").click()
    page.locator(f"#report-plus sl-radio[value={export_type}]").click()
    with page.expect_navigation():
        page.locator("#report-plus sl-button[type=submit]").click()
    return page.locator("sl-alert")


def test_an_english_account_gets_what_it_set(page: Page, site: RunningSite) -> None:
    page.goto(site.url)
    sign_in(page)
    page.locator(".side a[href$='/clients']").click()
    choose_dates(page)
    expect(page.locator("input.dates.input")).to_have_value("Oct 1, 2026 to Oct 31, 2026")
    only_creation_date(page)
    every_column_but(page, "birth")
    tool(page, "database").hover()
    expect(page.locator("#clients-plus .tooltip__body").filter(visible=True)).to_have_text("Generate Report")
    expect(page.locator("#clients-plus .count")).to_have_text(f"{len(october('ABC Autos'))} clients")
    expect(generate(page)).to_contain_text("Your report was requested. It will be e-mailed to you.")

    header, *rows = site.report()
    asked = site.asked()
    assert {row[0] for row in rows} == october("ABC Autos")
    assert header == asked["columns"]
    assert len(header) == 29
    assert "Date of Birth" not in header
    assert (asked["view"], asked["first"], asked["last"]) == ("My Clients", "2026-10-01", "2026-10-31")
    assert (asked["date_fields"], asked["export_type"]) == (["Creation Date"], "CSV")
    assert len(site.world.journal.of("report_mailed")) == 1


def test_a_french_account_reads_french(page: Page, site: RunningSite) -> None:
    open_clients(page, site, FRENCH)
    choose_dates(page, "octobre 1, 2026", "octobre 31, 2026")
    expect(page.locator("input.dates.input")).to_have_value("1 oct 2026 au 31 oct 2026")
    only_creation_date(page)
    every_column_but(page, "naissance")
    expect(generate(page)).to_contain_text("Votre rapport a été demandé. Il vous sera envoyé par courriel.")
    header, *rows = site.report()
    assert "Date de création" in header
    assert "Date de naissance" not in header
    assert {row[0] for row in rows} == october("Lévis Auto")


def test_what_was_not_submitted_does_not_count(page: Page, site: RunningSite) -> None:
    open_clients(page, site)
    page.locator("input.dates.input").click()
    page.locator(f".flatpickr-day[aria-label='{OCTOBER_1.replace('October', 'November')}']").click()
    page.locator(".bar b").click()
    expect(page.locator("input.dates.input")).to_have_value("Nov 1, 2026 to Nov 30, 2026")
    every_column_but(page, "birth", save=False)
    expect(generate(page, "xlsx")).to_be_visible()
    asked = site.asked()
    assert (asked["first"], asked["last"], asked["export_type"]) == ("2026-11-01", "2026-11-30", "Excel")
    assert (len(asked["date_fields"]), len(asked["columns"])) == (4, 17)


def test_a_session_ends_once_and_its_choices_with_it(page: Page, site: RunningSite) -> None:
    open_clients(page, site)
    only_creation_date(page)
    site.world.misbehaviours.update({"ends_session_once", "ignores_dates", "view_is_all_clients"})
    choose_dates(page)
    expect(page.locator("sl-alert")).to_contain_text("timed out")
    sign_in(page)
    expect(page.locator("#date-fields > sl-button")).to_have_text("4 date fields")
    expect(page.locator("select[name=view]")).to_have_value("all")
    choose_dates(page)
    expect(page.locator("input.dates.input")).to_have_value("Nov 1, 2026 to Nov 30, 2026")


def test_stubborn_boxes_and_a_report_that_fails(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours.update({"extra_date_field", "date_of_birth_stuck", "no_row_count", "generate_fails"})
    open_clients(page, site)
    only_creation_date(page)
    tool(page, "layout-three-columns").click()
    birth = page.locator("#columns-plus sl-checkbox[value=date_of_birth] input")
    page.locator("#columns-plus sl-checkbox[value=date_of_birth]").click()
    expect(birth).not_to_be_checked()
    expect(birth).to_be_checked()
    page.locator("#columns-plus sl-button").first.click()
    expect(page.locator("#clients-plus .count")).to_have_count(0)
    expect(generate(page)).to_contain_text("Something went wrong")
    assert site.asked()["date_fields"] == ["Creation Date", "Last Modified Date"]
    assert site.mails == []


def test_interruptions(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours.update({"cookie_banner", "promotion", "no_export_permission", "decoy_toolbar"})
    open_clients(page, site)
    page.locator("#promotion sl-button").first.click()
    page.locator(".cookies button").first.click()
    expect(page.locator(".cookies")).to_have_count(0)
    expect(tool(page, "layout-three-columns")).to_be_visible()
    expect(page.locator("sl-icon-button[name=database]")).to_have_count(0)
    expect(page.locator("sl-icon-button[name=floppy]")).to_have_count(2)
