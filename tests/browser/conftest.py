from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from export_robots.browser import Browser, open_browser
from export_robots.evidence import EvidenceFolder
from export_robots.settings import BrowserSettings
from export_robots.visit import Login, Visit
from tests.browser.website import Website, website
from tests.conftest import Run

PASSWORD = "Pä$$ & wörd+/%41'\"<😀>"
LOGIN = Login("datateam+abcautos@example.com", SecretStr(PASSWORD))
SETTINGS = BrowserSettings.model_validate({"step_timeout": "3s"})

Body = Callable[[Visit], Coroutine[Any, Any, Any]]
Visiting = Callable[..., Any]


@pytest.fixture(scope="session")
def shared_browser(run: Run) -> Iterator[Browser]:
    stack = AsyncExitStack()
    yield run(stack.enter_async_context(open_browser(SETTINGS)))
    run(stack.aclose())


@pytest.fixture
def site() -> Iterator[Website]:
    with website() as site:
        yield site


@pytest.fixture
def other_site() -> Iterator[Website]:
    with website() as site:
        yield site


@pytest.fixture
def evidence(tmp_path: Path) -> EvidenceFolder:
    return EvidenceFolder(tmp_path / "evidence" / "run-1", lambda: [PASSWORD, "another-client's-secret"])


@pytest.fixture
def visiting(run: Run, shared_browser: Browser, site: Website) -> Visiting:
    """Runs a body with a visit of the site, and returns its result."""

    def visit(body: Body, **options: Any) -> Any:
        async def whole() -> Any:
            async with shared_browser.visit(options.pop("url", site.url), LOGIN, run="run-1", **options) as visit:
                return await body(visit)

        return run(whole())

    return visit
