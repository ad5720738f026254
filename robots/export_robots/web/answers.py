"""What the page answers, made in threads of its own: the rounds and runs of this process never wait for a browser."""

import asyncio
import json
import os
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from export_robots import clock
from export_robots.outcomes import RobotError
from export_robots.runs.database import database_errors, version_of
from export_robots.runs.ledger import Ledger
from export_robots.runs.machines import DEAD_AFTER
from export_robots.runs.month_shown import as_object
from export_robots.runs.month_view import MonthView, view_month
from export_robots.runs.operating_tables import MachineRow
from export_robots.settings import Settings
from export_robots.web.cleaning import Cleaning
from export_robots.web.drawing import Drawing, MachineSeen, Shown, shortened
from export_robots.web.lately import Lately
from export_robots.web.wanted import Wanted

_REMEMBERED = timedelta(days=1)  # so long a process that has ended is shown
_MOST_MACHINES = 50
_PULSE = 5.0  # seconds that a healthy database needs at most


@dataclass(frozen=True)
class _Seen:
    view: MonthView
    machines: list[MachineSeen]
    at: datetime


class Answers:
    """One thread makes all pages, one after the other, so that many browsers at once cost one look at the ledger."""

    def __init__(self, settings: Settings, ledger: Ledger, secrets: Callable[[], Iterable[str]]) -> None:
        self._settings = settings
        self._ledger = ledger
        self._cleaning = Cleaning(secrets)
        self._drawing = Drawing(settings, f"{socket.gethostname()}, process {os.getpid()}")
        self._seen: Lately[_Seen] = Lately(2)  # a large month is tens of megabytes
        self._pages: Lately[bytes] = Lately(30)
        self._objects: Lately[bytes] = Lately(1)  # so is its JSON
        self._health: Lately[bool] = Lately(1)
        self._thread = ThreadPoolExecutor(1, "status page")
        self._pulse = ThreadPoolExecutor(1, "health")

    def close(self) -> None:
        for each in (self._thread, self._pulse):
            each.shutdown(wait=False, cancel_futures=True)

    async def page(self, wanted: Wanted) -> bytes:
        """As HTML. Raises `UsageWrong`, of which `DatabaseUnusable` is one."""
        return await self._made(self._pages, wanted, self._page)

    async def object(self, wanted: Wanted) -> bytes:
        """As JSON, of the whole month whatever page is asked for. Raises like `page`."""
        return await self._made(self._objects, replace(wanted, page=1, refreshes=True), self._object)

    def trouble(self, wanted: Wanted | None, error: RobotError) -> bytes:
        """In place of the page."""
        saw, hint = self._cleaning.texts([error.saw, error.hint])
        return self._drawing.trouble(wanted, saw, shortened(hint)).encode()

    async def is_healthy(self) -> bool:
        """Whether this process sees the ledger; what takes longer than some seconds counts as no."""
        loop = asyncio.get_running_loop()
        looking = loop.run_in_executor(self._pulse, self._health.get, "pulse", self._look)
        try:
            return await asyncio.wait_for(looking, _PULSE)
        except TimeoutError:
            return False

    async def _made(self, kept: Lately[bytes], wanted: Wanted, make: Callable[[Wanted], bytes]) -> bytes:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, kept.get, wanted, partial(make, wanted))

    # --- in the threads

    def _look(self) -> bool:
        try:
            with self._ledger.engine.connect() as connection:
                return version_of(connection) is not None
        except SQLAlchemyError:
            return False

    def _page(self, wanted: Wanted) -> bytes:
        seen = self._see(wanted)
        found = [entry for entry in seen.view.entries if wanted.shows(entry)]
        return self._drawing.month(wanted, Shown(seen.view, found, seen.machines, seen.at), self._cleaning).encode()

    def _object(self, wanted: Wanted) -> bytes:
        view = self._see(wanted).view
        found = as_object(view, [entry for entry in view.entries if wanted.shows(entry)])
        return json.dumps(self._cleaning.object(found), ensure_ascii=False).encode()

    def _see(self, wanted: Wanted) -> _Seen:
        return self._seen.get((wanted.month, wanted.client, wanted.crm), partial(self._look_at_month, wanted))

    def _look_at_month(self, wanted: Wanted) -> _Seen:
        at = clock.now()
        view = view_month(self._ledger, self._settings, wanted.month, client=wanted.client, crm=wanted.crm)
        if wanted.client and not view.entries:
            self._settings.client(wanted.client)  # which says so, if there is no such client
        return _Seen(view, self._machines(at), at)

    def _machines(self, now: datetime) -> list[MachineSeen]:
        """Those that serve, and those that did so a day ago."""
        query = (
            select(MachineRow)
            .where(or_(MachineRow.ended_at.is_(None), MachineRow.ended_at > now - _REMEMBERED))
            .order_by(MachineRow.ended_at.is_not(None), MachineRow.host, MachineRow.started_at.desc())
            .limit(_MOST_MACHINES)
        )
        with database_errors(), Session(self._ledger.engine) as session:
            return [
                MachineSeen(
                    row.host, row.pid, row.started_at, row.seen_at, row.ended_at, row.seen_at > now - DEAD_AFTER
                )
                for row in session.scalars(query)
            ]
