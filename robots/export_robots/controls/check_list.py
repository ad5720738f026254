"""A list of which several entries can be ticked: native boxes, ARIA roles, styled labels, or a list box."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from export_robots.controls.screen import Gone, Scope, Screen, Thing
from export_robots.controls.words import ALL, APPLY, SEARCH, Words, bare
from export_robots.outcomes import SiteChanged

_TRIES = 3
# Some menus close with each entry that is clicked: then there is one closing for each entry.
_CLOSINGS = 80


@dataclass(frozen=True)
class Tick:
    """One entry as it is shown now. `checked` is None for a box that is neither on nor off."""

    label: str
    checked: bool | None
    row: Thing
    tick: Thing


class _Closed(Exception):
    """The list has closed while it was being worked: something else came up and took the page's attention."""


class CheckList:
    """The check list that opens from `opener`; `what` names it in messages."""

    def __init__(self, screen: Screen, opener: Thing, what: str) -> None:
        self._screen = screen
        self._opener = opener
        self._what = what
        self._scope: list[Thing] = []

    async def open(self) -> list[Tick]:
        """Open the list, unless it is open, and read all of it."""
        if self._scope and not await self._screen.gone(self._scope):
            return await self.read()
        self._scope, ticks = await self._screen.open(self._opener, self._read, self._what)
        await self._search("")
        return await self.read() or ticks

    async def read(self) -> list[Tick]:
        """The entries as they are shown now, without those that a search hides. Raises `_Closed`.

        A list that draws only what is in view is leafed through from top to end.
        """
        # A list that is just being drawn anew is empty for a moment.
        ticks = {tick.label: tick for tick in await self._screen.within(2.0, self._any_in_view) or []}
        if await self._screen.look("leafList", self._scope, True):
            ticks |= {tick.label: tick for tick in await self._in_view()}
            while await self._screen.look("leafList", self._scope, False):
                drawn = await self._drawn_beside(ticks)
                ticks |= {tick.label: tick for tick in drawn}
        return list(ticks.values())

    async def _drawn_beside(self, known: dict[str, Tick]) -> list[Tick]:
        """The entries in view, once there are some that were not before."""

        async def others() -> list[Tick] | None:
            ticks = await self._in_view()
            return ticks if any(tick.label not in known for tick in ticks) else None

        return await self._screen.within(0.5, others) or []

    async def _any_in_view(self) -> list[Tick] | None:
        return await self._in_view() or None

    async def _in_view(self) -> list[Tick]:
        try:
            ticks = await self._read(self._scope)
        except Gone as error:
            raise _Closed from error
        if not ticks and await self._screen.gone(self._scope):
            raise _Closed
        return ticks or []

    async def close(self, *, keep: bool = True) -> None:
        """Close the list; with `keep`, by its own Apply or Done button if it has one, for else nothing is kept."""
        if keep:
            with suppress(Gone):
                buttons = await self._screen.look("find", {"words": APPLY.folded, "scope": self._scope})
                if buttons:
                    await self._screen.click(buttons[0])
        await self._screen.close(self._scope, self._opener)

    async def tick_only(self, wanted: Words) -> None:
        """Untick everything, tick `wanted`, and read back that it alone is ticked."""

        async def tick() -> bool:
            target = self._one(await self.read(), wanted)
            # The wanted one first: some lists tick everything again as soon as nothing is ticked.
            await self._set(target.label, True)
            for entry in await self.read():
                if entry.checked and entry.label != target.label and not ALL.matches(entry.label):
                    await self._set(entry.label, False)
            return _ticked(await self.read()) == [target.label]

        await self._until_kept(tick, f"only {wanted} ticked")

    async def tick_all_but(self, unwanted: Words) -> None:
        """Tick everything except `unwanted`, and read back that it is so."""

        async def tick() -> bool:
            await self._tick_all(unwanted)
            if not await self._labels(unwanted):
                await self._search(unwanted[0])
            for label in await self._labels(unwanted):
                await self._set(label, False)
            await self._search("")
            return self._all_but(await self.read(), unwanted)

        await self._until_kept(tick, f"everything ticked but {unwanted}")

    async def _until_kept(self, tick: Callable[[], Awaitable[bool]], state: str) -> None:
        """Open the list and do `tick` until it says that all is as wanted; again from the start if the list closes."""
        kept = False
        tries = 0
        for _ in range(_CLOSINGS):
            await self.open()
            try:
                kept = await tick()
            except _Closed:
                continue
            tries += 1
            if kept or tries == _TRIES:
                break
        self._require(kept, state)
        await self.close()

    async def read_ticked(self) -> tuple[list[str], list[str]]:
        """Open the list, read the labels that are ticked and those that are not, and close it without a change."""
        ticks = [tick for tick in await self.open() if not ALL.matches(tick.label)]
        await self._screen.close(self._scope, self._opener)
        return _ticked(ticks), [tick.label for tick in ticks if not tick.checked]

    async def require_only(self, wanted: Words) -> None:
        """Raise `SiteChanged` unless `wanted` alone is ticked when the list is opened anew."""
        ticked, _ = await self.read_ticked()
        self._require(len(ticked) == 1 and wanted.matches(ticked[0]), f"only {wanted} ticked")

    async def require_all_but(self, unwanted: Words) -> None:
        """Raise `SiteChanged` unless everything but `unwanted` is ticked when the list is opened anew."""
        ticked, unticked = await self.read_ticked()
        kept = len(ticked) > 1 and not any(unwanted.matches(label) for label in ticked)
        self._require(kept and all(unwanted.matches(label) for label in unticked), f"everything ticked but {unwanted}")

    async def _tick_all(self, unwanted: Words) -> None:
        ticks = await self.read()
        if all(tick.checked for tick in ticks if not unwanted.matches(tick.label) and not ALL.matches(tick.label)):
            return
        if boxes := [tick for tick in ticks if ALL.matches(tick.label)]:
            if boxes[0].checked is not True:
                await self._set(boxes[0].label, True)
        else:
            buttons = await self._screen.look("find", {"words": ALL.folded, "scope": self._scope})
            if buttons:
                await self._screen.click(buttons[0])
        for tick in await self.read():
            if not tick.checked and not ALL.matches(tick.label) and not unwanted.matches(tick.label):
                await self._set(tick.label, True)

    async def _set(self, label: str, wanted: bool) -> None:
        """Bring one entry to the wanted state: by its row, else by the box itself, else by the space bar."""
        for way in ("row", "tick", "keys"):
            tick = await self._entry(label)
            if tick.checked is wanted:
                return
            await self._work(tick, way, wanted)

            async def changed() -> bool | None:
                return (await self._entry(label)).checked is wanted or None

            if await self._screen.within(1.0, changed):
                return

    async def _work(self, tick: Tick, way: str, wanted: bool) -> None:
        try:
            if await self._screen.look("pick", tick.tick, wanted):
                return  # an option of a native list box
            if way == "row":
                await self._screen.click(tick.row)
            elif way == "tick":
                await (await self._screen.handle(tick.tick)).dispatch_event("click")
            else:
                await (await self._screen.handle(tick.tick)).press(" ")
        except Gone:
            return  # drawn anew meanwhile: the next look tells

    async def _entry(self, label: str) -> Tick:
        async def entry() -> Tick | None:
            found = next((tick for tick in await self._in_view() if tick.label == label), None)
            if found is None and not await self._screen.look("leafList", self._scope, False):
                await self._screen.look("leafList", self._scope, True)
            return found

        return await self._screen.until(f"“{label}” in {self._what}", entry)

    async def _labels(self, words: Words) -> list[str]:
        return [tick.label for tick in await self.read() if words.matches(tick.label)]

    async def _search(self, text: str) -> None:
        fields = [field for field in await self._screen.look("fields", self._scope) if field["editable"]]
        if len(fields) > 1:
            fields = [field for field in fields if any(SEARCH.within(name) for name in field["names"])] or fields[:1]
        if not fields or fields[0]["value"] == text:
            return
        element = await self._screen.handle(fields[0]["el"])
        await element.fill(text)
        before = [tick.label for tick in await self.read()]

        async def filtered() -> bool | None:
            return [tick.label for tick in await self.read()] != before or None

        await self._screen.within(0.6, filtered)

    async def _read(self, scope: Scope) -> list[Tick] | None:
        ticks = [
            Tick(
                item["label"], item["checked"] if isinstance(item["checked"], bool) else None, item["row"], item["tick"]
            )
            for item in await self._screen.look("ticks", scope)
        ]
        return ticks or None

    def _one(self, ticks: list[Tick], wanted: Words) -> Tick:
        fitting = [tick for tick in ticks if wanted.matches(tick.label)]
        if len({bare(tick.label) for tick in fitting}) != 1:
            there = ", ".join(f"“{tick.label}”" for tick in ticks)
            raise SiteChanged(f"{wanted} was looked for in {self._what}, which has {there or 'nothing'}")
        return fitting[0]

    def _all_but(self, ticks: list[Tick], unwanted: Words) -> bool:
        entries = [tick for tick in ticks if not ALL.matches(tick.label)]
        return len(entries) > 1 and all(tick.checked is not unwanted.matches(tick.label) for tick in entries)

    def _require(self, true: bool, state: str) -> None:
        if not true:
            raise SiteChanged(f"{self._what} was to have {state}, and does not keep it")


def _ticked(ticks: list[Tick]) -> list[str]:
    return [tick.label for tick in ticks if tick.checked is not False and not ALL.matches(tick.label)]
