"""The processes that serve: each one shows that it is alive, and takes over what the dead ones were at.

Whether another one is alive is told by its row changing, watched by one's own clock that never jumps, so machines whose
clocks differ do not declare each other dead. A process that was declared dead (it was frozen, or had lost the database)
finds that in its own row, or finds that it could not write it for too long; then it stops all it is at.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from export_robots import clock
from export_robots.runs.operating_tables import MachineRow
from export_robots.runs.transactions import Transactions

HEARTBEAT = timedelta(seconds=10)
DEAD_AFTER = timedelta(seconds=45)
GIVES_UP_AFTER = timedelta(seconds=30)
"""Without the database for so long, a process stops by itself, before others may take over what it is at."""


class Machines(Transactions):
    def join(self, executor: str, host: str, pid: int) -> None:
        now = clock.now()
        with self._transaction() as session:
            session.add(MachineRow(executor=executor, host=host, pid=pid, started_at=now, seen_at=now))

    def beat(self, executor: str) -> bool:
        """Show that this process is alive. False: it was declared dead."""
        with self._transaction() as session:
            mine = update(MachineRow).where(MachineRow.executor == executor, MachineRow.ended_at.is_(None))
            changed = session.execute(mine.values(seen_at=clock.now()).returning(MachineRow.executor))
            return changed.first() is not None

    def leave(self, executor: str) -> None:
        with self._transaction() as session:
            session.execute(
                update(MachineRow)
                .where(MachineRow.executor == executor, MachineRow.ended_at.is_(None))
                .values(ended_at=clock.now())
            )

    def is_alive(self, executor: str) -> bool:
        with self._transaction() as session:
            row = session.get(MachineRow, executor)
            return row is not None and row.ended_at is None

    def alive(self) -> dict[str, datetime]:
        """When each process that has neither left nor been declared dead showed itself last."""
        query = select(MachineRow.executor, MachineRow.seen_at).where(MachineRow.ended_at.is_(None))
        with self._transaction() as session:
            return {row.executor: row.seen_at for row in session.execute(query)}

    def declare_dead(self, executor: str, seen_at: datetime) -> bool:
        """False: it has shown itself after all."""
        with self._transaction() as session:
            dead = session.execute(
                update(MachineRow)
                .where(MachineRow.executor == executor, MachineRow.seen_at == seen_at, MachineRow.ended_at.is_(None))
                .values(ended_at=clock.now())
                .returning(MachineRow.executor)
            )
            return dead.first() is not None

    def bury_all(self) -> None:
        """Nobody else can be alive on this database: it is a file that one process alone may serve."""
        with self._transaction() as session:
            session.execute(update(MachineRow).where(MachineRow.ended_at.is_(None)).values(ended_at=clock.now()))


@dataclass
class _Watched:
    seen_at: datetime
    since: float


class Watch:
    """Who of the others has not moved for too long; times are of the process's own steady clock."""

    def __init__(self, machines: Machines, own: str, steady: Callable[[], float] = time.monotonic) -> None:
        self._machines = machines
        self._own = own
        self._steady = steady
        self._others: dict[str, _Watched] = {}

    def look(self) -> set[str]:
        """Declare dead who has not moved for `DEAD_AFTER`; returns those that are alive, this process among them."""
        now = self._steady()
        alive = self._machines.alive()
        self._others = {name: each for name, each in self._others.items() if name in alive}
        for name, seen_at in alive.items():
            watched = self._others.get(name)
            if watched is None or watched.seen_at != seen_at:
                self._others[name] = _Watched(seen_at, now)
                continue
            silent = now - watched.since > DEAD_AFTER.total_seconds() and name != self._own
            if silent and self._machines.declare_dead(name, seen_at):
                del self._others[name]
        return set(self._others) | {self._own}
