"""Icons without words, known by the text that comes up while the mouse rests on them."""

import re
from collections.abc import Iterable
from contextlib import suppress

from playwright.async_api import Error as PlaywrightError

from export_robots.controls.screen import CLICK_SECONDS, Scope, Screen, Thing
from export_robots.controls.words import MORE, Words, fold
from export_robots.outcomes import SiteChanged

# A tool tip may wait before it comes up: half a second is usual, a second is the longest that people bear.
TIP_SECONDS = 1.2
# How long what is folded away behind “…” may take to unfold.
MORE_SECONDS = 1.5
# What is called so hands data out, whatever else its name says; a mail or a text to customers does not.
_HANDS_OUT = re.compile(
    r"\b(export|extract|extrai|report|rapport|download|telecharg|generat|generer|distribu|diffus|transmi|transmettre|"
    r"csv|excel)|\b(send|envoyer|share|partager)\b(?! (an? |un |une |des )?(mass )?(e-?mail|message|text|sms|courriel))"
)


class Icons:
    """The icons of one part of the page, e.g. of a report's tool bar."""

    def __init__(self, screen: Screen, scope: Scope) -> None:
        self._screen = screen
        self._scope = scope
        self._tips: dict[Thing, list[str]] = {}

    async def find(self, words: Words) -> Thing | None:
        """The icon that `words` name: by its text, accessible name or title, else by what hovering over it shows."""
        named = await self._screen.find(words, scope=self._scope, loose=True)
        if named is not None:
            return named
        for icon in await self._screen.look("icons", self._scope):
            if any(words.matches(tip) or words.within(tip) for tip in await self._tip(icon)):
                found: Thing = icon
                return found
        return await self._among_more(words)

    async def _among_more(self, words: Words) -> Thing | None:
        """The icon among those that are folded away behind “…”; they are left unfolded."""

        async def named(scope: Scope) -> Thing | None:
            return await self._screen.find(words, scope=scope, loose=True)

        for sign in await self._screen.look("moreSigns", self._scope, MORE.folded):
            with suppress(SiteChanged):
                return (await self._screen.open(sign, named, "what is folded away behind “…”", MORE_SECONDS))[1]
        return None

    async def names(self) -> list[str]:
        """What each icon is called: what hovering over it shows, else its hidden name; empty if it says nothing."""
        names: list[str] = []
        for icon in await self._screen.look("icons", self._scope):
            said = [*await self._tip(icon), *await self._screen.look("names", icon)]
            names.append(next((name for name in said if re.search(r"[^\W\d_]{3}", name)), ""))
        return names

    async def others(self, known: Iterable[Words]) -> tuple[list[str], list[str]]:
        """The names that none of `known` stands in: those that sound like handing data out, and the rest."""
        known = tuple(known)
        others = [name for name in await self.names() if name and not any(words.within(name) for words in known)]
        handing_out = [name for name in others if _HANDS_OUT.search(fold(name))]
        return handing_out, [name for name in others if name not in handing_out]

    async def _tip(self, icon: Thing) -> list[str]:
        if icon not in self._tips:
            self._tips[icon] = await self._hover(icon) if not await self._worded(icon) else []
        return self._tips[icon]

    async def _worded(self, icon: Thing) -> bool:
        """A button that shows words says its name; an icon's hidden one may be only the picture's: “database”."""
        return len(await self._screen.look("text", icon)) > 2

    async def _hover(self, icon: Thing) -> list[str]:
        await self._screen.page.mouse.move(1, 1)
        await self._screen.look("mark")
        with suppress(PlaywrightError):
            element = await self._screen.handle(icon)
            try:
                await element.hover(timeout=CLICK_SECONDS * 1000)
            except PlaywrightError:
                await self._screen.clear_the_way(icon)
                await element.hover(timeout=CLICK_SECONDS * 1000)

            async def tip() -> list[str] | None:
                return await self._screen.look("tipAt", icon) or None

            return await self._screen.within(TIP_SECONDS, tip) or []
        return []
