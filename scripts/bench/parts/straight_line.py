"""The yardstick of `whole_run`: the same clicks, mail and post as one export, with nothing checked or kept.

For one site (classic), one portal (plain) and one day: selectors are fixed, the preset gives the month, the first mail
is the right one. Prints when what was done, as JSON: `straight_line.py CREDENTIALS CHROMIUM TARGET`.
"""

import email
import json
import sys
import time
import tomllib
from email import policy
from pathlib import Path
from typing import Any

from imapclient import IMAPClient
from playwright.sync_api import Page, sync_playwright

MARKS = {"imported": time.time()}
DATES = "/my-clients/filters"


def main() -> None:
    credentials, chromium, target = sys.argv[1:]
    settings = tomllib.loads(Path(credentials).read_text("utf-8"))
    client = settings["clients"]["abc"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        mark("browser")
        ask(page, client["activix"])
        mark("asked")
        report = wait_for_report(settings["mailbox"], client["activix"]["username"])
        Path(target).write_bytes(report)
        mark("mail")
        post(browser.new_context().new_page(), settings["portal"]["url"], client["dealership"], target)
        mark("posted")
        browser.close()
    print(json.dumps(MARKS))


def mark(name: str) -> None:
    MARKS[name] = time.time()


def ask(page: Page, account: dict[str, Any]) -> None:
    page.goto(account["url"])
    page.fill("#email", account["username"])
    page.fill("#password", account["password"])
    page.click("form button[type=submit]")
    page.click(".sidebar a:has-text('My Clients')")

    page.click("#date-range:has(span:not(:empty))")  # filled when the page's scripts have run
    page.click(".daterangepicker .ranges li:has-text('Last Month')")
    with page.expect_response(lambda response: DATES in response.url):
        page.click(".daterangepicker .applyBtn")

    fields = page.locator(".page-head-right .btn-group")
    fields.locator("button.multiselect").click()
    for option in fields.locator(".multiselect-option").all():
        option.locator("input").set_checked("Creation Date" in option.inner_text())
    with page.expect_response(lambda response: DATES in response.url):
        fields.locator("button.multiselect").click()

    page.locator("[data-section=clients-plus]").scroll_into_view_if_needed()
    section = page.locator("#clients-plus")
    section.locator("button.multiselect").click()
    section.locator(".multiselect-all input").check()
    section.locator(".multiselect-option:has-text('Date of Birth') input").uncheck()
    section.locator("button.multiselect").click()

    section.locator(".js-report").click()
    page.click("#report-modal .select2-selection")
    page.click(".select2-results__option:has-text('CSV')")
    page.click("#report-modal button[type=submit]")
    page.wait_for_selector(".toast-success")


def wait_for_report(mailbox: dict[str, Any], address: str) -> bytes:
    with IMAPClient(mailbox["host"], mailbox["port"], ssl=False) as imap:
        imap.login(mailbox["username"], mailbox["password"])
        imap.select_folder("INBOX")
        while not (uids := imap.search(["UNSEEN", "TO", address])):
            imap.idle()
            imap.idle_check(timeout=0.1)
            imap.idle_done()
        raw = imap.fetch(uids[-1:], ["BODY.PEEK[]"])[uids[-1]][b"BODY[]"]
        imap.add_flags(uids, [b"\\Seen"])
    message = email.message_from_bytes(raw, policy=policy.default)
    part = next(part for part in message.walk() if part.get_filename())
    return bytes(part.get_payload(decode=True))


def post(page: Page, url: str, dealership: str, file: str) -> None:
    page.goto(url)
    page.fill("#dealership", dealership)
    page.check("input[value='CRM Leads']")
    page.set_input_files("#files", file)
    page.click("button[type=submit]")
    page.wait_for_selector(".thanks")


if __name__ == "__main__":
    main()
