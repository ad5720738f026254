"""Saved views on the pages of the emulated classic Activix, in English and French.

The script is deliberately straight and uses the ids of these very pages: it is no robot.
"""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.world.activix_classic.script import tick_only_creation_date, type_dates
from tests.world.conftest import ENGLISH, FRENCH, PASSWORD, TITLE, Emulation, Start

pytestmark = pytest.mark.browser

EACH_LANGUAGE = pytest.mark.parametrize("username", [ENGLISH, FRENCH])


@pytest.fixture
def site(start: Start) -> Emulation:
    return start("activix_classic")


def open_my_clients(page: Page, site: Emulation, username: str = ENGLISH) -> None:
    page.goto(f"{site.url}/my-clients")
    page.fill("#email", username)
    page.fill("#password", PASSWORD)
    page.click("[type=submit]")
    page.locator("#clients-list tbody tr").first.wait_for()


def reload(page: Page) -> None:
    page.reload()
    page.locator("#clients-list tbody tr").first.wait_for()


def scroll_to_clients_plus(page: Page) -> None:
    page.locator("[data-section=clients-by]").scroll_into_view_if_needed()
    page.locator("#clients-by tbody tr").first.wait_for()
    page.locator("[data-section=clients-plus]").scroll_into_view_if_needed()
    page.locator("#clients-plus-table tbody tr").first.wait_for()


def hide_date_of_birth(page: Page) -> None:
    page.click("#clients-plus button.multiselect")
    page.check("#clients-plus .multiselect-all input")
    page.locator("#clients-plus input[value=date_of_birth]").uncheck()
    page.click("#clients-plus button.multiselect")


def fill_dialog(page: Page, title: str = TITLE) -> None:
    page.fill("#save-title", title)
    page.click("#save-modal .select2-selection")
    page.locator(".select2-results__option").nth(5).click()
    page.click(".js-subscribe")
    page.select_option("#save-frequency", "monthly")
    page.select_option("#save-type", "csv")
    page.click("#save-first")
    calendar = page.locator("#save-modal .daterangepicker .left")
    calendar.locator(".next").click()
    calendar.locator("td.available:not(.off)").first.click()
    calendar.locator(".hourselect").select_option("3")
    calendar.locator(".minuteselect").select_option("17")
    page.click("#save-modal .daterangepicker .applyBtn")


def save(page: Page, button: str = ".js-new") -> None:
    page.click(f"#save-modal {button}")
    expect(page.locator("#save-modal")).to_be_hidden()


def make_view(page: Page, title: str = TITLE) -> None:
    scroll_to_clients_plus(page)
    hide_date_of_birth(page)
    page.click("#clients-plus .js-save")
    fill_dialog(page, title)
    save(page)


def open_list(page: Page) -> Locator:
    page.click(".page-head .select2-selection")
    return page.locator(".select2-results__options").first


@EACH_LANGUAGE
def test_a_saved_view_is_listed_after_a_reload_and_sets_everything_again(
    page: Page, site: Emulation, username: str
) -> None:
    french = username == FRENCH
    open_my_clients(page, site, username)
    tick_only_creation_date(page)
    make_view(page)
    expect(page.locator(".toast-success")).to_have_text(
        "La vue a été enregistrée." if french else "The view has been saved."
    )
    kept = site.the("view_saved")
    assert kept["date_range"] == "last_month"
    assert kept["date_fields"] == ["Creation Date"]
    assert len(kept["columns"]) == 29
    assert kept["subscription"] == {
        "frequency": "monthly",
        "export_type": "CSV",
        "first_execution": "2026-12-01T03:17",
    }
    expect(open_list(page)).not_to_contain_text(TITLE)
    reload(page)
    views = open_list(page)
    headings = ["Vues par défaut", "Mes vues"] if french else ["Default views", "My views"]
    expect(views.locator(".select2-results__group")).to_have_text(headings)
    views.locator("text=Clarivoy").click()
    expect(page.locator("#date-range span")).to_have_text(re.compile("^(Oct 1, 2026|1 oct)"))
    expect(page.locator(".page-head .select2-selection__rendered")).to_have_text(TITLE)
    expect(page.locator(".page-head-right button.multiselect")).to_have_text(
        "Date de création" if french else "Creation Date"
    )
    assert site.the("view_opened") == {"username": username, "title": TITLE}
    scroll_to_clients_plus(page)
    page.click("#clients-plus .js-report")
    page.click("#report-modal .select2-selection")
    page.click(".select2-results__option >> text=CSV")
    page.click("#report-modal [type=submit]")
    header, *rows = site.rows()
    assert ("Date of Birth" in header, "Date de naissance" in header, len(header)) == (False, False, 29)
    assert site.the("report_requested")["view"] == TITLE
    assert site.the("report_requested")["rows"] == len(rows)
    assert TITLE in site.mails[0]["Subject"]


@EACH_LANGUAGE
def test_the_pencil_is_there_while_the_name_is_hovered_and_shows_what_was_saved(
    page: Page, site: Emulation, username: str
) -> None:
    open_my_clients(page, site, username)
    make_view(page)
    reload(page)
    views = open_list(page)
    pencil = views.locator(".saved-view-edit")
    expect(pencil).to_be_hidden()
    views.locator(".saved-view-title").hover()
    expect(pencil).to_be_visible()
    expect(pencil).to_have_attribute("title", "Modifier" if username == FRENCH else "Edit")
    pencil.click()
    expect(page.locator("#save-title")).to_have_value(TITLE)
    expect(page.locator("#save-modal .select2-selection__rendered")).to_have_text(
        "Mois dernier" if username == FRENCH else "Last Month"
    )
    expect(page.locator("#save-frequency")).to_have_value("monthly")
    expect(page.locator("#save-type")).to_have_value("csv")
    shown = "2026-12-01 03:17" if username == FRENCH else "2026-12-01 3:17 AM"
    expect(page.locator("#save-first")).to_have_value(shown)
    expect(page.locator("#save-modal .js-new")).to_be_hidden()
    page.fill("#save-first", shown.replace("3:17", "4:05"))
    page.click("#save-modal .modal-title")
    save(page, ".js-update")
    _, edited = site.world.journal.of("view_saved")
    assert edited["subscription"]["first_execution"] == "2026-12-01T04:05"
    assert edited["how"] == "edit"


