"""The emulated classic Activix: what it mails is what was set on its pages, and each misbehaviour does what it says."""

import csv
import io
import os
import re
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pyotp
import pytest
from playwright.sync_api import APIRequestContext, APIResponse, BrowserContext, Error, Page, Playwright, expect
from starlette.types import Receive, Scope, Send

from emulated_world.contract import ACTIVIX_MISBEHAVIOURS, Lead, SiteAccount, SiteWorld
from emulated_world.leads import leads, sister
from emulated_world.sites.activix_classic import app, wording
from emulated_world.sites.activix_classic.columns import COLUMNS
from emulated_world.web_server import WebServer
from export_robots.chromium import find_chromium
from export_robots.settings import BrowserSettings
from tests.conftest import Run

pytestmark = pytest.mark.browser

NOW = datetime(2026, 11, 12, 15, tzinfo=UTC)
MONTHS = [date(2026, month, 1) for month in (8, 9, 10, 11)]
ENGLISH = "datateam+abcautos@example.com"
FRENCH = "datateam+autoslevis@example.com"
PASSWORD = "Très secret 1"
SOURCES = Path(wording.__file__).parent
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


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def chromium(server: Server, playwright: Playwright) -> Iterator[BrowserContext]:
    executable = find_chromium(BrowserSettings(), bundled=playwright.chromium.executable_path)
    switches = ["--no-sandbox"] if os.geteuid() == 0 else []
    browser = playwright.chromium.launch(executable_path=executable, args=switches)
    context = browser.new_context(
        base_url=server.url, viewport={"width": 1366, "height": 850}, reduced_motion="reduce", locale="en-CA"
    )
    context.set_default_timeout(10_000)
    yield context
    browser.close()


@pytest.fixture
def page(chromium: BrowserContext, site: Site) -> Iterator[Page]:
    chromium.clear_cookies()
    page = chromium.new_page()
    yield page
    page.close()


# The procedure of the help page, by the site's own ids and without a look back.


def open_my_clients(page: Page, username: str = ENGLISH) -> None:
    page.goto("/")
    page.fill("#email", username)
    page.fill("#password", PASSWORD)
    page.click("[type=submit]")
    page.click(".sidebar a[href$='/my-clients']")
    page.locator("#clients-list tbody tr").first.wait_for()


def set_last_month(page: Page) -> None:
    page.click("#date-range")
    page.click(".daterangepicker .ranges li >> nth=5")
    with page.expect_response("**/my-clients/filters"):
        page.click(".daterangepicker .applyBtn")


def tick_only_creation_date(page: Page) -> None:
    page.click(".page-head-right button.multiselect")
    for key in ("appointment", "modified", "sold"):
        page.click(f".page-head-right input[value={key}]")
    with page.expect_response("**/my-clients/filters"):
        page.click(".page-head-right button.multiselect")


def scroll_to_clients_plus(page: Page) -> None:
    page.locator("[data-section=clients-by]").scroll_into_view_if_needed()
    page.locator("#clients-by tbody tr").first.wait_for()
    page.locator("[data-section=clients-plus]").scroll_into_view_if_needed()
    page.locator("#clients-plus-table tbody tr").first.wait_for()


def choose_columns(page: Page, *, all_of_them: bool = True, date_of_birth: bool = False) -> None:
    page.click("#clients-plus button.multiselect")
    if all_of_them:
        page.check("#clients-plus .multiselect-all input")
    page.locator("#clients-plus input[value=date_of_birth]").set_checked(date_of_birth)
    page.click("#clients-plus button.multiselect")


def generate(page: Page, export_type: str = "CSV") -> None:
    page.click("#clients-plus .js-report")
    page.click("#report-modal .select2-selection")
    page.click(f".select2-results__option >> text={export_type}")
    page.click("#report-modal [type=submit]")


