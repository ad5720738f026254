"""Straight through the pages by their own CSS classes, or past them by what they send: it is no robot."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from playwright.sync_api import APIRequestContext, Page, expect

from tests.world.activix_vue.emulation import ENGLISH, OCTOBER, PASSWORD, RunningSite

# On the page


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


def set_dates_blindly(page: Page) -> None:
    page.locator(".date-range").click()
    page.locator(".date-popper .el-picker-panel__shortcut").last.click()
    page.locator(".date-submit").click()


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
