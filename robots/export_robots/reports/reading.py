"""Reads a file that should be a CSV: what it really is, its encoding, and its records in batches.

The bytes are gone through twice. The first pass hashes them and proves the encoding for the whole file, so that one
wrong byte in the last row is found; the second reads the records. Neither keeps more than a small part of the file.
"""

import codecs
import csv
import hashlib
import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from export_robots.outcomes import UsageWrong
from export_robots.reports.dialects import Dialect, find_dialect
from export_robots.reports.findings import Finding
from export_robots.reports.kinds import no_table, recognise_bytes, recognise_text

_CHUNK = 1 << 20
_HEAD = 1 << 17
_BATCH = 60  # about what stays in the processor's cache: with 1000 the whole check takes a quarter longer
FIELD_LIMIT = 1 << 24
"""Characters that one field may have: more means that a quote was opened and never closed."""
_END = "\ue0f0the end\ue0f0"
_HIGH = bytes(range(128, 256))
_UNDEFINED_IN_1252 = b"\x81\x8d\x8f\x90\x9d"
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a\x1b"))


@dataclass(frozen=True)
class Encoding:
    """`errors` is `replace` only for a file that is refused anyway and read on for its other findings."""

    name: str
    codec: str
    bom: bytes = b""
    errors: str = "strict"


_UTF8 = Encoding("UTF-8", "utf-8")
_BOMS = (
    Encoding("UTF-8 with BOM", "utf-8", codecs.BOM_UTF8),
    Encoding("UTF-16 LE with BOM", "utf-16-le", codecs.BOM_UTF16_LE),
    Encoding("UTF-16 BE with BOM", "utf-16-be", codecs.BOM_UTF16_BE),
)


@dataclass(frozen=True)
class Survey:
    """What the first pass found. Without a `dialect` there is no table to read, and `findings` says why."""

    size: int
    sha256: str
    encoding: Encoding
    dialect: Dialect | None
    ends_with_newline: bool
    findings: tuple[Finding, ...]

    @property
    def cut_off(self) -> bool:
        return any(finding.name == "cut_off" for finding in self.findings)


@dataclass(frozen=True)
class Batch:
    """Some records, and for each the physical line it starts on, counted from 1."""

    rows: list[list[str]]
    lines: Sequence[int]


def survey(file: Path) -> Survey:
    """Go through all bytes of `file` once. Raises `UsageWrong` when it cannot be read at all."""
    try:
        with file.open("rb") as stream:
            head = stream.read(_HEAD)
            encoding = _by_beginning(head)
            passed = _BytesPass(encoding)
            stream.seek(0)
            while chunk := stream.read(_CHUNK):
                passed.take(chunk)
    except OSError as error:
        raise UsageWrong(f"{file} cannot be read: {error.strerror}", "Name a CSV file that you may read.") from error
    encoding, findings = passed.conclude(file)
    return _conclude(file, head, passed, encoding, findings)


def _conclude(file: Path, head: bytes, passed: "_BytesPass", encoding: Encoding, findings: list[Finding]) -> Survey:
    sample = codecs.getincrementaldecoder(encoding.codec)("replace").decode(head[len(encoding.bom) :])
    newline = "\n\r".encode(encoding.codec)
    width = len(newline) // 2
    ends = passed.tail[-width:] in (newline[:width], newline[width:])
    dialect = None
    kind = recognise_bytes(file, head) or (None if _binary(head, encoding) else recognise_text(sample))
    if kind is None and not sample.strip("\ufeff \t\r\n\x00"):
        kind = "no_content", "the file is empty" if not passed.size else "the file holds nothing but blank space"
    if kind is None and (_binary(head, encoding) or passed.nuls):
        kind = "binary", "the file is not text: it holds bytes that no CSV has"
    if kind is None:
        dialect = find_dialect(sample, whole=passed.size <= len(head))
        kind = None if dialect else no_table(sample)
    if kind:
        findings = [Finding("refuse", kind[1], name=kind[0])]
    return Survey(passed.size, passed.hash.hexdigest(), encoding, dialect, ends, tuple(findings))


def _by_beginning(head: bytes) -> Encoding:
    for encoding in _BOMS:
        if head.startswith(encoding.bom) and not head.startswith(codecs.BOM_UTF32_LE):
            return encoding
    sample = head[:4096]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if half and odd > 0.6 * half and even < 0.1 * half:
        return Encoding("UTF-16 LE", "utf-16-le")
    if half and even > 0.6 * half and odd < 0.1 * half:
        return Encoding("UTF-16 BE", "utf-16-be")
    return _UTF8


def _binary(head: bytes, encoding: Encoding) -> bool:
    if encoding.codec.startswith("utf-16"):
        return False
    controls = len(head) - len(head.translate(None, _CONTROLS))
    return controls > 0.01 * len(head) or head.startswith(codecs.BOM_UTF32_LE)


