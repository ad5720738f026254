"""Sends one HTTP request exactly once, on a connection of its own."""

import asyncio
import base64
import http.client
import socket
import ssl
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from export_robots.origins import is_loopback

_CONNECT = 30  # seconds
_SILENCE = 600  # seconds without a byte in either direction: portals take their time over a large file
_CHUNK = 256 * 1024
_LARGEST_ANSWER = 5 * 1024 * 1024


class NotSent(Exception):
    """No connection came about: not a byte of the request has left."""


class Cut(Exception):
    """The request was sent, wholly or in part, and no answer came."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


async def send_once(method: str, url: str, headers: Mapping[str, str], parts: Sequence[bytes | Path]) -> Answer:
    """Send the request, its body made of `parts`, and return the answer; redirects are not followed.

    Raises `NotSent` or `Cut`. When it is cancelled the connection is cut.
    """
    wire = _Wire()
    try:
        return await asyncio.to_thread(_send, method, url, dict(headers), list(parts), wire)
    finally:
        wire.cut()


class _Wire:
    """Lets the loop's thread end what the sending thread waits for."""

    def __init__(self) -> None:
        self.connection: http.client.HTTPConnection | None = None

    def cut(self) -> None:
        if self.connection and self.connection.sock:
            with suppress(OSError):
                self.connection.sock.shutdown(socket.SHUT_RDWR)


def _send(method: str, url: str, headers: dict[str, str], parts: list[bytes | Path], wire: _Wire) -> Answer:
    address = urlsplit(url)
    host = address.hostname or ""
    port = address.port or (443 if address.scheme == "https" else 80)
    target = f"{address.path or '/'}{'?' + address.query if address.query else ''}"
    proxies = urllib.request.getproxies()
    proxy = proxies.get(address.scheme)
    if proxy and (is_loopback(host) or urllib.request.proxy_bypass(host)):
        proxy = None
    connection, target = _connection(address.scheme, host, port, target, proxy, headers)
    with closing(connection):
        wire.connection = connection
        try:
            connection.connect()
        except (OSError, http.client.HTTPException) as error:
            raise NotSent(type(error).__name__) from error
        if connection.sock is not None:
            connection.sock.settimeout(_SILENCE)
        size = sum(part.stat().st_size if isinstance(part, Path) else len(part) for part in parts)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in {**headers, "Host": address.netloc.rpartition("@")[2]}.items():
                connection.putheader(name, value.encode("latin-1", "replace"))
            connection.putheader("Content-Length", str(size))
            connection.putheader("Connection", "close")
            connection.endheaders()
            early = False
            for chunk in _chunks(parts):
                try:
                    connection.send(chunk)
                except (BrokenPipeError, ConnectionResetError):
                    early = True  # it may have answered before it had read everything
                    break
            answer = connection.getresponse()
            body = answer.read(_LARGEST_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            raise Cut(type(error).__name__) from error
        if early and answer.status < 400:
            raise Cut("answered before it had the whole file")
        return Answer(answer.status, tuple(answer.getheaders()), body)


def _connection(
    scheme: str, host: str, port: int, target: str, proxy: str | None, headers: dict[str, str]
) -> tuple[http.client.HTTPConnection, str]:
    if proxy is None:
        if scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=_CONNECT, context=_tls()), target
        return http.client.HTTPConnection(host, port, timeout=_CONNECT), target
    through = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    proxy_host, proxy_port = through.hostname or "", through.port or 8080
    login = {}
    if through.username:
        pair = f"{unquote(through.username)}:{unquote(through.password or '')}"
        login = {"Proxy-Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    if scheme == "https":
        secure = http.client.HTTPSConnection(proxy_host, proxy_port, timeout=_CONNECT, context=_tls())
        secure.set_tunnel(host, port, login)
        return secure, target
    headers.update(login)
    return http.client.HTTPConnection(proxy_host, proxy_port, timeout=_CONNECT), f"http://{host}:{port}{target}"


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _chunks(parts: list[bytes | Path]) -> Iterator[bytes]:
    for part in parts:
        if isinstance(part, bytes):
            yield part
            continue
        with part.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
