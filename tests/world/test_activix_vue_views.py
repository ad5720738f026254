"""Saved views on the pages of the emulated Activix with Vue, in English and French.

The script is deliberately straight and uses CSS classes of these very pages: it is no robot.
"""

import pytest
from playwright.sync_api import Page, expect

from tests.world.activix_vue.script import only_creation_date, scroll_to_clients_plus
from tests.world.conftest import ENGLISH, FRENCH, PASSWORD, TITLE, Emulation, Start

pytestmark = pytest.mark.browser

EACH_LANGUAGE = pytest.mark.parametrize("username", [ENGLISH, FRENCH])


@pytest.fixture
def site(start: Start) -> Emulation:
    return start("activix_vue")


def open_my_clients(page: Page, site: Emulation, username: str = ENGLISH) -> None:
    page.goto(f"{site.url}/")
    page.locator(".field-email input").fill(username)
    page.locator(".go").click()
    page.locator(".field-password input").fill(PASSWORD)
    page.locator(".go").click()
    page.locator(".side .el-menu-item").nth(2).click()
    page.locator(".client-list tbody tr").first.wait_for()


def reload(page: Page) -> None:
    page.reload()
    page.locator(".client-list tbody tr").first.wait_for()


def choose(page: Page, name: str, place: int) -> None:
    page.locator(f".save-{name}").click()
    page.locator(f".el-popper.save-{name}-popper li").nth(place).click()
    expect(page.locator(f".el-popper.save-{name}-popper")).to_be_hidden()


def fill_dialog(page: Page) -> None:
    page.locator(".save-title input").fill(TITLE)
    choose(page, "range", 5)
    page.locator(".save-subscribed").click()
    choose(page, "frequency", 3)
    page.locator(".save-format .el-radio").nth(1).click()
    page.locator(".save-day").click()
    page.locator(".el-date-picker .arrow-right").click()
    page.locator(".el-date-picker .el-date-table td.available").first.click()
    choose(page, "time", 13)


def make_view(page: Page) -> None:
    scroll_to_clients_plus(page)
    page.locator(".tool-save").click()
    fill_dialog(page)
    page.locator(".save-new").click()
    expect(page.locator(".save-dialog")).to_be_hidden()


def first_execution(page: Page) -> list[str]:
    return [page.locator(".save-day input").input_value(), page.locator(".save-time").inner_text()]


@EACH_LANGUAGE
def test_a_saved_view_is_listed_after_a_reload_and_sets_everything_again(
    page: Page, site: Emulation, username: str
) -> None:
    french = username == FRENCH
    open_my_clients(page, site, username)
    only_creation_date(page)
    make_view(page)
    expect(page.locator(".el-message--success")).to_have_text(
        "Votre vue a été enregistrée." if french else "Your view has been saved."
    )
    kept = site.the("view_saved")
    assert (kept["date_range"], kept["date_fields"]) == ("last_month", ["Creation Date"])
    assert kept["subscription"] == {
        "frequency": "monthly",
        "export_type": "CSV",
        "first_execution": "2026-12-01T03:15",
    }
    page.locator(".view-name").click()
    expect(page.locator(".views-popper .nothing")).to_have_count(2)
    reload(page)
    page.locator(".view-name").click()
    expect(page.locator(".views-title")).to_have_text(
        ["VUES PARTAGÉES", "MES VUES"] if french else ["SHARED VIEWS", "MY VIEWS"]
    )
    page.locator(".saved-view").click()
    expect(page.locator(".view-name")).to_have_text(TITLE)
    expect(page.locator(".date-range-text")).to_contain_text("31 oct. 2026" if french else "Oct 31, 2026")
    expect(page.locator(".date-fields-text")).to_have_text("Date de création" if french else "Creation Date")
    expect(page.locator(".whose")).to_contain_text("Mes clients" if french else "My Clients")
    assert site.the("view_opened") == {"username": username, "title": TITLE}
    scroll_to_clients_plus(page)
    page.locator(".clients-plus .tool-generate").click()
    page.locator(".export-type").click()
    page.locator(".export-type-popper li", has_text="CSV").click()
    page.locator(".export-generate").click()
    rows = site.rows(separator=";" if french else ",")
    assert site.the("report_requested")["view"] == TITLE
    assert site.the("report_requested")["rows"] == len(rows) - 1
    assert TITLE in site.mails[0]["Subject"]


@EACH_LANGUAGE
def test_the_pencil_is_there_while_the_name_is_hovered_and_shows_what_was_saved(
    page: Page, site: Emulation, username: str
) -> None:
    open_my_clients(page, site, username)
    make_view(page)
    reload(page)
    page.locator(".view-name").click()
    pencil = page.locator(".saved-view .pencil")
    expect(page.locator(".views-popper:not([class*=enter])")).to_be_visible()  # it has come to rest
    expect(pencil).to_be_hidden()
    page.locator(".saved-view").hover()
    pencil.click()
    expect(page.locator(".save-title input")).to_have_value(TITLE)
    expect(page.locator(".save-range")).to_contain_text("Mois dernier" if username == FRENCH else "Last Month")
    expect(page.locator(".save-frequency")).to_contain_text("Mensuel" if username == FRENCH else "Monthly")
    expect(page.locator(".save-format .el-radio.is-checked")).to_have_text("CSV")
    assert first_execution(page) == ["01/12/2026" if username == FRENCH else "Dec 1, 2026", "03:15"]
    choose(page, "time", 23)
    page.locator(".save-save").click()
    expect(page.locator(".save-dialog")).to_be_hidden()
    _, edited = site.world.journal.of("view_saved")
    assert (edited["how"], edited["subscription"]["first_execution"]) == ("edit", "2026-12-01T05:45")


