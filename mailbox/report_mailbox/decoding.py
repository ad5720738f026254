"""The bytes of a part: Content-Transfer-Encoding undone, and files that stand uuencoded in the text.

The standard library's own decoding hands out base64 that is broken as if it were the content, takes a mailing list's
footer below it for data, and stops at padding in the middle.
"""

import binascii
import quopri
import re
from email.message import Message

_WHITESPACE = b" \t\r\n\x0b\x0c"
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*={0,2}")
_BASE64_BLOCKS = re.compile(rb"[A-Za-z0-9+/]+(?:={1,2}[A-Za-z0-9+/]+)*={0,2}")
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))
_LONG_LINE = 60
_SOFT_BREAK = re.compile(rb"=[ \t]+(?=\r?\n)")
_UU_BEGIN = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]{1,500})\r?$", re.MULTILINE)


class Damaged(Exception):
    """An attachment whose encoding is broken: one sentence without a full stop."""


def decoded(part: "Message[str, str]") -> bytes:
    """What the sender attached.

    Raises:
        Damaged: It is cut off or was never encoded.
    """
    encoding = _encoding(part)
    # With these headers gone, the library gives the bytes as they stand in the mail.
    for header in ("content-transfer-encoding", "content-type"):
        del part[header]
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    return undone(raw, encoding)


def undone(raw: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        return _base64(raw)
    if encoding == "quoted-printable":
        return quopri.decodestring(_SOFT_BREAK.sub(b"=", raw))
    if encoding in {"x-uuencode", "uuencode", "uue", "x-uue"}:
        files = uuencoded_files(raw)
        if len(files) != 1:
            raise Damaged("its attachment is not uuencoded, as it says it is")
        return files[0][1]
    return raw  # 7bit, 8bit, binary, or a word that nobody knows


def _encoding(part: "Message[str, str]") -> str:
    value = next((str(value) for key, value in part.raw_items() if key.casefold() == "content-transfer-encoding"), "")
    words = value.partition("(")[0].replace('"', " ").replace(";", " ").split()
    return words[0].casefold() if words else ""


def uuencoded_files(text: bytes) -> list[tuple[bytes, bytes]]:
    """Names and contents.

    Raises:
        Damaged: One of them has no end, or lines that are not uuencoded.
    """
    files: list[tuple[bytes, bytes]] = []
    at = 0
    while begin := _UU_BEGIN.search(text, at):
        content = bytearray()
        at = begin.end() + 1
        while True:
            end = text.find(b"\n", at)
            line = text[at : end if end >= 0 else len(text)].rstrip(b"\r")
            if line.rstrip() == b"end":
                break
            if end < 0:
                raise Damaged("its uuencoded attachment is cut off")
            content += _uu_line(line)
            at = end + 1
        files.append((begin[1], bytes(content)))
    return files


def _uu_line(line: bytes) -> bytes:
    if not line.strip() or line == b"`":
        return b""
    try:
        # Some encoders write more characters than the line's length calls for.
        return binascii.a2b_uu(line[: ((line[0] - 32 & 63) * 4 + 5) // 3])
    except binascii.Error as error:
        raise Damaged("its uuencoded attachment is damaged") from error


def _base64(raw: bytes) -> bytes:
    compact = raw.translate(None, _WHITESPACE)
    if _BASE64.fullmatch(compact):
        return _base64_block(compact)
    if _BASE64_BLOCKS.fullmatch(compact):  # encoded in several goes, each with its own padding
        return b"".join(_base64_block(block) for block in re.findall(rb"[A-Za-z0-9+/]+=*", compact))
    head, foot = _before_footer(raw)
    if head and len(head) % 4 == 0 and not any(len(line) >= _LONG_LINE and b" " not in line for line in foot):
        return _base64(head)
    return _base64_block(raw.translate(None, _NOT_BASE64))  # RFC 2045: other characters are to be ignored


def _before_footer(raw: bytes) -> tuple[bytes, list[bytes]]:
    """The lines down to the first that is not base64, without white space, and those from there."""
    lines = [line.strip() for line in raw.replace(b"\r\n", b"\n").split(b"\n")]
    first = next((number for number, line in enumerate(lines) if not _BASE64.fullmatch(line)), len(lines))
    return b"".join(lines[:first]), lines[first:]


def _base64_block(block: bytes) -> bytes:
    bare = block.rstrip(b"=")
    if len(bare) % 4 == 1:
        raise Damaged("its attachment is cut off")
    try:
        return binascii.a2b_base64(bare + b"=" * (-len(bare) % 4))
    except binascii.Error as error:
        raise Damaged("its attachment is damaged") from error
