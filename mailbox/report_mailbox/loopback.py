"""A web address of this machine, to which a browser brings the outcome of a sign-in elsewhere."""

import logging
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from urllib.parse import parse_qs, urlsplit

logger = logging.getLogger(__name__)

Given = dict[str, str]

_PAGE = (
    b"<!doctype html><meta charset=utf-8><title>Mailbox</title>"
    b"<p>You may close this window. What came of it is said where the sign-in began.</p>"
)


class Loopback(ThreadingMixIn, TCPServer):
    """Waits on 127.0.0.1 for one request that counts; browsers and neighbours send others, which get a 404."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Visit)
        self.counts: Callable[[Given], bool] = lambda _: False
        self._given: Given | None = None
        self._came = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def wait(self, seconds: float, counts: Callable[[Given], bool]) -> Given | None:
        """The parameters of the first request that counts, or None when none came in time."""
        self.counts = counts
        thread = threading.Thread(target=self.serve_forever, args=(0.1,), name="loopback", daemon=True)
        thread.start()
        try:
            self._came.wait(seconds)
        finally:
            self.shutdown()
            thread.join()
        return self._given

    def take(self, given: Given) -> None:
        if self._given is None:
            self._given = given
        self._came.set()

    def handle_error(self, request: object, client_address: object) -> None:
        logger.debug("a visitor went before it was answered")


class _Visit(BaseHTTPRequestHandler):
    server: Loopback
    timeout = 10  # seconds; browsers open connections in advance and send nothing

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path != "/" or not self.server.counts(given):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(_PAGE)))
        self.end_headers()
        self.wfile.write(_PAGE)
        self.server.take(given)

    def log_message(self, *_: object) -> None:
        """Nothing: the request line holds the code."""
