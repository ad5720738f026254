"""The emulated Activix with Vue: what it mails depends strictly on what was set, and each misbehaviour does as it says.

The script below is deliberately straight and uses CSS classes of these very pages: it is no robot.
"""

import csv
import io
import json
import re
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyotp
import pytest
from playwright.sync_api import APIRequestContext, Browser, Page, Playwright, expect
from playwright.sync_api import Error as PlaywrightError

from emulated_world.contract import ACTIVIX_MISBEHAVIOURS, Lead, SiteAccount, SiteWorld
from emulated_world.leads import leads, months_until, sister
from emulated_world.sites.activix_vue import app
from emulated_world.web_server import WebServer
from export_robots.chromium import find_chromium, may_sandbox
from export_robots.settings import BrowserSettings

pytestmark = pytest.mark.browser

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


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    program = find_chromium(BrowserSettings(), bundled=playwright.chromium.executable_path)
    browser = playwright.chromium.launch(executable_path=program, chromium_sandbox=may_sandbox())
    yield browser
    browser.close()


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


# The straight script, on the page


def sign_in(page: Page, site: RunningSite, username: str, password: str = PASSWORD) -> None:
    page.goto(site.url)
    page.locator(".field-email input").fill(username)
    page.locator(".go").click()
    page.locator(".field-password input").fill(password)
    page.locator(".go").click()


def open_clients(page: Page, site: RunningSite, username: str = ENGLISH) -> None:
    """Signs in without the form, which has tests of its own."""
    assert enter(page.request, site, username).ok
    page.goto(f"{site.url}/clients")
    expect(page.locator(".client-list tbody tr").first).to_be_visible()


def set_dates(page: Page) -> None:
    page.locator(".date-range").click()
    page.locator(".date-popper .el-picker-panel__shortcut").last.click()
    page.locator(".date-submit").click()
    expect(page.locator(".date-submit")).to_be_hidden()


def only_creation_date(page: Page) -> None:
    page.locator(".date-fields").click()
    for place in (2, 3):
        page.locator(".date-fields-popper .el-checkbox").nth(place).click()
    page.locator(".client-search input").click()
    expect(page.locator(".date-fields-popper")).to_be_hidden()


def scroll_to_clients_plus(page: Page) -> None:
    """Again and again: each section is a shorter placeholder until it is seen."""
    page.wait_for_function(
        "() => { const main = document.querySelector('.page-scroll'); main?.scrollTo(0, main.scrollHeight);"
        " return document.querySelector('.clients-plus .el-table__body'); }"
    )


def open_columns(page: Page) -> None:
    page.locator(".clients-plus .columns-reference button").click()
    expect(page.locator(".columns-popper .columns-all")).to_be_visible()


def all_columns(page: Page) -> None:
    page.locator(".columns-popper .columns-all").click()


def hide_birth(page: Page) -> None:
    page.locator(".columns-search input").fill("naissance" if page.locator("html[lang=fr]").count() else "birth")
    expect(page.locator(".columns-popper .el-checkbox-group .el-checkbox")).to_have_count(1)
    page.locator(".columns-popper .el-checkbox-group .el-checkbox").click()
    page.locator(".clients-plus h2").click()
    expect(page.locator(".columns-popper")).to_be_hidden()


def generate(page: Page, export_type: str | None = "CSV", section: str = ".clients-plus") -> None:
    page.locator(f"{section} .icon-button").nth(1).click()
    if export_type:
        page.locator(".export-type").click()
        page.locator(".export-type-popper li", has_text=export_type).click()
    page.locator(".export-generate").click()


ALL_STEPS = ("dates", "date fields", "all columns", "birth", "CSV")


