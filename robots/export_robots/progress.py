"""Progress on standard error: a live line with its running time on a terminal, plain lines elsewhere.

These satisfy `visit.Progress`. Steps may be started from one thread only, but several can be under way at once.
"""

import os
import sys
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import TaskID


class Showing(Protocol):
    def started(self, step: str) -> None: ...
    def finished(self, step: str, seconds: float) -> None: ...
    def note(self, text: str) -> None: ...
    def close(self) -> None: ...


def progress(stream: TextIO | None = None) -> Showing:
    """What suits `stream` (standard error): NO_COLOR and TERM=dumb are respected, and ROBOT_LOG makes events of it."""
    if os.environ.get("ROBOT_LOG"):
        from export_robots.logs import LoggedSteps

        return LoggedSteps()
    out = stream or sys.stderr
    if out.isatty() and os.environ.get("TERM") != "dumb":
        return LiveLines(out)
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
    """Finished steps as lines with a tick; below them what is under way, with a clock that runs."""

    def __init__(self, out: TextIO) -> None:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._console = Console(file=out, highlight=False)
        self._live = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._live.start()

    def started(self, step: str) -> None:
        self._tasks[step] = self._live.add_task(step, total=None)

    def finished(self, step: str, seconds: float) -> None:
        """A step that fails is reported from within its error, too."""
        from rich.text import Text

        if step in self._tasks:
            self._live.remove_task(self._tasks.pop(step))
        mark = Text("✗", "red") if sys.exc_info()[0] else Text("✓", "green")
        self._console.print(Text.assemble(mark, f" {step} ", (_duration(seconds), "dim")))

    def note(self, text: str) -> None:
        self._console.print(f"  {text}", markup=False)

    def close(self) -> None:
        for step in self._tasks:  # what was under way when it all ended
            self._live.console.print(f"✗ {step}", markup=False)
        self._tasks.clear()
        self._live.stop()


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"
