"""A range of dates as a page shows it, and the many ways in which pages let people set one."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import date
from typing import NoReturn

from export_robots import clock
from export_robots.controls.calendar import Calendar
from export_robots.controls.day_fields import DayFields
from export_robots.controls.screen import Gone, Scope, Screen, Thing
from export_robots.controls.shown_ranges import ShownRange, shown_range
from export_robots.controls.words import APPLY, Words
from export_robots.controls.written_dates import shows
from export_robots.outcomes import SiteChanged
from export_robots.periods import Month

# How long a page may take to show the range that was submitted, before another way of setting it is tried.
SHOW_SECONDS = 5.0


class DateRange:
    """The range displayed nearest to the top right of the page, which opens a picker when it is clicked.

    Args:
        screen: The page.
        submit: The words on the button that applies a range.
    """

    def __init__(self, screen: Screen, submit: Words) -> None:
        self._screen = screen
        self._submit = submit
        self._scope: list[Thing] = []

    async def find(self) -> ShownRange:
        return await self._screen.until("the range of dates at the top right", self._shown)

    async def read(self) -> ShownRange | None:
        """What is displayed now."""
        return await self._shown()

    async def require(self, first: date, last: date) -> None:
        """Raise `SiteChanged` unless the page displays these two days."""
        if not await self._screen.within(SHOW_SECONDS, lambda: self._reads(first, last)):
            await self._refuse(first, last)

    async def set(self, first: date, last: date, last_month: Words) -> None:
        """Set the range (both days included) and read it back from the page.

        `last_month` names the picker's ready-made choice: it is tried first where it should give the same range, and,
        like every other way, counts only if the page then displays the two days.
        """
        ways: list[Callable[[Scope], Awaitable[bool]]] = []
        if Month.of(clock.now().date()).plus(-1) == Month.of(first) == Month.of(last):
            ways.append(lambda scope: self._by_preset(scope, last_month))
        ways += [
            lambda scope: DayFields(self._screen, scope).fill(first, last, 0),
            lambda scope: DayFields(self._screen, scope).type_parts(first, last),
            lambda scope: self._by_days(scope, first, last),
            lambda scope: DayFields(self._screen, scope).click_days(first, last),
            lambda scope: DayFields(self._screen, scope).fill(first, last, 1),
            lambda scope: DayFields(self._screen, scope).fill(first, last, 2),
            lambda scope: self._by_days(scope, first, last),
        ]
        await self.find()
        while True:
            cleared = self._screen.cleared
            for way in ways:
                if await self._try(way, first, last):
                    return
            await self._fold()
            if self._screen.cleared == cleared:
                await self._refuse(first, last)
            # Something came up in the middle, and no way has had its fair chance.

    async def _refuse(self, first: date, last: date) -> NoReturn:
        shown = await self._shown()
        raise SiteChanged(
            f"the dates were to be {first} to {last}, and the page shows “{shown.text if shown else 'none'}”"
        )

    async def _try(self, way: Callable[[Scope], Awaitable[bool]], first: date, last: date) -> bool:
        scope = await self._picker()
        if not scope or not await way(scope):
            return False  # left open for the next way
        with suppress(Gone):  # applying may load the page anew
            await self._apply(scope)
        if await self._screen.within(SHOW_SECONDS, lambda: self._reads(first, last)):
            await self._screen.settled()
            if await self._reads(first, last):
                return True
        await self._fold()
        return False

    async def _picker(self) -> list[Thing]:
        """What the range opens, or its two fields where nothing opens; empty if there is neither."""
        if self._scope and not await self._screen.gone(self._scope):
            return self._scope
        shown = await self.find()
        self._scope = [] if shown.native else await self._open(shown) or []
        if not self._scope and shown.editable and len(shown.things) == 2:
            return list(shown.things)
        return self._scope

    async def _fold(self) -> None:
        if self._scope:
            await self._screen.close(self._scope)
        self._scope = []

    async def _reads(self, first: date, last: date) -> bool | None:
        shown = await self._shown()
        return (shown is not None and shows(shown.text, first, last)) or None

    async def _open(self, shown: ShownRange) -> list[Thing] | None:
        async def picker(scope: Scope) -> bool | None:
            if await Calendar(self._screen, scope).shown() or await DayFields(self._screen, scope).some():
                return True
            return await self._screen.find(self._submit, scope=scope) is not None or None

        try:
            scope, _ = await self._screen.open(shown.things[0], picker, "the dates")
        except SiteChanged:
            return None
        return scope

    async def _by_preset(self, scope: Scope, preset: Words) -> bool:
        # By its words alone: an arrow that leafs to the previous month may have the same name, unseen.
        for choice in await self._screen.look("find", {"words": preset.folded, "scope": scope}):
            if preset.matches(await self._screen.look("text", choice)):
                await self._screen.click(choice)
                return True
        return False

    async def _by_days(self, scope: Scope, first: date, last: date) -> bool:
        if not await Calendar(self._screen, scope).click_day(first):
            return False
        calendar = Calendar(self._screen, scope)
        if await self._screen.within(0.5, calendar.shown):
            return await calendar.click_day(last)
        # The picker was for the first day alone: the second field has one of its own.
        shown = await self._shown()
        if shown is None or len(shown.things) < 2:
            return False

        async def second(opened: Scope) -> bool | None:
            return await Calendar(self._screen, opened).shown()

        opened, _ = await self._screen.open(shown.things[1], second, "the last day")
        return await Calendar(self._screen, opened).click_day(last)

    async def _apply(self, scope: Scope) -> None:
        """Click the picker's own button, and the page's, where there are such."""
        button = await self._screen.find(self._submit, scope=scope) or await self._screen.find(APPLY, scope=scope)
        if button is not None and await self._screen.look("enabled", button):
            await self._screen.click(button)
            await self._screen.within(1.0, lambda: self._closed(scope))
        with suppress(Gone):
            shown = await self._shown()
            if shown is None:
                return
            beside = await self._screen.look("beside", shown.things[0], self._submit.folded)
            if beside and await self._screen.look("enabled", beside[0]):
                await self._screen.click(beside[0])

    async def _closed(self, scope: Scope) -> bool | None:
        return bool(await self._screen.look("allGone", scope or [])) or None

    async def _shown(self) -> ShownRange | None:
        return await shown_range(self._screen)
