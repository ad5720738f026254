"""Limits of time and memory: what a mail may do to the process that takes it apart, and to nobody else."""

import base64
import fcntl
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest

from report_mailbox.attachments import MailTooOdd, NotCheap, ParserFailed, contents_of
from report_mailbox.mailbox import Limits
from report_mailbox.parsing import is_small_and_plain, parse, parse_apart
from tests.mail.conftest import REPORT, report_mail

LIMITS = Limits()
MESSAGES = sorted((Path(__file__).parent / "messages").glob("*.eml"))


def program(text: str) -> tuple[str, ...]:
    """A child that reads its job and then does something of its own."""
    start = "import json, os, signal, sys, time\njob = json.loads(sys.stdin.buffer.readline())\n"
    return (sys.executable, "-I", "-c", start + "mail = sys.stdin.buffer.read(job['size'])\n" + textwrap.dedent(text))


def test_a_process_of_its_own_finds_the_same() -> None:
    for path in MESSAGES[::7]:
        raw = path.read_bytes()
        assert parse_apart(raw, LIMITS) == contents_of(raw, LIMITS), path.stem


def test_a_plain_report_needs_no_process() -> None:
    raw = bytes(report_mail(b"Created On,Email\r\n" * 12_000))
    assert is_small_and_plain(raw)
    assert contents_of(raw, LIMITS, cheaply=True) == parse(raw, LIMITS)


@pytest.mark.parametrize(
    "raw",
    [
        bytes(report_mail()) + b"\r\n" * 1_500_000,
        b"From: x\n" + b"Content-Type: text/plain;" + b"\n x=y;" * 1_000 + b"\n\n",
        b"Content-Type: text/plain\n\n" + b"\n--b" * 200,
        b"Content-Type: text/plain\n\n" + b"\nContent-Type: message/rfc822\n" * 50,
        b"Content-Type: text/plain\rContent-Type: text/csv\r\r",
    ],
    ids=["large", "a long field", "many parts", "nested", "lone carriage returns"],
)  # fmt: skip
def test_what_may_be_dear_is_not_taken_apart_here(raw: bytes) -> None:
    assert not is_small_and_plain(raw)


def test_a_zip_and_a_long_text_are_left_to_a_process() -> None:
    packed = (Path(__file__).parent / "messages" / "zip.eml").read_bytes()
    chat = b"Content-Type: text/html\n\n" + b"<p>" * 10_000
    for raw in (packed, chat):
        assert is_small_and_plain(raw)
        with pytest.raises(NotCheap):
            contents_of(raw, LIMITS, cheaply=True)
    assert [file.name for file in parse(packed, LIMITS).files] == ["leads.csv"]


def test_a_mail_that_takes_too_long_is_refused_with_that_reason() -> None:
    begun = monotonic()
    with pytest.raises(MailTooOdd, match=r"could not be read within 0\.5 seconds"):
        parse_apart(b"x", replace(LIMITS, parse=timedelta(seconds=0.5)), command=program("while True: pass"))
    assert monotonic() - begun < 30


def test_a_page_at_which_the_parser_hangs_costs_the_time_allowed() -> None:
    raw = b"Content-Type: text/html\n\n" + b'<a href="' * 55_000
    with pytest.raises(MailTooOdd, match="within 1 seconds"):
        parse(raw, replace(LIMITS, parse=timedelta(seconds=1)))


def test_a_mail_that_eats_memory_is_refused_with_that_reason() -> None:
    hungry = program("""
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (job["memory"], job["memory"]))
        try:
            bytearray(2 * job["memory"])
        except MemoryError:
            os._exit(75)
    """)
    with pytest.raises(MailTooOdd, match="more than 1600 MB of memory"):
        parse_apart(b"x", LIMITS, command=hungry)