def test_a_view_that_is_open_can_be_saved_with_what_the_page_shows_or_as_new(page: Page, site: Emulation) -> None:
    open_my_clients(page, site)
    make_view(page)
    reload(page)
    page.locator(".view-name").click()
    page.locator(".saved-view").click()
    expect(page.locator(".view-name")).to_have_text(TITLE)
    only_creation_date(page)
    scroll_to_clients_plus(page)
    for button in (".save-save", ".save-new"):
        page.locator(".tool-save").click()
        expect(page.locator(".save-title input")).to_have_value(TITLE)
        page.locator(button).click()
        expect(page.locator(".save-dialog")).to_be_hidden()
    first, second, third = site.world.journal.of("view_saved")
    assert (first["how"], second["how"], third["how"]) == ("new", "edit", "new")
    assert len(first["date_fields"]) == 3
    assert second["date_fields"] == third["date_fields"] == ["Creation Date"]
    assert first["subscription"] == second["subscription"] == third["subscription"]


def test_a_subscription_that_is_switched_off_is_taken_out(page: Page, site: Emulation) -> None:
    open_my_clients(page, site)
    scroll_to_clients_plus(page)
    page.locator(".tool-save").click()
    fill_dialog(page)
    page.locator(".save-subscribed").click()
    expect(page.locator(".save-frequency")).to_be_hidden()
    page.locator(".save-new").click()
    expect(page.locator(".save-dialog")).to_be_hidden()
    assert site.the("view_saved")["subscription"] is None


def test_the_default_view_leaves_the_saved_one(page: Page, site: Emulation) -> None:
    site.misbehave("title_taken")
    open_my_clients(page, site)
    page.locator(".view-name").click()
    page.locator(".saved-view").click()
    expect(page.locator(".whose")).to_contain_text("All Clients")
    page.locator(".view-name").click()
    page.locator(".views-popper li").first.click()
    expect(page.locator(".view-name")).to_have_text("My Clients")
    expect(page.locator(".whose")).to_contain_text("My Clients")


def test_a_view_is_deleted_after_a_question(page: Page, site: Emulation) -> None:
    site.misbehave("title_taken")
    open_my_clients(page, site)
    page.locator(".view-name").click()
    expect(page.locator(".views-popper:not([class*=enter])")).to_be_visible()
    page.locator(".saved-view").hover()
    page.locator(".saved-view .pencil").click()
    page.locator(".save-delete").click()
    page.locator(".el-popconfirm .el-button--primary").click()
    expect(page.locator(".save-dialog")).to_be_hidden()
    assert site.the("view_deleted")["title"] == TITLE


def test_other_users_view_has_a_heading_and_no_pencil(page: Page, site: Emulation) -> None:
    site.misbehave("other_users_view", "title_taken")
    open_my_clients(page, site)
    page.locator(".view-name").click()
    expect(page.locator(".views-popper li:not(.nothing)")).to_have_text(
        ["My ClientsDefault view", "SHARED VIEWS", TITLE, "MY VIEWS", TITLE]
    )
    expect(page.locator(".pencil")).to_have_count(1)
    page.locator(".shared-view").click()
    expect(page.locator(".date-range-text")).to_have_text("Nov 11, 2026 – Nov 11, 2026")


def test_save_fails_and_says_so(page: Page, site: Emulation) -> None:
    site.misbehave("save_fails")
    open_my_clients(page, site)
    scroll_to_clients_plus(page)
    page.locator(".tool-save").click()
    fill_dialog(page)
    page.locator(".save-new").click()
    expect(page.locator(".el-notification")).to_contain_text("Your view could not be saved.")
    expect(page.locator(".save-dialog")).to_be_visible()


def test_save_unconfirmed_closes_the_dialog_without_a_word(page: Page, site: Emulation) -> None:
    site.misbehave("save_unconfirmed")
    open_my_clients(page, site)
    make_view(page)
    expect(page.locator(".el-message, .el-notification")).to_have_count(0)


def test_limits_range_leaves_the_dates_as_they_were(page: Page, site: Emulation) -> None:
    site.misbehave("limits_range")
    open_my_clients(page, site)
    page.locator(".date-range").click()
    page.locator(".el-date-range-picker .arrow-left").click()
    left, right = (page.locator(f".el-date-range-picker__content.is-{side}") for side in ("left", "right"))
    left.locator("td.available", has_text="1").first.click()
    right.locator("td.available", has_text="30").click()
    page.locator(".date-submit").click()
    expect(page.locator(".el-notification")).to_contain_text("please choose 31 days or less")
    expect(page.locator(".date-range-text")).to_have_text("Nov 1, 2026 – Nov 30, 2026")


@EACH_LANGUAGE
def test_the_profile_is_reached_through_the_users_menu(page: Page, site: Emulation, username: str) -> None:
    open_my_clients(page, site, username)
    page.locator(".me").click()
    page.get_by_role("menuitem", name="Mon profil" if username == FRENCH else "My profile").click()
    expect(page.locator(".el-descriptions__body")).to_contain_text(
        "RôleGestionnaireTitreDirecteur des ventes" if username == FRENCH else "RoleManagerTitleSales Director"
    )
