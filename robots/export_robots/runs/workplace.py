"""What the steps of a run need at hand in this process: settings, ledger, secrets, the browser, the mailbox, progress.

None of it can be an argument of a durable workflow (arguments are stored, and hold ids only), so there is one
workplace per process, as there is one workflow engine; the steps take it from `current()`.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from export_robots import logs
from export_robots.clients import Account, Client
from export_robots.credentials import Secrets
from export_robots.home import Home
from export_robots.outcomes import StepsUnknown
from export_robots.progress import Showing
from export_robots.runs.ledger import Ledger
from export_robots.runs.locks import AccountLocks
from export_robots.runs.tables import DeliveryRow
from export_robots.settings import Settings

if TYPE_CHECKING:
    from export_robots.browser import Browser
    from export_robots.robot import CrmRobot
    from export_robots.runs.collecting import Collecting

# A report often comes within seconds: keeping Chromium that long saves its second start, for the portal.
BROWSER_REST = timedelta(seconds=20)

_current: "Workplace | None" = None
_name: ContextVar[str] = ContextVar("whose progress this is", default="")


def current() -> "Workplace":
    assert _current is not None, "no workplace is open in this process"
    return _current


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Put `name` before whatever is shown of what is done in here; several may be under way side by side."""
    token = _name.set(name)
    try:
        yield
    finally:
        _name.reset(token)


def present_name() -> str:
    """The name that `naming` has put, or nothing."""
    return _name.get()


class Named:
    """Progress with the name of whose it is. Satisfies `progress.Showing`."""

    def __init__(self, shown: Showing) -> None:
        self._shown = shown

    def started(self, step: str) -> None:
        self._shown.started(_named(step))

    def finished(self, step: str, seconds: float) -> None:
        self._shown.finished(_named(step), seconds)

    def note(self, text: str) -> None:
        self._shown.note(_named(text))

    def close(self) -> None:
        self._shown.close()


def _named(text: str) -> str:
    return f"{_name.get()}: {text}" if _name.get() else text


class Duty(Protocol):
    """What a process that serves does beside a run; a command has none of it."""

    def passage(self, delivery: str, run: str) -> AbstractAsyncContextManager[None]:
        """Wait for the run's turn on this machine, and hold its account. Raises `AccountBusy`."""

    def is_alive(self) -> bool:
        """False: others have taken over what this process was at."""

    def stir(self) -> None:
        """Something has happened: have a look soon at what may go on."""

    async def code_of(self, account: Account, run: str, saw: str) -> str | None:
        """The sign-in code that a person tells, while the page that wants it is kept open."""


class Workplace:
    def __init__(self, settings: Settings, home: Home, ledger: Ledger, browser: "Browser", progress: Showing) -> None:
        self.settings = settings
        self.home = home
        self.ledger = ledger
        self.secrets = Secrets(settings)
        logs.hide(self.secrets.all)
        self.progress: Showing = Named(progress)
        self.passages: set[asyncio.Task[object]] = set()
        self.names: dict[str, str] = {}
        """Whose a delivery is, in the words of `naming`, where several are under way."""
        self.duty: Duty | None = None
        self._locks = AccountLocks(ledger.engine, home)
        self._mail: Collecting | None = None
        self._browser = browser
        self._opening = asyncio.Lock()
        self._resting = asyncio.Lock()
        self._users = 0
        self._rest: asyncio.Task[None] | None = None

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

    # --- the account

    def hold(self, account: str, run: str) -> AbstractContextManager[None]:
        """The account's lock; `AccountBusy` if another run has it."""
        return self._locks.hold(account, run)

    @asynccontextmanager
    async def passage(self, delivery: str, run: str) -> AsyncIterator[None]:
        """Around a run: a command holds the account itself, a process that serves does so here."""
        with logs.about(run=run):
            if self.duty is None:
                with naming(self.names.get(delivery, "")):  # the engine's own threads know nothing of whom it is for
                    yield
                return
            async with self.duty.passage(delivery, run):
                yield

    async def require_ours(self, row: DeliveryRow) -> None:
        """Stop here if others may be at this delivery's account; to be asked before what cannot be taken back."""
        if self.duty and not await asyncio.to_thread(self.duty.is_alive):
            raise asyncio.CancelledError  # another machine goes on with it
        account = self.client_of(row).rooftop(row.rooftop).accounts.get(row.crm)
        await asyncio.to_thread(self._locks.require, account.id if account else row.id)

    def stir(self) -> None:
        if self.duty:
            self.duty.stir()

    # --- the mailbox

    @property
    def has_mailbox(self) -> bool:
        return self._mail is not None

    @property
    def mail(self) -> "Collecting":
        assert self._mail, "the mailbox was not opened"
        return self._mail

    async def open_mailbox(self) -> None:
        """Sign in to the mailbox and keep collecting from it. One that cannot be read is `UsageWrong`."""
        from export_robots.runs.collecting import Collecting

        async with self._opening:
            if self._mail is not None and not self._mail.is_watching:  # it has wanted a person, who may have come
                await self._mail.close()
                self._mail = None
            if self._mail is None:
                self._mail = await Collecting.open(self)

    # --- the browser: one per process, at rest while a mail is long in coming

    @asynccontextmanager
    async def browser(self) -> AsyncIterator["Browser"]:
        async with self._resting:  # not while it is being closed
            self._users += 1
        if self._rest:
            self._rest.cancel()
        try:
            yield self._browser
        finally:
            self._users -= 1
            self.rest_browser()

    def rest_browser(self) -> None:
        """End Chromium unless it is wanted again soon; whoever wants it later starts another one."""
        if not self._users:
            self._rest = asyncio.create_task(self._end_browser_after(BROWSER_REST))

    async def _end_browser_after(self, rest: timedelta) -> None:
        await asyncio.sleep(rest.total_seconds())
        async with self._resting:
            if not self._users:
                await self._browser.close()

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
        running = [task for task in (*self.passages, self._rest) if task]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self._mail:
            await self._mail.close()


@asynccontextmanager
async def open_workplace(workplace: Workplace) -> AsyncIterator[Workplace]:
    """Make it this process's, and leave nothing of it running."""
    global _current
    _current = workplace
    workplace.rest_browser()
    try:
        yield workplace
    finally:
        try:
            await workplace.close()
        finally:
            _current = None
