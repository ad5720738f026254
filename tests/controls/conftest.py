"""Small pages of hand-made widgets, beside the emulations: one oddity each."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from export_robots.browser import Browser, open_browser
from export_robots.controls import Screen
from export_robots.settings import BrowserSettings
from tests.conftest import Run

OnPage = Callable[[str, Callable[[Screen], Awaitable[Any]]], Any]


@pytest.fixture(scope="session")
def chromium(run: Run) -> Iterator[Browser]:
    stack = AsyncExitStack()
    settings = BrowserSettings.model_validate({"step_timeout": "4s"})
    yield run(stack.enter_async_context(open_browser(settings)))
    run(stack.aclose())


@pytest.fixture
def on_page(run: Run, chromium: Browser) -> OnPage:
    """`on_page(html, act)` shows a page and gives what `act(screen)` returns."""

    @asynccontextmanager
    async def shown(html: str) -> AsyncIterator[Screen]:
        async with chromium.visit("http://127.0.0.1:9/", run="test") as visit:
            await visit.page.set_content(html)
            yield Screen(visit)

    def act_on(html: str, act: Callable[[Screen], Awaitable[Any]]) -> Any:
        async def whole() -> Any:
            async with shown(html) as screen:
                return await act(screen)

        return run(whole())

    return act_on
