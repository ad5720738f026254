"""A calendar that offers only days to click: leaf to the month, click the day."""

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from export_robots.controls.screen import Gone, Scope, Screen, Thing
from export_robots.controls.words import fold
from export_robots.controls.written_dates import month_in, month_names
from export_robots.outcomes import SiteChanged
from export_robots.periods import Month

# Leafing a month at a time, ten years of backdata are the most that anybody would ask for.
MOST_LEAVES = 130

_ON = re.compile(r"(?<![a-z])(next|suivante?|forward|right|droite)(?![a-z])")
_BACK = re.compile(r"(?<![a-z])(prev|previous|precedente?|back|left|gauche)(?![a-z])")
_YEARS = re.compile(r"(?<![a-z])(years?|annees?|super|double)(?![a-z])")
_YEAR = 12  # months


@dataclass
class _Grid:
    month: Month
    days: list[Thing]
    left: float
    right: float
    head: list[dict[str, Any]] = field(default_factory=list)


class Calendar:
    """The calendars that are open in `scope`, one or two months side by side."""

    def __init__(self, screen: Screen, scope: Scope) -> None:
        self._screen = screen
        self._scope = scope
        self._reach: dict[tuple[int, int, bool, bool], int] = {}  # how far an arrow has been seen to leaf

    async def shown(self) -> bool | None:
        """True if there is a calendar with a month that can be told; for `until`."""
        return bool(await self._grids()) or None

    async def click_day(self, day: date) -> bool:
        """Leaf to the month of `day` and click it; False if the calendar does not get there."""
        wanted = Month.of(day)
        for _ in range(MOST_LEAVES):
            grids = await self._screen.within(2.0, self._some_grids) or []
            for grid in grids:
                if grid.month == wanted:
                    await self._screen.click(grid.days[day.day - 1])
                    return True
            if not grids or not await self._leaf(grids, wanted):
                return False
        return False

    async def _some_grids(self) -> list[_Grid] | None:
        return await self._grids() or None

    async def _grids(self) -> list[_Grid]:
        grids = []
        for calendar in await self._screen.look("calendars", self._scope):
            captions = calendar["captions"]
            # The caption is one text, or two that stand beside each other: the month and the year.
            month = next((found for text in captions if (found := month_in(text))), None) or month_in(
                " ".join(captions)
            )
            if month is not None and len(calendar["days"]) == month.last.day:
                grids.append(_Grid(month, calendar["days"], calendar["left"], calendar["right"], calendar["arrows"]))
        return grids

    async def _leaf(self, grids: list[_Grid], wanted: Month) -> bool:
        """Turn the pages once towards `wanted`; False if no arrow does."""
        if await self._by_lists(grids[0], wanted):
            return True
        nearest = min(grids, key=lambda grid: abs(_distance(grid.month, wanted)))
        forward = _distance(nearest.month, wanted) > 0
        for grid in sorted(grids, key=lambda grid: abs(_distance(grid.month, wanted))):
            far = abs(_distance(grid.month, wanted))
            for position, arrow in enumerate(_arrows(grid, forward, far)):
                key = (round(grid.left), position, forward, far >= _YEAR)
                reach = self._reach.get(key)
                if reach == 0 or (reach is not None and abs(reach) > far):
                    continue
                before = [other.month for other in grids]
                if await self._turn(arrow["el"], before):
                    after = [other.month for other in await self._grids()]
                    self._reach[key] = _distance(before[0], after[0]) if after else 0
                    if self._reach[key] and (self._reach[key] > 0) is forward:
                        return True
                else:
                    self._reach[key] = 0
                    if not await self._back_to_days(arrow["el"]):
                        return False
        return False

    async def _turn(self, arrow: Thing, before: list[Month]) -> bool:
        async def turned() -> bool | None:
            after = [grid.month for grid in await self._grids()]
            return (bool(after) and after != before) or None

        try:
            await self._screen.click(arrow, patience=1.0)
        except (Gone, SiteChanged):
            return False
        return bool(await self._screen.within(1.5, turned))

    async def _back_to_days(self, clicked: Thing) -> bool:
        """What was taken for an arrow may show a list of months in place of the days: a second click takes it back."""
        if await self._grids():
            return True
        with suppress(Gone, SiteChanged):
            await self._screen.click(clicked, patience=1.0)
        return bool(await self._screen.within(1.0, self._some_grids))

    async def _by_lists(self, grid: _Grid, wanted: Month) -> bool:
        """Use the calendar's own lists of months and years, where it has them."""
        before = [grid.month]
        if not await self._screen.look("chooseMonth", self._scope, [wanted.year, wanted.number]):
            return False

        async def turned() -> bool | None:
            after = [other.month for other in await self._grids()]
            return wanted in after or (bool(after) and after != before) or None

        return bool(await self._screen.within(1.5, turned))


def _arrows(grid: _Grid, forward: bool, far: int) -> list[dict[str, Any]]:
    """What may leaf the right way, the likeliest first: what says so by its name, then what stands on that side."""
    middle = (grid.left + grid.right) / 2
    fitting = []
    for arrow in grid.head:
        if any(fold(name).rstrip(".") in month_names() for name in arrow["names"]):
            continue  # the month's own name, which in many calendars opens a list of months
        way = _way(" ".join(arrow["names"])) or _way(arrow["signs"])
        if way != ("back" if forward else "on") and (way or (arrow["x"] > middle) is forward):
            years = bool(_YEARS.search(fold(" ".join([*arrow["names"], arrow["signs"]]))))
            # The one next to the month's name leafs by a month; one further out, where there are two, by a year.
            fitting.append((way is None, years is not (far >= _YEAR), abs(arrow["x"] - middle), arrow))
    return [entry[-1] for entry in sorted(fitting, key=lambda entry: entry[:-1])]


def _way(said: str) -> str | None:
    on, back = (bool(pattern.search(fold(said))) for pattern in (_ON, _BACK))
    return None if on is back else "on" if on else "back"


def _distance(one: Month, other: Month) -> int:
    return (other.year - one.year) * 12 + other.number - one.number
