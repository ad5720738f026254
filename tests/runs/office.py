"""One machine's rounds over a real ledger, mailbox and queues. What its runs would do is written into the ledger."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from dbos import DBOS
from sqlalchemy import select
from sqlalchemy.orm import Session

from export_robots import clock
from export_robots.home import prepare_home
from export_robots.outcomes import Outcome
from export_robots.robot import ReportRequest
from export_robots.runs import queues
from export_robots.runs.database import open_database, sqlite_url
from export_robots.runs.engine import engine
from export_robots.runs.ledger import Ending, Ledger, period_of, run_id
from export_robots.runs.operating_tables import NoticeRow
from export_robots.runs.rounds import Rounds
from export_robots.runs.tables import DeliveryRow, How
from export_robots.runs.waves import Waves
from export_robots.runs.workplace import Workplace, open_workplace
from export_robots.settings import load_settings
from tests.runs.conftest import Place

Run = Callable[[Coroutine[Any, Any, Any]], Any]

DEADLINE = timedelta(minutes=30)


class Silent:
    """Neither a browser nor a screen."""

    async def close(self) -> None:
        pass

    def started(self, step: str) -> None:
        pass

    def finished(self, step: str, seconds: float) -> None:
        pass

    def note(self, text: str) -> None:
        pass


@dataclass
class Office:
    """One machine's rounds, and what its runs would write."""

    work: Workplace
    rounds: Rounds
    waves: Waves

    @property
    def ledger(self) -> Ledger:
        return self.work.ledger

    async def round(self) -> list[str]:
        """Make one round; the clients whose accounts are on the CRM's queue then."""
        await self.rounds.make()
        return sorted(each.id.partition("/")[0] for each in await self.queued(queues.crm_queue("activix")))

    async def queued(self, queue: str) -> list[queues.Run]:
        return [each for each in (await queues.unfinished()).values() if each.queue == queue]

    def row(self, client: str) -> DeliveryRow:
        return next(row for row in self.ledger.deliveries() if row.client == client)

    async def asks(self, client: str, *, how: How = How.EXPORT) -> DeliveryRow:
        """The run that is queued asks the CRM, which accepts, and ends."""
        row = self.row(client)
        await DBOS.cancel_workflow_async(run_id(row.id, row.attempt))
        number = self.ledger.intend_request(row.id, row.attempt, how)
        period, now = period_of(row), clock.now()
        accepted = ReportRequest(now, None, period.first, period.last, 1, False, "accepted", {})
        self.ledger.end_request(number, accepted, now + DEADLINE)
        self.ledger.end_attempt(row.id, Ending(Outcome.REQUESTED))
        return self.row(client)

    async def fails(self, client: str, ending: Ending) -> None:
        row = self.row(client)
        await DBOS.cancel_workflow_async(run_id(row.id, row.attempt))
        self.ledger.end_attempt(row.id, ending)

    def receives(self, client: str, *, source: str = "mail", named: bool = True, **mail: object) -> DeliveryRow:
        row = self.row(client)
        file = self.ledger.add_file(row.id, source=source, path="/nowhere", sha256=client, mail=mail)
        if named:
            self.ledger.update_file(file.id, checked=True, name="report.csv", sha256=client)
        return self.row(client)

    def told(self, word: str) -> list[NoticeRow]:
        with Session(self.ledger.engine, expire_on_commit=False) as session:
            return [each for each in session.scalars(select(NoticeRow)) if each.key.startswith(f"{word}/")]


@asynccontextmanager
async def office(place: Place) -> AsyncIterator[Office]:
    home = prepare_home(place.home)
    url = sqlite_url(home.root / "robot.sqlite")
    ledger = Ledger(open_database(url))
    settings = load_settings(place.config, place.home)
    nobody: Any = Silent()
    work = Workplace(settings, home, ledger, nobody, nobody)
    try:
        async with open_workplace(work), engine(url, executor="serve-here", queues=[]):
            await queues.declare(["activix"], settings.schedule, 1)
            rounds = Rounds(work)
            yield Office(work, rounds, Waves(ledger.engine))
            if rounds._sending:
                await asyncio.wait([rounds._sending])
    finally:
        ledger.engine.dispose()
