"""Controls that a help page tells by where they stand: below the search box, to the left of the dates."""

from typing import Any

from export_robots.controls.check_list import CheckList
from export_robots.controls.drop_down import DropDown
from export_robots.controls.screen import Screen, Thing
from export_robots.controls.shown_ranges import ShownRange
from export_robots.controls.words import SEARCH, Words
from export_robots.outcomes import SiteChanged


async def drop_down_below_search(screen: Screen, offers: Words) -> DropDown:
    """The box below the page's search box that shows, or offers, what `offers` names."""

    async def box() -> Thing | None:
        return _fitting(await screen.look("dropDownsBelowSearch", SEARCH.folded) or [], offers)

    async def last_resort() -> Thing | None:
        """The nearest one, which may say something else; on a page without a search box, any that fits."""
        below = await screen.look("dropDownsBelowSearch", SEARCH.folded)
        if below is None:
            return _fitting(await screen.look("dropDowns", None), offers)
        nearest: Thing | None = below[0]["el"] if below else None
        return nearest

    what = "the drop-down below the search box"
    # What a page does not have is told from what it has not drawn yet by waiting.
    found = await screen.within(screen.patience / 2, box)
    if found is None:
        found = await screen.until(what, last_resort, screen.patience / 2)
    await screen.settled()  # what is worked before the page's scripts listen is lost, though it looks done
    return DropDown(screen, found, what)


async def check_list_left_of(screen: Screen, beside: ShownRange, offers: Words, what: str) -> CheckList:
    """The check list that opens in the line of `beside`, to the left of it, and that offers what `offers` names.

    It is left open: to know it is to have opened it.
    """

    async def candidates() -> list[Thing] | None:
        return await screen.look("leftOf", beside.things[0]) or None

    for opener in (await screen.until(f"{what}, to the left of the dates", candidates))[:4]:
        listed = CheckList(screen, opener, what)
        try:
            ticks = await listed.open()
        except SiteChanged:
            continue
        if any(offers.matches(tick.label) for tick in ticks):
            return listed
        await listed.close(keep=False)
    raise SiteChanged(f"{offers} was looked for in the box to the left of the dates and is not there")


def _fitting(boxes: list[dict[str, Any]], offers: Words) -> Thing | None:
    for fits in (offers.matches, lambda text: _alike(offers, text)):
        for entry in boxes:
            if fits(entry["value"]) or any(offers.matches(option) for option in entry["options"]):
                found: Thing = entry["el"]
                return found
    return None


def _alike(offers: Words, text: str) -> bool:
    """“All Clients” stands where “My Clients” is offered: the last word is the same."""
    last_words = {word.split()[-1] for word in offers.folded}
    return any(Words(word).within(text) for word in last_words)
