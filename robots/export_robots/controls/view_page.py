"""A page of clients whose settings a saved view keeps: read against what a report needs, and set right."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

from export_robots.controls.check_list import CheckList
from export_robots.controls.counts import read_row_count
from export_robots.controls.date_range import DateRange
from export_robots.controls.drop_down import DropDown
from export_robots.controls.screen import Gone, Screen, Thing
from export_robots.controls.words import Words, any_of, fold
from export_robots.controls.written_dates import shows

# How long a view that was opened may take to show its own settings.
_SHOW_SECONDS = 2.0


@dataclass(frozen=True)
class PageParts:
    """The page's controls, each found anew when it is asked for. `open` loads the page without a saved view."""

    open: Callable[[], Awaitable[None]]
    dates: Callable[[], DateRange]
    date_fields: Callable[[Words], Awaitable[CheckList]]
    columns: Callable[[], Awaitable[CheckList]]
    base: Callable[[Words], Awaitable[DropDown]]
    section: Callable[[], Awaitable[list[Thing]]]
    save_icon: Callable[[], Awaitable[Thing]]


@dataclass(frozen=True)
class Needed:
    """What the report needs. Both days belong to it; `preset` names the picker's ready-made choice for last month."""

    first: date
    last: date
    preset: Words
    date_field: Words
    hidden_column: Words
    base: Words


class ViewPage:
    """The page while the saved view `title` is open on it, or before it is saved."""

    def __init__(self, screen: Screen, parts: PageParts, needed: Needed, title: str) -> None:
        self.screen = screen
        self._parts = parts
        self._needed = needed
        self._title = Words(title)
        self._base_hidden = False
        self._opened = False
        self._ticked: list[str] = []  # as last read
        self._unticked: list[str] = []

    async def open_plain(self) -> None:
        if self._opened:
            with suppress(Gone):
                await self.screen.visit.page.reload(wait_until="domcontentloaded")
        self._opened = True
        await self._parts.open()

    async def set_up(self) -> None:
        """Dates, date field, columns, and the base where it can be set while a view is open; all read back."""
        if await self._base_reads() and not self._base_hidden:
            await (await self._parts.base(self._needed.base)).choose(self._needed.base)
        if not await self._dates_fit():
            await self._parts.dates().set(self._needed.first, self._needed.last, self._needed.preset)
        if not await self._date_field_fits():
            await (await self._parts.date_fields(self._needed.date_field)).tick_only(self._needed.date_field)
            await self.screen.settled()
            await (await self._parts.date_fields(self._needed.date_field)).require_only(self._needed.date_field)
        if not await self._columns_fit():
            await (await self._parts.columns()).tick_all_but(self._needed.hidden_column)
            await (await self._parts.columns()).require_all_but(self._needed.hidden_column)
        await self._parts.dates().require(self._needed.first, self._needed.last)

    async def differences(self) -> list[str]:
        found = []
        if not await self.screen.within(_SHOW_SECONDS, self._dates_fit):
            found.append(f"it shows the dates “{(await self._parts.dates().find()).text}”")
        if not await self._date_field_fits():
            found.append(f"it shows other date fields than {self._needed.date_field}")
        if not await self._columns_fit():
            found.append(f"it does not show all columns but {self._needed.hidden_column}")
        base = await self._base_reads()
        if not self._base_hidden and not self._needed.base.matches(base):
            found.append(f"it shows “{base}” and not {self._needed.base}")
        return found

    async def other_base(self) -> str | None:
        """Where the box reads the view's own title, its base is not shown: the numbers of rows are compared instead.

        Then the view is not open any more.
        """
        await self._base_reads()
        if not self._base_hidden:
            return None
        own = await self._rows()
        shown = await self._parts.dates().find()
        await (await self._parts.base(any_of(self._needed.base, self._title))).choose(self._needed.base)
        await self.screen.settled()
        if (await self._parts.dates().find()).text != shown.text or not await self._date_field_fits():
            await self.set_up()
        plain = await self._rows()
        if own is None or plain is None or own == plain:
            return None
        return f"it shows {own} rows, and {self._needed.base} shows {plain}"

    @property
    def base_hidden(self) -> bool:
        """True if the box was seen to read the view's own title."""
        return self._base_hidden

    async def shown(self) -> Mapping[str, str]:
        return {
            "view": await self._base_reads(),
            "dates": (await self._parts.dates().find()).text,
            "date field": ", ".join(self._ticked),
            "hidden column": ", ".join(self._unticked),
        }

    async def save_icon(self) -> Thing:
        return await self._parts.save_icon()

    async def _base_reads(self) -> str:
        text = await (await self._parts.base(any_of(self._needed.base, self._title))).shown()
        self._base_hidden = fold(self._title[0]) == fold(text)
        return text

    async def _dates_fit(self) -> bool | None:
        shown = await self._parts.dates().read()
        return (shown is not None and shows(shown.text, self._needed.first, self._needed.last)) or None

    async def _date_field_fits(self) -> bool:
        self._ticked, _ = await (await self._parts.date_fields(self._needed.date_field)).read_ticked()
        return len(self._ticked) == 1 and self._needed.date_field.matches(self._ticked[0])

    async def _columns_fit(self) -> bool:
        ticked, self._unticked = await (await self._parts.columns()).read_ticked()
        hidden = self._needed.hidden_column
        return len(ticked) > 1 and not any(map(hidden.matches, ticked)) and all(map(hidden.matches, self._unticked))

    async def _rows(self) -> int | None:
        await self.screen.settled()
        return await read_row_count(self.screen, await self._parts.section())
