"""What a mail brought: data files under any declared type, disposition and name, or else links and text.

The mail is parsed with the old `compat32` policy, which loses no part; for names the new policy is asked as well, and
raw 8-bit, RFC 2231 and RFC 2047 names are read. What a part is, its bytes decide.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.headerregistry import HeaderRegistry
from email.message import Message
from email.utils import collapse_rfc2231_value
from pathlib import PurePosixPath

from report_mailbox.mailbox import Limits
from report_mailbox.message import decode_bytes, decode_words, split_header_block
from report_mailbox.unpacking import Kind, NotUnpacked, gunzip, kind_of, unzip_one

# What the standard library's parser has been seen to raise on mails that are odd or hostile.
UNREADABLE = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    RecursionError,
    MemoryError,
)

_CONTROL_OR_SEPARATOR = re.compile(r"[/\\:\x00-\x1f\x7f]")
_REGISTRY = HeaderRegistry()


class MailTooOdd(Exception):
    """Beyond the limits: one sentence without a full stop."""


@dataclass(frozen=True)
class Attachment:
    """One data file. `name` is as the sender wrote it, made harmless; never to be used as a path."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Contents:
    """What a mail holds. `obstacles`: attachments that could not be opened, a sentence each without a full stop.

    `texts` are the parts meant for reading, as (is HTML, text).
    """

    files: tuple[Attachment, ...]
    obstacles: tuple[str, ...]
    texts: tuple[tuple[bool, str], ...] = field(repr=False)
    others: tuple[str, ...] = ()  # kinds of attachments that are no data: "picture", "PDF"


def contents_of(raw: bytes, limits: Limits) -> Contents:
    """What the mail holds, every packed file opened.

    Raises:
        MailTooOdd: Beyond the limits, or nested deeper than can be read.
        One of UNREADABLE: The parser failed.
    """
    if len(split_header_block(raw)) > limits.header_bytes:
        raise MailTooOdd(f"its headers are larger than {limits.header_bytes // 1000} KB")
    if raw.count(b"\n--") > limits.parts * 20:
        raise MailTooOdd(f"it has more than {limits.parts} parts")
    try:
        message = message_from_bytes(raw, policy=policy.compat32)
        leaves = list(_leaves(message, limits))
    except RecursionError as error:
        raise MailTooOdd("its parts are nested too deeply") from error
    files: list[Attachment] = []
    obstacles: list[str] = []
    texts: list[tuple[bool, str]] = []
    others: list[str] = []
    for part in leaves:
        declared, name = part.get_content_type(), name_of(part)
        payload = part.get_payload(decode=True)
        content = payload if isinstance(payload, bytes) else b""
        if _is_for_reading(part, declared, name):
            texts.append((declared == "text/html", _text(part, content)))
            continue
        if not content.strip():
            if name:
                obstacles.append("its attachment is empty")
            continue
        try:
            opened = _open(name, content, declared, limits)
        except NotUnpacked as refusal:
            obstacles.append(str(refusal))
            continue
        if isinstance(opened, Attachment):
            files.append(opened)
        else:
            others.append(opened)
    return Contents(tuple(files), tuple(dict.fromkeys(obstacles)), tuple(texts), tuple(dict.fromkeys(others)))


def name_of(part: "Message[str, str]") -> str:
    """The file name a part gives, harmless but otherwise as written; empty when it gives none."""
    for header, parameter in (("content-disposition", "filename"), ("content-type", "name")):
        raw = next((value for key, value in part.raw_items() if key.casefold() == header), None)
        if raw is None:
            continue
        value = decode_bytes(str(raw).encode("utf-8", "surrogateescape"))
        name = _by_old_policy(header, value, parameter)
        if not name or name.startswith("=?"):
            name = _by_new_policy(header, value, parameter) or name
        if name:
            return harmless_name(decode_words(name))
    return ""


def harmless_name(name: str) -> str:
    """No path, no control or direction characters, at most 120 characters."""
    last = PurePosixPath(name.replace("\\", "/")).name if name.strip("./\\") else ""
    kept = "".join(
        character
        for character in unicodedata.normalize("NFC", _CONTROL_OR_SEPARATOR.sub("", last))
        if unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
    ).strip(" .")
    if len(kept) <= 120:
        return kept
    suffix = PurePosixPath(kept).suffix[:10]
    return kept[: 120 - len(suffix)] + suffix


def _open(name: str, content: bytes, declared: str, limits: Limits) -> Attachment | str:
    kind = kind_of(content[:4096], declared)
    if kind is Kind.ZIP:
        inner, unpacked = unzip_one(content, limits)
        return Attachment(harmless_name(inner), unpacked)
    if kind is Kind.GZIP:
        unpacked = gunzip(content, limits)
        if kind_of(unpacked[:4096]) is not Kind.DATA:
            raise NotUnpacked("the gz file holds another packed file")
        return Attachment(name.removesuffix(".gz"), unpacked)
    if kind is Kind.FOREIGN_ARCHIVE:
        raise NotUnpacked("its attachment is packed in a format that is not opened: ask the sender for a zip")
    if kind is Kind.WINMAIL:
        raise NotUnpacked("its attachment is inside a winmail.dat: ask the sender to switch off Rich Text in Outlook")
    return Attachment(name, content) if kind is Kind.DATA else str(kind)


def _leaves(message: "Message[str, str]", limits: Limits) -> Iterator["Message[str, str]"]:
    for number, part in enumerate(message.walk(), start=1):
        if number > limits.parts:
            raise MailTooOdd(f"it has more than {limits.parts} parts")
        if not part.is_multipart():
            yield part


def _is_for_reading(part: "Message[str, str]", declared: str, name: str) -> bool:
    if name or declared not in {"text/plain", "text/html"}:
        return declared in {"message/delivery-status", "text/rfc822-headers", "message/disposition-notification"}
    disposition = str(part.get("content-disposition", "")).strip().casefold()
    return not disposition.startswith("attachment")


def _text(part: "Message[str, str]", content: bytes) -> str:
    charset = part.get_content_charset() or "utf-8"
    try:
        return content[:1_000_000].decode(charset, "replace")
    except (LookupError, ValueError):
        return decode_bytes(content[:1_000_000])


def _by_old_policy(header: str, value: str, parameter: str) -> str:
    holder: Message[str, str] = Message()
    holder[header] = value
    try:
        found = holder.get_param(parameter, None, header)
        return collapse_rfc2231_value(found) if found is not None else ""
    except UNREADABLE:
        return ""


def _by_new_policy(header: str, value: str, parameter: str) -> str:
    try:
        parsed = _REGISTRY(header, value)
        return str(getattr(parsed, "params", {}).get(parameter, ""))
    except UNREADABLE:
        return ""
