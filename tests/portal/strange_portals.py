"""Portals as nobody has promised them: each page is laid out in its own way, all post to one server that counts.

The server speaks HTTP/1.1 with connections that stay open, as real ones do, and counts what arrives on the wire.
"""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

THANKS = "<h1>Thank you!</h1><p>Your file has been received. Reference: AB-1234</p>"

_PAGES = Path(__file__).with_name("pages")


def _page(name: str, other_url: str) -> str | None:
    """A page with its pieces in their places: `{{boxes}}` is what `_boxes.html` holds."""
    path = _PAGES / f"{name.replace('/', '-')}.html"
    if name.startswith("_") or not path.is_file():
        return None
    html = path.read_text(encoding="utf-8")
    while piece := re.search(r"\{\{(?!other)(\w+)\}\}", html):
        html = html.replace(piece[0], (_PAGES / f"_{piece[1]}.html").read_text(encoding="utf-8"))
    return html.replace("{{other}}", other_url)


@dataclass
class Posted:
    path: str
    fields: dict[str, str]
    boxes: list[str]
    file_name: str | None
    content: bytes


@dataclass
class StrangePortals:
    """`answer` decides about each post: status, headers, body; None cuts the connection once the post has arrived."""

    url: str = ""
    other_url: str = ""
    posts: list[Posted] = field(default_factory=list)
    gets: list[str] = field(default_factory=list)
    answer: Callable[[Posted], tuple[int, dict[str, str], str] | None] = lambda _: (200, {}, THANKS)

    def page(self, name: str) -> str:
        return f"{self.url}/{name}/"

    @property
    def files(self) -> list[Posted]:
        return [posted for posted in self.posts if posted.content]


def _handler(portals: StrangePortals) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = urlsplit(self.path).path.strip("/")
            portals.gets.append(path)
            if path == "moved":
                self._say(302, {"Location": f"{portals.other_url}/ordinary/"}, "")
            elif (html := _page(path, portals.other_url)) is not None:
                self._say(200, {}, html)
            elif path.endswith("done"):
                self._say(200, {}, THANKS)
            else:
                self._say(404, {}, "nothing here")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            posted = _read(self.path, self.headers.get("Content-Type", ""), body)
            portals.posts.append(posted)
            answer = portals.answer(posted)
            if answer is None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
            else:
                self._say(*answer)

        do_PUT = do_POST  # noqa: N815 - http.server wants this name

        def _say(self, status: int, headers: dict[str, str], text: str) -> None:
            body = text.encode()
            self.send_response(status)
            for name, value in {"Content-Type": "text/html; charset=utf-8", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

        def finish(self) -> None:
            with suppress(OSError):  # a browser that went away
                super().finish()

    return Handler


def _read(path: str, kind: str, body: bytes) -> Posted:
    fields: dict[str, str] = dict(parse_qsl(urlsplit(path).query))
    boxes = [fields.pop("boxes")] if "boxes" in fields else []
    name: str | None = fields.pop("name", None)
    content = b""
    if kind.startswith("multipart/"):
        boundary = b"--" + kind.partition("boundary=")[2].encode()
        for part in (b"\r\n" + body).split(b"\r\n" + boundary)[1:-1]:
            head, _, value = part.partition(b"\r\n\r\n")
            said = dict(re.findall(r'(\w+)="([^"]*)"', head.decode()))
            if "filename" in said:
                if value:
                    name, content = said["filename"], value
            elif said["name"] == "boxes":
                boxes.append(value.decode())
            else:
                fields[said["name"]] = value.decode()
    elif kind == "application/json":
        data = json.loads(body)
        boxes, name = data.get("boxes", []), data.get("name")
        fields = {"dealership": data.get("dealership", "")}
        content = data.get("data", "").encode()
    elif kind == "text/csv":
        content = body
    return Posted(urlsplit(path).path, fields, boxes, name, content)


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A browser that went away in the middle of an answer is no news."""


@contextmanager
def strange_portals() -> Iterator[StrangePortals]:
    portals = StrangePortals()
    servers = [_Server(("127.0.0.1", 0), _handler(portals)) for _ in range(2)]
    threads = [threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}) for server in servers]
    for thread in threads:
        thread.start()
    portals.url, portals.other_url = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    try:
        yield portals
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()
