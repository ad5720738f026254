"""Takes a mail apart within limits of time and memory.

What is small and plain is taken apart right here: its cost is bounded by what is counted beforehand, and the collector
stays fast. Everything else is the work of a process of its own, made for that one mail, with a deadline, a limit of
processor time and memory, no environment, no open file but its two pipes. A mail that hangs, eats memory or brings the
interpreter down is held with that as the reason, and costs nothing else. The process ends with this one.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from report_mailbox.attachments import (
    Attachment,
    Contents,
    MailTooOdd,
    NotCheap,
    ParserFailed,
    content_fields,
    contents_of,
)
from report_mailbox.links import Link
from report_mailbox.mailbox import Limits
from report_mailbox.parsing_child import OUT_OF_MEMORY

# What the cost of reading grows with beyond proportion: nesting, names in thousands of pieces, text to look through.
_SMALL = 2_000_000
_FEW_PARTS = 100
_FLAT = 12
_SHORT_FIELD, _SHORT_FIELDS = 2_000, 16_000  # bytes, of one and of all together
_MULTIPART_OR_MAIL = (b"boundary", b"message/", b"multipart/")

_BASE_MEMORY, _MEMORY_PER_BYTE = 400_000_000, 16  # bytes; the standard library takes 10 times a mail's size
_ENVIRONMENT = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # without which Python may not start at all
_CHILD = (sys.executable, "-I", str(Path(__file__).with_name("parsing_child.py")))
_LONGEST_ANSWER = 20_000_000  # bytes, for names, links and sentences
_CRASHES = {getattr(signal, name, 0) for name in ("SIGSEGV", "SIGBUS", "SIGABRT", "SIGFPE", "SIGILL", "SIGKILL")} - {0}


def parse(raw: bytes, limits: Limits) -> Contents:
    """What the mail holds.

    Raises:
        MailTooOdd: Beyond the limits of size, count, depth, time or memory; or it brought the process down.
        ParserFailed: The process could not be started, or was ended from outside. Another time it may go well.
    """
    if is_small_and_plain(raw):
        try:
            return contents_of(raw, limits, cheaply=True)
        except NotCheap:
            pass
    return parse_apart(raw, limits)


def is_small_and_plain(raw: bytes) -> bool:
    """Whether taking it apart is cheap, packed files and long texts aside."""
    if len(raw) > _SMALL or raw.count(b"\n--") > _FEW_PARTS or raw.count(b"\r") != raw.count(b"\r\n"):
        return False
    lower = raw.lower()
    fields = [len(field) for field in content_fields(raw)]
    return (
        max(fields, default=0) <= _SHORT_FIELD
        and sum(fields) <= _SHORT_FIELDS
        and sum(lower.count(word) for word in _MULTIPART_OR_MAIL) <= _FLAT
    )


def parse_apart(raw: bytes, limits: Limits, *, command: Sequence[str] = _CHILD) -> Contents:
    """The same in a process of its own, whatever the mail. Errors as in `parse`."""
    memory = _BASE_MEMORY + _MEMORY_PER_BYTE * len(raw) + 2 * limits.unpacked_bytes
    try:
        child = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a traceback may quote the mail
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            start_new_session=True,  # Ctrl-C is for this process alone
        )
    except OSError as error:
        raise ParserFailed(f"a process to take a mail apart cannot be started ({type(error).__name__})") from error
    late = threading.Event()

    def end() -> None:
        late.set()
        child.kill()

    deadline = threading.Timer(limits.parse.total_seconds(), end)
    deadline.daemon = True
    deadline.start()
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        answer = _ask(child.stdin, child.stdout, raw, limits, memory)
        if answer is None:
            child.wait()
    finally:
        deadline.cancel()
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            with suppress(OSError):  # what was not written yet is of no interest
                pipe.close()
    if answer is not None:
        return answer
    if late.is_set() or child.returncode == -getattr(signal, "SIGXCPU", 0):
        raise MailTooOdd(f"it could not be read within {limits.parse.total_seconds():g} seconds")
    if child.returncode == OUT_OF_MEMORY:
        raise MailTooOdd(f"reading it takes more than {memory // 1_000_000} MB of memory")
    if -child.returncode in _CRASHES:
        raise MailTooOdd(f"reading it brings the reader down ({signal.Signals(-child.returncode).name})")
    raise ParserFailed(f"the process that takes a mail apart ended with {child.returncode}")


def _ask(to: IO[bytes], answers: IO[bytes], raw: bytes, limits: Limits, memory: int) -> Contents | None:
    """None: the process ended before it had answered."""
    numbers = {name: value for name, value in vars(limits).items() if isinstance(value, int)}
    job = {"size": len(raw), "memory": memory, "seconds": int(limits.parse.total_seconds()) + 1, "limits": numbers}
    try:
        to.write(json.dumps(job).encode() + b"\n")
        to.write(raw)
        to.flush()
    except OSError:
        return None
    line = answers.readline(_LONGEST_ANSWER)
    if not line.endswith(b"\n"):
        return None
    told: dict[str, Any] = json.loads(line)
    if "odd" in told:
        raise MailTooOdd(told["odd"])
    files = []
    for name, size in told["files"]:
        content = answers.read(size)
        if len(content) < size:
            return None
        files.append(Attachment(name, content))
    links = tuple(Link(url, text) for url, text in told["links"])
    return Contents(tuple(files), tuple(told["obstacles"]), tuple(told["others"]), links, told["code"])