def test_a_view_that_is_open_can_be_updated_or_saved_as_new(page: Page, site: Emulation) -> None:
    open_my_clients(page, site)
    make_view(page)
    reload(page)
    open_list(page).locator("text=Clarivoy").click()
    expect(page.locator("#date-range span")).to_contain_text("Oct 1, 2026")
    page.locator("#clients-list tbody tr").first.wait_for()
    tick_only_creation_date(page)
    scroll_to_clients_plus(page)
    page.click("#clients-plus .js-save")
    expect(page.locator("#save-title")).to_have_value(TITLE)
    save(page, ".js-update")
    page.click("#clients-plus .js-save")
    save(page, ".js-new")
    first, second, third = site.world.journal.of("view_saved")
    assert (first["how"], second["how"], third["how"]) == ("new", "edit", "new")
    assert len(first["date_fields"]) == 4
    assert second["date_fields"] == third["date_fields"] == ["Creation Date"]
    assert second["subscription"] == first["subscription"]


def test_folding_the_subscription_away_takes_it_out(page: Page, site: Emulation) -> None:
    open_my_clients(page, site)
    scroll_to_clients_plus(page)
    page.click("#clients-plus .js-save")
    fill_dialog(page)
    page.click(".js-subscribe")
    expect(page.locator("#save-frequency")).to_be_hidden()
    save(page)
    assert site.the("view_saved")["subscription"] is None


def test_choosing_another_entry_leaves_the_saved_view(page: Page, site: Emulation) -> None:
    site.misbehave("title_taken")
    open_my_clients(page, site)
    open_list(page).locator("text=Clarivoy").click()
    expect(page.locator(".page-head .select2-selection__rendered")).to_have_text(TITLE)
    with page.expect_response("**/my-clients/filters"):
        open_list(page).locator("text=My Clients").click()
    expect(page.locator(".page-head .select2-selection__rendered")).to_have_text("My Clients")
    assert page.url.endswith("/my-clients")


def test_a_view_is_deleted_after_a_question(page: Page, site: Emulation) -> None:
    site.misbehave("title_taken")
    open_my_clients(page, site)
    views = open_list(page)
    views.locator(".saved-view-title").hover()
    views.locator(".saved-view-edit").click()
    page.click(".js-delete-view")  # the browser's question is dismissed
    expect(page.locator("#save-modal")).to_be_visible()
    page.once("dialog", lambda question: question.accept())
    page.click(".js-delete-view")
    expect(page.locator("#save-modal")).to_be_hidden()
    assert site.the("view_deleted")["title"] == TITLE


def test_other_users_view_has_a_heading_and_no_pencil(page: Page, site: Emulation) -> None:
    site.misbehave("other_users_view", "title_taken")
    open_my_clients(page, site)
    views = open_list(page)
    expect(views.locator(".select2-results__group")).to_have_text(["Default views", "Shared views", "My views"])
    expect(views.locator(".saved-view-edit")).to_have_count(1)
    views.locator("text=Clarivoy").first.click()
    expect(page.locator("#date-range span")).to_have_text("Nov 6, 2026 - Nov 12, 2026")


def test_save_fails_and_says_so_in_the_dialog(page: Page, site: Emulation) -> None:
    site.misbehave("save_fails")
    open_my_clients(page, site)
    scroll_to_clients_plus(page)
    page.click("#clients-plus .js-save")
    fill_dialog(page)
    page.click(".js-new")
    expect(page.locator(".js-save-error")).to_have_text("An error occurred while saving the view.")
    expect(page.locator("#save-modal")).to_be_visible()


def test_save_unconfirmed_closes_the_dialog_without_a_word(page: Page, site: Emulation) -> None:
    site.misbehave("save_unconfirmed")
    open_my_clients(page, site)
    make_view(page)
    expect(page.locator(".toast")).to_have_count(0)
    reload(page)
    expect(open_list(page)).to_contain_text("No saved views")


def test_limits_range_leaves_the_dates_as_they_were(page: Page, site: Emulation) -> None:
    site.misbehave("limits_range")
    open_my_clients(page, site)
    type_dates(page, "2026-09-01", "2026-10-31")
    expect(page.locator(".toast-error")).to_have_text("The period cannot exceed 31 days.")
    expect(page.locator("#date-range span")).to_have_text("Nov 1, 2026 - Nov 30, 2026")


@EACH_LANGUAGE
def test_the_profile_is_reached_through_the_users_menu(page: Page, site: Emulation, username: str) -> None:
    open_my_clients(page, site, username)
    page.click(".topbar-right .dropdown-toggle")
    page.click(".topbar-right a[href$='/profile']")
    chosen = [page.locator(f"#profile-{name} option:checked") for name in ("role", "title")]
    expect(chosen[0]).to_have_text("Gestionnaire" if username == FRENCH else "Manager")
    expect(chosen[1]).to_have_text("Directeur des ventes" if username == FRENCH else "Sales Director")
