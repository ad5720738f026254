"""The entries of a site's menu: in sight, folded away behind a button, or icons that say their name while hovering."""

from export_robots.controls.icons import Icons
from export_robots.controls.screen import Screen, Thing
from export_robots.controls.words import Words

MENU = Words("Menu", "Main menu", "Navigation", "Open menu", "Toggle navigation", "Toggle menu", "Menu principal",
             "Ouvrir le menu", "Basculer la navigation", "☰")  # fmt: skip


async def menu_entry(screen: Screen, entry: Words) -> Thing | None:
    """The entry that is in sight now, or None."""
    found = await screen.look("menuEntries", entry.folded)
    first: Thing | None = found[0] if found else None
    return first


async def menu_button(screen: Screen) -> Thing | None:
    """The button behind which a menu is folded away, or None."""
    return await screen.find(MENU)


async def open_from_menu(screen: Screen, entry: Words) -> None:
    """Click an entry of the menu, unfolding the menu first if need be."""

    async def found() -> Thing | None:
        there = await menu_entry(screen, entry)
        if there is None and (button := await menu_button(screen)) is not None:
            await screen.click(button)
            there = await screen.within(1.5, lambda: menu_entry(screen, entry))
        return there

    there = await screen.within(screen.patience / 4, found)
    if there is None:
        there = await Icons(screen, None).find(entry)
    if there is None:
        there = await screen.until(f"{entry} in the menu", found)
    await screen.click(there)
