"""The emulated classic Activix mails what was set on its pages, and only to whom it is due."""

import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from emulated_world.leads import sister
from emulated_world.sites.activix_classic import wording
from tests.world.activix_classic.emulation import (
    ENGLISH,
    ENGLISH_HEADER,
    FRENCH,
    FRENCH_HEADER,
    OCTOBER,
    Site,
    october,
    wait_for,
)
from tests.world.activix_classic.script import (
    export,
    open_my_clients,
    scroll_to_clients_plus,
    set_last_month,
    type_dates,
)

pytestmark = pytest.mark.browser

SOURCES = Path(wording.__file__).parent


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
    type_dates(page, "2026-08-01", "2026-09-30")
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
