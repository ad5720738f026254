"""A day with a time of the day in a form: one field for both, or one for each, or lists of hours and minutes."""

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from playwright.async_api import Error as PlaywrightError

from export_robots import clock
from export_robots.controls.calendar import Calendar
from export_robots.controls.screen import Gone, Scope, Screen, Thing
from export_robots.controls.words import APPLY, Words, fold
from export_robots.controls.written_dates import dates_in, written
from export_robots.outcomes import SiteChanged

_TIME = re.compile(r"(?<![\d:])(\d{1,2})\s*(?::|h)\s*(\d{2})(?::\d{2})?(?!\d)\s*(?:([ap])\.?\s?m\b)?")
_APART = re.compile(r"(?<![\d/.-])(\d{1,2})\s+(\d{1,2})(?:\s+([ap])\.?\s?m\b)?$")
_OPEN_SECONDS = 1.5
# A site that offers only some minutes is given the nearest of them before the one wanted, within the same hour.
_MINUTES = 59


@dataclass(frozen=True)
class ShownMoment:
    """What is displayed; a numeric day may be read in several ways."""

    text: str

    def fitting(self, wanted: datetime) -> datetime | None:
        """The moment as it can be read, if it is the one wanted, or as near to it as the site lets one choose.

        The month may be a later one: some sites display the next execution instead of the first.
        """
        at = time_in(self.text)
        if at is None or not 0 <= _minutes(wanted.time()) - _minutes(at) <= _MINUTES:
            return None
        for reading in dates_in(self.text):
            if len(reading) == 1 and reading[0] >= wanted.date() and reading[0].day == wanted.day:
                return datetime.combine(reading[0], at)
        return None


async def local_now(screen: Screen) -> datetime:
    """This moment, aware, in the zone that the visit's browser is in: the account's own."""
    zone = await screen.page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")
    return clock.now().astimezone(ZoneInfo(zone))


def time_in(text: str) -> time | None:
    """“3:17 AM”, “03:17”, “3 h 17”, or hour and minute as two numbers at the end."""
    plain = fold(text).replace("\u00a0", " ").replace("\u202f", " ")
    match = _TIME.search(plain) or _APART.search(plain)
    if not match or int(match[1]) > 23 or int(match[2]) > 59:
        return None
    hour = int(match[1])
    if match[3]:
        hour = hour % 12 + (12 if match[3] == "p" else 0)
    return time(hour, int(match[2]))


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute


