"""What the emulated Activix with Vue mails depends strictly on what was set."""

import io
import zipfile

import pytest
from playwright.sync_api import APIRequestContext, Page, expect

from emulated_world.leads import sister
from tests.world.activix_vue.emulation import (
    ALL_BUT_BIRTH,
    ENGLISH,
    FRENCH,
    OCTOBER,
    RunningSite,
    created_in_october,
    rows_of,
)
from tests.world.activix_vue.script import ask, open_clients, scroll_to_clients_plus, sign_in, whole_report

pytestmark = pytest.mark.browser


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
