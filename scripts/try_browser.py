"""Starts the browser that the robot would start, and prints its path and version with a tab between."""

import os
from pathlib import Path

from playwright.sync_api import sync_playwright

from export_robots.chromium import find_chromium, may_sandbox
from export_robots.settings import BrowserSettings

named = os.environ.get("ROBOT_BROWSER__EXECUTABLE")
with sync_playwright() as playwright:
    path = find_chromium(
        BrowserSettings(executable=Path(named) if named else None), bundled=playwright.chromium.executable_path
    )
    browser = playwright.chromium.launch(executable_path=path, chromium_sandbox=may_sandbox())
    page = browser.new_page()
    page.set_content("<title>it starts</title>")
    assert page.title() == "it starts"
    print(path, browser.version, sep="\t")
    browser.close()
