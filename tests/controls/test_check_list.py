"""Check lists of every kind that is not in an emulation."""

import pytest

from export_robots.controls import CheckList, Screen, Words
from export_robots.outcomes import SiteChanged
from tests.controls.conftest import OnPage

pytestmark = pytest.mark.browser

FIELDS = ["Created By", "Creation Date", "Delivery Date", "Sale Date"]
OPENER = """<button id=opener onclick="list.hidden = !list.hidden">Dates ▾</button>"""

NATIVE = OPENER + "<div id=list hidden>" + "".join(f"<label><input type=checkbox checked> {f}</label>" for f in FIELDS)
CLOSES_EACH_TIME = (
    OPENER
    + "<div id=list hidden role=menu>"
    + "".join(
        f"""<div role=menuitemcheckbox aria-checked=true onclick="this.ariaChecked = this.ariaChecked != 'true';
        list.hidden = true">{f}</div>"""
        for f in FIELDS
    )
)
MARKED_BY_CLASS = (
    OPENER
    + "<ul id=list hidden>"
    + "".join(f"""<li class="entry selected" onclick="this.classList.toggle('selected')">{f}</li>""" for f in FIELDS)
)
LIST_BOX = OPENER + "<div id=list hidden><select multiple>" + "".join(f"<option selected>{f}" for f in FIELDS)
HIDDEN_BOXES = (
    "<style>input {position: absolute; opacity: 0; width: 0}</style>"
    + OPENER
    + "<div id=list hidden>"
    + "".join(
        f"<div><input type=checkbox id='{i}' checked><label for='{i}'>{field}</label></div>"
        for i, field in enumerate(FIELDS)
    )
)
NEEDS_APPLY = f"""<button onclick="list.hidden = false">Dates ▾</button><p id=kept></p><div id=list hidden>
    {"".join(f"<label><input type=checkbox checked> {field}</label>" for field in FIELDS)}
    <button onclick="kept.textContent = [...document.querySelectorAll('input:checked')].map(
        box => box.parentElement.textContent.trim()); list.hidden = true">Apply</button>"""
STUBBORN = (
    OPENER
    + "<div id=list hidden>"
    + "".join(f"<label><input type=checkbox checked onchange='this.checked = true'> {f}</label>" for f in FIELDS)
)
# Forty entries, of which only those in view are drawn.
LEAFED = """<button onclick="box.hidden = !box.hidden; draw()">Columns ▾</button>
<div id=box hidden style="height: 120px; width: 240px; overflow-y: auto" onscroll="draw()">
<div id=all style="position: relative"></div></div>
<script>
const names = ["Date of Birth", ...Array.from({length: 39}, (_, i) => "Column " + (i + 1))].sort();
const on = Object.fromEntries(names.map((name, i) => [name, i % 3 > 0]));
all.style.height = names.length * 24 + "px";
function draw() {
  const first = Math.floor(box.scrollTop / 24);
  all.replaceChildren(...names.slice(first, first + 6).map((name, i) => {
    const row = document.createElement("div");
    row.setAttribute("role", "checkbox");
    row.ariaChecked = String(on[name]);
    row.style.cssText = `position: absolute; top: ${(first + i) * 24}px; height: 24px; cursor: pointer`;
    row.textContent = name;
    row.onclick = () => { on[name] = !on[name]; draw(); };
    return row;
  }));
}
</script>"""


async def opener_of(screen: Screen) -> CheckList:
    (button,) = (await screen.look("icons", None))[:1]
    return CheckList(screen, button, "the list")


@pytest.mark.parametrize(
    "page",
    [NATIVE, CLOSES_EACH_TIME, MARKED_BY_CLASS, LIST_BOX, HIDDEN_BOXES],
    ids=["native", "closes_each_time", "marked_by_class", "list_box", "hidden_boxes"],
)
def test_only_the_wanted_entry_is_ticked(on_page: OnPage, page: str) -> None:
    async def tick(screen: Screen) -> list[str]:
        listed = await opener_of(screen)
        await listed.tick_only(Words("Creation Date"))
        await (await opener_of(screen)).require_only(Words("Creation Date"))
        return (await (await opener_of(screen)).read_ticked())[0]

    assert on_page(page, tick) == ["Creation Date"]


def test_a_list_with_an_apply_button_is_closed_by_it(on_page: OnPage) -> None:
    async def tick(screen: Screen) -> str | None:
        await (await opener_of(screen)).tick_only(Words("Creation Date"))
        return await screen.page.text_content("#kept")

    assert on_page(NEEDS_APPLY, tick) == "Creation Date"


def test_boxes_that_tick_themselves_again_are_told(on_page: OnPage) -> None:
    async def tick(screen: Screen) -> None:
        await (await opener_of(screen)).tick_only(Words("Creation Date"))

    with pytest.raises(SiteChanged, match="only “Creation Date” ticked"):
        on_page(STUBBORN, tick)


def test_an_entry_that_is_not_there_is_told_with_what_is(on_page: OnPage) -> None:
    async def tick(screen: Screen) -> None:
        await (await opener_of(screen)).tick_only(Words("Birthday"))

    with pytest.raises(SiteChanged, match="“Sale Date”"):
        on_page(NATIVE, tick)


def test_a_list_that_draws_only_what_is_in_view_is_read_and_set_to_its_end(on_page: OnPage) -> None:
    async def tick(screen: Screen) -> list[str]:
        await (await opener_of(screen)).tick_all_but(Words("Date of Birth"))
        off: list[str] = await screen.page.evaluate("names.filter(name => !on[name])")
        return off

    assert on_page(LEAFED, tick) == ["Date of Birth"]
