"""The list of saved views of a page: which are one's own, opening one, and the pencil beside its name."""

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from playwright.async_api import Error as PlaywrightError

from export_robots.controls.icons import TIP_SECONDS
from export_robots.controls.save_dialog import SaveDialog
from export_robots.controls.screen import CLICK_SECONDS, Gone, Scope, Screen, Thing
from export_robots.controls.words import Words, fold
from export_robots.outcomes import SiteChanged

OWN = Words("My views", "My saved views", "Mes vues", "Mes vues enregistrées", "Mes vues sauvegardées",
            "Vues personnelles", "Mes affichages", "Personal views")  # fmt: skip
EDIT = Words("Edit", "Edit view", "Modifier", "Modifier la vue", "Éditer", "Modify")
_PENCIL = re.compile(r"pencil|(?<![a-z])pen(?![a-z])|edit|crayon|modif")
_NO_PENCIL = re.compile(
    r"trash|delete|remove|(?<![a-z])bin(?![a-z])|supprim|star|favou?r|share|partag|copy|clone|pin(?![a-z])"
)
# How long a list may take to open, and to be filled after it has opened.
_OPEN_SECONDS = 3.0
_FILL_SECONDS = 2.0


@dataclass(frozen=True)
class SavedView:
    """An entry of the open list; `own` if it stands under the heading of one's own views."""

    title: str
    own: bool
    row: Thing


class SavedViews:
    """The list that opens from what reads `default` (the page's plain view) or one of the saved views' titles."""

    def __init__(self, screen: Screen, default: Words, title: str) -> None:
        self._screen = screen
        self._title = title
        self._reading = Words(title, *default)
        self._opener: Thing | None = None
        self._scope: list[Thing] = []

    async def titled(self) -> list[SavedView]:
        """Open the list; the entries of the title, one's own and others'. Raises `SiteChanged` if there is no list.

        A title that stands in no list of one's own, and under no other heading either, is a site that has changed.
        """
        views = await self._open()
        if views is None:
            return []

        async def some() -> list[SavedView] | None:
            return [view for view in await self._entries() or [] if self._is_titled(view)] or None

        return await self._screen.within(_FILL_SECONDS, some) or []

    async def choose(self, view: SavedView) -> None:
        """Open the view (the list is open), and wait until the page has taken it over."""
        if not await self._screen.look("pick", view.row, True):
            await self._screen.click(view.row)
        with suppress(Gone):
            await self._screen.within(1.0, lambda: self._screen.gone(self._scope))
        await self._screen.settled()
        await self._screen.until(f"“{self._title}” as the name of the view that is open", self._reads)
        await self._screen.settled()

    async def edit(self, view: SavedView) -> SaveDialog | None:
        """Open the view's settings by its pencil (the list is open); None if it has none."""
        pencil = await self._pencil(view)
        if pencil is None:
            return None
        dialog = await SaveDialog.open(self._screen, pencil, "the settings of the saved view")
        title = (await dialog.read()).title
        if fold(title) != fold(self._title):
            await dialog.cancel()
            raise SiteChanged(f"the pencil beside “{self._title}” opened the settings of “{title}”")
        return dialog

    async def close(self) -> None:
        if self._scope:
            await self._screen.close(self._scope, self._opener)
        self._scope = []

    def _is_titled(self, view: SavedView) -> bool:
        return fold(view.title) == fold(self._title)

    async def _reads(self) -> bool | None:
        found = await self._screen.look("viewOpeners", Words(self._title).folded)
        for opener in found:
            if fold(self._title) in fold(await self._screen.look("shown", opener)):
                return True
        return bool(await self._screen.look("headings", Words(self._title).folded)) or None

    async def _open(self) -> list[SavedView] | None:
        """The entries; None if a list opens that offers the plain view and has no heading of one's own views."""
        if self._scope and not await self._screen.gone(self._scope):
            return await self._entries()
        await self._screen.settled()
        await self._screen.look("scrollUp")

        async def openers() -> list[Thing] | None:
            return await self._screen.look("viewOpeners", self._reading.folded) or None

        plain = False
        for opener in (await self._screen.until("the drop-down of the views", openers))[:5]:
            scope = await self._opened(opener)
            if not scope:
                continue
            self._scope, self._opener = scope, opener

            async def headed() -> list[SavedView] | None:
                return await self._entries()

            if (views := await self._screen.within(_FILL_SECONDS, headed)) is not None:
                return views
            plain = plain or await self._screen.find(self._reading, scope=scope) is not None
            unheaded = await self._screen.find(Words(self._title), scope=scope)
            await self.close()
            if unheaded is not None:
                raise SiteChanged(f"“{self._title}” is listed, and not under {OWN}")
        if not plain:
            raise SiteChanged(f"{OWN} was looked for in the drop-down of the views and is not there")
        return None

    async def _opened(self, opener: Thing) -> list[Thing]:
        async def anything(scope: Scope) -> bool | None:
            if await self._screen.look("headedEntries", scope, OWN.folded) is not None:
                return True
            return await self._screen.find(self._reading, scope=scope) is not None or None

        if await self._screen.look("headedEntries", [opener], OWN.folded) is not None:
            return [opener]  # a list of the browser's own
        try:
            scope, _ = await self._screen.open(opener, anything, "the drop-down of the views", _OPEN_SECONDS)
        except SiteChanged:
            await self._screen.page.keyboard.press("Escape")
            return []
        return scope

    async def _entries(self) -> list[SavedView] | None:
        found = await self._screen.look("headedEntries", self._scope, OWN.folded)
        if found is None:
            return None
        return [SavedView(entry["text"], entry["own"], entry["row"]) for entry in found]

    async def _pencil(self, view: SavedView) -> Thing | None:
        """The icon of an entry that edits it: it may come up only while the mouse rests on the name."""
        with suppress(PlaywrightError):
            await (await self._screen.handle(view.row)).hover(timeout=CLICK_SECONDS * 1000)

        async def icons() -> list[dict[str, Any]] | None:
            return await self._screen.look("rowIcons", view.row) or None

        found = await self._screen.within(TIP_SECONDS, icons) or []
        for icon in found:
            if any(EDIT.matches(name) or EDIT.within(name) for name in icon["names"]):
                return _thing(icon)
        possible = [icon for icon in found if not _NO_PENCIL.search(_said(icon))]
        drawn = [icon for icon in possible if _PENCIL.search(_said(icon))]
        for icons_left in (drawn, possible):
            if len(icons_left) == 1:
                return _thing(icons_left[0])
        for icon in possible:
            if any(EDIT.within(tip) for tip in await self._tip(_thing(icon))):
                return _thing(icon)
        return None

    async def _tip(self, icon: Thing) -> list[str]:
        await self._screen.look("mark")
        with suppress(PlaywrightError):
            await (await self._screen.handle(icon)).hover(timeout=CLICK_SECONDS * 1000)

        async def tip() -> list[str] | None:
            return await self._screen.look("tipAt", icon) or None

        return await self._screen.within(TIP_SECONDS, tip) or []


def _thing(icon: dict[str, Any]) -> Thing:
    thing: Thing = icon["el"]
    return thing


def _said(icon: dict[str, Any]) -> str:
    return fold(" ".join([*icon["names"], icon["signs"]]))
