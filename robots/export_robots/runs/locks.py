"""One run at a time per CRM account: by a lock that goes when its process goes.

With a SQLite file that is a lock of the operating system's, in the home. On a server, where other machines take part,
it is a session lock of PostgreSQL's, on a connection of its own: the server lets go of it when the connection ends.
Who holds it is noted beside it, for people; the lock alone counts.
"""

import hashlib
import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import Engine

from export_robots import clock
from export_robots.home import Home
from export_robots.outcomes import AccountBusy

_UNFIT = re.compile(r"[^\w.@+-]+")
_LONGEST = 55  # letters of a lock's name, of up to four bytes each; a file's name may have 255
_GLANCE = 0.2  # seconds; longer than a look of `is_held`, which takes the lock for a moment


class AccountLocks:
    """The locks of this process. `account` is an account's id, or whatever else only one may be at, such as a delivery.

    One process has one of these: `require` knows only what was taken through it.
    """

    def __init__(self, engine: Engine, home: Home) -> None:
        self._folder = home.locks
        self._server = None
        if engine.dialect.name != "sqlite":
            from export_robots.runs.server_locks import ServerLocks

            self._server = ServerLocks(engine.url)

    @contextmanager
    def hold(self, account: str, run: str) -> Iterator[None]:
        """Hold the account, or raise `AccountBusy` at once, naming the run that holds it."""
        with self._server.hold(account, run) if self._server else hold(self._folder, account, run):
            yield

    def require(self, account: str) -> None:
        """Raise `AccountBusy` if this process lost the account: its connection broke, and others may have been at it.

        To be asked before what cannot be taken back. It may ask the server, so not on the event loop.
        """
        if self._server:
            self._server.require(account)

    def held(self) -> list[str]:
        """The accounts that living processes hold, of this home or of this server."""
        if self._server:
            return self._server.held()
        return sorted(path.stem for path in self._folder.glob("*.lock") if is_held(path))


@contextmanager
def hold(folder: Path, account: str, run: str) -> Iterator[None]:
    """Hold the account by a file in `folder`, or raise `AccountBusy` at once, naming the run that holds it."""
    path = folder / f"{_name(account)}.lock"
    note = path.with_suffix(".json")
    lock = FileLock(path, mode=0o600, thread_local=False)
    try:
        lock.acquire(timeout=_GLANCE, poll_interval=_GLANCE / 10)
    except Timeout:
        raise AccountBusy(_who_holds(account, note)) from None
    try:
        held = {"run": run, "pid": os.getpid(), "host": socket.gethostname(), "since": clock.now().isoformat()}
        note.write_text(json.dumps(held))
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def _name(account: str) -> str:
    """A file name of its own for each account: what is changed or cut is told apart by a hash."""
    plain = account.replace(":", "-", 1)
    fit = _UNFIT.sub("-", plain)[:_LONGEST]
    return fit if fit == plain else f"{fit}-{hashlib.sha256(account.encode()).hexdigest()[:12]}"


def is_held(path: Path) -> bool:
    """Whether a living process holds this lock file."""
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def said_of_holder(account: str, run: str, process: str, since: datetime) -> str:
    return f"{run} ({process}) has held the account {account} since {since.astimezone():%Y-%m-%d %H:%M:%S}"


def _who_holds(account: str, note: Path) -> str:
    held = _read(note)
    if not held:
        return f"another run holds the account {account}"
    process = f"process {held['pid']} on {held['host']}"
    return said_of_holder(account, held["run"], process, datetime.fromisoformat(held["since"]))


def _read(note: Path) -> dict[str, Any] | None:
    try:
        held = json.loads(note.read_text())
        return held if {"run", "pid", "host", "since"} <= held.keys() else None
    except (OSError, ValueError):
        return None  # between its lock and its note, or a note cut short
