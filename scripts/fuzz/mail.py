"""Fuzzes what reads mails: headers, contents, unpacking, links, codes, matching.

    python -m venv fuzzing && fuzzing/bin/pip install atheris -e .
    fuzzing/bin/python scripts/fuzz/mail.py contents /tmp/finds -max_total_time=600 /tmp/corpus tests/mail/messages

It needs atheris, which the project's lock does not hold, since it is built for few versions of Python. The first
argument is the target (one of TARGETS), the second a folder for the finds, the others go to libFuzzer. A find does not
end the run: its bytes are kept once for each place it came from, beside a file that says what happened. A find that was
mended becomes a case in tests/mail/messages or tests/mail/finds.
"""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from traceback import extract_tb, format_exc

import atheris  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "mailbox")]

with atheris.instrument_imports(include=["report_mailbox", "email", "zipfile", "html", "urllib"]):
    from report_mailbox.attachments import MailTooOdd, contents_of
    from report_mailbox.codes_in_text import code_in
    from report_mailbox.links import Link, follows, links_in, report_link
    from report_mailbox.mailbox import Limits
    from report_mailbox.matching import CLOCK_TOLERANCE, Expectation, MailFacts, Turned, answerable
    from report_mailbox.message import (
        content_hash,
        decode_words,
        delivered_to,
        domain_of,
        read_headers,
        sender_of,
        sent_at,
        split_header_block,
    )
    from report_mailbox.naming import harmless_name
    from report_mailbox.unpacking import NotUnpacked, Room, gunzip, kind_of, unzip_one

SLOW = 3.0
"""Seconds of processor time for one input of a few KB."""

LIMITS = Limits(mail_bytes=1_000_000, header_bytes=20_000, parts=50, unpacked_bytes=3_000_000, packed_files=20)
HOSTS = ["crm.activix.ca", "127.0.0.1:8080"]
ASKED = datetime(2026, 11, 1, tzinfo=UTC)
EXPECTED = [
    Expectation("a", "datateam+abc@example.com", ("activix.ca",), ASKED),
    Expectation("b", "datateam+xyz@example.com", ("reports@crm.example",), ASKED),
]


def headers(raw: bytes) -> None:
    block = split_header_block(raw)
    read = read_headers(block)
    sender, delivered = sender_of(read), delivered_to(read, {"datateam@example.com"})
    sent = sent_at(read)
    assert sent is None or sent.tzinfo is not None
    assert sender is None or sender.count("@") == 1
    if delivered.address is not None:
        assert delivered.address.endswith("@example.com")
        assert delivered.address.startswith("datateam")
    for _, value in read:
        decode_words(value)
    assert len(content_hash(raw)) == 64


def contents(raw: bytes) -> None:
    try:
        found = contents_of(raw, LIMITS)
    except MailTooOdd:
        return
    for file in found.files:
        _name(file.name)
        assert file.content
    chosen = report_link(found.links, HOSTS)
    if isinstance(chosen, Link):
        _leads_to_ours(chosen.url)


def names(raw: bytes) -> None:
    _name(harmless_name(raw.decode("utf-8", "surrogateescape")))


def _name(name: str) -> None:
    assert len(name) <= 121
    assert not set(name) & set("/\\:\x00\n\r\u202e")
    name.encode("utf-8")


def unpacking(raw: bytes) -> None:
    kind_of(raw[:4096])
    for unpack in (unzip_one, gunzip):
        try:
            unpacked = unpack(raw, Room(LIMITS))
        except NotUnpacked:
            continue
        assert len(unpacked[1] if isinstance(unpacked, tuple) else unpacked) <= LIMITS.unpacked_bytes


def links(raw: bytes) -> None:
    text = raw.decode("utf-8", "replace")
    for is_html in (True, False):
        found = links_in([(is_html, text)])
        chosen = report_link(found, HOSTS)
        if isinstance(chosen, Link):
            _leads_to_ours(chosen.url)
    if follows(text, HOSTS):
        _leads_to_ours(text)


def _leads_to_ours(url: str) -> None:
    """Told apart by hand, not by what `follows` uses."""
    scheme, _, rest = url.partition("://")
    authority = rest.replace("?", "/").replace("#", "/").partition("/")[0].lower()
    assert authority.isascii()
    assert "@" not in authority
    assert "\\" not in url
    https = {"crm.activix.ca", "crm.activix.ca.", "crm.activix.ca:443", "crm.activix.ca.:443", "crm.activix.ca:",
             "127.0.0.1:8080", "127.0.0.1.:8080"}  # fmt: skip
    assert authority in https, authority
    assert scheme.lower() == "https" or authority.startswith("127.0.0.1"), scheme


def codes(raw: bytes) -> None:
    text = raw.decode("utf-8", "replace")
    for is_html in (True, False):
        code = code_in([(is_html, text)])
        assert code is None or 4 <= len(code) <= 8, code


def matching(raw: bytes) -> None:
    read = read_headers(split_header_block(raw))
    delivered = delivered_to(read, {"datateam@example.com"})
    received = sent_at(read) or ASKED + timedelta(days=1)
    mail = MailFacts(delivered.address, delivered.several, sender_of(read), received)
    answered = answerable(mail, EXPECTED)
    if isinstance(answered, Turned):
        return
    for each in answered:
        assert mail.address == each.address
        assert received >= each.newer_than - CLOCK_TOLERANCE
        assert mail.sender is not None
        domain = domain_of(mail.sender)
        assert domain == "activix.ca" or domain.endswith(".activix.ca") or mail.sender == "reports@crm.example"


TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each for each in (headers, contents, names, unpacking, links, codes, matching)
}


def main() -> None:
    target, finds = TARGETS[sys.argv[1]], Path(sys.argv[2])
    finds.mkdir(parents=True, exist_ok=True)
    known: set[str] = set()

    def keep(place: str, raw: bytes, text: str) -> None:
        if place in known:
            return
        known.add(place)
        name = f"{target.__name__}-{sha256(place.encode()).hexdigest()[:10]}"
        (finds / f"{name}.bin").write_bytes(raw)
        (finds / f"{name}.txt").write_text(f"{place}\n\n{text}\n", "utf-8", "backslashreplace")
        print(f"FIND {name}: {place}", flush=True)

    def once(raw: bytes) -> None:
        begun = time.process_time()
        try:
            target(raw)
        except Exception as error:
            last = extract_tb(error.__traceback__)[-1]
            keep(f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}", raw, format_exc())
        if (took := time.process_time() - begun) > SLOW:
            keep(f"slow by a factor of {int(took / SLOW)}", raw, f"{took:.1f} s for {len(raw)} bytes")

    atheris.Setup([sys.argv[0], *sys.argv[3:]], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
