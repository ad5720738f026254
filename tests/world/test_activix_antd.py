"""The emulated Activix with Ant Design: what it mails depends strictly on what was set, and it goes wrong as told.

The script below is deliberately straight and uses CSS classes of these very pages: it is no robot.
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
from playwright.sync_api import Browser, Locator, Page, expect

from emulated_world.contract import Lead, SiteAccount, SiteWorld
from emulated_world.leads import leads, months_until
from emulated_world.sites.activix_antd import app
from emulated_world.web_server import WebServer

pytestmark = pytest.mark.browser

ZONE = "America/Toronto"
NOW = datetime(2026, 11, 18, 10, 30, tzinfo=ZoneInfo(ZONE))
OCTOBER = ("2026-10-01", "2026-10-31")
PASSWORD = "right-1"
ENGLISH, FRENCH = "datateam+abcautos@example.com", "datateam+levis@example.com"
CREATION_DATE, LAST_MONTH = 2, 4
SAVE, COLUMNS, GENERATE = 0, 1, 2


def leads_of(dealership: str, zone: str) -> list[Lead]:
    return leads(dealership, zone, months_until(NOW.date(), 4))


def october(dealership: str) -> set[str]:
    return {
        str(lead.number) for lead in leads_of(dealership, NOW.tzname() or "") if f"{lead.created:%Y-%m}" == "2026-10"
    }


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


@pytest.fixture
def site(run: Callable[[Coroutine[Any, Any, Any]], Any]) -> Iterator[RunningSite]:
    running = RunningSite()
    server = WebServer(app(running.world), running.world.misbehaviours)
    run(server.start())
    running.url = server.url
    yield running
    run(server.stop())


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1366, "height": 820}, locale="en-CA", reduced_motion="reduce")
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


def sign_in(page: Page, password: str = PASSWORD, username: str = ENGLISH) -> None:
    page.locator("input[autocomplete=username]").fill(username)
    page.locator("input[type=password]").fill(password)
    page.locator("button[type=submit]").click()


def open_clients(page: Page, site: RunningSite, username: str = ENGLISH) -> None:
    page.goto(site.url)
    sign_in(page, username=username)
    page.locator(".ant-menu-item .anticon-team").click()
    expect(page.locator(".latest")).to_be_visible()


def last_month(page: Page) -> None:
    page.locator(".ant-picker-range input").first.click()
    page.locator(".ant-picker-presets li").nth(LAST_MONTH).click()
    with page.expect_response("**/api/clients/filters"):
        page.locator(".settings > button").click()


def only_creation_date(page: Page) -> None:
    page.locator(".date-fields .ant-select-selector").click()
    options = page.locator(".ant-select-item-option")
    expect(options).to_have_count(6)
    for place in range(6):
        if (options.nth(place).get_attribute("aria-selected") == "true") != (place == CREATION_DATE):
            options.nth(place).click()
    with page.expect_response("**/api/clients/filters"):
        page.keyboard.press("Escape")


def clients_plus(page: Page) -> Locator:
    page.wait_for_function(
        "() => { const content = document.querySelector('.content'); content.scrollTo(0, content.scrollHeight);"
        " return !document.querySelector('.unseen'); }"
    )
    return page.locator(".section").last


def every_column_but(page: Page, sought: str, *, apply: bool = True) -> None:
    clients_plus(page).locator(".tools button").nth(COLUMNS).click()
    page.locator(".columns-all").click()
    page.locator(".columns input[type=text]").fill(sought)
    page.locator(".columns-list label").nth(1).click()
    if apply:
        page.locator(".columns-foot button").last.click()
    else:
        page.locator(".section .ant-card-head-title").last.click()
    expect(page.locator(".columns")).to_be_hidden()


def generate(page: Page, *, csv_type: bool = True) -> Locator:
    """The notice that says what came of it."""
    clients_plus(page).locator(".tools button").nth(GENERATE).click()
    if csv_type:
        page.locator(".export-types label").nth(1).click()
    page.locator(".ant-modal-footer button").last.click()
    return page.locator(".ant-notification-notice")


def test_an_english_account_gets_what_it_set(page: Page, site: RunningSite) -> None:
    open_clients(page, site)
    last_month(page)
    expect(page.locator(".ant-picker-range input").first).to_have_value("Oct 1, 2026")
    only_creation_date(page)
    every_column_but(page, "birth")
    total = len(october("ABC Autos"))
    expect(page.locator(".ant-pagination-total-text")).to_have_text(f"1-25 of {total} items")
    clients_plus(page).locator(".tools button").nth(GENERATE).hover()
    expect(page.locator(".hint").filter(visible=True)).to_have_text("Generate Report")
    expect(generate(page)).to_contain_text("emailed to you")

    header, *rows = site.report()
    asked = site.asked()
    assert {row[0] for row in rows} == october("ABC Autos")
    assert header == asked["columns"]
    assert len(header) == 29
    assert "Date of Birth" not in header
    assert (asked["view"], asked["first"], asked["last"]) == ("My Clients", *OCTOBER)
    assert (asked["date_fields"], asked["export_type"], asked["rows"]) == (["Creation Date"], "CSV", total)
    assert [entry["path"] for entry in site.world.journal.of("page")] == ["/dashboard", "/my-clients"]
    assert len(site.world.journal.of("report_mailed")) == 1


def test_a_french_account_reads_french(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours.add("collapsed_menu")
    open_clients(page, site, FRENCH)
    expect(page.locator(".switcher")).to_have_text("Mes clients")
    expect(page.locator(".ant-menu-title-content").nth(2)).to_have_css("opacity", "0")
    last_month(page)
    expect(page.locator(".ant-picker-range input").last).to_have_value("2026-10-31")
    only_creation_date(page)
    every_column_but(page, "naissance")
    expect(page.locator(".ant-pagination-total-text")).to_have_text(f"1-25 sur {len(october('Lévis Auto'))} éléments")
    expect(clients_plus(page).locator(".ant-card-head-title")).to_have_text("Clients +")
    expect(generate(page)).to_contain_text("Vous recevrez le rapport par courriel")
    header, *rows = site.report()
    assert "Date de naissance" not in header
    assert "Date de création" in header
    assert {row[0] for row in rows} == october("Lévis Auto")
    assert site.asked()["date_fields"] == ["Creation Date"]


def test_what_was_not_applied_does_not_count(page: Page, site: RunningSite) -> None:
    open_clients(page, site)
    page.locator(".ant-picker-range input").first.click()
    page.locator(".ant-picker-presets li").nth(LAST_MONTH).click()
    every_column_but(page, "birth", apply=False)
    expect(generate(page, csv_type=False)).to_be_visible()
    asked = site.asked()
    assert (asked["first"], asked["last"]) == ("2026-11-01", "2026-11-30")
    assert len(asked["date_fields"]) == 4
    assert len(asked["columns"]) == 17
    assert "Date of Birth" in asked["columns"]
    assert asked["export_type"] == "Excel"


def test_a_refused_password_is_refused_in_words(page: Page, site: RunningSite) -> None:
    page.goto(site.url)
    sign_in(page, "wrong")
    expect(page.locator(".guest-alert")).to_have_text("These credentials do not match our records.")
    site.world.misbehaviours.add("refuses_password")
    with page.expect_response("**/api/session"):
        sign_in(page)
    expect(page.locator(".guest-alert")).to_be_visible()
    assert [entry["password_was"] for entry in site.world.journal.of("sign_in")] == ["wrong", "right"]
    assert site.world.journal.of("page") == []


def test_a_session_that_ends_and_stubborn_boxes(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours.update({"ends_session_once", "ignores_dates", "view_is_all_clients"})
    site.world.misbehaviours.update({"extra_date_field", "date_of_birth_stuck", "decoy_toolbar"})
    open_clients(page, site)
    last_month(page)
    expect(page.locator(".guest-alert")).to_contain_text("expired")
    sign_in(page)
    expect(page.locator(".view-box")).to_have_text("All Clients")
    last_month(page)
    expect(page.locator(".ant-picker-range input").first).to_have_value("Nov 1, 2026")
    only_creation_date(page)
    every_column_but(page, "birth")
    expect(page.locator(".tools")).to_have_count(2)
    site.world.misbehaviours.add("generate_fails")
    expect(generate(page)).to_contain_text("error")
    asked = site.asked()
    assert asked["date_fields"] == ["Creation Date", "Last Modified Date"]
    assert "Date of Birth" in asked["columns"]
    assert site.mails == []


def test_interruptions_and_an_empty_month(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours.update({"cookie_banner", "promotion", "empty_month", "no_export_permission"})
    open_clients(page, site)
    page.locator(".ant-modal-close").filter(visible=True).click()
    page.locator(".cookies button").first.click()
    expect(page.locator(".cookies")).to_be_hidden()
    section = clients_plus(page)
    expect(section.locator(".ant-empty-description")).to_have_text("No clients for the selected dates")
    expect(section.locator(".tools button")).to_have_count(3)
    expect(section.locator(".anticon-database")).to_have_count(0)
