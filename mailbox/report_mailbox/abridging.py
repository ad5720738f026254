"""A large mail without what cannot be the report: films and pictures are not downloaded.

What is left is a mail again, with the headers as they came and its parts side by side, and is read like any other. Its
signature cannot be checked any more: that is over the whole.
"""

import base64
import binascii
import hashlib
import io
import quopri

from report_mailbox.mailbox import Limits
from report_mailbox.reading import Leaf, MailNotGiven, Reading, Target
from report_mailbox.unpacking import Kind, kind_of

_FIRST_BYTES = 4_096
_PART_HEADER_BYTES = 20_000
_MOST_PARTS = 50  # in a mail that is worth it; each costs a question or three
_NOT_IN_HEADER = (b"content-type", b"content-transfer-encoding", b"content-length")


def abridge(connection: Reading, uid: int, target: Target, limits: Limits) -> bool:
    """Write the mail without what its first bytes show to be no report. False: nothing was gained or written.

    Raises:
        MailGone, MailNotGiven: this one mail; the connection is fine.
    """
    leaves = connection.leaves(uid)
    if not 2 <= len(leaves) <= _MOST_PARTS:
        return False
    kept = [leaf for leaf in leaves if _may_hold_report(connection, uid, leaf)]
    if len(kept) == len(leaves) or sum(leaf.size for leaf in kept) > limits.mail_bytes:
        return False
    header = _section(connection, uid, "HEADER", limits.header_bytes)
    # The same for two copies of one mail, so that they are known as such.
    boundary = b"parts-of-" + hashlib.sha256(repr(leaves).encode()).hexdigest()[:40].encode()
    target.write(_without_content(header) + b'Content-Type: multipart/mixed; boundary="' + boundary + b'"\r\n\r\n')
    for leaf in kept:
        own = _section(connection, uid, f"{leaf.section}.MIME", _PART_HEADER_BYTES).strip(b"\r\n")
        target.write(b"--" + boundary + b"\r\n" + own + b"\r\n\r\n")
        if connection.download(uid, target, limit=limits.mail_bytes, section=leaf.section) > limits.mail_bytes:
            raise MailNotGiven("a part is larger than the server said")
        target.write(b"\r\n")
    target.write(b"--" + boundary + b"--\r\n")
    return True


def _may_hold_report(connection: Reading, uid: int, leaf: Leaf) -> bool:
    if leaf.size <= _FIRST_BYTES or leaf.declared in {"text/plain", "text/html"}:
        return True
    start = _decoded(_section(connection, uid, leaf.section, _FIRST_BYTES, first_bytes=_FIRST_BYTES), leaf.encoding)
    kind = kind_of(start, leaf.declared)
    if kind is not Kind.DATA:
        return kind not in {Kind.PICTURE, Kind.PDF, Kind.NOT_DATA}
    # Bytes decide; the declared type counts only for what is no text.
    return b"\0" not in start or leaf.declared.partition("/")[0] not in {"video", "audio", "image", "font"}


def _section(connection: Reading, uid: int, section: str, limit: int, *, first_bytes: int = 0) -> bytes:
    found = io.BytesIO()
    connection.download(uid, found, limit=limit, section=section, first_bytes=first_bytes)
    return found.getvalue()


def _decoded(start: bytes, encoding: str) -> bytes:
    if encoding == "quoted-printable":
        return quopri.decodestring(start)
    if encoding != "base64":
        return start
    whole = b"".join(start.split())
    try:
        return base64.b64decode(whole[: len(whole) // 4 * 4])
    except binascii.Error:
        return start


def _without_content(header: bytes) -> bytes:
    """The header block without the fields that describe the body as it was."""
    kept: list[bytes] = []
    keep = True
    for line in header.replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n"):
        if line[:1] not in (b" ", b"\t"):
            keep = line.partition(b":")[0].strip().lower() not in _NOT_IN_HEADER
        if keep:
            kept.append(line + b"\r\n")
    return b"".join(kept)
