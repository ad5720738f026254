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
        fields = [field for field in await screen.look("fields", None) if _is_search(field)]
        search = fields[0]["el"] if fields else None
        boxes = await screen.look("dropDownsBelow", search)
        for fits in (offers.matches, lambda text: _alike(offers, text)):
            for entry in boxes:
                if fits(entry["value"]) or any(offers.matches(option) for option in entry["options"]):
                    found: Thing = entry["el"]
                    return found
        return None

    return DropDown(
        screen, await screen.until("the drop-down below the search box", box), "the drop-down below the search box"
    )


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


def _is_search(field: dict[str, Any]) -> bool:
    return field["type"] == "search" or any(SEARCH.matches(name) or SEARCH.within(name) for name in field["names"])


def _alike(offers: Words, text: str) -> bool:
    """“All Clients” stands where “My Clients” is offered: the last word is the same."""
    last_words = {word.split()[-1] for word in offers.folded}
    return any(Words(word).within(text) for word in last_words)