def export(page: Page, username: str = ENGLISH, *, leave_out: str = "") -> None:
    open_my_clients(page, username)
    if leave_out != "dates":
        set_last_month(page)
    if leave_out != "date fields":
        tick_only_creation_date(page)
    scroll_to_clients_plus(page)
    choose_columns(page, all_of_them=leave_out != "all columns", date_of_birth=leave_out == "date of birth")
    generate(page, "Excel" if leave_out == "export type" else "CSV")
    page.locator(".toast-success").wait_for()


@pytest.mark.parametrize(
    ("username", "dealership", "header", "view", "acknowledgement"),
    [
        (ENGLISH, "ABC Autos", ENGLISH_HEADER, "My Clients", "The report will be emailed to you shortly."),
        (FRENCH, "Autos Lévis", FRENCH_HEADER, "Mes clients", "Le rapport vous sera envoyé par courriel sous peu."),
    ],
)
def test_the_whole_procedure_mails_exactly_the_months_leads(
    page: Page, site: Site, username: str, dealership: str, header: list[str], view: str, acknowledgement: str
) -> None:
    export(page, username)
    expect(page.locator(".toast-message")).to_have_text(acknowledgement)
    wait_for(lambda: bool(site.mails))
    sender, recipient, mail = site.mails[0]
    assert (sender, recipient, mail["To"]) == ("reports@activix.ca", username, username)
    assert next(part for part in mail.walk() if part.get_filename()).get_content_type() == "text/csv"
    assert site.rows()[0] == header
    picked = [0, 2, 3, 4, 6, 7, 9, 15, 20, 21, 22, 23, 24, 27]
    assert [[row[place] for place in picked] for row in site.rows()[1:]] == [
        [
            str(lead.number),
            lead.first_name,
            lead.last_name,
            lead.email,
            lead.phone_home,
            lead.phone_mobile,
            lead.street,
            lead.source,
            lead.advisor,
            lead.vehicle,
            lead.comments,
            f"{lead.created:%Y-%m-%d %H:%M:%S}",
            lead.created_by,
            f"{lead.sold:%Y-%m-%d %H:%M:%S}" if lead.sold else "",
        ]
        for lead in october(dealership)
    ]
    expect(page.locator("#clients-plus .dataTables_info")).to_contain_text(str(len(october(dealership))))
    (asked,) = site.world.journal.of("report_requested")
    assert asked == {
        "event": "report_requested",
        "username": username,
        "view": view,
        "first": "2026-10-01",
        "last": "2026-10-31",
        "date_fields": ["Creation Date"],
        "columns": ENGLISH_HEADER,
        "export_type": "CSV",
        "rows": len(october(dealership)),
    }
    wait_for(lambda: bool(site.world.journal.of("report_mailed")))
    (mailed,) = site.world.journal.of("report_mailed")
    assert (mailed["recipient"], mailed["rows"]) == (username, len(october(dealership)))


@pytest.mark.parametrize("left_out", ["dates", "date fields", "all columns", "date of birth", "export type"])
def test_leaving_a_setting_out_mails_a_wrong_file(page: Page, site: Site, left_out: str) -> None:
    export(page, leave_out=left_out)
    wait_for(lambda: bool(site.mails))
    name, content = site.attachment()
    if left_out == "export type":
        assert name.endswith(".xlsx")
        assert zipfile.is_zipfile(io.BytesIO(content))
        return
    rows = site.rows()
    if left_out == "dates":
        assert rows[1][rows[0].index("Creation Date")].startswith("2026-11")
    elif left_out == "date fields":
        assert len(rows) - 1 > len(october())
    elif left_out == "all columns":
        assert 0 < len(rows[0]) < len(ENGLISH_HEADER)
    else:
        assert "Date of Birth" in rows[0]


def test_all_clients_adds_the_sister_dealership(site: Site) -> None:
    site.sign_in()
    site.generate(view="all")
    numbers = {lead.number for lead in (*october(), *october(sister("ABC Autos")))}
    assert {int(row[0]) for row in site.rows()[1:]} == numbers


