"""`robot serve`: the schedule, the mailbox and this machine's share of the work, in one process.

Any number of them share one PostgreSQL database; a SQLite file has one alone.
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager, nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING

from dbos import DBOS
from filelock import FileLock, Timeout
from sqlalchemy.exc import DBAPIError

from export_robots import clock, crm
from export_robots.clients import Account
from export_robots.home import Home
from export_robots.logs import about
from export_robots.outcomes import AccountBusy, Outcome, UsageWrong
from export_robots.progress import Showing
from export_robots.runs import machines, queues
from export_robots.runs.database import open_database
from export_robots.runs.defects import as_robot_error
from export_robots.runs.engine import engine, executor_name
from export_robots.runs.keeping import purge
from export_robots.runs.ledger import Ledger, delivery_of_run
from export_robots.runs.machines import Machines, Watch
from export_robots.runs.questions import Questions
from export_robots.runs.rounds import Rounds, make_round, serve_rounds
from export_robots.runs.workplace import Workplace, open_workplace
from export_robots.settings import Settings

if TYPE_CHECKING:
    from export_robots.browser import Browser

_LOCK_PATIENCE = timedelta(seconds=10)
_LOOK = timedelta(seconds=1)
_WIND_UP = timedelta(seconds=20)
"""So long what runs may go on after SIGTERM; with the browser's end it stays below 30 seconds."""

_DAY = timedelta(days=1)
_MEMORY_EACH = 600_000_000  # bytes: what a Chromium with one page of a CRM takes at its worst
_MOST = 8

_log = logging.getLogger(__name__)


class Serving:
    """Satisfies `workplace.Duty`."""

    def __init__(self, work: Workplace, executor: str, at_once: int) -> None:
        self._work = work
        self._executor = executor
        self._machines = Machines(work.ledger.engine)
        self._questions = Questions(work.ledger.engine)
        self._places = asyncio.Semaphore(at_once)
        self._inside: set[asyncio.Task[object]] = set()
        self._ending = False
        self._stirred = asyncio.Event()

    # --- for runs

    @asynccontextmanager
    async def passage(self, delivery: str, run: str) -> AsyncIterator[None]:
        async with self._places:
            if self._ending:
                await asyncio.Event().wait()  # until it is interrupted: whoever is next takes it up
            task = asyncio.current_task()
            assert task
            self._inside.add(task)
            try:
                with ExitStack() as held, about(run=run):
                    await self._hold(held, delivery, run)
                    yield
                    await asyncio.to_thread(self._after, delivery, run)
            finally:
                self._inside.discard(task)

    async def _hold(self, held: ExitStack, delivery: str, run: str) -> None:
        account = self._work.account_of(self._work.ledger.delivery(delivery))
        ends = time.monotonic() + _LOCK_PATIENCE.total_seconds()
        while True:
            try:
                held.enter_context(self._work.hold(account.id, run))
            except AccountBusy:
                if time.monotonic() > ends:
                    await self._require_own(run)
                    raise
            else:
                await self._require_own(run)
                return
            await asyncio.sleep(_LOOK.total_seconds())

    async def _require_own(self, run: str) -> None:
        """A command of the same delivery may have taken the run over while it waited for its turn here."""
        loop = asyncio.get_running_loop()
        if not await loop.run_in_executor(None, queues.is_run_by, self._executor, run):
            raise asyncio.CancelledError

    def _after(self, delivery: str, run: str) -> None:
        """Log how it ended. A run that wants a code can be answered in any case, also when its code was refused."""
        row = self._work.ledger.delivery(delivery)
        if row.outcome:
            ended = Outcome(row.outcome)
            said = "" if ended.succeeded or not row.reasons else f": {'; '.join(row.reasons)}"
            later = f"; tried again at {clock.minute_of(row.retry_at)}" if row.transient and row.retry_at else ""
            level = logging.INFO if ended.succeeded else logging.WARNING
            _log.log(level, "%s%s%s", ended, said, later, extra={"outcome": str(ended)})
        if row.outcome == Outcome.CODE_NEEDED and not self._questions.is_asked(run):
            account = self._work.account_of(row)
            saw = row.reasons[0] if row.reasons else "the CRM asks for a sign-in code"
            self._questions.ask(run, delivery, account.id, saw, None)

    def is_alive(self) -> bool:
        return self._machines.is_alive(self._executor)

    def stir(self) -> None:
        self._stirred.set()

    async def code_of(self, account: Account, run: str, saw: str) -> str | None:
        patience = self._work.settings.schedule.code_patience
        delivery = delivery_of_run(run)
        await asyncio.to_thread(self._questions.ask, run, delivery, account.id, saw, patience)
        self._work.progress.note(f"a code is wanted: robot answer '{run}' CODE")
        self.stir()
        ends = time.monotonic() + patience.total_seconds()
        self._places.release()  # the page stays open, and others go on
        try:
            while not self._ending and time.monotonic() < ends:
                if code := await asyncio.to_thread(self._questions.take_answer, run):
                    return code
                await asyncio.sleep(_LOOK.total_seconds())
            await asyncio.to_thread(self._questions.park, run)  # while it waits for a place it might be interrupted
        finally:
            await self._places.acquire()
        return None

    # --- beside them

    async def keep_house(self) -> None:
        """Once a day, what this machine has kept long enough goes."""
        while True:
            work = self._work
            try:
                await queues.forget_ended(clock.now())
                await asyncio.to_thread(purge, work.ledger, work.home, work.settings, clock.now())
            except (UsageWrong, OSError, DBAPIError) as error:
                _log.warning("what was kept long enough could not be removed: %s", as_robot_error(error).saw)
            await asyncio.sleep(_DAY.total_seconds())

    async def stay_alive(self) -> str:
        """Show that this process lives, and take over from those that do not. Returns why it must stop, if it must."""
        watch = Watch(self._machines, self._executor)
        last = time.monotonic()
        shared = self._work.ledger.engine.dialect.name != "sqlite"  # a file's runs are nobody else's to take over
        while True:
            try:
                if not await asyncio.to_thread(self._machines.beat, self._executor):
                    return "nothing was heard of this process for too long, and others have taken over what it was at"
                last = time.monotonic()
                await asyncio.to_thread(self._take_over, watch)
            except (UsageWrong, DBAPIError) as error:
                saw = as_robot_error(error).saw
                _log.warning("%s", saw)
                if shared and time.monotonic() - last > machines.GIVES_UP_AFTER.total_seconds():
                    return f"it could not show that it is alive: {saw}"
            await asyncio.sleep(machines.HEARTBEAT.total_seconds())

    def _take_over(self, watch: Watch) -> None:
        # In this order: who joins after the runs were listed is at none of them.
        pending = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        alive = watch.look()
        at_work = {each.executor_id for each in pending if each.executor_id}
        dead = {name for name in at_work if name.startswith(queues.SERVING)} - alive
        if dead:
            _log.warning("the runs of %s go on elsewhere", ", ".join(sorted(dead)))
            queues.take_back(sorted(dead))

    async def make_rounds_when_stirred(self) -> None:
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            try:
                await queues.enqueue_round(make_round, clock.now())
            except DBAPIError as error:  # such as a full disk: the schedule's next round makes it good
                _log.warning("%s", as_robot_error(error).saw)

    async def wind_up(self) -> None:
        """Begin nothing more, and give what runs the time to end; the rest is interrupted and goes on later."""
        self._ending = True
        if self._inside:
            await asyncio.wait(set(self._inside), timeout=_WIND_UP.total_seconds())

    def interrupt(self) -> None:
        for task in self._inside:
            task.cancel()


