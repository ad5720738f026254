"""Waiting for mail, by IDLE or without."""

import select
import threading
from collections.abc import Callable
from datetime import timedelta
from enum import Enum, auto
from time import monotonic

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError


class Woke(Enum):
    NOTICE = auto()
    TIME = auto()
    ASKED = auto()


def begin_idle(client: IMAPClient) -> Woke | None:
    """`client.idle()`, which takes whatever comes before the server's `+` for a refusal: news, or a farewell.

    Returns:
        NOTICE when there was news before it.

    Raises:
        IMAPClientError: The server refuses; as from IMAPClient otherwise, which for a farewell is a lost connection.
    """
    try:
        client.idle()
    except IMAPClientError as unexpected:
        if "IDLE response: b'* " not in str(unexpected):
            raise
    else:
        return None
    while (line := client._imap._get_response()) is not None:  # noqa: SLF001 - as `idle` itself does
        if not line.startswith(b"* "):
            raise IMAPClientError(f"Unexpected IDLE response: {line!r}")
    return Woke.NOTICE


def until_readable(client: IMAPClient, cycle: timedelta, glance: timedelta, asked: Callable[[], bool]) -> Woke:
    """Wait after `client.idle()` for anything that the server sends; `client.idle_done()` then reads it."""
    if _notice_already_buffered(client):
        return Woke.NOTICE
    ends = monotonic() + cycle.total_seconds()
    poller = select.poll()
    poller.register(client.socket().fileno(), select.POLLIN)
    while (left := ends - monotonic()) > 0:
        # Whatever can be read (mail, a farewell, the end of a dead connection) is read by `idle_done`, which unlike
        # `idle_check` raises when there is nobody at the other end.
        if poller.poll(min(left, glance.total_seconds()) * 1000):
            return Woke.NOTICE
        if asked():
            return Woke.ASKED
    return Woke.TIME


def pause(length: timedelta, glance: timedelta, asked: Callable[[], bool]) -> Woke:
    never = threading.Event()
    ends = monotonic() + length.total_seconds()
    while (left := ends - monotonic()) > 0:
        if asked():
            return Woke.ASKED
        never.wait(min(left, glance.total_seconds()))
    return Woke.TIME


def _notice_already_buffered(client: IMAPClient) -> bool:
    """Whether a notice came in the same segment as the answer to IDLE.

    It is in imaplib's buffer then, where neither `poll` nor `idle_check` sees it: 30 of 30 were missed on Dovecot.
    """
    buffer = getattr(client._imap, "file", None)  # noqa: SLF001 - no public way; without it the short cycle remains
    if buffer is None or not hasattr(buffer, "peek"):
        return False
    sock = client.socket()
    read_time = sock.gettimeout()
    sock.setblocking(False)
    try:
        return bool(buffer.peek(1))
    except (OSError, ValueError):
        return False
    finally:
        sock.settimeout(read_time)
