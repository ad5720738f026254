"""A running Chromium with the driver that started it: how it starts, what it writes, how it is ended for certain."""

import asyncio
import logging
import os
import re
import signal
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from playwright.async_api import Browser as PlaywrightBrowser
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Playwright, async_playwright

from export_robots.browser_files import BrowserFiles
from export_robots.chromium import INSTALL_HINT, SWITCHES, find_chromium, may_sandbox
from export_robots.outcomes import UsageWrong
from export_robots.site_errors import BrowserCrashed
from export_robots.visit import Login, Progress, SignInCodes, Visit

if TYPE_CHECKING:
    from export_robots.settings import BrowserSettings

_log = logging.getLogger(__name__)

START = 60.0  # seconds: a cold start on a busy machine takes ten
CLOSE = 10.0
# Chromium and the driver only ever grow; a fresh pair costs about half a second.
VISITS_PER_CHROMIUM = 50


@dataclass(frozen=True)
class VisitOptions:
    url: str
    login: Login | None
    run: str
    codes: SignInCodes
    progress: Progress
    step_timeout: timedelta
    zone: ZoneInfo | None
    locale: str | None
    service_workers: Literal["allow", "block"]
    traced: bool
    state: dict[str, Any] | None = None


class RunningChromium:
    """A running Chromium with the driver that started it."""

    def __init__(
        self, playwright: Playwright, browser: PlaywrightBrowser, pid: int | None, files: BrowserFiles
    ) -> None:
        self._playwright = playwright
        self._browser = browser
        self._pid = pid
        self._files = files
        self.version = browser.version
        self.opened = 0
        self.visits = 0
        self.sick = False

    @property
    def usable(self) -> bool:
        return self._browser.is_connected() and not self.sick and self.opened < VISITS_PER_CHROMIUM

    @classmethod
    async def start(cls, settings: "BrowserSettings", *, headed: bool, folder: Path | None) -> "RunningChromium":
        files = BrowserFiles(folder)
        try:
            async with asyncio.timeout(START):
                playwright = await _start_driver(files.path)
        except TimeoutError:
            files.remove()
            raise BrowserCrashed(f"Playwright's driver did not start within {START:.0f} seconds") from None
        except BaseException:
            files.remove()
            raise
        try:
            executable = find_chromium(settings, bundled=playwright.chromium.executable_path)
            browser = await _launch(playwright, executable, headed=headed)
        except BaseException:
            await in_time(playwright.stop(), CLOSE, "stopping the driver")
            files.remove()
            raise
        pid = await _process_of(browser)
        files.note(each for each in (pid, _parent(pid)) if each)
        return cls(playwright, browser, pid, files)

    async def open_visit(self, options: "VisitOptions") -> Visit:
        try:
            async with asyncio.timeout(START):
                context = await self._browser.new_context(
                    accept_downloads=False,
                    timezone_id=options.zone.key if options.zone else None,
                    locale=options.locale,
                    service_workers=options.service_workers,
                    viewport={"width": 1440, "height": 900},
                    storage_state=options.state,  # type: ignore[arg-type]  # as Playwright itself has handed it out
                )
                # Without snapshots and pictures: those would hold the pages, and the pages hold leads.
                if options.traced:
                    await context.tracing.start(screenshots=False, snapshots=False, sources=False)
                page = await context.new_page()
        except (PlaywrightError, TimeoutError) as error:
            self.sick = True
            raise BrowserCrashed("the browser did not open a new page") from error
        return Visit(
            context,
            page,
            options.url,
            login=options.login,
            run=options.run,
            codes=options.codes,
            progress=options.progress,
            step_timeout=options.step_timeout,
            scratch=self._files.path,
        )

    async def close(self) -> None:
        """Close politely within a deadline each, then by force: exactly the processes that were started here."""
        driver = _parent(self._pid)
        if not await in_time(self._browser.close(), CLOSE, "closing the browser"):
            _kill(self._pid)
        if not await in_time(self._playwright.stop(), CLOSE, "stopping the driver"):
            _kill(driver)
        await asyncio.to_thread(self._files.remove)


async def _start_driver(folder: Path) -> Playwright:
    # The driver takes its environment from ours when it is started, and offers no other way.
    held = os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(folder)
    try:
        return await async_playwright().start()
    finally:
        if held is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = held


async def _launch(playwright: Playwright, executable: Path, *, headed: bool) -> PlaywrightBrowser:
    sandbox = may_sandbox()
    while True:
        try:
            return await playwright.chromium.launch(
                executable_path=executable,
                headless=not headed,
                chromium_sandbox=sandbox,
                args=list(SWITCHES),
                timeout=START * 1000,
                # Ctrl-C is ours: evidence is kept and the browser closed before the process ends.
                handle_sigint=False,
                handle_sigterm=False,
                handle_sighup=False,
            )
        except PlaywrightError as error:
            if sandbox and "No usable sandbox" in error.message:
                _log.warning("Chromium's sandbox cannot be had on this machine (no user namespaces): starting without")
                sandbox = False
                continue
            raise UsageWrong(
                f"the browser {executable} could not be started: {_why_not_started(error.message)}",
                f"Try `{executable} --version`. {INSTALL_HINT}",
            ) from None


def _why_not_started(message: str) -> str:
    """The telling line of Playwright's launch error, which is mostly the command line and the browser's own log."""
    lines = [line.strip(" -") for line in message.splitlines()]
    for line in lines:
        # Debian's wrapper writes lines of its own before Chromium says what is wrong.
        if "[err]" in line and re.search(r"FATAL|ERROR|rror", line):
            return line.split("[err]", 1)[1].strip()[:200]
    for line in lines:
        if line.startswith(("<process did exit", "Timeout", "Failed to launch", "spawn")) or "Error" in line:
            return line.strip("<>")[:200]
    return lines[0][:200] if lines else "no reason given"


async def _process_of(browser: PlaywrightBrowser) -> int | None:
    """The process id of Chromium's main process, from Chromium itself."""
    with suppress(PlaywrightError, TimeoutError):
        async with asyncio.timeout(CLOSE):
            session = await browser.new_browser_cdp_session()
            answer = await session.send("SystemInfo.getProcessInfo")
            await session.detach()
            return next((int(process["id"]) for process in answer["processInfo"] if process["type"] == "browser"), None)
    return None


def _parent(pid: int | None) -> int | None:
    """The driver, which is Chromium's parent; None where the system does not say, or if it is not our own child."""
    try:
        # man proc_pid_stat: the name in parentheses may hold spaces; the parent is the second field after it.
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        grandparent = int(Path(f"/proc/{parent}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return parent if grandparent == os.getpid() else None


def _kill(pid: int | None) -> None:
    if pid is None:
        return
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg") and os.getpgid(pid) != os.getpgrp():
            os.killpg(os.getpgid(pid), signal.SIGKILL)
        else:
            os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))


async def in_time(work: Coroutine[Any, Any, None], seconds: float, what: str) -> bool:
    """Do what must not change how a visit ended: whatever goes wrong is only logged. False: it is still not done."""
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    finally:
        task.cancel()
    if not done:
        _log.warning("%s took longer than %.0f seconds", what, seconds)
        return False
    if not task.cancelled() and (error := task.exception()) and not isinstance(error, PlaywrightError):
        _log.warning("%s failed: %s: %s", what, type(error).__name__, error)
    return True
