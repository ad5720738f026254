"""A range of dates as a page shows it, and the many ways in which pages let people set one."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import date
from typing import Any, NoReturn

from playwright.async_api import Error as PlaywrightError

from export_robots import clock
from export_robots.controls.calendar import Calendar
from export_robots.controls.screen import Gone, Scope, Screen, Thing
from export_robots.controls.shown_ranges import ShownRange, shown_range
from export_robots.controls.words import APPLY, Words
from export_robots.controls.written_dates import dates_in, shows, written
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
            lambda scope: self._by_fields(scope, first, last, 0),
            lambda scope: self._by_days(scope, first, last),
            lambda scope: self._by_fields(scope, first, last, 1),
            lambda scope: self._by_fields(scope, first, last, 2),
            lambda scope: self._by_days(scope, first, last),
        ]
        await self.find()
        while True:
            cleared = self._screen.cleared
            for way in ways:
                if await self._try(way, first, last):
                    return
            if self._screen.cleared == cleared:
                await self._refuse(first, last)
            # Something came up in the middle, and no way has had its fair chance.

    async def _refuse(self, first: date, last: date) -> NoReturn:
        shown = await self._shown()
        raise SiteChanged(
            f"the dates were to be {first} to {last}, and the page shows “{shown.text if shown else 'none'}”"
        )

    async def _try(self, way: Callable[[Scope], Awaitable[bool]], first: date, last: date) -> bool:
        shown = await self.find()
        scope = [] if shown.native else await self._open(shown) or []
        if not scope and shown.editable and len(shown.things) == 2:
            scope = list(shown.things)  # fields on the page itself, and nothing opens
        if not scope:
            return False
        if not await way(scope):
            await self._screen.close(scope)
            return False
        with suppress(Gone):  # applying may load the page anew
            await self._apply(scope)
        if await self._screen.within(SHOW_SECONDS, lambda: self._reads(first, last)):
            await self._screen.settled()
            if await self._reads(first, last):
                return True
        with suppress(Gone):
            await self._screen.close(scope)
        return False

    async def _reads(self, first: date, last: date) -> bool | None:
        shown = await self._shown()
        return (shown is not None and shows(shown.text, first, last)) or None

    async def _open(self, shown: ShownRange) -> list[Thing] | None:
        async def picker(scope: Scope) -> bool | None:
            if await Calendar(self._screen, scope).shown() or await self._fields(scope):
                return True
            return await self._screen.find(self._submit, scope=scope) is not None or None

        try:
            scope, _ = await self._screen.open(shown.things[0], picker, "the dates")
        except SiteChanged:
            return None
        return scope

    async def _by_preset(self, scope: Scope, preset: Words) -> bool:
        choice = await self._screen.find(preset, scope=scope)
        if choice is None:
            return False
        await self._screen.click(choice)
        return True

    async def _by_fields(self, scope: Scope, first: date, last: date, notation: int) -> bool:
        fields = await self._fields(scope)
        if len(fields) != 2:
            return False
        for field, day in zip(fields, (first, last), strict=True):
            if field["type"] in ("date", "month"):
                texts = [day.isoformat()]
            else:
                like = field["value"] if dates_in(field["value"]) else " ".join([*field["names"], field["value"]])
                texts = list(written(day, like))
            if notation >= len(texts):
                return False
            element = await self._screen.handle(field["el"])
            try:
                await element.fill(texts[notation])
                await element.dispatch_event("change")
                await element.press("Enter")
            except PlaywrightError as error:
                raise Gone("fields") from error
        return True

    async def _fields(self, scope: Scope) -> list[dict[str, Any]]:
        fields = [field for field in await self._screen.look("fields", scope) if field["editable"]]
        dated = [field for field in fields if field["type"] == "date" or dates_in(field["value"])]
        empty = [field for field in fields if not field["value"] and field["type"] in ("text", "tel", "search")]
        return dated if len(dated) == 2 else empty if len(empty) == 2 and not dated else []

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
