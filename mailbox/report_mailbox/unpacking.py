"""What kind of file some bytes are, and the one data file inside a packed one.

Sizes that an archive declares are not believed: every cap is measured while reading, and what does not agree with them
in the end is damaged. Packed files inside packed files are not opened.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import PurePosixPath

from report_mailbox.mailbox import Limits

_PIECE = 262_144
_RATIO_COUNTS_FROM = 50_000_000
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_ARCHIVES = (
    b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"MSCF\x00\x00", b"LZIP\x01",
    b"\x1f\x9d", b"\x00\x05\x16\x00",
)  # fmt: skip
_METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 98: "PPMd", 99: "AES"}
_NESTED = "the {} holds another packed file: ask the sender for one that is packed once"


class Kind(StrEnum):
    DATA = "data"  # text, tables, workbooks and all that is not known to be something else
    ZIP = "zip"
    GZIP = "gzip"
    FOREIGN_ARCHIVE = "archive"
    WINMAIL = "winmail.dat"
    ENCRYPTED = "encrypted"
    PICTURE = "picture"
    PDF = "PDF"
    NOT_DATA = "not data"  # calendars, business cards, signatures


class NotUnpacked(Exception):
    """A packed file that is not opened, or does not hold exactly one data file: one sentence without a full stop."""


class Room:
    """How much one mail may still unpack to, over all its packed files."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._left = limits.unpacked_bytes

    def filled(self, pieces: Iterator[bytes], packed: int) -> bytes:
        """All pieces in one.

        Raises:
            NotUnpacked: They are more than is left, or than the ratio allows.
        """
        whole = io.BytesIO()
        for piece in pieces:
            size = whole.tell() + len(piece)
            if size > self._left:
                raise NotUnpacked(f"it unpacks to more than {self.limits.unpacked_bytes // 1_000_000} MB")
            if size > _RATIO_COUNTS_FROM and size > packed * self.limits.unpacked_ratio:
                raise NotUnpacked(f"it unpacks to more than {self.limits.unpacked_ratio} times its size")
            whole.write(piece)
        self._left -= whole.tell()
        return whole.getvalue()


def kind_of(start: bytes, declared: str = "") -> Kind:
    """By the first bytes (some 4,000 of them). The declared type settles only what bytes cannot tell."""
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return Kind.DATA if _is_office(start) else Kind.ZIP
    if start.startswith(b"\x1f\x8b"):
        return Kind.GZIP
    if start.startswith(_ARCHIVES) or start[4:10] == b"1AY&SY" or start[257:265] in {b"ustar\x0000", b"ustar  \x00"}:
        return Kind.FOREIGN_ARCHIVE
    if start.startswith(b"\x78\x9f\x3e\x22"):
        return Kind.WINMAIL
    if start.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*", b"\x00\x00\x01\x00")):
        return Kind.PICTURE
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return Kind.PICTURE
    if start.startswith(b"%PDF"):
        return Kind.PDF
    head = start[:64].lstrip().upper()
    if head.startswith((b"BEGIN:VCALENDAR", b"BEGIN:VCARD", b"-----BEGIN PGP SIGNATURE", b"\x00\x05\x16\x07")):
        return Kind.NOT_DATA
    if declared in {"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"}:
        return Kind.NOT_DATA
    if declared == "application/pgp-encrypted":
        return Kind.NOT_DATA  # only a version number; the message itself stands beside it
    if head.startswith(b"-----BEGIN PGP MESSAGE") or declared in {"application/pkcs7-mime", "application/x-pkcs7-mime"}:
        return Kind.ENCRYPTED
    if declared == "image/svg+xml":
        return Kind.PICTURE
    return Kind.DATA


