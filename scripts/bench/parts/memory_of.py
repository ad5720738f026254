"""The most memory that a process and all below it have held, looked at from outside."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_OWN = Path("/proc/self/cmdline").read_bytes()


class Peak:
    kilobytes = 0


@contextmanager
def memory_of(pid: int) -> Iterator[Peak]:
    peak, over = Peak(), threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            peak.kilobytes = max(peak.kilobytes, sum(_resident(each) for each in _tree(pid)))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield peak
    finally:
        over.set()
        looking.join()


def _tree(pid: int) -> list[int]:
    found = [pid]
    for each in found:
        try:
            for task in Path(f"/proc/{each}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue  # it has just ended
    return found


def _resident(pid: int) -> int:
    """Kilobytes; none while it is still this process's copy, about to begin the other program."""
    try:
        if Path(f"/proc/{pid}/cmdline").read_bytes() == _OWN:
            return 0
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")), 0)
