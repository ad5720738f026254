"""The page over a real ledger, served in a thread, and a Chromium to look at it."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, Playwright
from sqlalchemy.orm import Session

from export_robots import clock
from export_robots.chromium import find_chromium, may_sandbox
from export_robots.config_schedule import PageAddress, StatusPageSettings
from export_robots.outcomes import Outcome
from export_robots.runs.database import open_database, sqlite_url
from export_robots.runs.ledger import Ending, Ledger
from export_robots.runs.month import expect_due
from export_robots.runs.operating_tables import CrmRow, MachineRow, QuestionRow
from export_robots.settings import BrowserSettings, Settings
from export_robots.web import page as page_module
from export_robots.web.lately import Lately
from tests.conftest import Run
from tests.runs.test_month import NOVEMBER_1, client, settings

SECRET = "hunter2-secret"
ANYWHERE = StatusPageSettings(address=PageAddress("127.0.0.1", 0))
CONFIG = replace(
    settings(client("abc", "activix", north=True), client("lmn", "activix"), client("hand", "vinsolutions")),
    status_page=ANYWHERE,
)
NOON = NOVEMBER_1  # of the 1st, UTC


@dataclass
class Shown:
    """A page that is served. `now` is the clock's, for the page and for the ledger."""

    ledger: Ledger
    config: Settings
    url: str = ""

    def fail(self, key: str, outcome: Outcome, *reasons: str, next_: str = "do this") -> None:
        self.ledger.begin_attempt(key, upload=True)
        self.ledger.end_attempt(key, Ending(outcome, reasons or ("it was seen",), next_))

    def stop(self, crm: str, saw: str = "no “Generate Report” was found") -> None:
        row = CrmRow(crm=crm, wave_from=NOON, stopped_at=NOON, accounts=["a", "b", "c"])
        row.signature, row.saw = "site_changed at “generate the report”", saw
        self._add(row)

    def ask(self, run: str) -> None:
        question = QuestionRow(run=run, delivery_id=run.partition("#")[0], account="a")
        question.saw, question.asked_at = "the CRM has sent a code to a phone", NOON
        question.open_until = NOON + timedelta(minutes=10)
        self._add(question)

    def join(self, host: str, seen_at: datetime, ended_at: datetime | None = None) -> None:
        self._add(MachineRow(executor=host, host=host, pid=1, started_at=NOON, seen_at=seen_at, ended_at=ended_at))

    def _add(self, row: object) -> None:
        with Session(self.ledger.engine) as session, session.begin():
            session.add(row)


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """On the 1st of November the month is expected."""
    monkeypatch.setattr(clock, "now", lambda: NOON)
    made = Ledger(open_database(sqlite_url(tmp_path / "robot.sqlite")))
    expect_due(made, CONFIG, NOON)
    yield made
    made.engine.dispose()


Serve = Callable[[Settings], Shown]


@pytest.fixture
def serve(
    run: Run, ledger: Ledger, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Serve]:
    """Serves the page until the test's end; nothing is kept for the next browser, unless a test says so."""
    monkeypatch.setattr(Lately, "at_least", 0.0)
    monkeypatch.setattr("export_robots.web.lately._TIMES_AS_LONG", 0)
    caplog.set_level("INFO", page_module.__name__)
    stack = AsyncExitStack()

    def start(config: Settings) -> Shown:
        run(stack.enter_async_context(page_module.status_page(config, ledger, lambda: [SECRET])))
        return Shown(ledger, config, wait_for_address(lambda: caplog.text))

    yield start
    run(stack.aclose())


@pytest.fixture
def shown(serve: Serve) -> Shown:
    return serve(CONFIG)


def wait_for_address(log: Callable[[], str]) -> str:
    never = threading.Event()
    for _ in range(1200):
        if found := re.search(r"the status page is at (http://\S+/)", log()):
            return found[1]
        never.wait(0.05)
    raise AssertionError(f"no page is served: {log()}")


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    program = find_chromium(BrowserSettings(), bundled=playwright.chromium.executable_path)
    browser = playwright.chromium.launch(executable_path=program, chromium_sandbox=may_sandbox())
    yield browser
    browser.close()


@contextmanager
def looking(chromium: Browser, *, width: int = 1400, script: bool = True) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": width, "height": 900}, java_script_enabled=script)
    context.set_default_timeout(15_000)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert not [each for each in complaints if "status of 4" not in each], complaints


@pytest.fixture
def page(chromium: Browser, serve: Serve) -> Iterator[Page]:
    """Closed before the server ends, and without a word on its console."""
    with looking(chromium) as page:
        yield page


def rows(page: Page) -> list[list[str]]:
    """What the table of deliveries says, row by row."""
    table = deliveries(page)
    return [
        [cell.strip() for cell in row.get_by_role("rowheader").or_(row.get_by_role("cell")).all_inner_texts()]
        for row in table.get_by_role("row").all()[1:]
    ]


def deliveries(page: Page) -> Locator:
    return page.get_by_role("table", name=re.compile("deliver", re.IGNORECASE))
