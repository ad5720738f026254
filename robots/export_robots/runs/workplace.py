"""What the steps of a run need at hand in this process: settings, ledger, secrets, the browser, the mailbox, progress.

None of it can be an argument of a durable workflow (arguments are stored, and hold ids only), so there is one
workplace per process, as there is one workflow engine; the steps take it from `current()`.
"""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from export_robots.clients import Account, Client
from export_robots.credentials import Secrets
from export_robots.home import Home
from export_robots.outcomes import RobotError, StepsUnknown
from export_robots.progress import Showing
from export_robots.runs.ledger import Ledger
from export_robots.runs.tables import DeliveryRow
from export_robots.settings import Settings

if TYPE_CHECKING:
    from export_robots.browser import Browser
    from export_robots.robot import CrmRobot
    from export_robots.runs.collecting import Collecting

# A report often comes within seconds: keeping Chromium that long saves its second start, for the portal.
BROWSER_REST = timedelta(seconds=20)

_log = logging.getLogger(__name__)

Browsers = Callable[..., AbstractAsyncContextManager["Browser"]]
"""As `browser.open_browser`."""

_current: "Workplace | None" = None


def current() -> "Workplace":
    assert _current is not None, "no workplace is open in this process"
    return _current


class Workplace:
    def __init__(
        self,
        settings: Settings,
        home: Home,
        ledger: Ledger,
        progress: Showing,
        *,
        headed: bool = False,
        browsers: Browsers | None = None,
    ) -> None:
        self.settings = settings
        self.home = home
        self.ledger = ledger
        self.secrets = Secrets(settings)
        self.progress = progress
        self.headed = headed
        self._mail: Collecting | None = None
        self.passages: set[asyncio.Task[object]] = set()
        self._stack = AsyncExitStack()
        self._browsers = browsers
        self._browser: Browser | None = None
        self._opening = asyncio.Lock()
        self._users = 0
        self._rest: asyncio.Task[None] | None = None
        self._warming: asyncio.Task[None] | None = None

    # --- whose and where

    def client_of(self, delivery: DeliveryRow) -> Client:
        return self.settings.client(delivery.client)

    def account_of(self, delivery: DeliveryRow) -> Account:
        return self.client_of(delivery).account(delivery.crm, delivery.rooftop)

    def dealership_of(self, delivery: DeliveryRow) -> str:
        return delivery.rooftop or self.client_of(delivery).dealership

    def robot_of(self, delivery: DeliveryRow) -> "type[CrmRobot]":
        from export_robots.catalogue import robot_class

        robot = robot_class(delivery.crm)
        if robot is None:
            raise StepsUnknown(f"the export steps of {delivery.crm_label} are not known yet")
        return robot

    def senders_of(self, account: Account) -> tuple[str, ...]:
        """Who may send this account's mail: domains or addresses, the CRM's own unless the account names others."""
        from export_robots.catalogue import robot_class

        robot = robot_class(account.crm)
        return account.report_senders or (robot.report_senders if robot else ())

    def evidence_folder(self, run: str) -> Path:
        return self.home.evidence / re.sub(r"[^\w.-]+", "-", run)

    # --- the mailbox

    @property
    def mail(self) -> "Collecting":
        assert self._mail, "the mailbox was not opened"
        return self._mail

    async def open_mailbox(self) -> None:
        """Sign in to the mailbox and keep collecting from it. One that cannot be read is `UsageWrong`."""
        from export_robots.runs.collecting import Collecting

        if self._mail is None:
            self._mail = await Collecting.open(self)

    # --- the browser: one per process, closed while a mail is long in coming

    @asynccontextmanager
    async def browser(self) -> AsyncIterator["Browser"]:
        self._users += 1
        if self._rest:
            self._rest.cancel()
            self._rest = None
        try:
            yield await self._open_browser()
        finally:
            self._users -= 1
            if not self._users:
                self._rest = asyncio.create_task(self._close_browser_after(BROWSER_REST))

    def warm_browser(self) -> None:
        """Start it beside other things that have to be waited for. What is wrong with it shows when it is used."""
        if self._warming is None:
            self._warming = asyncio.create_task(self._warm())

    async def _warm(self) -> None:
        with suppress(RobotError):
            async with self.browser() as browser:
                await browser.version()

    async def _open_browser(self) -> "Browser":
        from export_robots.browser import open_browser

        async with self._opening:
            if self._browser is None:
                opened = (self._browsers or open_browser)(
                    self.settings.browser, headed=self.headed, folder=self.home.browser
                )
                self._browser = await self._stack.enter_async_context(opened)
            return self._browser

    async def _close_browser_after(self, rest: timedelta) -> None:
        await asyncio.sleep(rest.total_seconds())
        await self._close_browser()

    async def _close_browser(self) -> None:
        async with self._opening:
            self._browser = None
            await self._stack.aclose()

    # --- progress

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show a step that is not one of a visit's own; one that fails is not shown as finished."""
        begun = time.monotonic()
        self.progress.started(name)
        yield
        self.progress.finished(name, time.monotonic() - begun)

    # --- the end

    async def close(self) -> None:
        """Leave nothing running: passages are interrupted (they go on with the next command), then all they used."""
        running = [task for task in (*self.passages, self._rest, self._warming) if task]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        closing = [self._close_browser(), *([self._mail.close()] if self._mail else [])]
        # Each is closed whatever becomes of the other, and neither can change how the run ended.
        for error in await asyncio.gather(*closing, return_exceptions=True):
            if error:
                _log.warning("closing failed", exc_info=error)


@asynccontextmanager
async def open_workplace(workplace: Workplace) -> AsyncIterator[Workplace]:
    """Make it this process's, and leave nothing of it running."""
    global _current
    _current = workplace
    try:
        yield workplace
    finally:
        try:
            await workplace.close()
        finally:
            _current = None
