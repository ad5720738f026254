"""What kind of file some bytes are, and the one data file inside a packed one.

Sizes that an archive declares are not believed: every cap is measured while reading.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from enum import StrEnum
from lzma import LZMAError
from pathlib import PurePosixPath

from report_mailbox.mailbox import Limits

_PIECE = 262_144
_RATIO_COUNTS_FROM = 50_000_000


class Kind(StrEnum):
    DATA = "data"  # text, tables, workbooks and all that is not known to be something else
    ZIP = "zip"
    GZIP = "gzip"
    FOREIGN_ARCHIVE = "archive"
    WINMAIL = "winmail.dat"
    PICTURE = "picture"
    PDF = "PDF"
    NOT_DATA = "not data"  # calendars, business cards, signatures


class NotUnpacked(Exception):
    """A packed file that is not opened, or does not hold exactly one data file: one sentence without a full stop."""


def kind_of(start: bytes, declared: str = "") -> Kind:
    """By the first bytes (some 4,000 of them). The declared type settles only what bytes cannot tell."""
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return Kind.DATA if _is_office(start) else Kind.ZIP
    if start.startswith(b"\x1f\x8b"):
        return Kind.GZIP
    if start.startswith((b"7z\xbc\xaf\x27\x1c", b"Rar!", b"\xfd7zXZ\x00", b"BZh", b"\x28\xb5\x2f\xfd", b"MSCF")):
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
    if head.startswith((b"BEGIN:VCALENDAR", b"BEGIN:VCARD", b"-----BEGIN PGP SIGNATURE")):
        return Kind.NOT_DATA
    if declared in {"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"}:
        return Kind.NOT_DATA
    if declared == "image/svg+xml":
        return Kind.PICTURE
    return Kind.DATA


def unzip_one(raw: bytes, limits: Limits) -> tuple[str, bytes]:
    """The name and bytes of the one data file in a zip.

    Raises:
        NotUnpacked: Encrypted, damaged, too large, nested, or holding none or several.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            entries = [entry for entry in archive.infolist() if not _is_ballast(entry)]
            if len(archive.infolist()) > limits.packed_files:
                raise NotUnpacked(f"the zip holds {len(archive.infolist())} entries, more than {limits.packed_files}")
            if any(entry.flag_bits & 0x1 for entry in entries):
                raise NotUnpacked("the zip is encrypted: ask the sender for one without a password")
            found: list[tuple[str, bytes]] = []
            for entry in entries:
                with archive.open(entry) as stream:
                    unpacked = _capped(iter(lambda: stream.read(_PIECE), b""), entry.compress_size, limits)
                kind = kind_of(unpacked[:4096])
                if kind in {Kind.ZIP, Kind.GZIP, Kind.FOREIGN_ARCHIVE}:
                    raise NotUnpacked("the zip holds another packed file")
                if kind is Kind.DATA:
                    found.append((entry.filename, unpacked))
    except (
        zipfile.BadZipFile,
        zlib.error,
        LZMAError,
        struct.error,
        NotImplementedError,
        RuntimeError,
        OSError,
        EOFError,
        ValueError,
        LookupError,
        OverflowError,
    ) as error:
        raise NotUnpacked("the zip is damaged or packed in a way that is not known") from error
    if not found:
        raise NotUnpacked("the zip holds no data file")
    if len(found) > 1:
        # A note beside the table does not make it two tables.
        tables = [each for each in found if PurePosixPath(each[0]).suffix.lower() in {".csv", ".tsv", ".xlsx", ".xls"}]
        if len(tables) != 1:
            raise NotUnpacked(f"the zip holds {len(found)} data files instead of one")
        found = tables
    return found[0]


def gunzip(raw: bytes, limits: Limits) -> bytes:
    """All members of a gzip file, one after the other.

    Raises:
        NotUnpacked: Damaged, cut off or too large.
    """
    try:
        return _capped(_gunzipped(raw), len(raw), limits)
    except zlib.error as error:
        raise NotUnpacked("the gz file is damaged") from error


def _gunzipped(raw: bytes) -> Iterator[bytes]:
    rest = raw
    while rest.startswith(b"\x1f\x8b"):
        member = zlib.decompressobj(wbits=31)
        waiting = rest
        while not member.eof:
            piece = member.decompress(waiting, _PIECE)
            waiting = member.unconsumed_tail
            if not piece and not waiting and not member.eof:
                raise NotUnpacked("the gz file is cut off")
            yield piece
        rest = member.unused_data


def _capped(pieces: Iterator[bytes], packed: int, limits: Limits) -> bytes:
    whole = bytearray()
    for piece in pieces:
        whole += piece
        if len(whole) > limits.unpacked_bytes:
            raise NotUnpacked(f"it unpacks to more than {limits.unpacked_bytes // 1_000_000} MB")
        if len(whole) > _RATIO_COUNTS_FROM and len(whole) > packed * limits.unpacked_ratio:
            raise NotUnpacked(f"it unpacks to more than {limits.unpacked_ratio} times its size")
    return bytes(whole)


def _is_office(start: bytes) -> bool:
    """Workbooks are zips too; they are no packaging but the file itself."""
    return any(name in start for name in (b"[Content_Types].xml", b"mimetypeapplication/vnd.oasis", b"_rels/.rels"))


def _is_ballast(entry: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(entry.filename)
    return entry.is_dir() or "__MACOSX" in path.parts or path.name in {".DS_Store", "Thumbs.db", "desktop.ini"}
