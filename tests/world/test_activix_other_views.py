"""Saved views in the emulated Activix with Ant Design and in that with web components.

What is kept and what is mailed is the classic emulation's; these tests show that the pages reach all of it.
"""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.world.conftest import ENGLISH, FRENCH, PASSWORD, TITLE, Emulation, Start

pytestmark = pytest.mark.browser

EACH_LANGUAGE = pytest.mark.parametrize("username", [ENGLISH, FRENCH])
MONTHLY = {"frequency": "monthly", "export_type": "CSV", "first_execution": "2026-12-01T03:17"}


@pytest.fixture
def antd(start: Start) -> Emulation:
    return start("activix_antd")


@pytest.fixture
def components(start: Start) -> Emulation:
    return start("activix_components")


# Ant Design


def open_antd(page: Page, site: Emulation, username: str = ENGLISH) -> None:
    page.goto(site.url)
    page.locator("input[autocomplete=username]").fill(username)
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator("button[type=submit]").click()
    page.locator(".ant-menu-item .anticon-team").click()
    expect(page.locator(".latest .ant-list-item").first).to_be_visible()


def open_antd_dialog(page: Page) -> Locator:
    page.wait_for_function(
        "() => { const content = document.querySelector('.content'); content.scrollTo(0, content.scrollHeight);"
        " return !document.querySelector('.unseen'); }"
    )
    page.locator(".section").last.locator(".tools button").first.click()
    return page.locator(".save-view")


def fill_antd_dialog(page: Page, french: bool) -> None:
    dialog = page.locator(".save-view")
    dialog.locator("input[type=text]").first.fill(TITLE)
    dialog.locator(".ant-select").click()
    page.get_by_title("Le mois dernier" if french else "Last Month", exact=True).click()
    dialog.locator(".ant-checkbox-wrapper").click()
    dialog.locator(".ant-segmented-item").nth(3).click()
    dialog.locator(".ant-radio-wrapper").nth(1).click()
    first = dialog.locator(".ant-picker input")
    first.fill("2026-12-01 03:17" if french else "Dec 1, 2026 3:17 AM")
    page.locator(".ant-picker-ok button").click()


def edit_antd_view(page: Page) -> None:
    page.locator(".switcher").click()
    expect(page.locator(".ant-dropdown:not([class*=slide])")).to_be_visible()  # it has come to rest
    page.locator(".view-name").hover()
    page.locator(".view-edit").click()


@EACH_LANGUAGE
def test_antd_saves_lists_opens_and_mails_a_view(page: Page, antd: Emulation, username: str) -> None:
    open_antd(page, antd, username)
    open_antd_dialog(page)
    fill_antd_dialog(page, username == FRENCH)
    page.locator(".save-new").click()
    expect(page.locator(".save-view")).to_be_hidden()
    kept = antd.the("view_saved")
    assert (kept["title"], kept["date_range"], kept["subscription"]) == (TITLE, "last_month", MONTHLY)
    page.reload()
    edit_antd_view(page)
    expect(page.locator(".save-view input[type=text]").first).to_have_value(TITLE)
    page.locator(".save-edit").click()
    expect(page.locator(".save-view")).to_be_hidden()
    assert antd.world.journal.of("view_saved")[1] == kept | {"event": "view_saved", "how": "edit"}
    page.locator(".switcher").click()
    page.locator(".view-name").click()
    expect(page.locator(".switcher")).to_contain_text(TITLE)
    expect(page.locator(".ant-picker-range input").first).to_have_value(
        "2026-10-01" if username == FRENCH else "Oct 1, 2026"
    )
    antd.move_clock(2026, 12, 1, 3, 17)
    assert antd.the("subscription_fired")["last"] == "2026-11-30"
    assert TITLE in antd.mails[0]["Subject"]


def test_antd_shows_other_users_view_and_a_failed_save(page: Page, antd: Emulation) -> None:
    antd.misbehave("other_users_view", "title_taken", "save_fails")
    open_antd(page, antd)
    page.locator(".switcher").click()
    expect(page.locator(".ant-dropdown-menu-item-group-title")).to_have_text(
        ["STANDARD VIEWS", "SHARED VIEWS", "MY VIEWS"]
    )
    expect(page.locator(".view-edit")).to_have_count(1)
    page.locator(".switcher").click()
    expect(page.locator(".ant-dropdown")).to_be_hidden()
    edit_antd_view(page)
    page.locator(".save-edit").click()
    expect(page.locator(".ant-message-error")).to_have_text("An error occurred while saving the view.")
    expect(page.locator(".save-view")).to_be_visible()
    page.locator(".save-delete").click()
    page.locator(".ant-modal-confirm .ant-btn-primary").click()
    expect(page.locator(".save-view")).to_be_hidden()
    assert antd.the("view_deleted")["title"] == TITLE


