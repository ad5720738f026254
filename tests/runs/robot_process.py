"""The `robot` command with the quick CRM's robot, and, if ROBOT_TEST_DIES_AT names a place, with a sudden end there.

Run as a program by the tests. The kill is SIGKILL of the whole process group, as of a machine that loses its power.
A file `clock` beside the configuration holds the seconds that the robot's clock is ahead of the machine's.
"""

import inspect
import os
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import export_robots.crm
from export_robots import clock
from tests.runs.quick_crm import QuickCrm

# name: the object that holds the function, the function, and whether it dies before or after it
PLACES: dict[str, tuple[str, str, str]] = {
    "before the CRM is asked": ("export_robots.runs.asking", "ask", "before"),
    "when the intent to ask is written": ("export_robots.runs.ledger:Ledger", "intend_request", "after"),
    "when the CRM has accepted, unrecorded": ("tests.runs.quick_crm:QuickCrm", "request_report", "after"),
    "when the subscription's time is drawn": (
        "export_robots.runs.subscriptions:Subscriptions",
        "draw_subscription",
        "after",
    ),
    "when the CRM has saved, unrecorded": ("tests.runs.quick_crm:QuickCrm", "subscribe", "after"),
    "when the request is recorded": ("export_robots.runs.ledger:Ledger", "end_request", "after"),
    "while it waits for the mail": ("export_robots.runs.asking", "time_left", "after"),
    "when the mail is handed over": ("export_robots.runs.collecting:Collecting", "_hand_over", "before"),
    "when the report is taken over": ("export_robots.runs.ledger:Ledger", "add_file", "after"),
    "when the report is checked": ("export_robots.runs.finishing", "check", "after"),
    "when the file is named": ("export_robots.runs.finishing", "name", "after"),
    "before the portal is opened": ("export_robots.runs.posting", "upload", "before"),
    "when the intent to post is written": ("export_robots.runs.ledger:Ledger", "intend_upload", "after"),
    "when the file is posted, unrecorded": ("export_robots.runs.posting", "upload_to_portal", "after"),
    "when the confirmation is recorded": ("export_robots.runs.ledger:Ledger", "answer_upload", "after"),
    "when the receipt is written": ("export_robots.runs.finishing", "_write_receipt", "after"),
    "when the delivery is closed": ("export_robots.runs.ledger:Ledger", "close", "after"),
    "when the end is written": ("export_robots.runs.ledger:Ledger", "end_attempt", "after"),
}


def die() -> None:
    os.killpg(os.getpgrp(), signal.SIGKILL)


def deadly(function: Callable[..., Any], when: str) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(function):

        async def dying_coroutine(*args: Any, **options: Any) -> Any:
            if when == "before":
                die()
            result = await function(*args, **options)
            die()
            return result

        return dying_coroutine

    def dying(*args: Any, **options: Any) -> Any:
        if when == "before":
            die()
        result = function(*args, **options)
        die()
        return result

    return dying


def arm(place: str) -> None:
    where, name, when = PLACES[place]
    module, _, attribute = where.partition(":")
    holder: Any = __import__(module, fromlist=["_"])
    if attribute:
        holder = getattr(holder, attribute)
    setattr(holder, name, deadly(getattr(holder, name), when))


def follow(ahead: Path) -> None:
    """Look at the file each time that somebody asks for the time: the test moves it while this process runs."""
    from export_robots.runs import rounds

    real = clock.now
    clock.now = lambda: real() + timedelta(seconds=float(ahead.read_text()))
    rounds._OLD = timedelta.max  # the engine's own schedule knows the machine's time alone


if __name__ == "__main__":
    export_robots.crm.robots = lambda: {"activix": QuickCrm}  # type: ignore[assignment]
    if "serve" in sys.argv:
        from export_robots.runs import machines, queues

        # A test of many exports has them less often than others: they are what its processes then mostly do.
        queues.POLL_SECONDS = float(os.environ.get("ROBOT_TEST_POLL", "0.2"))
        queues.EACH_MINUTE = f"*/{os.environ.get('ROBOT_TEST_ROUND', '2')} * * * * *"
        machines.HEARTBEAT, machines.DEAD_AFTER = timedelta(seconds=1), timedelta(seconds=5)
    ahead = Path(sys.argv[sys.argv.index("--config") + 1]).with_name("clock")
    if ahead.exists():
        follow(ahead)
    if os.environ.get("ROBOT_TEST_DIES_AT"):
        arm(os.environ["ROBOT_TEST_DIES_AT"])
    from export_robots.cli import run

    sys.exit(run(sys.argv[1:]))
