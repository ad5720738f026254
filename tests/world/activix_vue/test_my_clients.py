"""What goes wrong on the clients' page of the emulated Activix with Vue: things over it, controls that do not obey."""

import pytest
from playwright.sync_api import Page, expect

from tests.world.activix_vue.emulation import RunningSite, created_in_october, rows_of
from tests.world.activix_vue.script import (
    all_columns,
    generate,
    only_creation_date,
    open_clients,
    open_columns,
    scroll_to_clients_plus,
    set_dates,
    set_dates_blindly,
    watch,
    whole_report,
)

pytestmark = pytest.mark.browser


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