def test_the_real_program_runs_within_the_memory_it_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("report_mailbox.parsing._BASE_MEMORY", 60_000_000)
    monkeypatch.setattr("report_mailbox.parsing._MEMORY_PER_BYTE", 1)
    with pytest.raises(MailTooOdd, match="MB of memory"):
        parse_apart(bytes(report_mail(b"a,b\r\n" * 4_000_000)), replace(LIMITS, unpacked_bytes=1))


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGKILL"])
def test_a_mail_that_brings_the_reader_down_is_refused(name: str) -> None:
    with pytest.raises(MailTooOdd, match=name):
        parse_apart(b"x", LIMITS, command=program(f"os.kill(os.getpid(), signal.{name})"))


@pytest.mark.parametrize(
    "does", ["sys.exit(1)", "os.kill(os.getpid(), signal.SIGTERM)", "print('{\"files\": ', flush=True, end='')"]
)
def test_a_process_that_ends_for_other_reasons_says_nothing_of_the_mail(does: str) -> None:
    with pytest.raises(ParserFailed):
        parse_apart(b"x", LIMITS, command=program(does))


def test_a_process_that_cannot_be_started_says_nothing_of_the_mail() -> None:
    with pytest.raises(ParserFailed, match="cannot be started"):
        parse_apart(b"x", LIMITS, command=("/nowhere/python",))


def test_a_process_that_does_not_read_is_ended_too() -> None:
    deaf = (sys.executable, "-I", "-c", "import threading; threading.Event().wait()")
    with pytest.raises(MailTooOdd, match="within 1 seconds"):
        parse_apart(bytes(5_000_000), replace(LIMITS, parse=timedelta(seconds=1)), command=deaf)


def test_the_process_inherits_no_secret_and_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOT_MAILBOX_PASSWORD", "hunter2")
    with Path(__file__).open("rb") as other:
        os.set_inheritable(other.fileno(), True)
        tells = program("""
            told = sorted(os.environ) + [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")
                                         if os.path.exists(f"/proc/self/fd/{n}")]
            answer = {"files": [], "obstacles": told, "others": [], "links": [], "code": None}
            print(json.dumps(answer), flush=True)
        """)
        told = parse_apart(b"x", LIMITS, command=tells).obstacles
    assert not [each for each in told if "PASSWORD" in each or "test_parsing" in each or "socket" in each]
    assert any("pipe:" in each for each in told)  # it did look


def test_the_process_dies_with_the_one_that_started_it(tmp_path: Path) -> None:
    held, child, starter = tmp_path / "held", tmp_path / "child.py", tmp_path / "starter.py"
    package = Path(parse.__code__.co_filename).parent
    child.write_text(
        f"""
import fcntl, sys, threading
sys.path[:0] = [{str(package)!r}]
import parsing_child

def hang(raw, limits):
    held = open({str(held)!r}, "w")
    fcntl.flock(held, fcntl.LOCK_EX)
    print(1, file=held, flush=True)
    threading.Event().wait()

parsing_child._bound = lambda *_: None
parsing_child._taken_apart = hang
parsing_child.main()
"""
    )
    starter.write_text(
        f"""
import sys
sys.path[:0] = {[path for path in sys.path if path]!r}
from report_mailbox import parsing
parsing.parse_apart(b"x", parsing.Limits(), command=(sys.executable, "-I", {str(child)!r}))
"""
    )
    with subprocess.Popen([sys.executable, str(starter)]) as process:
        wait_until(lambda: held.exists() and held.stat().st_size > 0)
        assert not is_free(held)
        process.kill()
    wait_until(lambda: is_free(held))


def is_free(path: Path) -> bool:
    with path.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def wait_until(seen: Callable[[], bool], seconds: float = 20) -> None:
    ends = monotonic() + seconds
    while not seen():
        assert monotonic() < ends


def test_a_hundred_megabytes_come_out_whole() -> None:
    table = REPORT * (100_000_000 // len(REPORT))
    head = b"Content-Type: text/csv; name=leads.csv\nContent-Transfer-Encoding: base64\n\n"
    (file,) = parse(head + base64.encodebytes(table), replace(LIMITS, mail_bytes=200_000_000)).files
    assert file.content == table