def whole_report(page: Page, steps: Sequence[str] = ALL_STEPS) -> None:
    if "dates" in steps:
        set_dates(page)
    if "date fields" in steps:
        only_creation_date(page)
    scroll_to_clients_plus(page)
    open_columns(page)
    if "all columns" in steps:
        all_columns(page)
    if "birth" in steps:
        hide_birth(page)
    page.locator(".clients-plus h2").click()
    expect(page.locator(".columns-popper")).to_be_hidden()
    generate(page, "CSV" if "CSV" in steps else None)
    expect(page.locator(".el-notification--success")).to_be_visible()


def watch(page: Page, selector: str, value: str) -> Callable[[int], list[Any]]:
    """Writes down each value that an element takes from now on, however shortly; returns what waits for so many."""
    page.locator(selector).evaluate(
        f"""element => {{
            const read = {value};
            let last = read(element);
            window.taken = [];
            new MutationObserver(() => {{
                if (read(element) !== last) window.taken.push(last = read(element));
            }}).observe(element, {{ attributes: true, characterData: true, childList: true, subtree: true }});
        }}"""
    )

    def taken(count: int) -> list[Any]:
        page.wait_for_function("count => window.taken.length >= count", arg=count)
        values: list[Any] = page.evaluate("window.taken")
        return values

    return taken


# The same without a page


def post(client: APIRequestContext, site: RunningSite, path: str, **body: Any) -> Any:
    token = next(cookie["value"] for cookie in client.storage_state()["cookies"] if cookie["name"] == "XSRF-TOKEN")
    headers = {"X-XSRF-TOKEN": token, "Content-Type": "application/json"}
    return client.post(f"{site.url}/api/{path}", data=json.dumps(body), headers=headers)


def enter(api: APIRequestContext, site: RunningSite, username: str = ENGLISH, password: str = PASSWORD) -> Any:
    api.get(site.url)
    return post(api, site, "auth/login", email=username, password=password)


def ask(api: APIRequestContext, site: RunningSite, username: str = ENGLISH, **changed: Any) -> None:
    assert enter(api, site, username).ok
    setup = api.get(f"{site.url}/api/clients/setup").json()
    columns = [column["key"] for column in setup["columns"] if column["key"] != "birth_date"]
    body = {"view": "mine", "first": OCTOBER[0], "last": OCTOBER[1], "date_fields": ["created_at"], "columns": columns}
    assert post(api, site, "reports", **{**body, "export_type": "csv", **changed}).status == 202


# What is mailed depends on what was set


def test_an_english_report_holds_the_month_and_nothing_else(page: Page, site: RunningSite) -> None:
    sign_in(page, site, ENGLISH)
    page.locator(".side .el-menu-item").nth(2).click()
    expect(page.locator(".client-list tbody tr").first).to_be_visible()
    whole_report(page)

    header, *rows = rows_of(site.outbox.report(), "utf-8")
    expected = created_in_october("ABC Autos")
    assert len(header) == ALL_BUT_BIRTH
    assert header[:4] == ["Client ID", "Creation Date", "Created By", "Last Modified"]
    assert "Date of Birth" not in header
    assert {row[0] for row in rows} == {str(lead.number) for lead in expected}
    assert [row[1] for row in rows] == sorted((f"{lead.created:%Y-%m-%d %H:%M}" for lead in expected), reverse=True)
    (sender, recipient, _) = site.outbox.mails[0]
    assert (sender, recipient) == ("noreply@activix.ca", ENGLISH)
    asked = site.asked()
    assert (asked["view"], asked["first"], asked["last"]) == ("My Clients", *OCTOBER)
    assert (asked["date_fields"], asked["export_type"]) == (["Creation Date"], "CSV")
    assert asked["rows"] == len(expected)
    assert asked["columns"] == header
    assert [entry["path"] for entry in site.world.journal.of("page")][:2] == ["/dashboard", "/clients"]


