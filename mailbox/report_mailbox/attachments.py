"""What a mail brought: data files under any declared type, disposition and name, or else links and a sign-in code.

The standard library has two opinions about mails, the old policy and the new, and each loses attachments that the other
finds. Both are asked, and every file counts that either found. What a part is, its bytes decide.
"""

import codecs
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import Message
from hashlib import sha256

from report_mailbox.codes_in_text import code_in
from report_mailbox.decoding import Damaged, decoded, undone, uuencoded_files
from report_mailbox.links import Link, links_in
from report_mailbox.mailbox import Limits
from report_mailbox.message import decode_bytes, split_header_block
from report_mailbox.naming import ODDITIES, harmless_name, name_of
from report_mailbox.unpacking import Kind, NotUnpacked, Room, gunzip, kind_of, unzip_one

_CONTENT_FIELD = re.compile(rb"content-(?:type|transfer-encoding|disposition)\b[^\n]*(?:\n[ \t][^\n]*)*")
_TOKEN = rb"[A-Za-z0-9!#$&+.^_`{|}~-]+"
_VALUE = _TOKEN + rb'|"(?:(?!=\?)[\x20\x21\x23-\x5b\x5d-\x7e])*"'
_PARAMETER = rb"\s*;\s*(?:[\w-]+=(?:" + _VALUE + rb")|name\*[^;\"]*)"
_PLAIN_FIELD = re.compile(
    rb"content-transfer-encoding:[ \t]*" + _TOKEN + rb"\s*"
    rb"|content-disposition:[ \t]*" + _TOKEN + rb"\s*(?:;.*)?"
    rb"|content-type:[ \t]*" + _TOKEN + b"/" + _TOKEN + rb"(?:" + _PARAMETER + rb")*\s*;?\s*",
    re.IGNORECASE | re.DOTALL,
)  # fmt: skip
_DEEPEST = 50
_LONGEST_TEXT = 500_000  # bytes; mails meant for reading have some 50,000
_CHEAP_TEXT = 12_000  # characters; the standard library's HTML parser is quadratic on hostile ones
_REPORTS_ON_MAIL = {"message/delivery-status", "text/rfc822-headers", "message/disposition-notification"}
_SLOW_CHARSETS = {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"}


class MailTooOdd(Exception):
    """Beyond the limits, or not to be taken apart: one sentence without a full stop."""


class ParserFailed(Exception):
    """The process that takes mails apart could not do its work; nothing is known of the mail."""


class NotCheap(Exception):
    """The mail holds a packed file or a long text, and was to be taken apart cheaply or not at all."""


# What may become of reading one mail beside MailTooOdd. It costs that mail an attempt, and the others nothing.
UNREADABLE = (*ODDITIES, MemoryError, ParserFailed)


@dataclass(frozen=True)
class Attachment:
    """One data file. `name` is as the sender wrote it, made harmless; never to be used as a path."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Contents:
    """What a mail holds. `obstacles`: attachments that could not be opened, a sentence each without a full stop."""

    files: tuple[Attachment, ...]
    obstacles: tuple[str, ...]
    others: tuple[str, ...] = ()  # kinds of attachments that are no data: "picture", "PDF"
    links: tuple[Link, ...] = field(default=(), repr=False)  # in the parts meant for reading
    code: str | None = field(default=None, repr=False)


def contents_of(raw: bytes, limits: Limits, *, cheaply: bool = False) -> Contents:
    """What the mail holds. `parsing.parse` does the same within limits of time and memory.

    Args:
        raw: The mail as it came.
        limits: Those on headers, parts and packed files.
        cheaply: Give up where the cost would depend on what is in the mail, and not on its size.

    Raises:
        MailTooOdd: Beyond the limits, nested deeper than can be read, or more than the standard library can take.
        NotCheap: See `cheaply`.
    """
    if len(split_header_block(raw)) > limits.header_bytes:
        raise MailTooOdd(f"its headers are larger than {limits.header_bytes // 1000} KB")
    if raw.count(b"\n--") > limits.parts * 20:
        raise MailTooOdd(f"it has more than {limits.parts} parts")
    taking = _Taking(limits, cheaply=cheaply)
    try:
        taking.take(message_from_bytes(raw, policy=policy.compat32))
    except RecursionError as error:
        raise MailTooOdd("its parts are nested too deeply") from error
    except ODDITIES as error:
        raise MailTooOdd(f"it cannot be taken apart ({type(error).__name__})") from error
    if not is_plain(raw):
        # The second opinion is that of a parser which stumbles over ordinary bounces: what it found so far counts.
        with suppress(MailTooOdd, *ODDITIES):
            taking.take(message_from_bytes(raw, policy=policy.default))
    return taking.contents()


def is_plain(raw: bytes) -> bool:
    """Whether every field that says what a part is, and how it is encoded, is as the standard has it.

    Then both opinions are one, and the second, which takes twice the time of the first, is not asked.
    """
    if raw.count(b"\r") != raw.count(b"\r\n"):
        return False
    return all(_PLAIN_FIELD.fullmatch(field) for field in content_fields(raw))


def content_fields(raw: bytes) -> Iterator[bytes]:
    """The fields at the beginning of a line that say what a part is. As fast as a search for fixed words is."""
    lower = raw.lower()
    at = 0
    while (at := lower.find(b"content-", at)) >= 0:
        field = _CONTENT_FIELD.match(lower, at) if at == 0 or lower[at - 1 : at] == b"\n" else None
        if field:
            yield raw[at : field.end()]
        at = field.end() if field else at + 1


class _Taking:
    """Takes a mail apart, once for each opinion; what was seen before counts once."""

    def __init__(self, limits: Limits, *, cheaply: bool) -> None:
        self._limits = limits
        self._cheaply = cheaply
        self._room = Room(limits)
        self._seen: set[bytes] = set()
        self._files: list[Attachment] = []
        self._obstacles: dict[str, None] = {}
        self._others: dict[str, None] = {}
        self._texts: list[tuple[bool, str]] = []
        self._torn = False  # a multipart without parts, in one opinion

    def contents(self) -> Contents:
        if self._torn and not self._files:
            self._obstacles["its parts cannot be told apart"] = None
        return Contents(
            tuple(self._files),
            tuple(self._obstacles),
            tuple(self._others),
            tuple(links_in(self._texts)),
            code_in(self._texts),
        )

    def take(self, message: "Message[str, str]") -> None:
        for part in _leaves(message, self._limits):
            try:
                self._take_part(part)
            except (NotUnpacked, Damaged) as refusal:
                self._obstacles[str(refusal)] = None
            except ODDITIES as error:
                self._obstacles[f"a part of it cannot be read ({type(error).__name__})"] = None

    def _take_part(self, part: "Message[str, str]") -> None:
        declared, name, charset = part.get_content_type(), name_of(part), _charset(part)
        if declared.startswith("multipart/"):
            self._torn = True
            return
        if declared == "message/rfc822":
            raise Damaged("a forwarded mail in it is damaged")
        if declared == "message/partial":
            raise NotUnpacked("it is one piece of a report that was sent in several mails")
        for_reading = _is_for_reading(part, declared, name)
        content = decoded(part)
        digest = sha256(content).digest()
        if digest in self._seen:
            return
        self._seen.add(digest)
        if for_reading:
            self._read(content, declared, charset)
        elif name or content.strip():
            self._open(name, content, declared)

    def _read(self, content: bytes, declared: str, charset: str) -> None:
        self._texts.append((declared == "text/html", _text(content, charset)))
        if self._cheaply and sum(len(text) for _, text in self._texts) > _CHEAP_TEXT:
            raise NotCheap
        if declared == "text/plain":
            for name, file in uuencoded_files(content):
                self._open(harmless_name(decode_bytes(name)), file, "")

    def _open(self, name: str, content: bytes, declared: str) -> None:
        if not content or content.isspace():
            raise NotUnpacked("its attachment is empty")
        kind = kind_of(content[:4096], declared)
        if kind is Kind.FOREIGN_ARCHIVE:
            raise NotUnpacked("its attachment is packed in a format that is not opened: ask the sender for a zip")
        if kind is Kind.WINMAIL:
            raise NotUnpacked(
                "its attachment is inside a winmail.dat: ask the sender to switch off Rich Text in Outlook"
            )
        if kind is Kind.ENCRYPTED:
            raise NotUnpacked("its contents are encrypted or sealed (S/MIME or PGP): ask the sender for an open mail")
        if kind in {Kind.ZIP, Kind.GZIP} and self._cheaply:
            raise NotCheap
        if kind is Kind.ZIP:
            inner, unpacked = unzip_one(content, self._room)
            self._files.append(Attachment(harmless_name(inner), unpacked))
        elif kind is Kind.GZIP:
            self._files.append(Attachment(name.removesuffix(".gz"), gunzip(content, self._room)))
        elif kind is Kind.DATA:
            self._files.append(Attachment(name, content))
        else:
            self._others[str(kind)] = None


def _leaves(message: "Message[str, str]", limits: Limits) -> Iterator["Message[str, str]"]:
    """The parts that hold something themselves, in the mail's order, also those of forwarded mails."""
    waiting = [(message, 0)]
    number = 0
    while waiting:
        part, depth = waiting.pop()
        number += 1
        if number > limits.parts:
            raise MailTooOdd(f"it has more than {limits.parts} parts")
        if depth > _DEEPEST:
            raise MailTooOdd("its parts are nested too deeply")
        inner = part.get_payload()
        declared = part.get_content_type()
        if part.is_multipart() and isinstance(inner, list) and declared != "message/partial":
            parts = [each for each in inner if isinstance(each, Message)]
            try:
                wrapped = _wrapped_mail(part, parts) if declared == "message/rfc822" else None
            except Damaged:
                yield part
                continue
            waiting += [(each, depth + 1) for each in reversed(parts if wrapped is None else [wrapped])]
        else:
            yield part


def _wrapped_mail(part: "Message[str, str]", inner: list["Message[str, str]"]) -> "Message[str, str] | None":
    """A forwarded mail in base64, which is not allowed and done all the same: the library reads it as text."""
    encoding = str(part.get("content-transfer-encoding", "")).strip().casefold()
    if encoding not in {"base64", "quoted-printable"} or len(inner) != 1 or inner[0].keys():
        return None
    payload = inner[0].get_payload(decode=True)
    mail = undone(payload, encoding) if isinstance(payload, bytes) else b""
    return message_from_bytes(mail, policy=policy.compat32) if mail else None


def _is_for_reading(part: "Message[str, str]", declared: str, name: str) -> bool:
    if name or declared not in {"text/plain", "text/html"}:
        return declared in _REPORTS_ON_MAIL
    disposition = str(part.get("content-disposition", "")).strip().casefold()
    return not disposition.startswith("attachment")


def _charset(part: "Message[str, str]") -> str:
    try:
        return part.get_content_charset() or "utf-8"
    except ODDITIES:
        return "utf-8"


def _text(content: bytes, charset: str) -> str:
    try:
        if codecs.lookup(charset).name.replace("-", "_") not in _SLOW_CHARSETS:
            return content[:_LONGEST_TEXT].decode(charset, "replace")
    except (LookupError, ValueError):
        pass
    return decode_bytes(content[:_LONGEST_TEXT])
