"""The procedure of the help page, by the site's own ids and without a look back."""

from playwright.sync_api import Page

from tests.world.activix_classic.emulation import ENGLISH, PASSWORD


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


def type_dates(page: Page, first: str, last: str) -> None:
    page.click("#date-range")
    page.fill("[name=daterangepicker_start]", first)
    page.fill("[name=daterangepicker_end]", last)
    page.locator("[name=daterangepicker_end]").press("Enter")
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
