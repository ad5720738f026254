"""Fetching a report that a CRM's mail only links to, with the session that the robot has there."""

import asyncio
import http.client
import os
import re
import secrets
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.message import Message
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urljoin

from export_robots.origins import Origin, is_loopback, parse_origin
from export_robots.outcomes import ReportRejected, SiteDown

SIZE_LIMIT = 200 * 1024 * 1024
LONGEST = timedelta(minutes=10)

_REDIRECTS = 10
_SILENCE = 30  # seconds without a byte; also how long a fetch that was given up may linger
_CHUNK = 256 * 1024


@dataclass(frozen=True)
class Fetched:
    """What a link gave. `file_name` is the sender's wish, not a path: never open a file by it."""

    path: Path
    content_type: str
    file_name: str | None
    size: int


async def fetch(
    url: str,
    folder: Path,
    *,
    allowed: Origin,
    cookies: Mapping[str, str],
    user_agent: str,
    size_limit: int = SIZE_LIMIT,
    within: timedelta = LONGEST,
) -> Fetched:
    stop = threading.Event()
    headers = {
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "User-Agent": user_agent,
        "Accept": "text/csv,application/zip,application/octet-stream,*/*;q=0.5",
    }
    target = folder / f"fetched-{secrets.token_hex(8)}"
    try:
        async with asyncio.timeout(within.total_seconds()):
            return await asyncio.to_thread(_fetch, url, target, allowed, headers, size_limit, stop)
    except TimeoutError:
        raise SiteDown(f"the report's link did not bring the whole file within {within}") from None
    finally:
        stop.set()


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        """None: a redirect comes back as an answer, and is checked before it is followed."""


def _fetch(
    url: str, target: Path, allowed: Origin, headers: Mapping[str, str], size_limit: int, stop: threading.Event
) -> Fetched:
    opener = urllib.request.build_opener(_NoRedirects)
    if is_loopback(allowed.host):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects)
    for _ in range(_REDIRECTS):
        if parse_origin(url) != allowed:
            raise ReportRejected(
                "the link to the report leads to another address than the CRM's own; it was not followed",
                "Open the mail and judge by eye whether it is the CRM's; export by hand with `robot deliver` if it is.",
            )
        request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310 - the origin was checked
        try:
            with opener.open(request, timeout=_SILENCE) as answer:
                return _keep(answer, target, size_limit, stop)
        except urllib.error.HTTPError as error:
            with error:
                location = error.headers.get("Location")
                if error.code in (301, 302, 303, 307, 308) and location:
                    url = urljoin(url, location).partition("#")[0]
                    continue
                if error.code >= 500 or error.code == 429:
                    raise SiteDown(f"the report's link answered with HTTP {error.code}") from None
                raise ReportRejected(
                    f"the report's link answered with HTTP {error.code}: it may have expired",
                    "Ask for the report anew with the same command.",
                ) from None
        except (urllib.error.URLError, http.client.HTTPException, ssl.SSLError, TimeoutError, ConnectionError) as error:
            raise SiteDown(f"the report's link could not be fetched: {_reason(error)}") from None
    raise ReportRejected("the report's link redirects in a circle")


def _keep(answer: http.client.HTTPResponse, target: Path, size_limit: int, stop: threading.Event) -> Fetched:
    too_large = ReportRejected(
        f"the report behind the link is larger than {size_limit // 1024 // 1024} MB", "Export a shorter period."
    )
    promised = answer.headers.get("Content-Length", "")
    if promised.isdigit() and int(promised) > size_limit:
        raise too_large
    size = 0
    began = time.monotonic()
    kept = False
    try:
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            while chunk := answer.read1(_CHUNK):
                size += len(chunk)
                if size > size_limit:
                    raise too_large
                if stop.is_set():
                    raise SiteDown(f"fetching the report was given up after {time.monotonic() - began:.0f} seconds")
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if promised.isdigit() and size != int(promised):
            raise SiteDown("the connection was cut before the report behind the link had come whole")
        kept = True
    finally:
        if not kept:
            target.unlink(missing_ok=True)
    return Fetched(target, answer.headers.get_content_type(), _file_name(answer.headers), size)


def _file_name(headers: Message) -> str | None:
    """RFC 6266, where `filename*` wins; servers that put UTF-8 bytes into the plain one are understood, too."""
    disposition = headers.get("Content-Disposition", "")
    if extended := re.search(r"filename\*\s*=\s*([\w-]+)'[^']*'([^;\s]+)", disposition, re.IGNORECASE):
        try:
            return unquote(extended[2], encoding=extended[1], errors="replace")
        except LookupError:
            pass
    name = headers.get_filename()
    if name is None:
        return None
    try:
        return name.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return name


def _reason(error: Exception) -> str:
    cause = getattr(error, "reason", error)
    if isinstance(cause, socket.gaierror):
        return "its name is not known to the DNS"
    if isinstance(cause, ssl.SSLError):
        return "no secure connection came about"
    if isinstance(cause, TimeoutError):
        return "it does not answer"
    if isinstance(cause, ConnectionRefusedError):
        return "it refuses the connection"
    return "the connection broke"