def test_created_by_is_not_the_same_as_creation_date(site: Site) -> None:
    site.sign_in()
    site.generate(date_fields=["created_by"])
    header, *rows = site.rows()
    months = {row[header.index("Creation Date")][:7] for row in rows}
    assert {"2026-09", "2026-10"} <= months
    assert {row[header.index("Last Modified")][:7] for row in rows} == {"2026-10"}


def test_a_preset_alone_changes_nothing_before_submit(page: Page) -> None:
    open_my_clients(page)
    page.click("#date-range")
    page.click(".daterangepicker .ranges li >> text=Last Month")
    expect(page.locator("[name=daterangepicker_start]")).to_have_value("2026-10-01")
    page.mouse.click(700, 700)
    expect(page.locator("#date-range span")).to_have_text("Nov 1, 2026 - Nov 30, 2026")


def test_typed_dates_are_taken(page: Page, site: Site) -> None:
    open_my_clients(page)
    page.click("#date-range")
    page.fill("[name=daterangepicker_start]", "2026-08-01")
    page.fill("[name=daterangepicker_end]", "2026-09-30")
    page.locator("[name=daterangepicker_end]").press("Enter")
    page.click(".daterangepicker .applyBtn")
    expect(page.locator("#date-range span")).to_have_text("Aug 1, 2026 - Sep 30, 2026")


def test_a_leads_markup_is_only_text(page: Page, site: Site) -> None:
    evil = "<img src=x onerror=\"document.title='broken into'\"></script>"
    odd = [replace(lead, last_name=evil, source=evil, advisor=evil, email=evil) for lead in october()]
    site.world.leads_of = lambda dealership, zone: odd
    open_my_clients(page)
    set_last_month(page)
    scroll_to_clients_plus(page)
    expect(page.locator("#clients-plus-table tbody tr").first).to_contain_text("<img src=x")
    expect(page.locator("#clients-list")).to_contain_text("<img src=x")
    assert page.locator("td img").count() == 0
    assert "broken into" not in page.title()


def test_an_unsigned_visitor_gets_no_report(site: Site) -> None:
    assert site.post("/my-clients/report", **OCTOBER).status == 401
    assert site.get("/reports/anything/download").url.endswith("/login")


def test_a_post_without_the_forms_token_is_refused(site: Site) -> None:
    site.sign_in()
    assert site.visitor.post("/my-clients/report", form={"export_type": "csv"}).status == 419


def test_every_text_is_there_in_french() -> None:
    texts = {
        text
        for file in [*SOURCES.rglob("*.html"), *SOURCES.glob("*.py")]
        for text in re.findall(r"""\b(?:_|text)\(["']([A-Z][^"']+)["']\)""", file.read_text("utf-8"))
    }
    assert len(texts) > 80
    assert texts - set(wording.FRENCH) == set()


def test_pages_before_sign_in_are_french_when_asked(site: Site) -> None:
    site.get("/lang/fr")
    assert "Mot de passe oublié?" in site.text("/login")
    assert "Envoyer le lien" in site.text("/password/reset")


# ---- misbehaviours: signing in ----


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_wrong_password_is_refused_with_words(site: Site, language: str) -> None:
    site.get(f"/lang/{language}")
    words = {"en": "These credentials do not match our records.", "fr": "Ces identifiants ne correspondent pas"}
    assert words[language] in site.sign_in(password="wrong")
    assert site.world.journal.of("sign_in") == [
        {"event": "sign_in", "username": ENGLISH, "accepted": False, "password_was": "wrong"}
    ]


def test_refuses_password(site: Site) -> None:
    site.misbehave("refuses_password")
    assert "These credentials do not match our records." in site.sign_in()
    assert site.world.journal.of("sign_in")[0]["password_was"] == "right"


def test_refuses_silently(site: Site) -> None:
    site.misbehave("refuses_silently")
    answer = site.sign_in(password="wrong")
    assert answer.startswith("/login")
    assert "These credentials" not in answer


def test_locks_account(site: Site) -> None:
    site.misbehave("locks_account")
    assert "has been locked" in site.sign_in(password="wrong")
    assert "has been locked" in site.sign_in()
    assert site.sign_in(FRENCH).startswith("/dashboard")


