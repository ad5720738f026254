"""Headers of mails as they really are: bytes, sometimes broken, sometimes lies.

Nothing here raises on odd input; what cannot be read is None or empty, and whoever asked decides what that means.
The message is never decoded as a whole and never written out again: attachments and signatures depend on its bytes.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header
from email.utils import parsedate_to_datetime

from report_mailbox.mailbox import DELIVERY_HEADERS

Headers = Sequence[tuple[str, str]]
"""Names in lower case with their unfolded values, in the mail's order. Bytes above 127 are decoded as UTF-8, or where
that fails as Windows-1252."""

_NAME = re.compile(rb"^([\x21-\x39\x3b-\x7e]+)[ \t]*:(.*)$", re.DOTALL)
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"@\\]+@[^\s<>()\[\],;:\"@\\]+")
_RECEIVED_FOR = re.compile(r"\bfor\s+<?([^\s<>;]+@[^\s<>;]+?)>?(?=[\s;]|$)", re.IGNORECASE)

# What the sender wrote: believed only by those who say so, and then all of it at once.
_SHOWN_HEADERS = ("to", "cc")

# Written on the way: they differ between two copies of the same mail.
_TRACE_HEADERS = (
    b"received", b"delivered-to", b"return-path", b"authentication-results", b"arc-", b"x-", b"envelope-to", b"status",
)  # fmt: skip


@dataclass(frozen=True)
class DeliveredTo:
    """Which of our addresses a mail was delivered to, in lower case. None with `several`: it cannot be told which.

    `claimed` are those with a tag that stand only in headers that are not believed.
    """

    address: str | None
    several: tuple[str, ...] = ()
    claimed: tuple[str, ...] = ()


def split_header_block(raw: bytes) -> bytes:
    """The mail's header block, without the empty line that ends it."""
    if raw.startswith((b"\r\n", b"\n")):
        return b""
    end = raw.find(b"\r\n\r\n")
    earlier = raw.find(b"\n\n", 0, end if end >= 0 else len(raw))  # not through all of a large mail
    end = earlier if earlier >= 0 else end
    return raw[:end] if end >= 0 else raw


def read_headers(block: bytes) -> Headers:
    headers: list[tuple[str, str]] = []
    field: list[bytes] = []

    def finish() -> None:
        if field and (match := _NAME.match(b" ".join(field))):
            headers.append((match[1].decode("ascii").casefold(), decode_bytes(match[2]).strip()))
        field.clear()

    for line in block.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
        if line[:1] in (b" ", b"\t") and field:
            field.append(line.strip())
        else:
            finish()
            if line:
                field.append(line)
    finish()
    return headers


