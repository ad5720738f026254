"""One of several things to choose in a dialog: radio buttons, a select, cards, or a box that opens a list."""

from export_robots.controls.drop_down import DropDown
from export_robots.controls.screen import Gone, Scope, Screen, Thing
from export_robots.controls.words import Words
from export_robots.outcomes import SiteChanged


async def offers(screen: Screen, scope: Scope, wanted: Words) -> bool | None:
    """True if `wanted` can be seen, or a box is there that may hold it; for `until`."""
    if await screen.find(wanted, scope=scope, loose=True) is not None:
        return True
    return bool(await screen.look("dropDowns", scope)) or None


async def choose(screen: Screen, scope: Scope, wanted: Words, what: str) -> None:
    """Choose `wanted` in the dialog, and read back that it is chosen."""
    fitting = [tick for tick in await screen.look("ticks", scope) if _fits(tick["label"], wanted)]
    exact = [tick for tick in fitting if wanted.matches(tick["label"])] or fitting
    if len(exact) == 1:
        return await _tick(screen, scope, exact[0]["label"], what)
    boxes = await screen.look("dropDowns", scope)
    for box in boxes:
        if any(_fits(option, wanted) for option in box["options"]):
            return await DropDown(screen, box["el"], what, loose=True).choose(wanted)
    card = await screen.find(wanted, scope=scope, loose=True)
    # What holds a box has the names of all that may be chosen there.
    if card is not None and not any([await screen.look("holds", card, box["el"]) for box in boxes]):
        return await _press(screen, card, wanted, what)
    for box in boxes:
        if not box["options"]:
            return await DropDown(screen, box["el"], what, loose=True).choose(wanted)
    raise SiteChanged(f"{wanted} was looked for in {what} and is not offered")


def _fits(label: str, wanted: Words) -> bool:
    return wanted.matches(label) or wanted.within(label)


async def _tick(screen: Screen, scope: Scope, label: str, what: str) -> None:
    for way in ("row", "tick"):
        for tick in await screen.look("ticks", scope):
            if tick["label"] != label:
                continue
            if tick["checked"] is not True:
                if way == "row":
                    await screen.click(tick["row"])
                else:
                    await (await screen.handle(tick["tick"])).dispatch_event("click")

        async def ticked() -> bool | None:
            return any(tick["label"] == label and tick["checked"] is True for tick in await screen.look("ticks", scope))

        if await screen.within(1.5, ticked):
            return
    raise SiteChanged(f"“{label}” in {what} cannot be chosen")


async def _press(screen: Screen, card: Thing, wanted: Words, what: str) -> None:
    if await screen.look("standsOut", card):
        return
    await screen.click(card)

    async def chosen() -> bool | None:
        try:
            return await screen.look("standsOut", card) or None
        except Gone:
            return None

    if await screen.within(1.5, chosen) is None:
        raise SiteChanged(f"{wanted} in {what} was clicked, and nothing shows that it is chosen")