def test_password_expired(site: Site) -> None:
    site.misbehave("password_expired")
    assert "Your password has expired" in site.sign_in()
    assert "Your password has expired" in site.text("/my-clients")


def test_wants_terms_accepted(site: Site) -> None:
    site.misbehave("wants_terms_accepted")
    assert "Our terms of use have changed" in site.sign_in()
    assert "Our terms of use have changed" in site.text("/my-clients")
    assert site.post("/terms", by_script=False, accepted=1).url.endswith("/dashboard")


def test_shows_captcha(page: Page, site: Site) -> None:
    site.misbehave("shows_captcha")
    page.goto("/")
    expect(page.frame_locator("[title=reCAPTCHA]").get_by_role("checkbox")).to_be_visible()
    assert "not a robot" in site.sign_in()


def enter_code(site: Site, code: str) -> str:
    return site.post("/login/verify", by_script=False, code=code).url.removeprefix(site.address)


def test_asks_totp(site: Site) -> None:
    site.misbehave("asks_totp")
    assert "authenticator app" in site.sign_in()
    assert enter_code(site, "000000") == "/login/verify"
    secret = site.world.accounts[ENGLISH].totp_secret
    assert secret
    assert enter_code(site, pyotp.TOTP(secret).now()) == "/dashboard"
    assert [entry["accepted"] for entry in site.world.journal.of("code")] == [False, True]


