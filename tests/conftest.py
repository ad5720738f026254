import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the tests that use pytest-playwright's fixtures last, on every worker of a divided run.

    Their `playwright` leaves an event loop running in the main thread for the rest of the process: `asyncio.run` of
    the commands under test would refuse to start beside it, and Python 3.11 miscounts the depth of `ast.parse` there.
    """
    items.sort(key=lambda item: "playwright" in getattr(item, "fixturenames", ()))


@pytest.fixture(autouse=True)
def umask_as_it_was() -> Iterator[None]:
    """A command makes files for its owner alone from then on; in here, the tests that follow would do so too."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def run() -> Iterator[Run]:
    """Runs a coroutine to its end on one event loop in a thread of its own, and returns its result.

    pytest-playwright's own (synchronous) fixtures hold the main thread's loop, so that asynchronous tests beside them
    would pass or fail by their order.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="test loop", daemon=True)
    thread.start()

    def run_to_the_end(coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    yield run_to_the_end
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