def test_a_french_report_is_french(page: Page, site: RunningSite) -> None:
    open_clients(page, site, FRENCH)
    whole_report(page)

    content = site.outbox.report()
    assert content.startswith(b"\xef\xbb\xbf")
    header, *rows = rows_of(content, separator=";")
    expected = created_in_october("Lévis Auto")
    assert len(header) == ALL_BUT_BIRTH
    assert header[:3] == ["Nº client", "Date de création", "Créé par"]
    assert "Date de naissance" not in header
    assert sorted(row[1] for row in rows) == sorted(f"{lead.created:%d/%m/%Y %H:%M}" for lead in expected)
    assert site.asked()["date_fields"] == ["Creation Date"]
    expect(page.locator(".el-notification")).to_contain_text("Le rapport vous sera envoyé par courriel")
    expect(page.locator(".clients-plus .el-pagination__total")).to_have_text(f"Total {len(expected)}")


@pytest.mark.parametrize("left_out", ["dates", "date fields"])
def test_other_dates_give_other_clients(page: Page, site: RunningSite, left_out: str) -> None:
    open_clients(page, site)
    whole_report(page, [step for step in ("dates", "date fields", "CSV") if step != left_out])
    _, *rows = rows_of(site.outbox.report())
    assert {row[0] for row in rows} != {str(lead.number) for lead in created_in_october("ABC Autos")}


@pytest.mark.parametrize(("left_out", "count"), [("all columns", 20), ("birth", ALL_BUT_BIRTH + 1)])
def test_other_columns_give_another_header(page: Page, site: RunningSite, left_out: str, count: int) -> None:
    open_clients(page, site)
    whole_report(page, [step for step in ("all columns", "birth", "CSV") if step != left_out])
    header = rows_of(site.outbox.report())[0]
    assert ("Date of Birth" in header) == (left_out == "birth")
    assert len(header) == count


def test_the_export_type_that_is_there_at_first_gives_a_workbook(page: Page, site: RunningSite) -> None:
    open_clients(page, site)
    whole_report(page, ["all columns", "birth"])
    assert zipfile.is_zipfile(io.BytesIO(site.outbox.report()))


def test_all_clients_adds_those_of_the_sister_dealership(api: APIRequestContext, site: RunningSite) -> None:
    ask(api, site, view="all")

    _, *rows = rows_of(site.outbox.report())
    both = created_in_october("ABC Autos") + created_in_october(sister("ABC Autos"))
    assert sorted(row[0] for row in rows) == sorted(str(lead.number) for lead in both)


def test_dates_can_be_picked_in_the_grids(page: Page, site: RunningSite) -> None:
    open_clients(page, site)
    page.locator(".date-range").click()
    for _ in range(2):
        page.locator(".el-date-range-picker .arrow-left").click()
    left, right = (page.locator(f".el-date-range-picker__content.is-{side}") for side in ("left", "right"))
    left.locator("td.available", has_text="1").first.click()
    right.locator("td.available", has_text="31").click()
    expect(page.locator(".pending-last input")).to_have_value("Oct 31, 2026")
    page.locator(".date-submit").click()
    expect(page.locator(".date-range-text")).to_have_text("Sep 1, 2026 – Oct 31, 2026")


def test_an_icon_says_what_it_is_only_while_the_pointer_is_over_it(page: Page, site: RunningSite) -> None:
    open_clients(page, site)
    scroll_to_clients_plus(page)
    expect(page.get_by_text("Generate Report")).to_have_count(0)
    page.locator(".tool-generate").hover()
    expect(page.get_by_text("Generate Report")).to_be_visible()
    assert not page.locator(".tool-generate button").get_attribute("aria-label")
    assert not page.locator(".tool-generate button").get_attribute("title")


def test_clients_plus_is_not_there_before_it_is_scrolled_to(page: Page, site: RunningSite) -> None:
    open_clients(page, site)
    expect(page.get_by_text("Clients +")).to_have_count(0)
    scroll_to_clients_plus(page)
    expect(page.get_by_text("Clients +")).to_be_visible()


