"""`robot serve` as a process of a test, and the ledger that it works from."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # publishes no types
from sqlalchemy import text

from emulated_world.clients import EmulatedClient
from emulated_world.contract import SiteAccount
from export_robots.runs.database import open_database, sqlite_url
from export_robots.runs.ledger import CLOSED, Ledger
from export_robots.runs.tables import DeliveryRow, State
from tests.runs.conftest import PATIENCE, ROOT, Place, wait_until
from tests.runs.databases import connected


@dataclass
class Served:
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text()

    def wait_until(self, true: Callable[[], object], what: str) -> None:
        """As long as it serves; in vain, it says what it said."""

        def is_true() -> object:
            assert self.process.poll() is None, self.said
            return true()

        try:
            wait_until(is_true, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said}") from None

    def end(self) -> int:
        """As a service's keeper does; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """As a machine that loses its power: the process and its browsers, at once."""
        for each in [*psutil.Process(self.process.pid).children(recursive=True), psutil.Process(self.process.pid)]:
            try:
                each.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait(PATIENCE)


class MovedClock:
    """The time of the world, of its mail server and of the processes that begin after it: it goes on from `put`."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._file = place.config.with_name("clock")
        self._ahead = timedelta()
        place.world.mail.now = self.now

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def put(self, to: datetime) -> None:
        self._ahead = to - datetime.now(UTC)
        part = self._file.with_suffix(".part")
        part.write_text(str(self._ahead.total_seconds()))
        part.replace(self._file)
        self._place.world.call(self._place.world.move_clock(to))


@contextmanager
def serving(place: Place, *words: str, home: Path | None = None, within: Sequence[str] = ()) -> Iterator[Served]:
    """`within`: the command that begins it in surroundings of its own, and becomes it."""
    where = home or place.home
    where.parent.mkdir(parents=True, exist_ok=True)
    log = where.parent / f"{where.name}-{len(list(where.parent.glob('*.log')))}.log"
    command = ["--config", str(place.config), "--home", str(where), "serve", *words]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*within, sys.executable, str(ROOT / "tests" / "runs" / "robot_process.py"), *command],
            stdout=out,
            stderr=out,
            env=environment,
            start_new_session=True,
        )
    served = Served(process, log)
    try:
        yield served
    finally:
        if process.poll() is None:
            served.kill()


def with_clients(
    place: Place, number: int, *, zones: Sequence[str] = ("America/Toronto",), **overrides: object
) -> list[str]:
    """Give the world so many dealerships with an account each, in place of its own; their keys. `zones` take turns."""
    keys = [f"d{each:02}" for each in range(number)]
    accounts = {
        key: SiteAccount(f"datateam+{key}@example.com", f"secret {key}", f"Motors {key}", zone=zones[each % len(zones)])
        for each, key in enumerate(keys)
    }
    place.world.clients.clear()
    place.world.clients.update({key: EmulatedClient(key, account) for key, account in accounts.items()})
    place.world.accounts.clear()
    place.world.accounts.update({each.username: each for each in accounts.values()})
    settings = {"schedule__starts_per_minute": 600, "schedule__pauses": ["2s", "3s"], **overrides}
    place.configure(**settings)
    return keys


@contextmanager
def ledger_of(place: Place, url: str | None = None) -> Iterator[Ledger]:
    place.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    ledger = Ledger(open_database(url or sqlite_url(place.home / "robot.sqlite")))
    try:
        yield ledger
    finally:
        ledger.engine.dispose()


def closed(ledger: Ledger) -> list[DeliveryRow]:
    return [row for row in ledger.deliveries() if row.state in CLOSED]


def wait_for_all(ledger: Ledger, number: int, served: Served) -> list[DeliveryRow]:
    """Wait until all are closed, or wait for a person as they may have been posted when a machine died; the latter."""

    def settled() -> list[DeliveryRow]:
        assert served.process.poll() is None, served.said
        return [row for row in ledger.deliveries() if row.state in CLOSED or is_doubtful(row)]

    reached = 0
    try:
        while reached < number:  # patience is for each, however many there are
            wait_until(lambda: len(settled()) > reached, f"more than {reached} of {number} are settled")  # noqa: B023
            reached = len(settled())
    except AssertionError as error:
        standing = [(row.id, row.state, row.outcome, row.reasons) for row in ledger.deliveries()]
        raise AssertionError(f"{error}\n{standing}\n{served.said}") from None
    return [row for row in settled() if is_doubtful(row)]


def is_doubtful(row: DeliveryRow) -> bool:
    return row.state == State.POSTED and row.outcome is not None and not row.transient


def rounds_made(place: Place) -> int:
    with connected(sqlite_url(place.home / "robot.sqlite")) as connection:
        query = "SELECT count(*) FROM workflow_status WHERE name = 'round' AND status = 'SUCCESS'"
        return int(connection.execute(text(query)).scalar_one())
