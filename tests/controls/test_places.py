"""Controls known by where they stand, on pages that are still being drawn."""

import pytest

from export_robots.controls import Screen, Words, drop_down_below_search
from tests.controls.conftest import OnPage

pytestmark = pytest.mark.browser

# A switch of saved views, above, reads as the box below the search box should; that box is drawn later.
DRAWN_LATE = """<button aria-haspopup=true>My Clients ▾</button><div id=later></div>
<script>setTimeout(() => later.innerHTML = `<p><input placeholder="Search a client, a phone, a stock number"></p>
<select><option>All Clients<option>My Clients</select>`, 500)</script>"""
NAMED_OTHERWISE = """<input type=search><p><select><option>Everybody<option>My Clients</select>"""
NO_SEARCH = """<p>Clients</p><select><option>All Clients<option>My Clients</select>"""


@pytest.mark.parametrize("page", [DRAWN_LATE, NAMED_OTHERWISE, NO_SEARCH], ids=["late", "named_otherwise", "no_search"])
def test_the_box_below_the_search_box_is_told_from_others(on_page: OnPage, page: str) -> None:
    async def choose(screen: Screen) -> str:
        view = await drop_down_below_search(screen, Words("My Clients"))
        await view.choose(Words("My Clients"))
        chosen: str = await screen.page.evaluate("document.querySelector('select').value")
        return chosen

    assert on_page(page, choose) == "My Clients"
