"""The two days of a range with a field each: typed whole, typed in parts, or clicked in calendars of their own."""

from datetime import date
from typing import Any

from playwright.async_api import Error as PlaywrightError

from export_robots.controls.calendar import Calendar
from export_robots.controls.screen import Gone, Scope, Screen, Thing
from export_robots.controls.shown_ranges import awaits_a_day
from export_robots.controls.words import APPLY
from export_robots.controls.written_dates import dates_in, written
from export_robots.outcomes import SiteChanged

# How long a field's own calendar may take to open; most fields have none.
_OPEN_SECONDS = 1.5


class DayFields:
    """The fields of an open picker, or of the page where nothing opens."""

    def __init__(self, screen: Screen, scope: Scope) -> None:
        self._screen = screen
        self._scope = scope

    async def some(self) -> bool:
        return bool(await self._typed()) or len(await self._in_parts()) == 2

    async def fill(self, first: date, last: date, notation: int) -> bool:
        """Type both days whole, in the fields' own notation (0) or in another; False if there are no such fields."""
        fields = await self._typed()
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

    async def type_parts(self, first: date, last: date) -> bool:
        """Type year, month and day of both, each into its own small box, and read them back."""
        if len(await self._in_parts()) != 2:
            return False
        return await self._type_day(0, first) and await self._type_day(1, last)

    async def _type_day(self, place: int, day: date) -> bool:
        wanted = {"year": f"{day:%Y}", "month": f"{day:%m}", "day": f"{day:%d}"}
        for _ in range(2):  # a month that is too short for the day that stood there may have changed it
            for part, digits in wanted.items():
                groups = await self._in_parts()
                if len(groups) != 2:
                    return False
                await self._screen.click(groups[place]["parts"][part]["el"])
                await self._screen.page.keyboard.type(digits)

            async def typed() -> bool | None:
                groups = await self._in_parts()
                parts = groups[place]["parts"] if len(groups) == 2 else {}
                return all(parts[part]["value"].lstrip("0") == wanted[part].lstrip("0") for part in parts) or None

            if await self._screen.within(1.0, typed):
                return True
        return False

    async def click_days(self, first: date, last: date) -> bool:
        """Click each day in the calendar that its own field, or the sign beside that, opens."""
        for place, day in enumerate((first, last)):
            holders = await self._holders()
            if len(holders) != 2 or not await self._click_day(holders[place], day):
                return False
        return True

    async def _click_day(self, holder: Thing, day: date) -> bool:
        for opener in await self._screen.look("openersOf", holder):
            try:
                opened, _ = await self._screen.open(opener, self._calendar, "the calendar of one day", _OPEN_SECONDS)
            except SiteChanged:
                continue
            if not await Calendar(self._screen, opened).click_day(day):
                return False
            if not await self._screen.within(0.5, lambda: self._screen.gone(opened)):  # noqa: B023 - awaited here
                button = await self._screen.find(APPLY, scope=opened)
                if button is not None:
                    await self._screen.click(button)
                else:
                    await self._screen.close(opened, opener)
            return True
        return False

    async def _calendar(self, scope: Scope) -> bool | None:
        return await Calendar(self._screen, scope).shown()

    async def _holders(self) -> list[Thing]:
        """What shows or awaits one day each, in the order of the page."""
        fields = [
            field["el"]
            for field in await self._screen.look("fields", self._scope)
            if awaits_a_day(field) or any(len(reading) == 1 for reading in dates_in(field["value"]))
        ]
        if len(fields) == 2:
            return fields
        if len(parts := await self._in_parts()) == 2:
            return [group["el"] for group in parts]
        found = await self._screen.look("shortTexts", {"scope": self._scope, "pattern": r"\d", "longest": 40})
        worked = [entry for entry in found if entry["works"] and any(len(one) == 1 for one in dates_in(entry["text"]))]
        return list(dict.fromkeys(entry["target"] for entry in worked))

    async def _typed(self) -> list[dict[str, Any]]:
        fields = [field for field in await self._screen.look("fields", self._scope) if field["editable"]]
        dated = [field for field in fields if field["type"] == "date" or dates_in(field["value"])]
        empty = [field for field in fields if not field["value"] and field["type"] in ("text", "tel", "search")]
        return dated if len(dated) == 2 else empty if len(empty) == 2 and not dated else []

    async def _in_parts(self) -> list[dict[str, Any]]:
        groups: list[dict[str, Any]] = await self._screen.look("dayParts", self._scope)
        return groups
