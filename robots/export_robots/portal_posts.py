"""Lets the file leave the browser once, towards the portal only.

Every request of the portal's page passes here. Two things that a browser does by itself would post a file twice or
elsewhere, unseen by any page or by Playwright's routing: Chromium repeats a POST when a connection that it had used
before is cut without an answer (tried: the server gets the whole file twice), and it follows a 307 to wherever it
leads. So the one request that holds the file is sent from a second, fresh context of the same Chromium, where there is
no used connection to repeat on and where redirects stop; its answer is handed to the page.
"""

import asyncio
import base64
import logging
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

from playwright.async_api import BrowserContext, Page, Request, Response, Route, WebSocket
from playwright.async_api import Error as PlaywrightError

from export_robots.origins import Origin, parse_origin

_log = logging.getLogger(__name__)

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
# The browser makes these itself, and lets no script set them.
_BROWSERS_OWN = re.compile(
    r"host|connection|content-length|cookie|origin|referer|user-agent|accept-(?:encoding|charset)|te|trailer|upgrade"
    r"|transfer-encoding|upgrade-insecure-requests|date|expect|keep-alive|dnt|via|sec-.*|proxy-.*|:.*"
)
_UNFIT_AFTERWARDS = frozenset({"content-encoding", "content-length", "transfer-encoding", "connection"})
_CHUNK_NUMBERS = re.compile(
    r"chunk|chunkindex|dzchunkindex|chunknumber|resumablechunknumber|flowchunknumber|part|partnumber|offset",
    re.IGNORECASE,
)

_BLANK = "<!doctype html><title>sending</title><input type=file>"
_SEND = """async ({url, method, headers, referrer, parts}) => {
    const file = document.querySelector('input').files[0];
    const bytes = text => Uint8Array.from(atob(text), character => character.charCodeAt(0));
    const body = new Blob(parts.map(part => part === null ? file : bytes(part)));
    try {
        const options = {credentials: 'include', redirect: 'manual', cache: 'no-store'};
        await fetch(url, {method, headers, body, referrer, ...options});
        return '';
    } catch (error) { return String(error.message).slice(0, 200) || 'failed'; }
}"""


@dataclass(frozen=True)
class PostAnswer:
    """What the portal answered to the file: `status` 0 means that no answer came."""

    status: int
    content_type: str = ""
    body: str = ""

    @property
    def refused(self) -> bool:
        return self.status >= 400

    @property
    def taken(self) -> bool:
        return 200 <= self.status < 400


