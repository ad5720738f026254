"""A report that a site keeps as a saved view and mails by itself: looked at, made or mended, and looked at again."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from export_robots import clock
from export_robots.controls.save_dialog import NEW, SAVE, SaveDialog, SaveSettings, ShownSettings
from export_robots.controls.saved_views import SavedView, SavedViews
from export_robots.controls.screen import Screen, Thing
from export_robots.outcomes import SiteChanged

_WHAT = "the dialog that saves the view"


class ReportPage(Protocol):
    """The page whose settings a view keeps. Each method may be done again from its beginning."""

    screen: Screen

    async def open_plain(self) -> None:
        """Load the page anew, without a saved view."""

    async def set_up(self) -> None:
        """Set all that the report needs, in the plain page or in an open view, and read it back."""

    async def differences(self) -> list[str]:
        """What an open view does not show as the report needs it, in words for a person."""

    async def other_base(self) -> str | None:
        """In words what an open view is based on, if it is something else that cannot be set while the view is open.

        The view need not be open any more afterwards.
        """

    async def shown(self) -> Mapping[str, str]:
        """What the page shows of an open view, for the receipt; asked right after `differences`."""

    async def save_icon(self) -> Thing:
        """The icon that opens the dialog for saving."""


@dataclass(frozen=True)
class Kept:
    """`how`: "made", "repaired" or "as it was"; `first_execution` as the site shows it."""

    how: str
    settings: ShownSettings
    first_execution: datetime
    page: Mapping[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Seen:
    """What there is of the view; `count` is how many of one's own have its title."""

    count: int
    others: int = 0
    dialog: ShownSettings | None = None
    in_dialog: list[str] = field(default_factory=list)
    on_page: list[str] = field(default_factory=list)
    other_base: str | None = None
    page: Mapping[str, str] = field(default_factory=dict)

    @property
    def differences(self) -> list[str]:
        return [*self.in_dialog, *self.on_page, *([self.other_base] if self.other_base else [])]


class SavedReport:
    """One saved view by its title. `views` makes the list of views anew, for a page that has been loaded anew."""

    def __init__(self, page: ReportPage, views: SavedViews, wanted: SaveSettings) -> None:
        self._page = page
        self._screen = page.screen
        self._views = views
        self._wanted = wanted

    async def keep(self) -> Kept:
        """Make the view or mend it until all of it reads as wanted after the page was loaded anew; nothing is doubled.

        Each thing is tried once. Raises `SiteChanged` with what was seen if it does not come to be so.
        """
        done: list[str] = []
        notes: list[str] = []
        while True:
            async with self._screen.visit.step("look at the saved view"):
                seen = await self._screen.steadily(lambda: self._look(patiently="make" in done or "set aside" in done))
            if not seen.count:
                act = "make"
            elif seen.other_base:
                act = "set aside"
            elif seen.differences:
                act = "mend"
            else:
                break
            if act in done:
                raise SiteChanged(_failure(act, self._wanted.title, seen.differences))
            notes += [f"the saved view was corrected: {difference}" for difference in seen.differences]
            async with self._screen.visit.step(f"{act} the saved view"):
                await {"make": self._make, "mend": self._mend, "set aside": self._set_aside}[act](seen)
            done.append(act)
        assert seen.dialog is not None
        first = seen.dialog.first_execution.fitting(self._wanted.first_execution)
        assert first is not None
        if seen.count > 1:
            notes.append(
                f"there are {seen.count} saved views of the title “{self._wanted.title}”; only the first is kept "
                "right: delete the other by hand, lest both be mailed"
            )
        if seen.others:
            notes.append("another user shares a view of the same title; it was left alone")
        how = "made" if "make" in done else "repaired" if done else "as it was"
        return Kept(how, seen.dialog, first, seen.page, tuple(notes))

    async def open(self) -> bool:
        """Open the view on the page; False if there is none among one's own."""
        own = await self._own()
        if not own:
            await self._views.close()
            return False
        await self._views.choose(own[0])
        return True

    async def _own(self) -> list[SavedView]:
        return [view for view in await self._views.titled() if view.own]

    async def _look(self, *, patiently: bool) -> _Seen:
        await self._page.open_plain()
        tell = asyncio.get_running_loop().time
        ends = tell() + self._screen.patience * 2
        titled = await self._views.titled()
        while patiently and not any(view.own for view in titled) and tell() < ends:
            # It may take a minute until what was saved is listed.
            await self._page.open_plain()
            titled = await self._views.titled()
        own = [view for view in titled if view.own]
        if not own:
            await self._views.close()
            return _Seen(0)
        dialog = await self._views.edit(own[0])
        shown = None
        if dialog is not None:
            shown = await dialog.read()
            await dialog.cancel()
        await self.open()
        on_page = await self._page.differences()
        page = await self._page.shown()
        if shown is None:
            dialog = await SaveDialog.open(self._screen, await self._page.save_icon(), _WHAT)
            shown = await dialog.read()
            await dialog.cancel()
        in_dialog = shown.differences(self._wanted)
        other_base = None if on_page else await self._page.other_base()
        return _Seen(len(own), len(titled) - len(own), shown, in_dialog, on_page, other_base, page)

    async def _make(self, _: _Seen) -> None:
        await self._screen.steadily(self._page.open_plain)
        await self._screen.steadily(self._page.set_up)
        dialog = await SaveDialog.open(self._screen, await self._page.save_icon(), _WHAT)
        await dialog.fill(self._wanted)
        await dialog.save(NEW if await dialog.offers_new() else SAVE)

    async def _mend(self, seen: _Seen) -> None:
        await self._screen.steadily(self._page.open_plain)
        dialog = None
        if not seen.on_page and (own := await self._own()):
            dialog = await self._views.edit(own[0])
        if dialog is None:
            if not await self.open():
                raise SiteChanged(f"“{self._wanted.title}” is not listed any more")
            await self._screen.steadily(self._page.set_up)
            dialog = await SaveDialog.open(self._screen, await self._page.save_icon(), _WHAT)
            title = (await dialog.read()).title
            if title.casefold() != self._wanted.title.casefold() or not await dialog.offers_update():
                await dialog.cancel()
                raise SiteChanged(f"“{self._wanted.title}” is open, and cannot be saved with other settings")
        await dialog.fill(self._wanted)
        await dialog.save(SAVE)

    async def _set_aside(self, _: _Seen) -> None:
        """Give the view another title, and nothing to mail: what it is based on cannot be set."""
        await self._screen.steadily(self._page.open_plain)
        own = await self._own()
        dialog = await self._views.edit(own[0]) if own else None
        if dialog is None:
            raise SiteChanged(f"“{self._wanted.title}” shows other clients, and cannot be renamed")
        await dialog.rename(f"{self._wanted.title} - before {clock.now():%Y-%m-%d}"[:100])
        await dialog.save(SAVE)


def _failure(act: str, title: str, differences: list[str]) -> str:
    if act == "make":
        return f"“{title}” was saved, and after the page was loaded anew it is not among one's own views"
    return f"“{title}” was saved, and after the page was loaded anew {'; '.join(differences)}"