class _BytesPass:
    """Hashes every byte and keeps count of what tells UTF-8 and the one-byte encodings apart."""

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding
        self.hash = hashlib.sha256()
        self.size = 0
        self.tail = b""
        self.nuls = 0
        self.wrong_at: int | None = None  # the byte about which the first wrong one stands
        self._decoder = codecs.getincrementaldecoder(encoding.codec)("strict")
        self._multibyte = 0  # about how many characters of more than one byte are good UTF-8
        self._wrong = 0  # bytes that are no part of any
        self._undefined = 0

    def take(self, chunk: bytes) -> None:
        self.hash.update(chunk)
        pending = len(self._decoder.getstate()[0])
        if not chunk.isascii() or pending or self.encoding.codec != "utf-8":
            try:
                text = self._decoder.decode(chunk)
                self._multibyte += pending + len(chunk) - len(text) - len(self._decoder.getstate()[0])
            except UnicodeDecodeError as error:
                self._take_wrong(chunk, pending, error.start)
        if self.encoding.codec == "utf-8":
            self.nuls += chunk.count(0)
        self.size += len(chunk)
        self.tail = (self.tail + chunk[-4:])[-4:]

    def _take_wrong(self, chunk: bytes, pending: int, start: int) -> None:
        if self.wrong_at is None:
            self.wrong_at = max(self.size - pending + start, 0)
        self._decoder.reset()
        if self.encoding.codec != "utf-8":
            self._wrong += 1
            return
        good = chunk.decode(errors="ignore")
        self._multibyte += len(good) - len(chunk.translate(None, _HIGH))
        self._wrong += len(chunk) - len(good.encode())
        self._undefined += len(chunk) - len(chunk.translate(None, _UNDEFINED_IN_1252))

    def conclude(self, file: Path) -> tuple[Encoding, list[Finding]]:
        cut = bool(self._decoder.getstate()[0]) and not self._wrong
        one_byte = self.encoding.codec == "utf-8" and not self.encoding.bom and (self._wrong or cut)
        if one_byte and self._multibyte < self._wrong + cut:  # a few pairs of other letters look like UTF-8 by chance
            if not self._undefined:
                return Encoding("Windows-1252", "cp1252"), []
            sentence = (
                "the file is neither UTF-8 nor Windows-1252: it holds bytes that neither has, accents may be wrong"
            )
            return Encoding("ISO-8859-1", "latin-1"), [Finding("warn", sentence, name="odd_bytes")]
        if self.wrong_at is None and not cut:
            return self.encoding, []
        damaged = Encoding(self.encoding.name, self.encoding.codec, self.encoding.bom, "replace")
        if self.wrong_at is None:
            sentence = f"the file ends in the middle of a character of {damaged.name}: it is cut off"
            return damaged, [Finding("refuse", sentence, name="cut_off")]
        sentence = f"the file is {damaged.name}, but not all of it: it holds bytes that are not"
        line = _line_of(file, self.wrong_at, self.encoding.codec)
        return damaged, [Finding("refuse", sentence, (line,), "mixed_encoding")]


def _line_of(file: Path, position: int, codec: str) -> int:
    """The line, counted from 1, of a byte."""
    newline = "\n".encode(codec)
    line = 1
    with file.open("rb") as stream:
        while position > 0 and (chunk := stream.read(min(_CHUNK, position))):
            line += chunk.count(newline)
            position -= len(chunk)
    return line


def open_text(file: Path, encoding: Encoding) -> io.TextIOWrapper:
    """Open for reading after the byte order mark, with every line end as it stands in the file."""
    raw = file.open("rb")
    raw.seek(len(encoding.bom))
    return io.TextIOWrapper(raw, encoding=encoding.codec, errors=encoding.errors, newline="")


class Table:
    """The records of a file. After the last batch `unclosed` is the line of a record whose quote is never closed."""

    def __init__(self, file: Path, encoding: Encoding, dialect: Dialect) -> None:
        self._file = file
        self._encoding = encoding
        self._dialect = dialect
        self.unclosed: int | None = None

    def batches(self) -> Iterator[Batch]:
        with open_text(self._file, self._encoding) as stream:
            start = 1
            if self._dialect.sep_line:
                stream.readline()
                start = 2
            # The extra line at the end tells whether the last quote was closed: if not, it is inside the last field.
            reader = csv.reader(chain(stream, (_END,)), delimiter=self._dialect.delimiter)
            while True:
                rows: list[list[str]] = []
                before = reader.line_num
                too_long = False
                with long_fields():
                    try:
                        rows.extend(islice(reader, _BATCH))
                    except (
                        csv.Error
                    ):  # the only one that lines split at each line end can cause: a field over the limit
                        too_long = True
                if not rows and not too_long:
                    return
                open_end = bool(rows) and bool(rows[-1]) and rows[-1][-1].endswith(_END)
                last = rows.pop() if open_end else []
                spanned = reader.line_num - before - (last == [_END])
                lines: Sequence[int] = range(start, start + len(rows))
                following = start + len(rows)
                if spanned != len(rows):
                    lines, following = _starts(rows, start)
                if too_long or (open_end and last != [_END]):
                    self.unclosed = following
                yield Batch(rows, lines)
                if too_long:
                    return
                start += spanned


def _starts(rows: list[list[str]], line: int) -> tuple[list[int], int]:
    starts = []
    for row in rows:
        starts.append(line)
        text = "\0".join(row)
        line += 1
        if "\n" in text or "\r" in text:
            line += text.count("\n") + text.count("\r") - text.count("\r\n")
    return starts, line


_limit_lock = threading.Lock()
_limit_users = 0
_limit_before = 0


@contextmanager
def long_fields() -> Iterator[None]:
    """Let csv read fields of `FIELD_LIMIT` characters; its limit belongs to the whole process, so it is put back."""
    global _limit_before, _limit_users
    with _limit_lock:
        if not _limit_users:
            _limit_before = csv.field_size_limit(FIELD_LIMIT)
        _limit_users += 1
    try:
        yield
    finally:
        with _limit_lock:
            _limit_users -= 1
            if not _limit_users:
                csv.field_size_limit(_limit_before)