class PostGuard:
    """Counts and checks what leaves the page of a visit. `open()` allows the one post."""

    def __init__(self, origin: Origin, file: Path) -> None:
        self.sent = 0
        """Requests with the file, or with a numbered piece of it, that were let out."""
        self.answers: list[PostAnswer] = []
        self.repeated = False
        """The page tried to post the file again; that was stopped."""
        self.foreign_host: str | None = None
        """The page tried to send the file to this host; that was stopped."""
        self.too_early = False
        """The page tried to send the file before it was allowed to; that was stopped."""
        self.other_channel = False
        """The page sends by a channel that cannot be counted."""
        self.changed = asyncio.Event()
        self._origin = origin
        self._file = file
        self._open = False
        self._pieces: set[str] = set()
        self._fresh: _FreshContext | None = None
        with file.open("rb") as stream:
            self._head = stream.read(48)
        self._size = file.stat().st_size

    @property
    def pending(self) -> bool:
        return self.sent > len(self.answers)

    async def attach(self, context: BrowserContext) -> None:
        await context.route("**/*", self._judge)
        context.on("page", lambda page: page.on("websocket", self._websocket))
        for page in context.pages:
            page.on("websocket", self._websocket)

    async def open(self, context: BrowserContext) -> None:
        """From now on the file may leave, once."""
        self._fresh = await _FreshContext.of(context, self._origin, self._file)
        self._open = True

    async def close(self) -> None:
        if self._fresh:
            await self._fresh.close()

    def _websocket(self, socket: WebSocket) -> None:
        def frame_sent(payload: Any) -> None:
            data = payload.encode() if isinstance(payload, str) else bytes(payload)
            if self._open and self._holds_file(data):
                self.other_channel = True

        socket.on("framesent", frame_sent)

    async def _judge(self, route: Route) -> None:
        with suppress(PlaywrightError):  # the page went away meanwhile
            request = route.request
            if request.method in _READING:
                await route.continue_()
                return
            bears = self._bears_file(request)
            if parse_origin(request.url) != self._origin:
                if bears:
                    self._set_foreign(request.url)
                if bears or self._open:
                    await route.abort("blockedbyclient")
                else:
                    await route.continue_()
                return
            if not bears:
                await route.continue_()
                return
            if not self._open:
                self.too_early = True
                self.changed.set()
                await route.abort("blockedbyclient")
                return
            piece = _piece(request)
            if self.sent and (piece is None or piece in self._pieces):
                self.repeated = True
                self.changed.set()
                await route.abort("blockedbyclient")
                return
            if piece is not None:
                self._pieces.add(piece)
            self.sent += 1
            await self._send(route)

    async def _send(self, route: Route) -> None:
        request = route.request
        parts = self._parts(request)
        answer = PostAnswer(0)
        try:
            if parts is None or self._fresh is None:
                answer = await self._send_from_page(route)
                return
            response = await self._fresh.send(request, request.url, parts)
            if response and response.status in (307, 308):
                goal = urljoin(request.url, response.headers.get("location", ""))
                if parse_origin(goal) != self._origin:
                    self._set_foreign(goal)
                    response = None
                else:
                    response = await self._fresh.send(request, goal, parts)
            if response is None:
                await route.abort("connectionreset")
                return
            answer = await _kept(response)
            headers = {name: value for name, value in response.headers.items() if name not in _UNFIT_AFTERWARDS}
            cookies = await response.header_values("set-cookie")
            if cookies:
                headers["set-cookie"] = "\n".join(cookies)
            body = b"" if 300 <= response.status < 400 else await response.body()
            await route.fulfill(status=response.status, headers=headers, body=body)
        finally:
            self.answers.append(answer)
            self.changed.set()

    async def _send_from_page(self, route: Route) -> PostAnswer:
        """For a body that cannot be made again here: a piece of the file, say."""
        await route.continue_()
        with suppress(PlaywrightError):
            response = await route.request.response()
            if response:
                return await _kept(response)
        return PostAnswer(0)

    def _set_foreign(self, url: str) -> None:
        self.foreign_host = urlsplit(url).hostname or "another address"
        self.changed.set()

    def _bears_file(self, request: Request) -> bool:
        kind = request.headers.get("content-type", "").lower()
        body = _body(request)
        if body is None:
            # DevTools shows no body that is read from disk.
            return bool(kind) or _piece(request) is not None
        if kind.startswith("multipart/"):
            return bool(re.search(rb"filename\*?=\"?[^\"\r\n;]", body))
        return self._holds_file(body)

    def _holds_file(self, body: bytes) -> bool:
        if len(self._head) < 8:
            return len(body) >= self._size > 0 and self._head in body
        escaped = self._head.decode("latin-1").encode("unicode_escape")
        encoded = base64.b64encode(self._head[: len(self._head) // 3 * 3])
        return any(form in body for form in (self._head, escaped, encoded))

    def _parts(self, request: Request) -> list[bytes | None] | None:
        """The request's body in parts, None standing for the file; None for a body that cannot be made again."""
        kind = request.headers.get("content-type", "")
        body = _body(request)
        if body is None:
            return [None] if _piece(request) is None else None
        match = re.match(r"multipart/form-data;.*boundary=\"?([^\";]+)", kind, re.IGNORECASE)
        if not match:
            return [body]
        boundary = b"--" + match[1].encode()
        parts: list[bytes | None] = []
        done = 0
        for found in re.finditer(
            rb"(?<=\r\n)?" + re.escape(boundary) + rb"\r\n((?:[^\r\n]+\r\n)+)\r\n(?=\r\n" + re.escape(boundary) + rb")",
            body,
        ):
            name = re.search(rb"filename=\"([^\"]*)\"", found[1])
            if not name or not name[1]:
                continue
            if name[1] != self._file.name.replace('"', "%22").encode():
                return None
            parts += [body[done : found.end()], None]
            done = found.end()
        if parts.count(None) > 1:
            return None
        return [*parts, body[done:]]


class _FreshContext:
    """A second context in which nothing was connected yet, on a blank page of the portal's own origin."""

    def __init__(self, context: BrowserContext, page: Page, source: BrowserContext, origin: Origin) -> None:
        self._context = context
        self._page = page
        self._source = source
        self._origin = origin

    @classmethod
    async def of(cls, source: BrowserContext, origin: Origin, file: Path) -> "_FreshContext | None":
        browser = source.browser
        if browser is None:
            return None
        context = await browser.new_context(service_workers="block", accept_downloads=False)
        context.set_default_timeout(0)  # a large file takes its time; the upload has a deadline of its own
        page = await context.new_page()

        async def blank(route: Route) -> None:
            await route.fulfill(content_type="text/html", body=_BLANK)

        await page.route(f"{origin}/", blank, times=1)
        await page.goto(f"{origin}/")
        await page.set_input_files("input", file)
        return cls(context, page, source, origin)

    async def send(self, request: Request, url: str, parts: list[bytes | None]) -> Response | None:
        """The portal's answer, redirects not followed; None if none came."""
        await self._context.clear_cookies()
        await self._context.add_cookies([_cookie(cookie) for cookie in await self._source.cookies(str(self._origin))])
        answered: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

        def keep(response: Response) -> None:
            if response.request.method == request.method and not answered.done():
                answered.set_result(response)

        self._page.on("response", keep)
        try:
            failed = await self._page.evaluate(
                _SEND,
                {
                    "url": url,
                    "method": request.method,
                    "headers": {
                        name: value for name, value in request.headers.items() if not _BROWSERS_OWN.fullmatch(name)
                    },
                    "referrer": request.headers.get("referer", "").split("#")[0] or "about:client",
                    "parts": [None if part is None else base64.b64encode(part).decode() for part in parts],
                },
            )
            if failed and not answered.done():
                _log.info("the portal gave no answer to the file: %s", failed)
                return None
            return await asyncio.wait_for(answered, 5)
        except TimeoutError:
            return None
        finally:
            self._page.remove_listener("response", keep)

    async def close(self) -> None:
        with suppress(PlaywrightError, TimeoutError):
            async with asyncio.timeout(5):
                await self._context.close()


def _cookie(cookie: Any) -> Any:
    return {key: value for key, value in cookie.items() if value is not None}


def _body(request: Request) -> bytes | None:
    try:
        return request.post_data_buffer
    except PlaywrightError:
        return None


async def _kept(response: Response) -> PostAnswer:
    kind = response.headers.get("content-type", "")
    body = ""
    if not 300 <= response.status < 400:
        with suppress(PlaywrightError, TimeoutError):
            async with asyncio.timeout(30):
                body = (await response.body())[:20000].decode("utf-8", "replace")
    return PostAnswer(response.status, kind, body)


def _piece(request: Request) -> str | None:
    """The number of a piece where a page sends a file in numbered pieces, None for a whole file."""
    for name in ("content-range", "upload-offset"):
        if value := request.headers.get(name):
            return f"{name} {value}"
    query = parse_qs(urlsplit(request.url).query)
    for name, values in query.items():
        if _CHUNK_NUMBERS.fullmatch(name) and values[0].isdigit():
            return f"{name} {values[0]}"
    body = _body(request) or b""
    for match in re.finditer(rb'name="([\w-]+)"\r\n\r\n(\d+)\r\n', body[:20000]):
        if _CHUNK_NUMBERS.fullmatch(match[1].decode()):
            return f"{match[1].decode()} {match[2].decode()}"
    return None
