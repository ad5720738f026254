from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from export_robots.browser import Browser, open_browser
from export_robots.settings import BrowserSettings
from tests.conftest import Run

NAME = "ABC Autos – Activix CRM – Oct 2026.csv"

Browsers = Callable[[int], Browser]


@pytest.fixture(scope="session")
def browsers(run: Run) -> Iterator[Browsers]:
    """A browser that waits for so many seconds for anything; the same one each time."""
    open_ones: dict[int, Browser] = {}
    stack = AsyncExitStack()

    def browser(patience: int) -> Browser:
        if patience not in open_ones:
            settings = BrowserSettings.model_validate({"step_timeout": f"{patience}s"})
            open_ones[patience] = run(stack.enter_async_context(open_browser(settings)))
        return open_ones[patience]

    yield browser
    run(stack.aclose())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / NAME
    path.write_bytes("Prénom,Téléphone\r\nZoé,418 555-0101\r\n".encode() * 50)
    return path
