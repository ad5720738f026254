"""Widgets that were met on emulations written without knowledge of the robot, each as a small page."""

import asyncio
import re
from datetime import date
from pathlib import Path

import pytest
from playwright.async_api import Route

from export_robots.controls import CheckList, DateRange, DropDown, Icons, MailedExport, Screen, Thing, Words
from export_robots.controls.notices import FAILURE
from export_robots.controls.sign_in import _REFUSED
from tests.controls.conftest import OnPage

pytestmark = pytest.mark.browser

# Each page says what is odd about it.
PAGES = Path(__file__).parent / "pages"

IN_PARTS = (PAGES / "in_parts.html").read_text(encoding="utf-8")
ARROWS = (PAGES / "arrows.html").read_text(encoding="utf-8")
DRAWN = (PAGES / "drawn.html").read_text(encoding="utf-8")
CHIPS = (PAGES / "chips.html").read_text(encoding="utf-8")
DIALOG = (PAGES / "dialog.html").read_text(encoding="utf-8")
ASKS_IN_DIALOG = DIALOG.replace(
    "GO",
    "if (go.textContent == 'Confirm') { said.textContent = 'Your report will be e-mailed.'; dialog.hidden = true } "
    "else { text.textContent = 'It will be sent to you by e-mail.'; go.textContent = 'Confirm' }",
)
ASKS_IN_BOX = DIALOG.replace(
    "GO", "if (confirm('Send it by e-mail?')) said.textContent = 'Your report will be e-mailed: ' + kind.value"
)

INTERRUPTED = (PAGES / "interrupted.html").read_text(encoding="utf-8")
FOLDED = (PAGES / "folded.html").read_text(encoding="utf-8")


async def first_icon(screen: Screen) -> Thing:
    thing: Thing = (await screen.look("icons", None))[0]
    return thing


@pytest.mark.parametrize(("page", "first", "last"), [
    (IN_PARTS, date(2025, 2, 1), date(2025, 3, 31)),
    (ARROWS, date(2025, 2, 1), date(2025, 3, 31)),
], ids=["in_parts", "arrows"])  # fmt: skip
def test_dates_are_set(on_page: OnPage, page: str, first: date, last: date) -> None:
    async def set_dates(screen: Screen) -> str:
        dates = DateRange(screen, Words("Submit"))
        # “Mois précédent” is the name of an arrow there, and no ready-made range.
        await dates.set(first, last, Words("Last Month", "Mois précédent"))
        return (await dates.find()).text

    assert on_page(page, set_dates) == f"{first} - {last}"


@pytest.mark.parametrize(
    ("on", "off"),
    [("mdi mdi-checkbox-marked", "mdi mdi-checkbox-blank-outline"), ("fa fa-check-square", "fa fa-square")],
)
def test_ticks_that_are_only_drawn_are_read_and_set(on_page: OnPage, on: str, off: str) -> None:
    async def tick(screen: Screen) -> tuple[list[str], list[str]]:
        await CheckList(screen, await first_icon(screen), "the list").tick_all_but(Words("Date of Birth"))
        return await CheckList(screen, await first_icon(screen), "the list").read_ticked()

    page = DRAWN.replace("SIGN-on", on).replace("OTHER", off)
    assert on_page(page, tick) == (["Name", "Created"], ["Date of Birth"])


def test_a_box_is_opened_beside_the_entries_chosen_in_it(on_page: OnPage) -> None:
    async def read(screen: Screen) -> list[str]:
        box = (await screen.look("dropDowns", None))[0]["el"]
        return [tick.label for tick in await CheckList(screen, box, "the list").open()]

    assert on_page(CHIPS, read) == ["Sold", "Updated"]


def test_a_list_that_a_promotion_has_closed_is_opened_again(on_page: OnPage) -> None:
    async def tick(screen: Screen) -> list[str]:
        await CheckList(screen, await first_icon(screen), "the list").tick_only(Words("Creation Date"))
        return (await CheckList(screen, await first_icon(screen), "the list").read_ticked())[0]

    assert on_page(INTERRUPTED, tick) == ["Creation Date"]


def test_controls_are_worked_when_the_page_s_scripts_have_run(on_page: OnPage) -> None:
    """A picture holds up the page's last event; until that, its box would be set and not be heard."""

    async def busy(screen: Screen) -> list[bool]:
        released = asyncio.Event()

        async def hold(route: Route) -> None:
            await released.wait()
            await route.abort()

        page = "<p>My Clients<img src=held>"
        await screen.page.route("**/page", lambda route: route.fulfill(body=page, content_type="text/html"))
        await screen.page.route("**/held", hold)
        await screen.page.goto("http://127.0.0.1:9/page", wait_until="domcontentloaded")
        before = await screen.look("busy")
        released.set()
        return [before, await screen.within(2.0, lambda: quiet(screen)) or False]

    async def quiet(screen: Screen) -> bool | None:
        return not await screen.look("busy") or None

    assert on_page("<p>empty", busy) == [True, True]


@pytest.mark.parametrize("page", [ASKS_IN_DIALOG, ASKS_IN_BOX], ids=["in_the_dialog", "in_the_browser_s_box"])
def test_a_second_question_is_answered_and_is_not_taken_for_the_answer(on_page: OnPage, page: str) -> None:
    async def ask(screen: Screen) -> str:
        export = MailedExport(screen, await first_icon(screen), Words("Generate"), re.compile("e-?mail"))
        return (await export.ask_for(Words("CSV"))).text

    assert on_page(page, ask).startswith("Your report will be e-mailed")


def test_icons_behind_three_dots_are_found(on_page: OnPage) -> None:
    async def find(screen: Screen) -> list[str]:
        icon = await Icons(screen, None).find(Words("Generate Report"))
        names: list[str] = await screen.look("names", icon)
        return names

    assert "Generate Report" in on_page(FOLDED, find)


def test_a_choice_may_say_more_than_its_name_only_where_that_is_allowed(on_page: OnPage) -> None:
    async def choose(screen: Screen) -> str:
        box = (await screen.look("dropDowns", None))[0]["el"]
        await DropDown(screen, box, "the kind", loose=True).choose(Words("CSV"))
        return await DropDown(screen, box, "the kind").shown()

    assert on_page("<select><option>Excel<option>CSV (comma separated)</select>", choose) == "CSV (comma separated)"


def test_a_button_that_refuses_cookies_refuses_no_sign_in() -> None:
    assert not _REFUSED.search("refuser")
    assert not _REFUSED.search("nous utilisons des temoins refuser accepter")
    assert _REFUSED.search("connexion refusee")
    assert _REFUSED.search("acces refuse")
    assert not FAILURE.search("refuser")
