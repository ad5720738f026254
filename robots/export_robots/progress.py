"""Progress on standard error: a live line with its running time on a terminal, plain lines elsewhere.

These satisfy `visit.Progress`. Steps may be started from one thread only, but several can be under way at once.
"""

import os
import sys
import threading
import time
from typing import Protocol, TextIO

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_REDRAW = 0.1  # seconds


class Showing(Protocol):
    def started(self, step: str) -> None: ...
    def finished(self, step: str, seconds: float) -> None: ...
    def note(self, text: str) -> None: ...
    def close(self) -> None: ...


def progress(stream: TextIO | None = None) -> Showing:
    """What suits `stream` (standard error): NO_COLOR and TERM=dumb are respected."""
    out = stream or sys.stderr
    if out.isatty() and os.environ.get("TERM") != "dumb":
        return LiveLines(out, colour=not os.environ.get("NO_COLOR"))
    return PlainLines(out)


class PlainLines:
    """One line when a step is over; for logs and pipes."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def started(self, step: str) -> None:
        pass

    def finished(self, step: str, seconds: float) -> None:
        self._print(f"{step} ({_duration(seconds)})")

    def note(self, text: str) -> None:
        self._print(text)

    def close(self) -> None:
        pass

    def _print(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()


class LiveLines:
    """Finished steps as lines with a tick; below them the step under way, with a clock that runs."""

    def __init__(self, out: TextIO, *, colour: bool) -> None:
        self._out = out
        self._dim, self._green, self._plain = ("\x1b[2m", "\x1b[32m", "\x1b[0m") if colour else ("", "", "")
        self._steps: dict[str, float] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._drawn = False
        self._thread = threading.Thread(target=self._redraw, name="progress", daemon=True)
        self._thread.start()

    def started(self, step: str) -> None:
        with self._lock:
            self._steps[step] = time.monotonic()
            self._draw()

    def finished(self, step: str, seconds: float) -> None:
        """A step that fails is reported from within its error, too."""
        with self._lock:
            self._steps.pop(step, None)
            mark = "✗" if sys.exc_info()[0] else f"{self._green}✓{self._plain}"
            self._line(f"{mark} {step} {self._dim}{_duration(seconds)}{self._plain}")

    def note(self, text: str) -> None:
        with self._lock:
            self._line(f"  {text}")

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        with self._lock:
            for step in self._steps:  # what was under way when it all ended
                self._line(f"✗ {step}")
            self._steps.clear()
            self._erase()
            self._out.flush()

    def _redraw(self) -> None:
        while not self._over.wait(_REDRAW):
            with self._lock:
                self._draw()

    def _line(self, text: str) -> None:
        self._erase()
        self._out.write(f"{text}\n")
        if not self._over.is_set():
            self._draw()

    def _draw(self) -> None:
        self._erase()
        if self._steps:
            step, since = next(reversed(self._steps.items()))
            now = time.monotonic()
            frame = _FRAMES[int(now / _REDRAW) % len(_FRAMES)]
            self._out.write(f"{frame} {step} {_duration(now - since)}"[: self._width()])
            self._drawn = True
        self._out.flush()

    def _erase(self) -> None:
        if self._drawn:
            self._out.write("\r\x1b[2K")
            self._drawn = False

    def _width(self) -> int:
        try:
            return max(20, os.get_terminal_size(self._out.fileno()).columns - 1)
        except (OSError, ValueError):
            return 79


class Silent:
    """For callers that show something of their own."""

    def started(self, step: str) -> None:
        pass

    def finished(self, step: str, seconds: float) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def close(self) -> None:
        pass


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"
