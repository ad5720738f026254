"""One run at a time per CRM account, by a lock of the operating system's: it goes when its process goes."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from export_robots import clock
from export_robots.outcomes import AccountBusy

_UNFIT = re.compile(r"[^\w.@+-]+")


@contextmanager
def hold(folder: Path, account: str, run: str) -> Iterator[None]:
    """Hold the account (its id), or raise `AccountBusy` at once, naming the run that holds it."""
    path = folder / f"{_UNFIT.sub('-', account)}.lock"
    note = path.with_suffix(".json")
    lock = FileLock(path, mode=0o600, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise AccountBusy(_who_holds(account, note)) from None
    try:
        note.write_text(json.dumps({"run": run, "pid": os.getpid(), "since": clock.now().isoformat()}))
        yield
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def is_held(path: Path) -> bool:
    """Whether a living process holds this lock file."""
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def _who_holds(account: str, note: Path) -> str:
    held = _read(note)
    if not held:
        return f"another run holds the account {account}"
    since = datetime.fromisoformat(held["since"]).astimezone()
    return f"{held['run']} (process {held['pid']}) has held the account {account} since {since:%Y-%m-%d %H:%M:%S}"


def _read(note: Path) -> dict[str, Any] | None:
    try:
        held = json.loads(note.read_text())
        return held if {"run", "pid", "since"} <= held.keys() else None
    except (OSError, ValueError):
        return None  # between its lock and its note, or a note cut short