def test_a_saved_view_is_offered_when_the_page_is_loaded_anew(page: Page, site: RunningSite) -> None:
    open_clients(page, site)
    scroll_to_clients_plus(page)
    page.locator(".tool-save").click()
    page.locator(".save-dialog input").first.fill("ABC Autos - Activix CRM (Clarivoy Leads)")
    page.locator(".save-dialog .el-select").first.click()
    page.get_by_role("option", name="Last Month").click()
    page.locator(".save-dialog .el-button--primary").click()
    expect(page.locator(".el-message--success")).to_be_visible()
    page.reload()
    page.locator(".view-name").click()
    page.locator(".saved-view").click()
    expect(page.locator(".view-name")).to_contain_text("(Clarivoy Leads)")
    expect(page.locator(".date-range-text")).to_have_text("Oct 1, 2026 – Oct 31, 2026")


# Signing in


def test_refuses_password_and_the_silent_way(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours |= {"refuses_password"}
    sign_in(page, site, ENGLISH)
    expect(page.locator(".sign-in .el-alert--error")).to_contain_text("do not match our records")
    site.world.misbehaviours ^= {"refuses_password", "refuses_silently"}
    sign_in(page, site, ENGLISH)
    expect(page.locator(".field-email input")).to_be_visible()
    expect(page.locator(".sign-in .el-alert")).to_have_count(0)
    assert [entry["password_was"] for entry in site.world.journal.of("sign_in")] == ["right", "right"]
    assert not any(entry["accepted"] for entry in site.world.journal.of("sign_in"))


def test_locks_account(api: APIRequestContext, site: RunningSite) -> None:
    site.world.misbehaviours |= {"locks_account"}
    for password in ("wrong-1", PASSWORD):
        answer = enter(api, site, password=password)
        assert answer.status == 423
        assert "locked" in answer.json()["message"]


def test_a_wrong_password_is_refused_and_written_down(api: APIRequestContext, site: RunningSite) -> None:
    assert enter(api, site, FRENCH, "wrong-1").status == 422
    assert site.world.journal.of("sign_in") == [
        {"event": "sign_in", "username": FRENCH, "accepted": False, "password_was": "wrong"}
    ]


@pytest.mark.parametrize(
    ("name", "title"),
    [("password_expired", "Your password has expired"), ("wants_terms_accepted", "Our terms of use have changed")],
)
def test_a_page_stands_behind_the_password(page: Page, site: RunningSite, name: str, title: str) -> None:
    site.world.misbehaviours |= {name}
    sign_in(page, site, ENGLISH)
    expect(page.locator(".sign-in h1")).to_have_text(title)
    page.goto(f"{site.url}/clients")
    expect(page.locator(".sign-in h1")).to_have_text(title)


def test_shows_captcha(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours |= {"shows_captcha"}
    sign_in(page, site, ENGLISH)
    expect(page.locator("iframe[title=reCAPTCHA]")).to_be_visible()
    expect(page.locator(".sign-in .el-alert--error")).to_contain_text("not a robot")


def test_asks_totp(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours |= {"asks_totp"}
    sign_in(page, site, ENGLISH)
    page.locator(".field-code input").first.click()
    page.keyboard.type("000000")
    page.locator(".go").click()
    expect(page.locator(".sign-in .el-alert--error")).to_contain_text("invalid")
    page.locator(".field-code input").first.click()
    page.keyboard.type(pyotp.TOTP(TOTP_SECRET).at(NOW))
    page.locator(".go").click()
    expect(page.locator(".hello")).to_be_visible()
    assert [entry["accepted"] for entry in site.world.journal.of("code")] == [False, True]


def test_asks_mailed_code(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours |= {"asks_mailed_code"}
    sign_in(page, site, FRENCH)
    expect(page.locator(".sign-in h1")).to_have_text("Vérification en deux étapes")
    page.locator(".field-code input").first.fill(code_in(site.outbox.wait_for()[0][2]))
    page.locator(".go").click()
    expect(page.locator(".hello")).to_be_visible()


def code_in(mail: EmailMessage) -> str:
    found = re.search(r"\b\d{6}\b", mail.get_content())
    assert found
    return found[0]


def test_mails_code_late(api: APIRequestContext, site: RunningSite) -> None:
    site.world.misbehaviours |= {"asks_mailed_code", "mails_code_late"}
    api.get(site.url)
    old = [mail for _, recipient, mail in site.outbox.wait_for(2) if recipient == ENGLISH]
    assert parsedate_to_datetime(old[0]["Date"]) == NOW - timedelta(hours=1)
    assert enter(api, site).json()["next"] == "code"
    assert len(site.outbox.mails) == len(DEALERSHIPS)
    assert post(api, site, "auth/code", code=code_in(old[0])).status == 422
    assert post(api, site, "auth/code", code=code_in(site.outbox.wait_for(3)[2][2])).ok


def test_asks_sms_code(api: APIRequestContext, site: RunningSite) -> None:
    site.world.misbehaviours |= {"asks_sms_code"}
    assert enter(api, site).json()["way"] == "sms"
    answers = [post(api, site, "auth/code", code=code).status for code in ("", "123456", "1", "2", "3")]
    assert answers == [422, 422, 422, 422, 401]
    assert site.outbox.mails == []


# Answers of every page


def test_maintenance_503_and_silence(api: APIRequestContext, site: RunningSite) -> None:
    site.world.misbehaviours |= {"maintenance"}
    answer = api.get(f"{site.url}/clients")
    assert answer.status == 200
    assert "maintenance" in answer.text()
    site.world.misbehaviours ^= {"maintenance", "fails_with_503"}
    assert api.get(site.url).status == 503
    site.world.misbehaviours ^= {"fails_with_503", "never_answers"}
    with pytest.raises(PlaywrightError, match="Timeout"):
        api.get(site.url, timeout=300)


def test_maintenance_shows_on_a_page_that_is_open_already(page: Page, site: RunningSite) -> None:
    open_clients(page, site)
    page.wait_for_load_state("networkidle")
    site.world.misbehaviours |= {"maintenance"}
    set_dates_blindly(page)
    expect(page.locator("h1")).to_have_text("We'll be right back")


def set_dates_blindly(page: Page) -> None:
    page.locator(".date-range").click()
    page.locator(".date-popper .el-picker-panel__shortcut").last.click()
    page.locator(".date-submit").click()


@pytest.mark.parametrize("name", ["ends_session_once", "ends_session_always"])
def test_ends_session(page: Page, site: RunningSite, name: str) -> None:
    site.world.misbehaviours |= {name}
    for again in (False, True):
        open_clients(page, site)
        set_dates_blindly(page)
        if again and name == "ends_session_once":
            expect(page.locator(".date-range-text")).to_have_text("Oct 1, 2026 – Oct 31, 2026")
        else:
            expect(page.locator(".sign-in .el-alert--error")).to_contain_text("Your session has expired")


def test_slow(page: Page, site: RunningSite) -> None:
    open_clients(page, site)
    site.world.misbehaviours |= {"slow"}
    with page.expect_response("**/api/clients/period") as answer:
        set_dates_blindly(page)
    assert answer.value.request.timing["responseStart"] > 1400
    page.locator(".page-scroll .skeleton").first.scroll_into_view_if_needed()
    expect(page.locator(".clients-by")).to_be_visible()


# What lies over the page


def test_cookie_banner(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours |= {"cookie_banner"}
    open_clients(page, site)
    expect(page.locator(".cookies")).to_be_in_viewport()
    page.locator(".cookies .el-button").first.click()
    page.reload()
    expect(page.locator(".client-list tbody tr").first).to_be_visible()
    expect(page.locator(".cookies")).to_have_count(0)


def test_promotion(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours |= {"promotion"}
    open_clients(page, site)
    expect(page.locator(".promo-dialog")).to_be_visible()
    page.locator(".promo-dialog .el-dialog__headerbtn").click()
    expect(page.locator(".promo-dialog")).to_be_hidden()


def test_survey_late(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours |= {"survey_late"}
    open_clients(page, site)
    scroll_to_clients_plus(page)
    expect(page.locator(".survey-dialog")).to_be_hidden()
    page.locator(".clients-plus .columns-reference button").click()
    page.locator(".survey-later").click()
    expect(page.locator(".survey-dialog")).to_be_hidden()


# Controls that do not do as they should


@pytest.mark.parametrize(
    ("name", "shown"),
    [("ignores_dates", "Nov 1, 2026 – Nov 30, 2026"), ("dates_off_by_one", "Oct 1, 2026 – Oct 30, 2026")],
)
def test_dates_that_are_not_the_submitted_ones(page: Page, site: RunningSite, name: str, shown: str) -> None:
    site.world.misbehaviours |= {name}
    open_clients(page, site)
    texts = watch(page, ".date-range-text", "e => e.textContent")
    set_dates_blindly(page)
    assert texts(2 if name == "ignores_dates" else 1)[-1] == shown


def test_extra_date_field(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours |= {"extra_date_field"}
    open_clients(page, site)
    only_creation_date(page)
    expect(page.locator(".date-fields-text")).to_have_text("Creation Date + 1")


def test_date_of_birth_stuck(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours |= {"date_of_birth_stuck"}
    open_clients(page, site)
    scroll_to_clients_plus(page)
    open_columns(page)
    box = page.locator(".columns-popper .el-checkbox-group .el-checkbox", has_text="Date of Birth")
    values = watch(page, ".columns-popper label:has-text('Date of Birth')", "e => e.classList.contains('is-checked')")
    box.click()
    assert values(2) == [False, True]


def test_columns_forget_all(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours |= {"columns_forget_all"}
    open_clients(page, site)
    scroll_to_clients_plus(page)
    open_columns(page)
    all_columns(page)
    expect(page.locator(".columns-popper .el-checkbox-group .el-checkbox:not(.is-checked)")).to_have_count(2)


def test_no_export_permission_and_export_greyed_out(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours |= {"export_greyed_out"}
    open_clients(page, site)
    scroll_to_clients_plus(page)
    expect(page.locator(".tool-generate button")).to_be_disabled()
    site.world.misbehaviours ^= {"export_greyed_out", "no_export_permission"}
    page.reload()
    scroll_to_clients_plus(page)
    expect(page.locator(".tool-save")).to_be_visible()
    expect(page.locator(".tool-generate")).to_have_count(0)


def test_renamed_button(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours |= {"renamed_button"}
    open_clients(page, site)
    scroll_to_clients_plus(page)
    page.locator(".tool-generate").hover()
    expect(page.get_by_role("tooltip", name="Distribute")).to_be_visible()
    expect(page.get_by_text("Generate Report")).to_have_count(0)


def test_no_acknowledgement(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours |= {"no_acknowledgement"}
    open_clients(page, site)
    scroll_to_clients_plus(page)
    generate(page)
    expect(page.locator(".export-dialog")).to_be_hidden()
    expect(page.locator(".el-notification")).to_have_count(0)
    assert site.world.journal.of("report_mailed") == []


def test_generate_fails(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours |= {"generate_fails"}
    open_clients(page, site)
    scroll_to_clients_plus(page)
    generate(page)
    expect(page.locator(".el-notification")).to_contain_text("An error occurred")
    assert site.world.journal.of("report_mailed") == []


def test_view_is_all_clients_and_view_sticks(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours |= {"view_is_all_clients"}
    open_clients(page, site)
    expect(page.locator(".whose")).to_have_text("All Clients")
    choose_my_clients(page)
    expect(page.locator(".whose")).to_have_text("My Clients")
    site.world.misbehaviours |= {"view_sticks"}
    page.reload()
    with page.expect_response("**/api/clients/search"):
        choose_my_clients(page)
    expect(page.locator(".whose")).to_have_text("All Clients")


def choose_my_clients(page: Page) -> None:
    page.locator(".whose").click()
    page.locator(".whose-popper li").first.click()


def test_decoy_toolbar(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours |= {"decoy_toolbar"}
    open_clients(page, site)
    scroll_to_clients_plus(page)
    generate(page, section=".clients-by")
    assert rows_of(site.outbox.report())[0] == ["Source", "Clients"]


def test_row_counts(page: Page, site: RunningSite) -> None:
    shown = page.locator(".clients-plus .el-pagination__total")
    site.world.misbehaviours |= {"wrong_row_count"}
    open_clients(page, site)
    set_dates(page)
    only_creation_date(page)
    scroll_to_clients_plus(page)
    expect(shown).to_have_text(f"Total {len(created_in_october('ABC Autos')) + 7}")
    site.world.misbehaviours ^= {"wrong_row_count", "no_row_count"}
    page.reload()
    scroll_to_clients_plus(page)
    expect(page.locator(".clients-plus .el-table__row").first).to_be_visible()
    expect(shown).to_have_count(0)


def test_empty_month(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours |= {"empty_month"}
    open_clients(page, site)
    whole_report(page, ["CSV"])
    expect(page.locator(".clients-plus .el-table__empty-text")).to_have_text("No clients match your criteria.")
    assert len(rows_of(site.outbox.report())) == 1


def test_page_crashes_once(page: Page, site: RunningSite) -> None:
    open_clients(page, site)
    site.world.misbehaviours |= {"page_crashes"}
    with page.expect_event("crash"):
        page.evaluate("location.reload()")
    again = page.context.new_page()
    again.goto(f"{site.url}/clients")
    expect(again.locator(".client-list tbody tr").first).to_be_visible()


# Mails


def mailed(api: APIRequestContext, site: RunningSite, name: str) -> bytes:
    site.world.misbehaviours |= {name}
    ask(api, site)
    return site.outbox.report()


def test_never_mails_and_mails_late(api: APIRequestContext, site: RunningSite) -> None:
    site.world.misbehaviours |= {"never_mails"}
    ask(api, site)
    site.world.misbehaviours ^= {"never_mails", "mails_late"}
    asked = datetime.now(ZONE)
    ask(api, site)
    site.outbox.wait_for()
    assert datetime.now(ZONE) - asked > timedelta(seconds=5.5)
    assert len(site.world.journal.of("report_requested")) == 2
    assert len(site.outbox.mails) == 1


def test_mails_twice(api: APIRequestContext, site: RunningSite) -> None:
    site.world.misbehaviours |= {"mails_twice"}
    ask(api, site)
    mails = [mail for _, _, mail in site.outbox.wait_for(2)]
    assert attachment(mails[0]) == attachment(mails[1])
    assert mails[0]["Message-ID"] != mails[1]["Message-ID"]


def test_mails_link(api: APIRequestContext, playwright: Playwright, site: RunningSite) -> None:
    site.world.misbehaviours |= {"mails_link"}
    ask(api, site)
    link = re.search(r"http\S+", site.outbox.wait_for()[0][2].get_content())
    assert link
    assert link[0].startswith(site.url)
    assert len(rows_of(api.get(link[0]).body())) > 100
    stranger = playwright.request.new_context()
    assert "text/html" in stranger.get(link[0]).headers["content-type"]
    stranger.dispose()


def test_mails_foreign_link(api: APIRequestContext, site: RunningSite) -> None:
    site.world.misbehaviours |= {"mails_foreign_link"}
    ask(api, site)
    text = site.outbox.wait_for()[0][2].get_content()
    assert "https://" in text
    assert site.url not in text


def test_mails_zip(api: APIRequestContext, site: RunningSite) -> None:
    with zipfile.ZipFile(io.BytesIO(mailed(api, site, "mails_zip"))) as archive:
        assert archive.namelist() == ["clients_20261001_20261031.csv"]
        assert len(rows_of(archive.read(archive.namelist()[0]))) > 100


def test_mails_inline_octet_stream(api: APIRequestContext, site: RunningSite) -> None:
    assert len(rows_of(mailed(api, site, "mails_inline_octet_stream"))) > 100
    part = list(site.outbox.mails[0][2].walk())[-1]
    assert part.get_content_type() == "application/octet-stream"
    assert part["Content-Disposition"].startswith("inline;")
    assert b"filename*=utf-8''clients%20%E2%80%93%20" in bytes(site.outbox.mails[0][2])


def test_mails_html_page_and_excel(api: APIRequestContext, site: RunningSite) -> None:
    assert mailed(api, site, "mails_html_page").startswith(b"<!DOCTYPE html>")
    site.world.misbehaviours ^= {"mails_html_page", "mails_excel"}
    ask(api, site)
    mail = site.outbox.wait_for(2)[1][2]
    assert zipfile.is_zipfile(io.BytesIO(attachment(mail)))
    assert "clients_20261001_20261031.csv" in {part.get_filename() for part in mail.walk()}


def test_mails_truncated(api: APIRequestContext, site: RunningSite) -> None:
    rows = rows_of(mailed(api, site, "mails_truncated"))
    assert len(rows[-1]) < len(rows[0])


def test_mails_other_period_and_other_client(api: APIRequestContext, site: RunningSite) -> None:
    _, *rows = rows_of(mailed(api, site, "mails_other_period"))
    assert {row[1][:7] for row in rows} == {"2026-09"}
    site.world.misbehaviours ^= {"mails_other_period", "mails_other_client"}
    ask(api, site)
    _, recipient, mail = site.outbox.wait_for(2)[1]
    _, *rows = rows_of(attachment(mail))
    assert recipient == ENGLISH
    assert {row[0] for row in rows} == {str(lead.number) for lead in created_in_october("Lévis Auto")}


def test_mails_spoofed(api: APIRequestContext, site: RunningSite) -> None:
    site.world.misbehaviours |= {"mails_spoofed"}
    ask(api, site)
    (false, real) = site.outbox.wait_for(2)
    assert "activix.ca" not in false[0] + false[2]["From"]
    assert false[2]["Subject"] == real[2]["Subject"]
    assert attachment(false[2]) != attachment(real[2])


@pytest.mark.parametrize(("name", "encoding"), [("utf16", "utf-16"), ("windows_1252", "cp1252")])
def test_other_encodings(api: APIRequestContext, site: RunningSite, name: str, encoding: str) -> None:
    content = mailed(api, site, name)
    assert len(rows_of(content, encoding)) == len(created_in_october("ABC Autos")) + 1
    with pytest.raises(UnicodeDecodeError):
        content.decode("utf-8")


def test_rows_and_columns_that_should_not_be_as_they_are(api: APIRequestContext, site: RunningSite) -> None:
    assert len(rows_of(mailed(api, site, "caps_rows"))) == 101
    site.world.misbehaviours ^= {"caps_rows", "includes_date_of_birth"}
    ask(api, site)
    assert "Date of Birth" in rows_of(attachment(site.outbox.wait_for(2)[1][2]))[0]
    site.world.misbehaviours ^= {"includes_date_of_birth", "adds_total_row"}
    ask(api, site)
    last = rows_of(attachment(site.outbox.wait_for(3)[2][2]))[-1]
    assert last[:2] == ["Total", str(len(created_in_october("ABC Autos")))]


def test_every_misbehaviour_has_a_test_here() -> None:
    text = Path(__file__).read_text()
    assert [name for name in ACTIVIX_MISBEHAVIOURS if f'"{name}"' not in text] == []
