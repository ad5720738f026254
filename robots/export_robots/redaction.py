"""What may not leave a run: secrets, and what could be a lead's. Taken out first, then looked for.

`Redactor` takes out of texts what is known (secrets) and what has a shape (addresses, telephone numbers, queries of
web addresses). `SecretScan` then looks through what is about to be kept, in every encoding that a page, an address, a
log or a trace may have put a secret into, so that a mistake in the first costs evidence and not a secret.
"""

import base64
import binascii
import gzip
import html
import io
import re
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator
from urllib.parse import unquote, urlsplit

SHORTEST = 4  # characters: a shorter secret cannot be told from ordinary text
MASK = "•••"

_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+", re.IGNORECASE)
_SPACE = r"[\s.\-‐‑‒–/\u00a0\u202f]"
_PHONE = re.compile(
    rf"(?<![\w.])(?:"
    rf"\+\d(?:{_SPACE}?\(?\d\)?){{6,14}}"  # international
    rf"|(?:1{_SPACE}?)?(?:\(\d{{3}}\)|\d{{3}}){_SPACE}{{0,2}}\d{{3}}{_SPACE}?\d{{4}}"  # North America
    rf"|0\d(?:{_SPACE}?\d{{2}}){{4}}"  # France
    rf"|\d{{3}}[\-‑.]\d{{4}}"  # local
    rf"|\d{{9,}}"
    rf")(?![\w])"
)
_URL = re.compile(r"\b(?:https?|wss?|file|blob|data):[^\s\"'<>)\]]+", re.IGNORECASE)
_PATH_QUERY = re.compile(r"(?<=[\w/])\?[\w%.\[\]-]+=[^\s\"'<>]*")


class Redactor:
    """Takes out of texts what must not be kept. `keep` are addresses that may stay: the account's own."""

    def __init__(self, secrets: Iterable[str], keep: Collection[str] = ()) -> None:
        self._secrets = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        self._keep = {address.lower() for address in keep}

    def text(self, text: str) -> str:
        text = self.secrets(text)
        text = _URL.sub(lambda match: bare_url(match[0]), text)
        text = _PATH_QUERY.sub("?…", text)
        text = _EMAIL.sub(lambda match: match[0] if match[0].lower() in self._keep else MASK, text)
        return _PHONE.sub(MASK, text)

    def secrets(self, text: str) -> str:
        for secret in self._secrets:
            if len(secret) < SHORTEST:
                text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, text)
            else:
                text = text.replace(secret, MASK)
        return text


def bare_url(url: str) -> str:
    """The address without user, query and fragment; long numbers in the path may be a lead's."""
    try:
        parts = urlsplit(url)
        where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else f"{parts.scheme}:"
    except ValueError:
        return MASK
    if parts.scheme not in ("http", "https", "ws", "wss"):
        return f"{parts.scheme}:…"
    return where + re.sub(r"\d{3,}", "…", parts.path) + ("?…" if parts.query else "")


class CannotScan(Exception):
    """The data cannot be looked through, so nobody can say that it holds no secret."""


class SecretScan:
    """Whether bytes hold one of the secrets, in whatever encoding."""

    _DEEPEST = 4  # archives in archives
    _LARGEST = 200 * 1024 * 1024  # bytes after unpacking

    def __init__(self, secrets: Iterable[str]) -> None:
        every = {secret for secret in secrets if secret}
        self.too_short = sum(len(secret) < SHORTEST for secret in every)
        self._secrets = sorted(secret for secret in every if len(secret) >= SHORTEST)
        self._needles = {needle for secret in self._secrets for needle in _needles(secret)}

    def finds(self, data: bytes) -> bool:
        """Raises `CannotScan` for data that cannot be unpacked."""
        return bool(self._secrets) and any(self._holds(part) for part in _unpacked(data, self._DEEPEST, self._LARGEST))

    def finds_in_text(self, text: str) -> bool:
        return any(secret in variant for variant in _decoded(text) for secret in self._secrets)

    def _holds(self, data: bytes) -> bool:
        if any(needle in data for needle in self._needles):
            return True
        # A base64 block may be broken into lines.
        joined = re.sub(rb"(?:\r?\n|\\r\\n|\\n)[ \t]*", b"", data)
        if joined != data and any(needle in joined for needle in self._needles):
            return True
        texts = {data.decode("utf-8", "replace"), data.decode("latin-1")}
        if b"\0" in data[:4096]:
            texts |= {data[odd:].decode(kind, "replace") for kind in ("utf-16-le", "utf-16-be") for odd in (0, 1)}
        return any(self.finds_in_text(text) for text in texts)