def test_antd_limits_range_and_shows_the_old_dates_again(page: Page, antd: Emulation) -> None:
    antd.misbehave("limits_range")
    open_antd(page, antd)
    page.locator(".ant-picker-range input").first.click()
    page.locator(".ant-picker-presets li").last.click()
    page.locator(".settings > button").click()
    expect(page.locator(".ant-message-error")).to_have_text("The period cannot exceed 31 days.")
    expect(page.locator(".ant-picker-range input").first).to_have_value("Nov 1, 2026")


# Web components


def open_components(page: Page, site: Emulation, username: str = ENGLISH) -> None:
    page.goto(f"{site.url}/clients")
    page.locator("input[name=email]").fill(username)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("form [type=submit]").first.click()
    page.locator(".finder").wait_for()


def fill_components_dialog(page: Page) -> None:
    page.locator("#clients-plus").scroll_into_view_if_needed()
    page.locator("#clients-plus [data-opens=save-plus]").click()
    dialog = page.locator("#save-plus")
    dialog.locator("sl-input[name=title] input").fill(TITLE)
    dialog.locator("sl-select[name=date_range]").click()
    dialog.locator("sl-option[value=last_month]").click()
    dialog.locator("sl-details").get_by_role("button").click()
    dialog.locator("sl-select[name=frequency]").click()
    dialog.locator("sl-option[value=monthly]").click()
    dialog.locator("sl-radio-button[value=csv]").click()
    dialog.locator("sl-input[name=first_execution] input").fill("2026-12-01T03:17")


@EACH_LANGUAGE
def test_components_save_list_open_and_mail_a_view(page: Page, components: Emulation, username: str) -> None:
    open_components(page, components, username)
    fill_components_dialog(page)
    page.locator("#save-plus sl-button[variant=primary]").click()
    expect(page.locator(".flash")).to_contain_text(
        "Votre vue a été enregistrée." if username == FRENCH else "Your view was saved."
    )
    kept = components.the("view_saved")
    assert (kept["title"], kept["date_range"], kept["subscription"]) == (TITLE, "last_month", MONTHLY)
    page.locator(".views sl-button").click()
    page.locator(".saved-view").hover()
    page.locator(".saved-view sl-icon-button").click()
    expect(page.locator("#edit-view sl-input[name=title] input")).to_have_value(TITLE)
    expect(page.locator("#edit-view sl-input[name=first_execution] input")).to_have_value("2026-12-01T03:17")
    page.locator("#edit-view > sl-button[variant=primary]").click()
    expect(page.locator(".flash")).to_be_visible()
    assert components.world.journal.of("view_saved")[1] == kept | {"event": "view_saved", "how": "edit"}
    page.locator(".views sl-button").click()
    page.locator(".saved-view").click()
    expect(page.locator(".views sl-button")).to_have_text(TITLE)
    expect(page.locator("[name=first]")).to_have_value("2026-10-01")
    components.move_clock(2026, 12, 1, 3, 17)
    assert components.the("subscription_fired")["last"] == "2026-11-30"
    assert components.the("view_opened") == {"username": username, "title": TITLE}


def test_components_show_other_users_view_and_a_failed_save(page: Page, components: Emulation) -> None:
    components.misbehave("other_users_view", "title_taken", "save_fails")
    open_components(page, components)
    page.locator(".views sl-button").click()
    expect(page.locator(".views sl-menu-label")).to_have_text(["SHARED VIEWS", "MY VIEWS"])
    page.locator(".saved-view").hover()
    page.locator(".saved-view sl-icon-button").click()
    page.locator("#edit-view > sl-button[variant=primary]").click()
    expect(page.locator(".flash")).to_contain_text("An error occurred while saving the view.")
    page.locator(".views sl-button").click()
    page.locator(".saved-view").hover()
    page.locator(".saved-view sl-icon-button").click()
    page.locator("#edit-view .delete sl-button").click()
    expect(page.locator(".flash")).to_contain_text("Your view was deleted.")
    assert components.the("view_deleted")["title"] == TITLE


@pytest.mark.parametrize(("name", "last"), [("limits_range", "2026-11-30"), ("limits_range_silently", "2026-10-01")])
def test_components_limit_the_range(page: Page, components: Emulation, name: str, last: str) -> None:
    components.misbehave(name)
    open_components(page, components)
    page.evaluate(
        "() => { const form = document.getElementById('dates-form');"
        " form.elements.first.value = '2026-09-01'; form.elements.last.value = '2026-10-31'; form.submit(); }"
    )
    expect(page.locator("[name=last]")).to_have_value(last)
    expect(page.locator(".flash")).to_have_count(1 if name == "limits_range" else 0)