async def serve(
    settings: Settings,
    home: Home,
    url: str,
    *,
    browser: "Browser",
    progress: Showing,
    stop: asyncio.Event,
    page: Callable[[Workplace], AbstractAsyncContextManager[None]] | None = None,
) -> None:
    """Serve until `stop`. Raises `UsageWrong` where another one serves this file, or others have taken over.

    `page` is the status page, open meanwhile.
    """
    at_once = settings.schedule.at_once or fits_at_once()
    served = sorted({account.crm for account in settings.accounts} & set(crm.robots()))
    with alone_on(home, url):
        ledger = Ledger(open_database(url))
        try:
            work = Workplace(settings, home, ledger, browser, progress)
            executor = queues.SERVING + executor_name()
            duty = work.duty = Serving(work, executor, at_once)
            known = Machines(ledger.engine)
            if ledger.engine.dialect.name == "sqlite":
                known.bury_all()
            known.join(executor, socket.gethostname(), os.getpid())
            serve_rounds(Rounds(work))
            listened = [queues.ROUNDS, queues.FINISH, *map(queues.crm_queue, served)]
            try:
                async with (
                    open_workplace(work),
                    engine(url, executor=executor, queues=listened, notices=1.0),
                    page(work) if page else nullcontext(),
                ):
                    await _serve(work, duty, served, at_once, stop)
            finally:
                serve_rounds(None)
                known.leave(executor)
        finally:
            ledger.engine.dispose()


async def _serve(work: Workplace, duty: Serving, served: list[str], at_once: int, stop: asyncio.Event) -> None:
    is_new = not await asyncio.to_thread(work.ledger.knows_any)
    await queues.declare(served, work.settings.schedule, at_once)
    await queues.forget_rounds()
    await DBOS.apply_schedules_async(
        [
            {
                "schedule_name": "round",
                "workflow_fn": make_round,
                "schedule": queues.EACH_MINUTE,
                "context": None,
                "queue_name": queues.ROUNDS,
            }
        ]
    )
    duty.stir()
    alive = asyncio.create_task(duty.stay_alive())
    others = (duty.make_rounds_when_stirred(), duty.keep_house(), stop.wait())
    beside = [alive, *(asyncio.create_task(each) for each in others)]
    work.progress.note(f"serving {', '.join(served) or 'no CRM'}, {at_once} at once")
    if is_new and not work.settings.schedule.first_month:
        _log.warning(
            "nothing was expected here before: the last full month of each account is asked for now. What people have "
            "brought to the portal already comes a second time; `[schedule] first_month` leaves it out"
        )
    try:
        done, _ = await asyncio.wait(beside, return_when=asyncio.FIRST_COMPLETED)
        if alive in done:
            duty.interrupt()
            raise UsageWrong(f"this process stops: {alive.result()}", "Start it again; nothing is lost.")
        for each in done:
            each.result()
        work.progress.note("ending: what runs is brought to an end or left for whoever is next")
        await duty.wind_up()
    finally:
        for each in beside[1:]:
            each.cancel()
        await work.close()
        alive.cancel()
        await asyncio.gather(*beside, return_exceptions=True)


@contextmanager
def alone_on(home: Home, url: str) -> Iterator[None]:
    """A SQLite file is served by one process; a database server by any number."""
    if not url.startswith("sqlite"):
        yield
        return
    lock = FileLock(home.root / "serve.lock", mode=0o600, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageWrong(
            f"another `robot serve` is at work on {home.database}",
            "One is enough on one machine; several machines share a PostgreSQL database: `robot serve --database URL`.",
        ) from None
    try:
        yield
    finally:
        lock.release()


def fits_at_once() -> int:
    """How many visits this machine bears at once: two to a core, as they mostly wait, and as memory allows."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(2 * (os.cpu_count() or 1), memory // _MEMORY_EACH, _MOST))
