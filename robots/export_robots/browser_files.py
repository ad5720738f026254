"""Where Chromium and its driver write, and what a process that died left there: its files, and the browser itself.

A killed robot's browser mostly ends by itself when its pipe closes; one that hangs does not. So the folder of each
browser says which processes it was: by number, start and boot, so that nobody else's process of the same number or
name is ever taken for it. They are ended by their process group.
"""

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

_PREFIX = "export-robots-"
_PROCESSES = "processes.json"
_PROC = Path("/proc")


def sweep(folder: Path) -> int:
    """End what dead robots left running of their browsers, remove what those wrote, and return how many there were.

    A folder's lock is free when its robot is dead, however it died.
    """
    found = 0
    for left in folder.glob(f"{_PREFIX}*"):
        with suppress(Timeout, OSError):
            if left.is_symlink() or left.stat().st_uid != os.geteuid() or not (left / "in-use").exists():
                continue  # another folder's or user's, or being made or removed at this moment
            with FileLock(left / "in-use", timeout=0):
                found += _end_browser(left)
                _remove(left)
    return found


class BrowserFiles:
    """Where Chromium and the driver write: profile, traces. Removed with them."""

    # Chromium puts a Unix socket in it, 68 characters further down; its path may have 107.
    _LONGEST = 38

    def __init__(self, folder: Path | None) -> None:
        folder = folder or Path(tempfile.gettempdir())
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(folder)
        self._real = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))
        self._lock = FileLock(self._real / "in-use")
        self._lock.acquire()
        self.path = self._real
        """The same folder under a name that is short enough."""
        if len(str(folder)) > self._LONGEST and hasattr(os, "symlink"):
            self.path = _link(self._real)
            self.path.symlink_to(self._real, target_is_directory=True)

    def note(self, processes: Iterable[int]) -> None:
        """These are the browser's; where the system does not say when a process began, nothing is noted."""
        with suppress(OSError):
            noted = [{"pid": pid, "group": os.getpgid(pid), "began": _began(pid)} for pid in processes if _began(pid)]
            (self._real / _PROCESSES).write_text(json.dumps({"boot": _boot(), "processes": noted}))

    def remove(self) -> None:
        self._lock.release()
        _remove(self._real)


def _link(real: Path) -> Path:
    return Path(tempfile.gettempdir()) / real.name


def _remove(real: Path) -> None:
    link = _link(real)
    if link.is_symlink() and link.readlink() == real:
        link.unlink(missing_ok=True)
    shutil.rmtree(real, ignore_errors=True)


def _end_browser(left: Path) -> int:
    """Whether something of it was still running."""
    try:
        noted: dict[str, Any] = json.loads((left / _PROCESSES).read_text())
    except (OSError, ValueError):
        return 0  # it never came so far
    if noted["boot"] != _boot():
        return 0
    ended = False
    for process in noted["processes"]:
        pid, group = process["pid"], process["group"]
        with suppress(ProcessLookupError, PermissionError):
            if _began(pid) == process["began"]:
                end = os.killpg if group == pid else os.kill
                end(pid, signal.SIGKILL)
                ended = True
            elif group == pid and any(_uses(member, left) for member in _members(group)):
                os.killpg(group, signal.SIGKILL)  # its first process has gone, and others have stayed
                ended = True
    return int(ended)


def _members(group: int) -> Iterator[int]:
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if os.getpgid(int(entry.name)) == group:
                    yield int(entry.name)


def _uses(pid: int, folder: Path) -> bool:
    """Whether it was started with this folder for its temporary files, whose name nobody else has."""
    with suppress(OSError):
        return folder.name.encode() in (_PROC / str(pid) / "environ").read_bytes()
    return False


def _began(pid: int) -> int | None:
    """In clock ticks since the boot; None for a process that is not there, or has ended and is only not buried yet."""
    with suppress(OSError, ValueError, IndexError):
        # man proc_pid_stat: after the name in parentheses come the state and 18 others, then the start.
        state, *others = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return None if state in "ZX" else int(others[18])
    return None


def _boot() -> str:
    with suppress(OSError):
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return ""
