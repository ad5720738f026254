"""Ctrl-C and SIGTERM: what is under way is closed in order, and one sentence says how to go on."""

import asyncio
import os
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

from export_robots.cli_output import say

T = TypeVar("T")


class Interrupted(BaseException):
    """A person or the system asked this process to end, and everything it had started is gone.

    Args:
        number: The signal.
        so_far: One sentence without a full stop on what has been done.
    """

    def __init__(self, number: int = signal.SIGINT, so_far: str = "") -> None:
        super().__init__(number, so_far)
        self.number = number
        self.so_far = so_far

    @property
    def exit_code(self) -> int:
        """As shells count it: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.number


def run_interruptibly(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to the end on a new loop. The first signal cancels `coroutine`, whose cleaning up is waited for."""
    received: list[int] = []

    async def guarded() -> T:
        task = asyncio.current_task()
        assert task
        loop = asyncio.get_running_loop()

        def interrupt(number: int) -> None:
            if received:  # asked twice: at once. Browser and driver end with the pipe to this process
                os._exit(128 + number)
            received.append(number)
            task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, interrupt, number)
        try:
            return await coroutine
        except asyncio.CancelledError:
            if received:
                raise Interrupted(received[0]) from None
            raise

    return asyncio.run(guarded())


def say_interrupted(interruption: Interrupted) -> int:
    so_far = f": {interruption.so_far}" if interruption.so_far else ""
    say(f"interrupted{so_far}; the same command goes on from there")
    return interruption.exit_code
