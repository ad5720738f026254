"""What the commands that work have around them: progress, the browser, a loop that ends in order when interrupted."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from export_robots.cli_interruption import run_interruptibly
from export_robots.progress import Showing, progress

if TYPE_CHECKING:
    from export_robots.browser import Browser
    from export_robots.home import Home
    from export_robots.settings import Settings

T = TypeVar("T")


def work(
    settings: "Settings",
    home: "Home",
    do: "Callable[[Browser, Showing], Awaitable[T]]",
    *,
    headed: bool = False,
    early: bool = False,
    shown: Showing | None = None,
) -> T:
    """Run `do` to its end. `early`: it will want the browser at once; `shown`: where its steps go, if not to people."""
    shown = shown or progress()

    async def whole() -> T:
        async with _browser(settings, home, headed=headed, early=early) as browser:
            # In a thread: Chromium starts meanwhile, in processes of its own.
            await asyncio.to_thread(import_module, "export_robots.runs.exporting")
            return await do(browser, shown)

    try:
        return run_interruptibly(whole())
    finally:
        shown.close()


@asynccontextmanager
async def _browser(settings: "Settings", home: "Home", *, headed: bool, early: bool) -> "AsyncIterator[Browser]":
    from export_robots.browser import open_browser

    async with open_browser(settings.browser, headed=headed, folder=home.browser) as browser:
        starting = asyncio.create_task(browser.version()) if early else None
        try:
            yield browser
        finally:
            if starting:
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)  # what was wrong with it has shown in its use
