"""One page as a person sees and works it: look, wait, click what lies free, and clear away what is in the way."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from playwright.async_api import ElementHandle, Request
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import TimeoutError as PlaywrightTimeoutError

from export_robots.controls.things import Gone, Scope, Thing, pack, script, unpack
from export_robots.controls.words import DISMISS, Words
from export_robots.outcomes import SiteChanged
from export_robots.visit import Visit

__all__ = ["Found", "Gone", "Scope", "Screen", "SessionEnded", "Thing"]

Found = TypeVar("Found")

# How long one click may be held up before it is asked what lies over the control.
CLICK_SECONDS = 1.5
# How long a list, dialog or calendar may take to open after its opener was clicked.
OPEN_SECONDS = 6.0

# How long what has opened may go on unfolding before it is worked all the same.
UNFOLD_SECONDS = 0.8
# How long what was closed may take to begin to vanish.
VANISH_SECONDS = 0.4
# A request that is under way for longer keeps a line open for news, and nobody waits for it.
LONG_POLL_SECONDS = 20.0

_CALL = "([name, args]) => window.__sight ? window.__sight.call(name, args) : 'sight: not installed'"
# Said by the browser when a page is replaced while it is looked at; the next look sees the new page.
_PASSING = (
    "Execution context was destroyed",
    "Cannot find context",
    "sight: gone",
    "navigat",
    "not attached to the DOM",
)


class SessionEnded(Exception):
    """The CRM shows its sign-in form again in the middle of the work."""


class Screen:
    """What the controls share: the page of one visit.

    Times are seconds. Nothing here waits a fixed time: everything waits for something to be seen, at most
    the visit's step time-out, and then raises `SiteChanged` saying what was looked for.
    """

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.page = visit.page
        self.patience = visit.step_timeout.total_seconds()
        self.signed_in = False  # from then on a sign-in form means that the session has ended
        self.cleared = 0  # how often something was cleared away that lay over a control
        self._opened: list[Thing] = []
        self._under_way: dict[Request, float] = {}
        self.page.on("request", self._sent)
        self.page.on("requestfinished", self._answered)
        self.page.on("requestfailed", self._answered)

    async def look(self, name: str, *args: object) -> Any:
        """Call `sight/`. Elements come back as `Thing`. Raises `Gone` if the page is just being replaced."""
        packed = [name, pack(list(args))]
        try:
            answer = await self.page.evaluate(_CALL, packed)
            if answer == "sight: not installed":
                await self.page.evaluate(script())
                answer = await self.page.evaluate(_CALL, packed)
        except PlaywrightError as error:
            if any(sign in error.message for sign in _PASSING):
                raise Gone(name) from error
            raise
        return unpack(answer)

    async def handle(self, thing: Thing) -> ElementHandle:
        try:
            found = await self.page.evaluate_handle("number => window.__sight.ref(number)", thing.number)
        except PlaywrightError as error:
            raise Gone("handle") from error
        element = found.as_element()
        if element is None:
            raise Gone("handle")
        return element

    async def find(self, words: Words, *, scope: Scope = None, loose: bool = False) -> Thing | None:
        """The visible control that a person would know by one of `words`, or None. Exact names before loose ones."""
        for exact_or_loose in (False, True) if loose else (False,):
            found = await self.look("find", {"words": words.folded, "scope": scope, "loose": exact_or_loose})
            if found:
                first: Thing = found[0]
                return first
        return None

    async def until(
        self, what: str, probe: Callable[[], Awaitable[Found | None]], seconds: float | None = None
    ) -> Found:
        """Ask `probe` again and again until it finds something. Raises `SiteChanged` saying `what` was looked for."""
        found = await self.within(self.patience if seconds is None else seconds, probe)
        if found is None:
            raise SiteChanged(f"{what} was looked for and is not there{await self._what_there_is()}")
        return found

    async def within(self, seconds: float, probe: Callable[[], Awaitable[Found | None]]) -> Found | None:
        """Like `until`, but None when nothing was found in time."""
        clock = asyncio.get_running_loop().time
        started = clock()
        pause = 0.02
        while True:
            with suppress(Gone):
                found = await probe()
                if found is not None and found is not False:
                    return found
            waited = clock() - started
            if waited >= seconds:
                return None
            if waited > 0.4 and self.signed_in and await self._sign_in_form_shown():
                raise SessionEnded
            await asyncio.sleep(min(pause, seconds - waited))
            pause = min(pause * 1.6, 0.1)

    async def click(self, thing: Thing, patience: float | None = None) -> None:
        """Click as a person does: where it can be seen, after clearing away a banner or dialog that lies over it.

        Raises `SiteChanged` if something that cannot be cleared away lies over it for `patience` seconds.
        """
        element = await self.handle(thing)
        clock = asyncio.get_running_loop().time
        ends = clock() + (self.patience if patience is None else patience)
        while True:
            try:
                # A navigation that the click starts is not waited for here: a late one would look like a missed click.
                await element.click(timeout=CLICK_SECONDS * 1000, no_wait_after=True)
            except PlaywrightTimeoutError:
                if not await self.look("seen", thing):
                    raise Gone("click") from None
                cleared = await self.clear_the_way(thing)
                place = None if cleared else await self.look("hits", thing)
                if place is not None:
                    # Its row takes the click in its place (pointer-events: none), which Playwright holds for a cover.
                    await self.page.mouse.click(*place)
                    return
                if not cleared and clock() > ends:
                    name = (await self.look("names", thing) or ["a control"])[0]
                    raise SiteChanged(f"“{name}” is there but cannot be clicked: something else lies over it") from None
            except PlaywrightError as error:
                if any(sign in error.message for sign in _PASSING):
                    raise Gone("click") from error
                raise
            else:
                return

    async def clear_the_way(self, thing: Thing) -> bool:
        """Close what nobody asked for (a cookie banner, a promotion, a survey); True if something was closed.

        Only what lies over `thing` is touched, and only with a button that refuses, closes or acknowledges.
        """
        cover = await self.look("over", thing)
        if cover is None:
            return False
        # What lies over it may be only the shade behind a dialog.
        for dialog in [cover, *(await self.look("dialogs"))]:
            if await self.look("holds", dialog, thing):
                continue
            button = await self._dismissal([dialog])
            if button is None or await self.look("over", button) is not None:
                continue
            with suppress(PlaywrightError, Gone):
                await (await self.handle(button)).click(timeout=CLICK_SECONDS * 1000)
                await self._vanishes([dialog])
                self.cleared += 1
                self.visit.progress.note("closed a banner or dialog that lay in the way")
                return True
        await self.page.keyboard.press("Escape")
        return bool(await self.within(0.5, lambda: self.gone([cover])))

    async def _dismissal(self, scope: Scope) -> Thing | None:
        found = await self.look("find", {"words": DISMISS.folded, "scope": scope, "loose": False})
        marks = await self.look("find", {"words": ["close", "fermer", "dismiss"], "scope": scope, "loose": True})
        signs = await self.look("closingSigns", scope)
        for button in [*found, *signs, *marks]:
            first: Thing = button
            return first
        return None

    async def open(
        self,
        opener: Thing,
        probe: Callable[[Scope], Awaitable[Found | None]],
        what: str,
        seconds: float = OPEN_SECONDS,
    ) -> tuple[list[Thing], Found]:
        """Click `opener` and wait until `probe` finds what it looks for in what has come up; both are returned.

        What lies over the page is asked first: parts of the page itself may happen to be drawn in the same moment.
        A second click is made only if the first one brought up nothing at all, or what lay in the way since.
        """
        for place in range(2):
            await self._nothing_fades()
            await self.look("mark")
            await self._click_opener(opener, place)

            async def look_into_what_came_up() -> tuple[list[Thing], Found] | None:
                scope = await self.look("fresh")
                over = await self.look("overlaid", scope)
                for part in (over, scope) if 0 < len(over) < len(scope) else (scope,):
                    found = await probe(part) if part else None
                    if found:
                        return part, found
                return None

            opened = await self.within(min(seconds, self.patience), look_into_what_came_up)
            if opened is not None:
                self._opened = opened[0]
                # While it unfolds, places and states are not yet those that it will have.
                await self._unfolds(opened[0])
                return opened
            with suppress(Gone):
                # Something unasked for may have come up in the same moment, and closed what was opening.
                if not await self.look("freshApart", opener) or (place == 0 and await self.clear_the_way(opener)):
                    continue
            break
        raise SiteChanged(f"{what} was opened, and what should be in it is not there{await self._what_there_is()}")

    async def _unfolds(self, scope: Sequence[Thing]) -> None:
        async def still() -> bool | None:
            return not await self.look("moving", scope) or None

        await self.within(UNFOLD_SECONDS, still)

    async def _nothing_fades(self) -> None:
        """What is still fading away would not be told from what comes up."""
        with suppress(Gone):
            for thing in self._opened:
                if await self.look("seen", thing) and await self.look("moving", [thing]):
                    await self._vanishes([thing])
        self._opened = []

    async def _click_opener(self, opener: Thing, place: int = 0) -> None:
        """Click a box where that opens or closes it, and not on the cross that takes one of its entries out.

        Some crosses come up only under the mouse, so that each place is looked at with the mouse on it. `place` counts
        the places that would do.
        """
        if await self.look("mayTake", opener):
            await (await self.handle(opener)).scroll_into_view_if_needed()
            if await self.look("over", opener) is not None:
                await self.clear_the_way(opener)
            for beside_entries in (True, False):
                safe = []
                for point in await self.look("places", opener):
                    await self.page.mouse.move(*point)
                    if await self.look("safeAt", opener, point, beside_entries):
                        safe.append(point)
                        if len(safe) > place:
                            break
                if safe:
                    await self.page.mouse.move(*safe[-1])
                    await self.page.mouse.click(*safe[-1])
                    return
        await self.click(opener)

    async def close(self, scope: Sequence[Thing], opener: Thing | None = None) -> None:
        """Close what `open` opened, by Escape, by its opener, or by a click beside it; best effort."""
        with suppress(Gone):
            if await self.look("allGone", scope):
                return
            await self.page.keyboard.press("Escape")
            if await self._vanishes(scope):
                return
            if opener is not None and await self.look("over", opener) is None:
                await self._click_opener(opener)
                if await self._vanishes(scope):
                    return
            place = await self.look("neutral", scope)
            if place is not None:
                await self.page.mouse.click(*place)
                await self._vanishes(scope)

    async def _vanishes(self, scope: Sequence[Thing]) -> bool:
        """Wait until nothing of `scope` is seen, as long as it is fading or folding away; False if it stays."""

        async def leaving() -> bool | None:
            return await self.gone(scope) or await self.look("moving", scope) or None

        async def gone_or_still() -> bool | None:
            return await self.gone(scope) or not await self.look("moving", scope) or None

        with suppress(Gone):
            await self.within(VANISH_SECONDS, leaving)
            await self.within(2.0, gone_or_still)
        return bool(await self.gone(scope))

    async def gone(self, scope: Sequence[Thing]) -> bool | None:
        """True if nothing of `scope` can be seen any more; for `within`."""
        try:
            return bool(await self.look("allGone", scope)) or None
        except Gone:
            return True

    async def steadily(self, act: Callable[[], Awaitable[Found]]) -> Found:
        """Do `act`, from its beginning again if the page was replaced in the middle of it.

        Only for what may be done twice: setting and reading, never asking for a report.
        """
        for _ in range(3):
            try:
                return await act()
            except Gone:
                await self.settled()
        raise SiteChanged("the page was replaced again and again while it was being worked on")

    async def settled(self, seconds: float | None = None) -> None:
        """Wait until the page is neither loading nor saying that it is busy, and nothing is on its way; best effort."""

        async def quiet() -> bool | None:
            return None if self.under_way or await self.look("busy") else True

        await self.within(self.patience if seconds is None else seconds, quiet)

    @property
    def under_way(self) -> bool:
        """True while the page waits for an answer of its site."""
        now = asyncio.get_running_loop().time()
        return any(now - sent < LONG_POLL_SECONDS for sent in self._under_way.values())

    def _sent(self, request: Request) -> None:
        if request.resource_type in ("document", "xhr", "fetch", "script"):
            self._under_way[request] = asyncio.get_running_loop().time()

    def _answered(self, request: Request) -> None:
        self._under_way.pop(request, None)

    async def _sign_in_form_shown(self) -> bool:
        with suppress(Gone):
            return bool(await self.look("signInForm"))
        return False

    async def _what_there_is(self) -> str:
        with suppress(Gone):
            names = await self.look("controlNames")
            if names:
                return "; the page offers: " + ", ".join(f"“{name}”" for name in names[:12])
        return ""