def mailed_code(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body
    found = re.search(r"\b\d{6}\b", body.get_content())
    assert found
    return found[0]


def test_asks_mailed_code(site: Site) -> None:
    site.misbehave("asks_mailed_code")
    assert "verification code by email to da******@example.com" in site.sign_in()
    wait_for(lambda: bool(site.mails))
    assert site.mails[0][1] == ENGLISH
    assert enter_code(site, mailed_code(site.mails[0][2])) == "/dashboard"


def test_mails_code_late(site: Site) -> None:
    site.misbehave("asks_mailed_code", "mails_code_late")
    site.get("/login")
    older = [mail for _, recipient, mail in site.mails if recipient == ENGLISH]
    assert NOW - parsedate_to_datetime(older[0]["Date"]) == timedelta(hours=1)
    before = len(site.mails)
    site.sign_in()
    asked = time.monotonic()
    assert enter_code(site, mailed_code(older[0])) == "/login/verify"
    wait_for(lambda: len(site.mails) > before)
    assert time.monotonic() - asked > 2
    assert enter_code(site, mailed_code(site.mails[-1][2])) == "/dashboard"


def test_asks_sms_code(site: Site) -> None:
    site.misbehave("asks_sms_code")
    assert "by text message" in site.sign_in()
    assert enter_code(site, "123456") == "/login/verify"
    assert not site.mails


# ---- misbehaviours: the whole site ----


def test_maintenance(site: Site) -> None:
    site.misbehave("maintenance")
    assert site.get("/login").status == 200
    assert "maintenance" in site.text("/my-clients")


def test_fails_with_503(site: Site) -> None:
    site.misbehave("fails_with_503")
    assert site.get("/login").status == 503


def test_never_answers(site: Site) -> None:
    site.misbehave("never_answers")
    with pytest.raises(Error, match="Timeout"):
        site.visitor.get("/login", timeout=400)


def test_slow(site: Site) -> None:
    site.misbehave("slow")
    started = time.monotonic()
    site.get("/login")
    assert time.monotonic() - started >= 1.5


# ---- misbehaviours: permission, and the toolbar ----


def test_no_export_permission(site: Site) -> None:
    site.sign_in()
    assert "Generate report" in site.text("/my-clients/clients-plus")
    site.misbehave("no_export_permission")
    assert "Generate report" not in site.text("/my-clients/clients-plus")
    assert site.post("/my-clients/report", **OCTOBER, columns=["email"], export_type="csv").status == 403


def test_an_account_that_may_not_export_is_not_offered_it(site: Site) -> None:
    site.world.accounts[ENGLISH].may_export = False
    site.sign_in()
    assert "js-report" not in site.text("/my-clients/clients-plus")


def test_decoy_toolbar(site: Site) -> None:
    site.sign_in()
    assert "Generate report" not in site.text("/my-clients/clients-by")
    site.misbehave("decoy_toolbar")
    assert "Generate report" in site.text("/my-clients/clients-by")
    site.generate(group="source", columns=[])
    assert site.rows()[0] == ["Source", "Clients"]
    assert sum(int(row[1]) for row in site.rows()[1:]) == len(october())


@pytest.mark.parametrize("misbehaviour", ["", "renamed_button", "export_greyed_out"])
def test_the_icon_says_its_name_only_while_hovered(page: Page, site: Site, misbehaviour: str) -> None:
    """`renamed_button` has another name, `export_greyed_out` cannot be clicked."""
    site.world.misbehaviours.update(filter(None, [misbehaviour]))
    open_my_clients(page)
    scroll_to_clients_plus(page)
    expect(page.locator("#clients-plus .js-report")).not_to_have_accessible_name(re.compile("[A-Za-z]"))
    page.hover("#clients-plus .tools > [data-toggle=tooltip] >> nth=1")
    name = "SEND LIST" if misbehaviour == "renamed_button" else "GENERATE REPORT"
    expect(page.locator(".tooltip")).to_have_text(name, use_inner_text=True)
    expect(page.locator("#clients-plus .js-report")).to_be_enabled(enabled=misbehaviour != "export_greyed_out")


# ---- misbehaviours: in the way ----


def test_cookie_banner_and_promotion(page: Page, site: Site) -> None:
    site.misbehave("cookie_banner", "promotion")
    page.goto("/login")
    page.click("#promotion >> text=No thanks")
    page.click("text=Accept all")
    page.reload()
    page.locator("#email").wait_for()
    assert page.locator("#promotion, #cookie-consent").count() == 0


def test_survey_late(page: Page, site: Site) -> None:
    site.misbehave("survey_late")
    open_my_clients(page)
    scroll_to_clients_plus(page)
    page.click("#survey >> text=Later")
    expect(page.locator("#survey")).to_be_hidden()


def test_page_crashes(page: Page, site: Site) -> None:
    site.misbehave("page_crashes")
    page.goto("/")
    page.fill("#email", ENGLISH)
    page.fill("#password", PASSWORD)
    page.click("[type=submit]")
    with page.expect_event("crash"):
        page.click(".sidebar a[href$='/my-clients']")
    second = page.context.new_page()
    second.goto("/my-clients")
    scroll_to_clients_plus(second)


# ---- misbehaviours: the settings ----


def test_ends_session_once(page: Page, site: Site) -> None:
    site.misbehave("ends_session_once")
    open_my_clients(page)
    set_last_month(page)
    expect(page.locator(".alert")).to_have_text("Your session has expired. Please log in again.")
    open_my_clients(page)
    set_last_month(page)
    expect(page.locator("#date-range span")).to_have_text("Oct 1, 2026 - Oct 31, 2026")


def test_ends_session_always(site: Site) -> None:
    site.misbehave("ends_session_always")
    for _ in range(2):
        site.sign_in()
        assert site.set("dates").status == 401


def test_ignores_dates(page: Page, site: Site) -> None:
    site.misbehave("ignores_dates")
    open_my_clients(page)
    set_last_month(page)
    expect(page.locator("#date-range span")).to_have_text("Nov 1, 2026 - Nov 30, 2026")


def test_dates_off_by_one(site: Site) -> None:
    site.misbehave("dates_off_by_one")
    site.sign_in()
    assert site.set("dates").json()["last"] == "2026-10-30"


def test_extra_date_field(page: Page, site: Site) -> None:
    site.misbehave("extra_date_field")
    open_my_clients(page)
    tick_only_creation_date(page)
    expect(page.locator(".page-head-right button.multiselect")).to_have_text("Creation Date, Last Modified Date")


def test_date_of_birth_stuck_and_columns_forget_all(page: Page, site: Site) -> None:
    site.misbehave("date_of_birth_stuck", "columns_forget_all")
    open_my_clients(page)
    scroll_to_clients_plus(page)
    page.click("#clients-plus button.multiselect")
    page.click("#clients-plus .multiselect-all input")
    expect(page.locator("#clients-plus .multiselect-option input:checked")).to_have_count(len(COLUMNS) - 2)
    page.uncheck("#clients-plus input[value=date_of_birth]")
    expect(page.locator("#clients-plus input[value=date_of_birth]")).to_be_checked()


def test_view_is_all_clients(page: Page, site: Site) -> None:
    site.misbehave("view_is_all_clients")
    open_my_clients(page)
    expect(page.locator(".page-head-left .select2-selection__rendered")).to_have_text("All Clients")
    page.click(".page-head-left .select2-selection")
    page.click(".select2-results__option >> text=My Clients")
    expect(page.locator(".page-head-left .select2-selection__rendered")).to_have_text("My Clients")


def test_view_sticks(page: Page, site: Site) -> None:
    site.misbehave("view_sticks")
    open_my_clients(page)
    page.click(".page-head-left .select2-selection")
    with page.expect_response("**/my-clients/filters"):
        page.click(".select2-results__option >> text=My Clients")
    expect(page.locator(".page-head-left .select2-selection__rendered")).to_have_text("All Clients")


def test_no_row_count(page: Page, site: Site) -> None:
    site.misbehave("no_row_count")
    open_my_clients(page)
    scroll_to_clients_plus(page)
    assert page.locator(".dataTables_info").count() == 0


def test_wrong_row_count(site: Site) -> None:
    site.misbehave("wrong_row_count")
    site.sign_in()
    assert site.post("/my-clients/clients-plus", **OCTOBER).json()["recordsTotal"] == len(october()) + 7


def test_empty_month(page: Page, site: Site) -> None:
    site.misbehave("empty_month")
    open_my_clients(page)
    page.locator("[data-section=clients-plus]").scroll_into_view_if_needed()
    expect(page.locator("#clients-plus-table")).to_contain_text("No clients found for the selected period.")
    expect(page.locator(".dataTables_info")).to_have_text("Showing 0 to 0 of 0 entries")
    page.click("#clients-plus .js-report")
    page.click("#report-modal [type=submit]")
    wait_for(lambda: bool(site.mails))


# ---- misbehaviours: the report ----


@pytest.mark.parametrize("misbehaviour", ["no_acknowledgement", "generate_fails"])
def test_no_report_is_made(page: Page, site: Site, misbehaviour: str) -> None:
    site.misbehave(misbehaviour)
    open_my_clients(page)
    scroll_to_clients_plus(page)
    generate(page)
    expect(page.locator("#report-modal")).to_be_hidden()
    expect(page.locator(".toast-error")).to_have_count(1 if misbehaviour == "generate_fails" else 0)
    assert page.locator(".toast-success").count() == 0
    assert not site.mails


def test_never_mails(site: Site) -> None:
    site.misbehave("never_mails")
    site.sign_in()
    assert site.generate(mails=0).json()["message"] == "The report will be emailed to you shortly."
    site.get("/dashboard")
    assert not site.mails


def test_mails_late(site: Site) -> None:
    site.misbehave("mails_late")
    site.sign_in()
    asked = time.monotonic()
    site.generate()
    assert 5 < time.monotonic() - asked < 9


def test_mails_twice(site: Site) -> None:
    site.misbehave("mails_twice")
    site.sign_in()
    site.generate(mails=2)
    assert site.attachment(0) == site.attachment(1)
    assert site.mails[0][2]["Message-ID"] != site.mails[1][2]["Message-ID"]


def link_in(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body
    assert not [part for part in mail.walk() if part.get_filename()]
    found = re.search(r"https?://\S+", body.get_content())
    assert found
    return found[0]


def test_mails_link(site: Site, playwright: Playwright) -> None:
    site.misbehave("mails_link")
    site.sign_in()
    site.generate()
    link = link_in(site.mails[0][2])
    assert link.startswith(site.address)
    answer = site.visitor.get(link)
    assert len(list(csv.reader(io.StringIO(answer.text(), newline="")))) == len(october()) + 1
    stranger = playwright.request.new_context()
    assert stranger.get(link).url.endswith("/login")
    stranger.dispose()


def test_mails_foreign_link(site: Site) -> None:
    site.misbehave("mails_foreign_link")
    site.sign_in()
    site.generate()
    assert link_in(site.mails[0][2]).startswith("https://files.activix-downloads.example/")


def test_mails_zip(site: Site) -> None:
    site.misbehave("mails_zip")
    site.sign_in()
    site.generate()
    name, content = site.attachment()
    assert name.endswith(".zip")
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.namelist()[0].endswith(".csv")


def test_mails_inline_octet_stream(site: Site) -> None:
    site.misbehave("mails_inline_octet_stream")
    site.sign_in()
    site.generate()
    part = next(part for part in site.mails[0][2].walk() if part.get_filename())
    assert (part.get_content_type(), part.get_content_disposition()) == ("application/octet-stream", "inline")
    assert "filename*" in part.as_bytes().decode("ascii")


@pytest.mark.parametrize(
    ("misbehaviour", "starts"),
    [("mails_html_page", b"<!DOCTYPE html"), ("mails_excel", b"PK"), ("utf16", b"\xff\xfe")],
)
def test_the_csv_is_something_else(site: Site, misbehaviour: str, starts: bytes) -> None:
    site.misbehave(misbehaviour)
    site.sign_in()
    site.generate()
    name, content = site.attachment()
    assert name.endswith(".csv")
    assert content.startswith(starts)
    if misbehaviour == "utf16":
        assert len(site.rows("utf-16")) == len(october()) + 1


def test_mails_truncated(site: Site) -> None:
    site.misbehave("mails_truncated")
    site.sign_in()
    site.generate()
    assert not site.attachment()[1].endswith(b"\n")
    assert len(site.rows()[-1]) < len(ENGLISH_HEADER)


def test_mails_other_period(site: Site) -> None:
    site.misbehave("mails_other_period")
    site.sign_in()
    site.generate()
    place = ENGLISH_HEADER.index("Creation Date")
    assert {row[place][:7] for row in site.rows()[1:]} == {"2026-09"}


def test_mails_other_client(site: Site) -> None:
    site.misbehave("mails_other_client")
    site.sign_in()
    site.generate()
    assert site.mails[0][1] == ENGLISH
    assert {row[1] for row in site.rows()[1:]} == {"Autos Lévis"}


def test_mails_spoofed(site: Site) -> None:
    site.misbehave("mails_spoofed")
    site.sign_in()
    site.generate(mails=2)
    assert not site.mails[0][0].endswith("activix.ca")
    assert site.mails[1][0] == "reports@activix.ca"
    assert site.mails[0][2]["Subject"] == site.mails[1][2]["Subject"]


def test_caps_rows(site: Site) -> None:
    site.misbehave("caps_rows")
    site.sign_in()
    site.generate()
    assert len(site.rows()) == 101


def test_includes_date_of_birth(site: Site) -> None:
    site.misbehave("includes_date_of_birth")
    site.sign_in()
    site.generate()
    assert "Date of Birth" in site.rows()[0]


def test_adds_total_row(site: Site) -> None:
    site.misbehave("adds_total_row")
    site.sign_in()
    site.generate()
    assert site.rows()[-1][:2] == ["Total", str(len(october()))]


def test_windows_1252(site: Site) -> None:
    site.misbehave("windows_1252")
    site.sign_in()
    site.generate()
    assert len(site.rows("windows-1252")) == len(october()) + 1
    with pytest.raises(UnicodeDecodeError):
        site.rows()


def test_each_misbehaviour_of_the_contract_is_tried_here() -> None:
    tried = Path(__file__).read_text("utf-8")
    assert [name for name in ACTIVIX_MISBEHAVIOURS if name not in tried] == []