def _needles(secret: str) -> Iterator[bytes]:
    for kind in ("utf-8", "utf-16-le", "utf-16-be", "cp1252"):
        try:
            raw = secret.encode(kind)
        except UnicodeError:
            continue
        yield raw
        yield raw.hex().encode()
        yield raw.hex().upper().encode()
        for shift in range(3):
            # Base64 writes three bytes as four characters. Those that also hold bits of what stands before or after
            # the secret are left off.
            whole = base64.b64encode(bytes(shift) + raw).rstrip(b"=")
            first = (shift * 8 + 5) // 6
            last = (shift + len(raw)) * 8 // 6
            if last - first >= SHORTEST:
                yield whole[first:last]
                yield whole[first:last].replace(b"+", b"-").replace(b"/", b"_")


_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\"'\\/]))")


def _unescaped(text: str) -> str:
    """JSON's and JavaScript's escapes undone; a pair of surrogates becomes its character."""

    def character(match: re.Match[str]) -> str:
        if match[4]:
            return match[4]
        code = int(match[1] or match[2] or match[3], 16)
        return chr(code) if code <= 0x10FFFF else match[0]

    undone = _ESCAPE.sub(character, text)
    return undone.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _decoded(text: str) -> set[str]:
    """The text, and what it becomes when the encodings of addresses, HTML and JSON are undone in any order, thrice."""
    known = {text}
    newest = {text}
    for _ in range(3):
        made: set[str] = set()
        for variant in newest:
            if "%" in variant:
                made |= {unquote(variant, errors="replace"), unquote(variant, encoding="cp1252", errors="replace")}
                made.add(unquote(variant.replace("+", " "), errors="replace"))
            elif "+" in variant:
                made.add(variant.replace("+", " "))
            if "&" in variant:
                made.add(html.unescape(variant))
            if "\\" in variant:
                made.add(_unescaped(variant))
            if "=\n" in variant or re.search(r"=[0-9A-F]{2}", variant):
                made.add(_unquoted_printable(variant))
        newest = made - known
        known |= newest
        if not newest:
            break
    return known


def _unquoted_printable(text: str) -> str:
    return binascii.a2b_qp(text.encode("utf-8", "replace")).decode("utf-8", "replace")


def _unpacked(data: bytes, depth: int, largest: int) -> Iterator[bytes]:
    """The data itself, and all that is packed into it."""
    yield data
    try:
        if data[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
            if depth == 0:
                raise CannotScan("too many archives in each other")
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                if sum(item.file_size for item in archive.infolist()) > largest:
                    raise CannotScan("too large when unpacked")
                yield archive.comment
                for item in archive.infolist():
                    yield item.filename.encode("utf-8", "replace") + b"\n" + item.comment
                    yield from _unpacked(archive.read(item), depth - 1, largest)
        elif data[:2] == b"\x1f\x8b":
            if depth == 0:
                raise CannotScan("too many archives in each other")
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
                inner = stream.read(largest + 1)
            if len(inner) > largest:
                raise CannotScan("too large when unpacked")
            yield from _unpacked(inner, depth - 1, largest)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError) as error:
        raise CannotScan("a damaged or locked archive") from error
