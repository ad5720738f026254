"""A box that shows one choice and opens a list of the others: a native select, or anything that looks like one."""

from export_robots.controls.screen import Gone, Scope, Screen, Thing
from export_robots.controls.words import Words
from export_robots.outcomes import SiteChanged

_TRIES = 3


class DropDown:
    """`element` is the box itself; `what` names it in messages.

    With `loose` an entry may say more than the words: “CSV (comma separated)”.
    """

    def __init__(self, screen: Screen, element: Thing, what: str, *, loose: bool = False) -> None:
        self._screen = screen
        self._element = element
        self._what = what
        self._loose = loose

    async def shown(self) -> str:
        """What the box reads now."""
        text: str = await self._screen.look("shown", self._element)
        words = text.split()
        half = len(words) // 2
        # Some boxes hold their text twice, once for the eye and once for a machine.
        return " ".join(words[:half]) if words[:half] == words[half:] else text

    async def choose(self, wanted: Words) -> None:
        """Make the box read `wanted`, and read it back. Chosen again if the page was not ready to hear of it."""
        for _ in range(_TRIES):
            if self._fits(await self.shown(), wanted):
                break
            if not await self._screen.look("seen", self._element):
                raise Gone("drop-down")  # a widget has taken its place, and would not hear of the choice
            if not await self._screen.look("choose", self._element, wanted.folded, self._loose):

                async def option(scope: Scope) -> Thing | None:
                    return await self._screen.find(wanted, scope=scope, loose=self._loose)

                _, entry = await self._screen.open(self._element, option, self._what)
                await self._screen.click(entry)
            await self._screen.within(self._screen.patience / 4, lambda: self._reads(wanted))
            await self._screen.settled()
        await self.require(wanted)

    async def _reads(self, wanted: Words) -> bool | None:
        return self._fits(await self.shown(), wanted) or None

    def _fits(self, text: str, wanted: Words) -> bool:
        return wanted.matches(text) or (self._loose and wanted.within(text))

    async def require(self, wanted: Words) -> None:
        """Wait until the box reads `wanted`; raise `SiteChanged` if it does not come to."""
        if await self._screen.within(self._screen.patience / 4, lambda: self._reads(wanted)) is None:
            raise SiteChanged(f"{self._what} was to read {wanted}, and reads “{await self.shown()}”")