class Moment:
    """`scope` and `time_scope` find what belongs to the labels of the day and of the time (the latter may be empty)."""

    def __init__(
        self,
        screen: Screen,
        scope: Callable[[], Awaitable[list[Thing]]],
        time_scope: Callable[[], Awaitable[list[Thing]]],
    ) -> None:
        self._screen = screen
        self._day_scope = scope
        self._time_scope = time_scope

    async def read(self) -> ShownMoment:
        scope = await self._whole()
        return ShownMoment(" ".join(await self._screen.look("controlTexts", scope)) if scope else "")

    async def set(self, wanted: datetime) -> None:
        """Set both, by clicking where there is a calendar, else by typing, and read them back."""
        for way in (self._by_native_fields, self._by_clicking, self._by_typing):
            try:
                if not await way(wanted):
                    continue
            except Gone:
                continue
            await self._screen.page.keyboard.press("Tab")

            async def fits() -> bool | None:
                return (await self.read()).fitting(wanted) is not None or None

            if await self._screen.within(1.0, fits):
                return
        shown = (await self.read()).text
        raise SiteChanged(f"the first execution was to be {wanted:%Y-%m-%d %H:%M}, and the page shows “{shown}”")

    async def _whole(self) -> list[Thing]:
        return list(dict.fromkeys([*await self._day_scope(), *await self._time_scope()]))

    async def _fields(self) -> list[dict[str, Any]]:
        fields: list[dict[str, Any]] = await self._screen.look("fields", await self._whole())
        return fields

    async def _by_native_fields(self, wanted: datetime) -> bool:
        texts = {"datetime-local": f"{wanted:%Y-%m-%dT%H:%M}", "date": f"{wanted:%Y-%m-%d}", "time": f"{wanted:%H:%M}"}
        fields = [entry for entry in await self._fields() if entry["type"] in texts and entry["editable"]]
        for entry in fields:
            await (await self._screen.handle(entry["el"])).fill(texts[entry["type"]])
        if [entry["type"] for entry in fields] == ["date"]:
            await self._set_time(await self._whole(), wanted, fields[0]["el"])
        return bool(fields)

    async def _by_clicking(self, wanted: datetime) -> bool:
        for holder in await self._day_holders():
            if (scope := await self._calendar_of(holder)) is None:
                continue
            if not await Calendar(self._screen, scope).click_day(wanted.date()):
                await self._confirm(scope)
                continue
            if not await self._screen.gone(scope):
                await self._choose_parts(scope, wanted)
                await self._confirm(scope)
            if (await self.read()).fitting(wanted) is None:
                await self._set_time(await self._whole(), wanted, holder)
            return True
        return False

    async def _day_holders(self) -> list[Thing]:
        fields = [field["el"] for field in await self._fields() if field["type"] in ("text", "tel", "search", "")]
        boxes = [box["el"] for box in await self._screen.look("dropDowns", await self._day_scope())]
        return [*fields, *boxes]

    async def _calendar_of(self, holder: Thing) -> list[Thing] | None:
        async def calendar(scope: Scope) -> bool | None:
            return await Calendar(self._screen, scope).shown()

        for opener in await self._screen.look("openersOf", holder):
            with suppress(SiteChanged, Gone):
                scope, _ = await self._screen.open(
                    opener, calendar, "the calendar of the first execution", _OPEN_SECONDS
                )
                return scope
        return None

    async def _confirm(self, scope: list[Thing]) -> None:
        button = await self._screen.find(APPLY, scope=scope)
        if button is not None and await self._screen.look("enabled", button):
            await self._screen.click(button)
        if await self._screen.within(0.6, lambda: self._screen.gone(scope)) is None:
            place = await self._screen.look("neutral", scope)
            if place is not None:
                # Escape would close the dialog around it.
                await self._screen.page.mouse.click(*place)

    async def _set_time(self, scope: Scope, wanted: datetime, day_holder: Thing | None = None) -> None:
        if not scope or await self._choose_parts(scope, wanted):
            return
        for box in await self._screen.look("dropDowns", scope):
            if box["el"] == day_holder or dates_in(box["value"]):
                continue
            if await self._from_list(box["el"], wanted.time()):
                return
        for field in await self._fields():
            if (
                field["el"] != day_holder
                and field["editable"]
                and field["type"] in ("text", "tel")
                and not dates_in(field["value"])
                and await self._is_time(field)
            ):
                if await self._from_list(field["el"], wanted.time()):
                    return
                await self._type(field["el"], f"{wanted:%H:%M}")

    async def _is_time(self, field: dict[str, Any]) -> bool:
        said = " ".join([field["value"], *field["names"]])
        return time_in(said) is not None or re.search(r"\b(hh|time|heure|hour)\b", fold(said)) is not None

    async def _choose_parts(self, scope: Scope, wanted: datetime) -> bool:
        """Hour, minute and half of the day, each in a list, a column or a small field of its own."""
        parts = await self._screen.look("timeParts", scope)
        if {"hour", "minute"} - {part["part"] for part in parts}:
            return False
        halved = any(part["part"] == "half" for part in parts)
        hour = (wanted.hour % 12 or 12) if halved else wanted.hour
        values = {"half": "AM" if wanted.hour < 12 else "PM", "hour": str(hour), "minute": str(wanted.minute)}
        for name in ("half", "hour", "minute"):  # a list may be drawn anew after another one was set
            for part in await self._screen.look("timeParts", scope):
                if part["part"] == name:
                    await self._choose_part(part, values[name])
        return True

    async def _choose_part(self, part: dict[str, Any], value: str) -> None:
        words = Words(value, value.zfill(2), *(("a.m.",) if value == "AM" else ("p.m.",) if value == "PM" else ()))
        if part["kind"] == "select":
            if not await self._screen.look("choose", part["el"], words.folded):
                lower = [int(text) for text in await self._numbers(part["el"]) if int(text) <= int(value)]
                await self._screen.look("choose", part["el"], Words(str(max(lower)), str(max(lower)).zfill(2)).folded)
        elif part["kind"] == "column":
            rows: list[dict[str, Any]] = part["options"]
            fitting = [entry for entry in rows if words.matches(entry["text"])]
            numbered = [entry for entry in rows if entry["text"].isdigit() and value.isdigit()]
            numbered = [entry for entry in numbered if int(entry["text"]) <= int(value)]
            for entry in fitting[:1] or sorted(numbered, key=lambda entry: int(entry["text"]))[-1:]:
                await self._screen.click(entry["el"])
        else:
            await self._type(part["el"], value.zfill(2))

    async def _numbers(self, select: Thing) -> list[str]:
        found = await self._screen.look("dropDowns", [select])
        return [option.strip() for box in found for option in box["options"] if option.strip().isdigit()]

    async def _from_list(self, opener: Thing, wanted: time) -> bool:
        """Choose, from a list of times of the day, the one wanted or the nearest before it."""
        if await self._choose_native(opener, wanted):
            return True

        async def times(scope: Scope) -> bool | None:
            return len(await self._screen.look("timeEntries", scope)) > 1 or None

        try:
            scope, _ = await self._screen.open(opener, times, "the list of times", _OPEN_SECONDS)
        except SiteChanged:
            return False
        while True:
            entries = [
                (at, entry["el"])
                for entry in await self._screen.look("timeEntries", scope)
                if (at := time_in(entry["text"]))
            ]
            if (
                not entries
                or max(at for at, _ in entries) >= wanted
                or not await self._screen.look("leafList", scope, False)
            ):
                break
            last = max(at for at, _ in entries)

            async def further() -> bool | None:
                drawn = await self._screen.look("timeEntries", scope)
                return any((time_in(entry["text"]) or last) > last for entry in drawn) or None  # noqa: B023 - awaited here

            if await self._screen.within(0.5, further) is None:
                break
        earlier = [(at, entry) for at, entry in entries if at <= wanted]
        if not earlier:
            await self._screen.close(scope, opener)
            return False
        await self._screen.click(max(earlier, key=lambda one: one[0])[1])
        await self._screen.within(1.0, lambda: self._screen.gone(scope))
        return True

    async def _choose_native(self, opener: Thing, wanted: time) -> bool:
        entries = await self._screen.look("timeEntries", [opener])
        earlier = [(at, entry["text"]) for entry in entries if (at := time_in(entry["text"])) and at <= wanted]
        if not earlier:
            return False
        return bool(await self._screen.look("choose", opener, Words(max(earlier)[1]).folded))

    async def _by_typing(self, wanted: datetime) -> bool:
        """The field's own notation, as its value or its placeholder shows it, then the usual ones."""
        for entry in await self._fields():
            if not entry["editable"] or entry["type"] not in ("text", "tel", "search"):
                continue
            like = entry["value"] if dates_in(entry["value"]) else " ".join(entry["names"])
            times = [f"{wanted:%H:%M}", f"{wanted.hour % 12 or 12}:{wanted:%M} {'AM' if wanted.hour < 12 else 'PM'}"]
            if re.search(r"[ap]\.?\s?m\b", fold(like)):
                times.reverse()
            for text in [f"{day} {at}" for day in list(written(wanted.date(), like))[:2] for at in times]:
                await self._type(entry["el"], text)
                if (await self.read()).fitting(wanted):
                    return True
        return False

    async def _type(self, field: Thing, text: str) -> None:
        try:
            element = await self._screen.handle(field)
            await element.fill(text)
            await element.dispatch_event("change")
        except PlaywrightError as error:
            raise Gone("field") from error
