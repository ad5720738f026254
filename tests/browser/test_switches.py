"""Playwright's own list of switched-off features, which ours has to repeat."""

import re
from importlib.resources import files

from export_robots.chromium import PLAYWRIGHTS_DISABLED_FEATURES


def test_every_feature_that_playwright_switches_off_stays_switched_off() -> None:
    driver = files("playwright").joinpath("driver/package/lib/coreBundle.js").read_text(encoding="utf-8")
    listed = re.search(r"disabledFeatures = \[(.*?)\]\.filter", driver, re.DOTALL)
    assert listed, "Playwright keeps its list elsewhere now"
    assert re.findall(r'^\s*"(\w+)"', listed[1], re.MULTILINE) == list(PLAYWRIGHTS_DISABLED_FEATURES)