def unzip_one(raw: bytes, room: Room) -> tuple[str, bytes]:
    """The name and bytes of the one data file in a zip.

    Raises:
        NotUnpacked: Encrypted, damaged, too large, nested, or holding none or several.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            listed, directory = archive.infolist(), archive.start_dir
    except (
        zipfile.BadZipFile,
        struct.error,
        NotImplementedError,
        RuntimeError,
        OSError,
        EOFError,
        ValueError,
        LookupError,
        OverflowError,
    ) as error:
        raise NotUnpacked("the zip is damaged") from error
    if len(listed) > room.limits.packed_files:
        raise NotUnpacked(f"the zip holds {len(listed)} entries, more than {room.limits.packed_files}")
    entries = [entry for entry in listed if not _is_ballast(entry)]
    if any(entry.flag_bits & 0x1 for entry in entries):
        raise NotUnpacked("the zip is encrypted: ask the sender for one without a password")
    places = _places(raw, listed, directory)
    found: list[tuple[str, bytes]] = []
    for entry in entries:
        unpacked = _entry(raw, places[entry.header_offset], entry, room)
        kind = kind_of(unpacked[:4096])
        if kind in {Kind.ZIP, Kind.GZIP, Kind.FOREIGN_ARCHIVE}:
            raise NotUnpacked(_NESTED.format("zip"))
        if kind is Kind.DATA and unpacked and not unpacked.isspace():
            found.append((entry.filename, unpacked))
    if not found:
        raise NotUnpacked("the zip holds no data file")
    if len(found) > 1:
        # A note beside the table does not make it two tables.
        tables = [each for each in found if PurePosixPath(each[0]).suffix.lower() in {".csv", ".tsv", ".xlsx", ".xls"}]
        if len(tables) != 1:
            raise NotUnpacked(f"the zip holds {len(found)} data files instead of one")
        found = tables
    return found[0]


def gunzip(raw: bytes, room: Room) -> bytes:
    """All members of a gzip file, one after the other.

    Raises:
        NotUnpacked: Damaged, cut off, too large or nested.
    """
    try:
        unpacked = room.filled(_gunzipped(raw), len(raw))
    except zlib.error as error:
        raise NotUnpacked("the gz file is damaged") from error
    if kind_of(unpacked[:4096]) in {Kind.ZIP, Kind.GZIP, Kind.FOREIGN_ARCHIVE}:
        raise NotUnpacked(_NESTED.format("gz file"))
    return unpacked


def _gunzipped(raw: bytes) -> Iterator[bytes]:
    at = 0
    while raw.startswith(b"\x1f\x8b", at):
        member = zlib.decompressobj(wbits=31)
        for piece, read in _decompressed(member, raw, at):
            at = read
            yield piece
        if not member.eof:
            raise NotUnpacked("the gz file is cut off")
    if raw[at:].strip(b"\x00"):
        raise NotUnpacked("the gz file is damaged")


def _places(raw: bytes, listed: list[zipfile.ZipInfo], directory: int) -> dict[int, int]:
    """Where the bytes of each entry begin, by the place of its header. No two may share bytes, as bombs do."""
    places: dict[int, int] = {}
    free = 0
    for entry in sorted(listed, key=lambda each: each.header_offset):
        header = (
            raw[entry.header_offset : entry.header_offset + _LOCAL_HEADER.size] if entry.header_offset >= 0 else b""
        )
        if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\x03\x04"):
            raise NotUnpacked("the zip is damaged")
        *_, name_length, extra_length = _LOCAL_HEADER.unpack(header)
        start = entry.header_offset + _LOCAL_HEADER.size + name_length + extra_length
        if entry.header_offset < free or start + entry.compress_size > min(directory, len(raw)):
            raise NotUnpacked("the zip is damaged: its entries overlap")
        free = start + entry.compress_size
        places[entry.header_offset] = start
    return places


def _entry(raw: bytes, start: int, entry: zipfile.ZipInfo, room: Room) -> bytes:
    packed = raw[start : start + entry.compress_size]
    if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        method = _METHODS.get(entry.compress_type, f"method {entry.compress_type}")
        raise NotUnpacked(
            f"the zip is packed in a way that is not opened ({method}): ask the sender for an ordinary one"
        )
    try:
        pieces = iter([packed]) if entry.compress_type == zipfile.ZIP_STORED else _inflated(packed)
        unpacked = room.filled(pieces, len(packed))
    except zlib.error as error:
        raise NotUnpacked("the zip is damaged") from error
    if len(unpacked) != entry.file_size or zlib.crc32(unpacked) != entry.CRC:
        raise NotUnpacked("the zip is damaged")
    return unpacked


def _inflated(packed: bytes) -> Iterator[bytes]:
    stream = zlib.decompressobj(wbits=-15)
    at = 0
    for piece, read in _decompressed(stream, packed, 0):
        at = read
        yield piece
    if not stream.eof or at < len(packed):
        raise NotUnpacked("the zip is damaged")


def _decompressed(stream: "zlib._Decompress", packed: bytes, start: int) -> Iterator[tuple[bytes, int]]:
    """Pieces, and how far was read for each. Feeding a little at a time spares a copy of the rest with each piece."""
    at = start
    while not stream.eof:
        waiting = packed[at : at + _PIECE]
        piece = stream.decompress(waiting, _PIECE)
        at += len(waiting) - len(stream.unconsumed_tail) - len(stream.unused_data)
        if not piece and not waiting:
            return
        yield piece, at


def _is_office(start: bytes) -> bool:
    """Workbooks are zips too; they are no packaging but the file itself."""
    return any(name in start for name in (b"[Content_Types].xml", b"mimetypeapplication/vnd.oasis", b"_rels/.rels"))


def _is_ballast(entry: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(entry.filename)
    return (
        entry.filename.endswith("/")
        or "__MACOSX" in path.parts
        or path.name in {".DS_Store", "Thumbs.db", "desktop.ini"}
    )
