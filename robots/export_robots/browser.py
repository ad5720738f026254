"""One Chromium per process, shared by all visits: started when first needed, replaced when it dies, never left behind.

A visit is one browser context, so that no cookie of one account reaches another. Chromium is started by Playwright's
driver over a pipe, in a process group of its own: when this process dies, however it dies, the driver or else
Chromium itself sees the pipe closed and ends (tried with SIGKILL of this process, and of its whole process group).
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from export_robots.browser_files import sweep
from export_robots.chromium import require_discretion, require_display
from export_robots.chromium_process import CLOSE, RunningChromium, VisitOptions, in_time
from export_robots.site_errors import BrowserCrashed
from export_robots.visit import Login, NoCodes, NoProgress, Progress, SignInCodes, Visit

if TYPE_CHECKING:
    from export_robots.evidence import EvidenceFolder
    from export_robots.settings import BrowserSettings

_EVIDENCE = 60.0  # seconds

_log = logging.getLogger(__name__)


@asynccontextmanager
async def open_browser(
    settings: "BrowserSettings", *, headed: bool = False, folder: Path | None = None
) -> AsyncIterator["Browser"]:
    """The process's browser. `folder` (the home's `browser`) takes the profile and whatever else Chromium writes.

    Nothing is started before the first visit. Raises `UsageWrong` for a window on a machine without a display, and
    where the environment has Playwright print what is typed.
    """
    require_display(headed)
    require_discretion()
    if folder and (left := sweep(folder)):
        _log.warning("browsers that robots had left when they died, ended now: %d", left)
    browser = Browser(settings, headed=headed, folder=folder)
    try:
        yield browser
    finally:
        await browser.close()


class Browser:
    def __init__(self, settings: "BrowserSettings", *, headed: bool, folder: Path | None) -> None:
        self._settings = settings
        self._headed = headed
        self._folder = folder
        self._starting = asyncio.Lock()
        self._current: RunningChromium | None = None
        self._retired: set[RunningChromium] = set()

    @asynccontextmanager
    async def visit(
        self,
        url: str,
        login: Login | None = None,
        *,
        run: str,
        evidence: "EvidenceFolder | None" = None,
        codes: SignInCodes | None = None,
        progress: Progress | None = None,
        zone: ZoneInfo | None = None,
        locale: str | None = None,
        service_workers: Literal["allow", "block"] = "allow",
        state: dict[str, Any] | None = None,
    ) -> AsyncIterator[Visit]:
        """One context with one account. `url` fixes the only origin on which the password may be typed.

        `state`: the cookies and the like of an earlier visit (Playwright's `storage_state`).

        What service workers ask for cannot be seen or stopped here: block them where every request counts.

        If the body fails, evidence is kept before the context is closed; neither can change how the body ended.
        """
        options = VisitOptions(
            url,
            login,
            run,
            codes or NoCodes(),
            progress or NoProgress(),
            self._settings.step_timeout,
            zone,
            locale,
            service_workers,
            traced=evidence is not None,
            state=state,
        )
        chromium, visit = await self._opened(options)
        try:
            failure: BaseException | None = None
            try:
                yield visit
            except BaseException as error:
                failure = error
                raise
            finally:
                try:
                    if evidence is not None:
                        await in_time(evidence.keep(visit, failure), _EVIDENCE, "keeping evidence")
                finally:
                    if not await in_time(visit.context.close(), CLOSE, "closing a visit"):
                        chromium.sick = True
        finally:
            chromium.visits -= 1
            await self._let_go(chromium)

    async def _opened(self, options: "VisitOptions") -> "tuple[RunningChromium, Visit]":
        """A visit and the Chromium that it is in; one that has died unnoticed is replaced, once."""
        for last in (False, True):
            chromium = await self._chromium()
            chromium.visits += 1
            try:
                return chromium, await chromium.open_visit(options)
            except BaseException as error:
                chromium.visits -= 1
                await self._let_go(chromium)
                if last or not isinstance(error, BrowserCrashed):
                    raise
        raise AssertionError

    async def version(self) -> str:
        """Starts the browser if need be. Raises `UsageWrong` if it does not start."""
        return (await self._chromium()).version

    async def close(self) -> None:
        for chromium in [*self._retired, self._current]:
            if chromium:
                await chromium.close()
        self._current = None
        self._retired.clear()

    async def _chromium(self) -> RunningChromium:
        async with self._starting:
            if self._current and not self._current.usable:
                self._retired.add(self._current)
                await self._let_go(self._current)
                self._current = None
            if self._current is None:
                self._current = await RunningChromium.start(self._settings, headed=self._headed, folder=self._folder)
            self._current.opened += 1
            return self._current

    async def _let_go(self, chromium: RunningChromium) -> None:
        """Close a Chromium that takes no more visits as soon as its last one is over."""
        if chromium.visits == 0 and not chromium.usable:
            self._retired.discard(chromium)
            if self._current is chromium:
                self._current = None
            await chromium.close()
