"""A site that takes no long range of dates: it refuses one with a message, or cuts it off."""

import re
from collections.abc import Awaitable, Callable
from datetime import date

from export_robots.controls.date_range import DateRange
from export_robots.controls.notices import Notices
from export_robots.controls.screen import Scope, Screen
from export_robots.controls.words import Words, fold
from export_robots.controls.written_dates import dates_in
from export_robots.outcomes import SiteChanged
from export_robots.periods import Month

_LIMIT = re.compile(r"exceed|limit|maxim|at most|no more than|or less|or fewer|too (long|large|wide|many)|longer than|"
                    r"depass|au plus|ou moins|trop (long|grand|large|de)|plus de")  # fmt: skip
_SPAN = re.compile(r"\b(days?|jours?|months?|mois|weeks?|semaines?|period\w*|range|plage|intervalle|dates?)\b")


class RangeLimited(SiteChanged):
    """The site takes no range of dates as long as this one; each of its months may be asked for by itself."""

    remedy = "Ask for each month by itself: the same command with one month as its period."


class LimitedDateRange(DateRange):
    """A range of dates that tells a site's limit from a site that does not do what it is told.

    A site has a limit if it says so when more than a month is set, or if it then displays a shorter range that begins
    or ends with the day that was set, other than the one displayed before.
    """

    def __init__(self, screen: Screen, submit: Words) -> None:
        super().__init__(screen, submit)
        self._notices = Notices(screen)
        self._before = ""

    async def set(self, first: date, last: date, last_month: Words) -> None:
        """As `DateRange.set`; raises `RangeLimited` as well."""
        self._before = (await self.find()).text
        await self._notices.listen()
        await super().set(first, last, last_month)

    async def _reads(self, first: date, last: date) -> bool | None:
        if await super()._reads(first, last):
            return True
        if Month.of(first) != Month.of(last):
            for text in await self._notices.heard():
                if len(text) < 200 and _LIMIT.search(fold(text)) and _SPAN.search(fold(text)):
                    raise RangeLimited(f"the dates were to be {first} to {last}, and the site answered “{text}”")
        return None

    async def _try(self, way: Callable[[Scope], Awaitable[bool]], first: date, last: date) -> bool:
        if await super()._try(way, first, last):
            return True
        shown = await self.read()
        if Month.of(first) != Month.of(last) and shown is not None and shown.text != self._before:
            for reading in dates_in(shown.text):
                if len(reading) == 2 and _cut(reading[0], reading[1], first, last):
                    raise RangeLimited(
                        f"the dates were to be {first} to {last}, and the site cuts them to “{shown.text}”"
                    )
        return False


def _cut(shown_first: date, shown_last: date, first: date, last: date) -> bool:
    """A limit is counted in weeks or months: a range that is only a day off is a mistake of another kind."""
    within = first <= shown_first < shown_last <= last and (shown_first == first or shown_last == last)
    return within and (last - first).days - (shown_last - shown_first).days > 1 and (shown_last - shown_first).days >= 6
