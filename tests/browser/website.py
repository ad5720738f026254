"""A site whose pages a test sets; two of them are two origins."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CUT = "cut"
NEVER = "never"


@dataclass
class Website:
    """`pages` maps a path to a body, or to (status, headers, body), or to CUT or NEVER."""

    url: str = ""
    pages: dict[str, str | tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    cookies: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def at(self, path: str) -> str:
        return self.url + path


def _handler(site: Website) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            site.asked.append((self.command, self.path))
            site.cookies.append(self.headers.get("Cookie", ""))
            page = site.pages.get(path, (404, {}, b"nothing here"))
            if page == NEVER:
                site.ended.wait(60)
                page = CUT
            if page == CUT:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            status, headers, body = (200, {}, page.encode()) if isinstance(page, str) else page
            self.send_response(status)
            for name, value in {
                "Content-Type": "text/html; charset=utf-8",
                "Content-Length": str(len(body)),
                **headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            if headers.get("Content-Length", str(len(body))) != str(len(body)):
                self.close_connection = True

        do_POST = do_GET  # noqa: N815 - http.server wants this name

        def log_message(self, *_: object) -> None:
            pass

        def finish(self) -> None:
            with suppress(OSError):  # a browser that went away
                super().finish()

    return Handler


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A browser that went away in the middle of an answer is no news."""


@contextmanager
def website() -> Iterator[Website]:
    site = Website()
    server = _Server(("127.0.0.1", 0), _handler(site))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        site.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


def until(condition: object, seconds: float = 10) -> bool:
    """Whether a condition (a function without arguments) came true in time."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    waiting = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        waiting.wait(0.05)
    return True
