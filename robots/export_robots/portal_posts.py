"""Lets the file leave the browser once, towards the portal only.

Every request of the portal's page passes here. Two things that a browser does by itself would post a file twice or
elsewhere, unseen by the page and by Playwright's routing: Chromium repeats a POST when a kept connection is cut without
an answer (tried: the server gets the whole file twice, and even a connection that was merely opened in advance counts
as kept), and it follows a 307 to wherever it leads. So the one request that holds the file is stopped on its way out of
the page, sent from here, once, on a connection of its own, and its answer is handed to the page.
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

from playwright.async_api import BrowserContext, Request, Response, Route, WebSocket
from playwright.async_api import Error as PlaywrightError

from export_robots.origins import Origin, parse_origin
from export_robots.portal_sending import Answer, Cut, NotSent, send_once

_log = logging.getLogger(__name__)

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_MADE_ANEW = re.compile(r"host|connection|content-length|cookie|accept-encoding|transfer-encoding|proxy-.*|:.*")
_UNFIT_AFTERWARDS = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive"})
_CHUNK_NUMBERS = re.compile(
    r"chunk|chunkindex|dzchunkindex|chunknumber|resumablechunknumber|flowchunknumber|part|partnumber|offset",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class PostAnswer:
    """What the portal answered to the file: `status` 0 means that no answer came."""

    status: int
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

    def open(self) -> None:
        """From now on the file may leave, once."""
        self._open = True

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
        kept = PostAnswer(0)
        try:
            answer = await self._answer(route.request)
            if answer is None:
                kept = await self._send_from_page(route)
                return
            kept = PostAnswer(answer.status, answer.body[:20000].decode("utf-8", "replace"))
            headers: dict[str, str] = {}
            for name, value in answer.headers:
                if name.lower() not in _UNFIT_AFTERWARDS:
                    # Playwright takes several cookies in one header, a line each.
                    headers[name.lower()] = f"{headers[name.lower()]}\n{value}" if name.lower() in headers else value
            await route.fulfill(status=answer.status, headers=headers, body=answer.body)
        except Cut as error:
            _log.info("the portal gave no answer to the file: %s", error)
            await route.abort("connectionreset")
        finally:
            self.answers.append(kept)
            self.changed.set()

    async def _answer(self, request: Request) -> Answer | None:
        """The portal's answer to the request sent from here; None if it has to be sent from the page. Raises `Cut`."""
        parts = self._parts(request)
        if parts is None:
            return None
        url = request.url
        for _ in range(2):
            try:
                answer = await send_once(request.method, url, await self._headers(request, url), parts)
            except NotSent as error:
                # Chromium may know a proxy or a certificate authority that Python does not.
                _log.info("no connection to the portal from here (%s): the page sends the file itself", error)
                return None
            if answer.status not in (307, 308):
                return answer
            url = urljoin(url, answer.header("location"))
            if parse_origin(url) != self._origin:
                self._set_foreign(url)
                raise Cut("it wanted the file sent to another address")
        return answer

    async def _headers(self, request: Request, url: str) -> dict[str, str]:
        headers = {name: value for name, value in request.headers.items() if not _MADE_ANEW.fullmatch(name)}
        cookies = await request.frame.page.context.cookies(url)
        if cookies:
            headers["cookie"] = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in cookies)
        headers["accept-encoding"] = "identity"
        return headers

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

    def _parts(self, request: Request) -> list[bytes | Path] | None:
        """The request's body in parts, the file being one of them; None for a body that cannot be made again."""
        kind = request.headers.get("content-type", "")
        body = _body(request)
        if body is None:
            return [self._file] if _piece(request) is None else None
        match = re.match(r"multipart/form-data;.*boundary=\"?([^\";]+)", kind, re.IGNORECASE)
        if not match:
            return [body]
        boundary = b"--" + match[1].encode()
        parts: list[bytes | Path] = []
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
            parts += [body[done : found.end()], self._file]
            done = found.end()
        if parts.count(self._file) > 1:
            return None
        return [*parts, body[done:]]


def _body(request: Request) -> bytes | None:
    try:
        return request.post_data_buffer
    except PlaywrightError:
        return None


async def _kept(response: Response) -> PostAnswer:
    body = ""
    if not 300 <= response.status < 400:
        with suppress(PlaywrightError, TimeoutError):
            async with asyncio.timeout(30):
                body = (await response.body())[:20000].decode("utf-8", "replace")
    return PostAnswer(response.status, body)


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