def decode_bytes(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("cp1252", "replace")


def every(headers: Headers, name: str) -> list[str]:
    return [value for key, value in headers if key == name]


def first(headers: Headers, name: str) -> str:
    return next((value for key, value in headers if key == name), "")


def decode_words(value: str) -> str:
    """RFC 2047's encoded words in clear; what cannot be decoded stays as it is."""
    if "=?" not in value:
        return value
    try:
        pieces = decode_header(value)
    except (HeaderParseError, ValueError, LookupError):
        return value
    text = []
    for piece, charset in pieces:
        if isinstance(piece, str):
            text.append(piece)
            continue
        try:
            text.append(piece.decode(charset or "ascii"))
        except (LookupError, UnicodeDecodeError, ValueError):
            text.append(decode_bytes(piece))
    return "".join(text)


def sender_of(headers: Headers) -> str | None:
    """The one address in From, in lower case; None when there is none, more than one, or doubt.

    The standard library takes `reports@crm.example <x@evil.example>` for an address at crm.example. Here an @ outside
    quotes, comments and angle brackets beside an address in angle brackets is doubt.
    """
    values = every(headers, "from")
    if len(values) != 1:
        return None
    bare = _without_quotes_and_comments(values[0])
    if bare is None or any(character in bare for character in ",;"):
        return None
    bracketed = re.findall(r"<([^<>]*)>", bare)
    outside = re.sub(r"<[^<>]*>", " ", bare)
    if any(character in outside for character in "<>") or len(bracketed) > 1:
        return None
    if bracketed:
        candidate = bracketed[0].strip()
        if "@" in outside:
            return None
    else:
        candidate = outside.strip()
    return candidate.casefold() if _ADDRESS.fullmatch(candidate) else None


def domain_of(address: str) -> str:
    return address.rpartition("@")[2].rstrip(".").casefold()


def delivered_to(headers: Headers, bases: Iterable[str], believed: Sequence[str] = DELIVERY_HEADERS) -> DeliveredTo:
    """Which address with one of our bases (`base_of`) the mail was delivered to.

    The first of the believed headers that names one of ours counts, and of several of a name the topmost: each server
    writes on top of what it was given. If it has no tag, one with a tag is still looked for in the other headers, but
    only above the topmost Received: what stands below was there before the mail came to its last server.
    """
    ours = {base.casefold() for base in bases}
    untagged: str | None = None
    for place in _places(headers, believed):
        if untagged is not None and not place.by_receiver:
            continue
        found = {address.casefold() for address in place.addresses if base_of(address) in ours}
        tagged = sorted(address for address in found if _has_tag(address))
        if len(tagged) > 1:
            return DeliveredTo(None, tuple(tagged))
        if tagged:
            return DeliveredTo(tagged[0])
        if untagged is None and found:
            untagged = min(found)
    everywhere = {address.casefold() for value in _delivery_values(headers) for address in _ADDRESS.findall(value)}
    claimed = sorted(address for address in everywhere if base_of(address) in ours and _has_tag(address))
    return DeliveredTo(untagged, claimed=tuple(claimed))


def base_of(address: str) -> str:
    """`datateam@example.com` for `DataTeam+abc@example.com`."""
    local, _, domain = address.casefold().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def sent_at(headers: Headers) -> datetime | None:
    """The Date header as an aware time; None when there is none or it is not a date."""
    value = first(headers, "date")
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except (OverflowError, ValueError):
        return None


def message_id(headers: Headers) -> str:
    return first(headers, "message-id")[:250]


def content_hash(raw: bytes) -> str:
    """The same for two copies of one mail, whatever servers wrote on top of each."""
    block = split_header_block(raw)
    digest = hashlib.sha256()
    keep = True
    for line in block.replace(b"\r\n", b"\n").split(b"\n"):
        if line[:1] not in (b" ", b"\t"):
            keep = not line.lower().startswith(_TRACE_HEADERS)
        if keep:
            digest.update(line.rstrip() + b"\n")
    digest.update(b"\n")
    digest.update(raw[len(block) :].replace(b"\r\n", b"\n").strip(b"\n"))
    return digest.hexdigest()


@dataclass(frozen=True)
class _Place:
    addresses: list[str]
    by_receiver: bool  # or named in the settings although the sender writes it


def _places(headers: Headers, believed: Sequence[str]) -> Iterator[_Place]:
    arrived = next((at for at, (name, _) in enumerate(headers) if name == "received"), 0)
    for name in (name.casefold() for name in believed):
        if name == "received":
            yield _Place(_RECEIVED_FOR.findall(first(headers, "received")), by_receiver=True)
        elif name in _SHOWN_HEADERS:
            shown = [_without_quotes_and_comments(value) or "" for value in every(headers, name)]
            yield _Place([address for value in shown for address in _ADDRESS.findall(value)], by_receiver=True)
        else:
            # Each on its own, topmost first.
            for at, (key, value) in enumerate(headers):
                if key == name:
                    yield _Place(_ADDRESS.findall(value), by_receiver=at < arrived)


def _delivery_values(headers: Headers) -> Iterator[str]:
    names = {name.casefold() for name in DELIVERY_HEADERS} - {"received"}
    for name, value in headers:
        if name in names:
            yield value
        elif name in _SHOWN_HEADERS:
            yield _without_quotes_and_comments(value) or ""


def _has_tag(address: str) -> bool:
    return "+" in address.partition("@")[0]


def _without_quotes_and_comments(value: str) -> str | None:
    """None when a quote or comment does not end."""
    kept: list[str] = []
    quoted, depth, escaped = False, 0, False
    for character in value:
        if escaped:
            escaped = False
        elif character == "\\" and (quoted or depth):
            escaped = True
        elif character == '"' and not depth:
            quoted = not quoted
        elif not quoted and character == "(":
            depth += 1
        elif not quoted and depth and character == ")":
            depth -= 1
        elif not quoted and not depth:
            kept.append(character)
    return None if quoted or depth else "".join(kept)
