"""One browser context with one account: what a robot works with.

Everything that a robot does happens inside a named step. There Playwright's errors become the outcomes that operators
know, and a page that has died or answered with an error ends the step at once instead of at its deadline.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, Dialog, Frame, Locator, Page, Request, Response
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import TimeoutError as PlaywrightTimeout

from export_robots import clock
from export_robots.fetching import LONGEST, SIZE_LIMIT, Fetched, fetch
from export_robots.origins import Origin, origin_of, parse_origin
from export_robots.outcomes import RobotDefect, RobotError, SiteChanged, SiteDown
from export_robots.secret_typing import type_secret
from export_robots.site_errors import MAINTENANCE, BrowserCrashed, browser_is_gone, looked_for, net_error
from export_robots.visit_terms import (
    Login,
    NoCodes,
    NoProgress,
    Observed,
    Progress,
    ShownDialog,
    SignInCodes,
    StepRecord,
)

__all__ = ["Login", "NoCodes", "NoProgress", "Progress", "ShownDialog", "SignInCodes", "StepRecord", "Visit"]

_NO_ANSWER_AFTER = 5.0  # seconds: a page asked for longer ago, without an answer, is what a step was waiting for
_LOOK = 5.0  # seconds for looking at a page after something has failed


@dataclass
class _Document:
    """What is known of the last main document that a page asked for."""

    asked_at: float
    status: int | None = None
    failure: str | None = None


class Visit:
    def __init__(
        self,
        context: BrowserContext,
        page: Page,
        url: str,
        *,
        login: Login | None,
        run: str,
        codes: SignInCodes,
        progress: Progress,
        step_timeout: timedelta,
        scratch: Path,
    ) -> None:
        """`scratch` is a folder of the browser's own that goes away with it."""
        self.context = context
        self.page = page
        self.url = url
        self.origin: Origin = origin_of(url)
        self.run = run
        self.codes = codes
        self.progress = progress
        self.step_timeout = step_timeout
        self.steps: list[StepRecord] = []
        self.dialogs: list[ShownDialog] = []
        self.agrees = False  # whether a question in a box of the browser (confirm) is answered with yes
        self.scratch = scratch
        self.observed = Observed()
        self._login = login
        self._codes_typed: list[str] = []
        self._open: list[tuple[StepRecord, asyncio.Timeout]] = []
        self._interruption: RobotError | None = None
        self._documents: dict[Page, _Document] = {}
        milliseconds = step_timeout.total_seconds() * 1000
        context.set_default_timeout(milliseconds)
        context.set_default_navigation_timeout(milliseconds)
        context.on("request", self._asked)
        context.on("response", self._answered)
        context.on("requestfailed", self._not_answered)
        context.on("dialog", self._dialog)
        context.on("page", self._opened)
        context.on("console", lambda message: self._note_console(message.type, message.text))
        context.on("weberror", lambda error: self._note_console("error", str(error.error)))
        context.on("close", lambda _: self._interrupt(_crashed("was closed")))
        self._opened(page)

    @property
    def login(self) -> Login:
        if self._login is None:
            raise RobotDefect("a login was asked for in a visit that has none")
        return self._login

    @property
    def secrets(self) -> list[str]:
        """What this visit knows that must not be kept anywhere."""
        return ([self._login.password.get_secret_value()] if self._login else []) + self._codes_typed

    @property
    def own_addresses(self) -> list[str]:
        return [self._login.username] if self._login else []

    @property
    def pages(self) -> list[Page]:
        """The pages that are open, the oldest first: the first one, then new tabs and pop-up windows."""
        return [page for page in self.context.pages if not page.is_closed()]

    @property
    def current_step(self) -> str:
        """The names of the open steps, the outermost first."""
        return " / ".join(record.name for record, _ in self._open) or "no step"

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[None]:
        """Names what is being done; steps may hold steps.

        Raises `SiteChanged`, `SiteDown` or `BrowserCrashed` in place of Playwright's errors.
        """
        record = StepRecord(name, len(self._open), clock.now())
        self.steps.append(record)
        self.progress.started(name)
        begun = time.monotonic()
        try:
            async with asyncio.timeout(None) as scope:
                self._open.append((record, scope))
                try:
                    self._fall_due()
                    yield
                except (PlaywrightError, AssertionError) as error:
                    # Their call log quotes the page, so neither is kept as the cause.
                    raise await self._meaning(error, name, begun) from None
                finally:
                    self._open.pop()
        except BaseException as error:
            interruption = self._taken_interruption() if isinstance(error, TimeoutError) and scope.expired() else None
            record.failed = type(interruption or error).__name__
            ended_by = interruption or error
            if isinstance(ended_by, RobotError) and not ended_by.step:
                ended_by.step = name
            if interruption:
                raise interruption from None
            raise
        finally:
            record.seconds = round(time.monotonic() - begun, 3)
            self.progress.finished(name, record.seconds)

    async def goto(self, url: str) -> None:
        """Open `url` in the visit's page. Raises `SiteDown` if it answers with an error, too late or not at all."""
        host = urlsplit(url).hostname
        try:
            response = await self.page.goto(url, wait_until="domcontentloaded")
        except PlaywrightTimeout:
            seconds = self.step_timeout.total_seconds()
            raise SiteDown(f"{host} did not answer within {seconds:.0f} seconds") from None
        except PlaywrightError as error:
            if why := net_error(error.message):
                raise SiteDown(f"{host} cannot be reached: {why}", _hint_for(why)) from None
            raise
        if response and (response.status >= 500 or response.status == 429):
            raise SiteDown(f"{host} answered with HTTP {response.status}")
        if await self._in_maintenance(self.page):
            raise SiteDown(f"{host} shows a maintenance page")

    async def type_password(self, field: Locator) -> None:
        """Type the login's password, on the CRM's own origin and into a password field only.

        Raises `SiteChanged` where that cannot be made sure, before anything is typed.
        """
        await self._type(field, self.login.password.get_secret_value(), "password", ("password",))

    async def type_code(self, field: Locator, code: str) -> None:
        """Type a sign-in code, on the CRM's own origin only. `field` may be the first of a row of one-digit boxes."""
        self._codes_typed.append(code)
        await self._type(field, code, "sign-in code", ("text", "tel", "number", "password", "search"))

    async def fetch(
        self, url: str, folder: Path, *, size_limit: int = SIZE_LIMIT, within: timedelta = LONGEST
    ) -> Fetched:
        """GET `url` with this session's cookies into a file in `folder`; for links to reports.

        Only the CRM's own origin is asked, redirects included. Raises `ReportRejected` for a link to anywhere else or
        too large a file, `SiteDown` on no answer or HTTP 5xx. What came may be a sign-in page: look at its type.
        """
        cookies = await self.context.cookies([url])
        agent = str(await self.page.evaluate("navigator.userAgent"))
        return await fetch(
            url,
            folder,
            allowed=self.origin,
            cookies={str(cookie["name"]): str(cookie["value"]) for cookie in cookies},
            user_agent=agent,
            size_limit=size_limit,
            within=within,
        )

    async def _type(self, field: Locator, secret: str, what: str, kinds: Iterable[str]) -> None:
        if refusal := await type_secret(self.context, field, secret, self.origin, tuple(kinds)):
            raise SiteChanged(f"in step “{self.current_step}” the robot did not type the {what}: {refusal}")

    # What the browser reports.

    def _opened(self, page: Page) -> None:
        page.on("crash", lambda _: self._interrupt(_crashed("crashed")))

    def _asked(self, request: Request) -> None:
        page = _main_document_of(request)
        if page:
            self._documents[page] = _Document(time.monotonic())

    def _answered(self, response: Response) -> None:
        page = _main_document_of(response.request)
        if not page:
            if response.status >= 500 and response.request.resource_type in ("xhr", "fetch", "document"):
                self.observed.server_errors.append((time.monotonic(), response.status))
            return
        document = self._documents.setdefault(page, _Document(time.monotonic()))
        document.status = response.status
        # A pop-up window of somebody else's may fail as it likes.
        ours = page is self.page or parse_origin(response.url) == self.origin
        if ours and (response.status >= 500 or response.status == 429):
            self._interrupt(SiteDown(f"{urlsplit(response.url).hostname} answered with HTTP {response.status}"))

    def _not_answered(self, request: Request) -> None:
        page = _main_document_of(request)
        if page and page in self._documents:
            self._documents[page].failure = net_error(f"net::{(request.failure or '').removeprefix('net::')}")

    async def _dialog(self, dialog: Dialog) -> None:
        """Nobody else answers a dialog, and until then the page stands still."""
        self.dialogs.append(ShownDialog(dialog.type, dialog.message))
        with suppress(PlaywrightError):
            # To dismiss a beforeunload box means to stay on the page.
            agreed = dialog.type == "beforeunload" or (dialog.type == "confirm" and self.agrees)
            await (dialog.accept() if agreed else dialog.dismiss())

    def _note_console(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and len(self.observed.console) < 200:
            self.observed.console.append(f"{kind}: {text[:500]}")

    def _interrupt(self, error: RobotError) -> None:
        """End the innermost open step now. A closing visit has no open step, and nothing happens."""
        if self._open and self._interruption is None:
            self._interruption = error
            self._fall_due()

    def _fall_due(self) -> None:
        if self._interruption and self._open:
            scope = self._open[-1][1]
            if not scope.expired():
                scope.reschedule(asyncio.get_running_loop().time())

    def _taken_interruption(self) -> RobotError | None:
        taken, self._interruption = self._interruption, None
        return taken

    # What a failure means.

    async def _meaning(self, error: PlaywrightError | AssertionError, step: str, begun: float) -> BaseException:
        message = str(error)
        if isinstance(error, AssertionError) and "Call log:" not in message:
            return error  # a plain assert: our own mistake
        self.observed.playwright.append(message)
        if interruption := self._taken_interruption():
            return interruption
        if browser_is_gone(message) and (self.page.is_closed() or "rashed" in message):
            if self.pages and "rashed" not in message:
                return SiteChanged(f"in step “{step}” the site closed the page that was being worked on")
            return _crashed("died")
        host = self.origin.host
        if why := net_error(message):
            return SiteDown(f"in step “{step}” {host} could not be reached: {why}", _hint_for(why))
        if down := await self._why_down(begun):
            return SiteDown(f"in step “{step}” {down}")
        return SiteChanged(f"in step “{step}” on {_place(self.page.url)} the robot looked for {looked_for(message)}")

    async def _why_down(self, begun: float) -> str | None:
        host = self.origin.host
        now = time.monotonic()
        for page in [page for page in self.pages if page is self.page or parse_origin(page.url) == self.origin]:
            document = self._documents.get(page)
            if document and document.failure:
                return f"{host} could not be reached: {document.failure}"
            if document and document.status is None and now - document.asked_at > _NO_ANSWER_AFTER:
                return f"{host} did not answer for {now - document.asked_at:.0f} seconds"
            if await self._in_maintenance(page):
                return f"{host} shows a maintenance page"
        recent = [status for at, status in self.observed.server_errors if at >= begun and status in (502, 503, 504)]
        return f"{host} answered with HTTP {recent[-1]}" if recent else None

    async def _in_maintenance(self, page: Page) -> bool:
        """A page that says so in its title, a heading or its few words, and has nearly nothing to operate."""
        with suppress(PlaywrightError, TimeoutError):
            async with asyncio.timeout(_LOOK):
                said, controls = await page.evaluate(_SAID)
                return controls < 4 and bool(MAINTENANCE.search(said))
        return False


_SAID = """() => [
    [document.title, ...[...document.querySelectorAll('h1, h2, h3, [role=heading]')].map(e => e.textContent),
     document.body && document.body.innerText.length < 1000 ? document.body.innerText : '']
        .join('\\n').slice(0, 3000),
    document.querySelectorAll('input:not([type=hidden]), select, textarea, button, [role=button], table').length,
]"""


def _crashed(how: str) -> BrowserCrashed:
    return BrowserCrashed(f"the browser {how} in the middle of the visit")


def _main_document_of(request: Request) -> Page | None:
    with suppress(PlaywrightError):  # a request of a service worker, or of a page that is just being made
        frame: Frame = request.frame
        if request.is_navigation_request() and frame.parent_frame is None:
            return frame.page
    return None


def _hint_for(why: str) -> str:
    if "certificate" in why:
        return "Open the address in a browser on this machine: its certificate, or this machine's clock, is wrong."
    if "DNS" in why or "no network" in why or "proxy" in why:
        return "Check this machine's network and the address in the configuration, then run the same command again."
    return ""


def _place(url: str) -> str:
    """An address without what may be somebody's: no query, no fragment, no long numbers."""
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2]}{re.sub(r'[0-9]{3,}', '…', parts.path)}" if parts.netloc else url[:40]
