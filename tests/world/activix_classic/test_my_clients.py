"""What goes wrong on the emulated classic Activix's page My Clients: tool bar, settings, things in the way."""

import re

import pytest
from playwright.sync_api import Page, expect

from emulated_world.sites.activix_classic.columns import COLUMNS
from tests.world.activix_classic.emulation import ENGLISH, OCTOBER, PASSWORD, Site, october, wait_for
from tests.world.activix_classic.script import (
    open_my_clients,
    scroll_to_clients_plus,
    set_last_month,
    tick_only_creation_date,
)

pytestmark = pytest.mark.browser


# ---- permission, and the toolbar ----


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


# ---- in the way ----


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


# ---- the settings ----


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
