"""Ranges of dates of kinds that are not in an emulation."""

from datetime import date

import pytest

from export_robots.controls import DateRange, Screen, Words
from export_robots.outcomes import SiteChanged
from tests.controls.conftest import OnPage

pytestmark = pytest.mark.browser

NATIVE = """<p>My Clients</p><form onsubmit="applied.textContent = a.value + ' ' + b.value; return false">
<label>From <input id=a type=date value=2026-11-01></label> <label>To <input id=b type=date value=2026-11-30></label>
<button>Submit</button></form><p id=applied></p>"""
EMPTY = NATIVE.replace("value=2026-11-01", "").replace("value=2026-11-30", "")
TYPED = NATIVE.replace("type=date value=2026-11-01", "placeholder=jj/mm/aaaa").replace(
    "type=date value=2026-11-30", "placeholder=jj/mm/aaaa"
)
STUBBORN = NATIVE.replace("<input id=a", "<input id=a onchange=\"this.value = '2026-11-02'\"")


async def set_march(screen: Screen) -> str | None:
    dates = DateRange(screen, Words("Submit"))
    await dates.set(date(2025, 3, 1), date(2025, 3, 31), Words("Last Month"))
    return await screen.page.text_content("#applied")


@pytest.mark.parametrize(
    ("page", "applied"),
    [(NATIVE, "2025-03-01 2025-03-31"), (EMPTY, "2025-03-01 2025-03-31"), (TYPED, "01/03/2025 31/03/2025")],
    ids=["native", "empty", "typed"],
)
def test_fields_are_filled_in_and_submitted(on_page: OnPage, page: str, applied: str) -> None:
    assert on_page(page, set_march) == applied


def test_a_range_that_does_not_stay_is_told(on_page: OnPage) -> None:
    with pytest.raises(SiteChanged, match="the dates were to be 2025-03-01 to 2025-03-31"):
        on_page(STUBBORN, set_march)
