"""The receipt beside a delivered file: why it is believed to be the right one and whole, and who confirmed it.

It holds header texts, counts, dates and hashes, and nothing of any lead.
"""

import os
import tempfile
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from export_robots.outcomes import UsageWrong
from export_robots.reports.naming import RECEIPT_SUFFIX

if TYPE_CHECKING:  # pydantic is slow to import, and only reading and writing need it
    from pydantic import TypeAdapter

SCHEMA = 1


@dataclass(frozen=True)
class CrmShowed:
    """What the CRM's page showed when the report was asked for; `first` and `last` are the days read back from it."""

    account: str | None
    first: date
    last: date
    rows_shown: int | None
    says_empty: bool
    requested_at: datetime
    acknowledgement: str = ""
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class FileHeld:
    """What the checks found in the file. `sha256` is that of the file beside the receipt, as it was uploaded.

    Where a Date of Birth column was removed, `received_sha256` is the hash of the file as the CRM made it.
    """

    name: str
    size: int
    sha256: str
    received_sha256: str
    encoding: str
    dialect: str
    columns: int
    rows: int
    first: date | None
    last: date | None
    fields: tuple[tuple[str, str], ...] = ()
    date_of_birth_removed: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class MailBrought:
    """Which mail brought the report; of its content, nothing. `released_by`: who decided so, if it had been held."""

    message_id: str | None
    received: datetime
    sender_domain: str
    released_by: str | None = None


@dataclass(frozen=True)
class PortalAnswered:
    text: str
    reference: str | None
    at: datetime


@dataclass(frozen=True)
class Receipt:
    """`crm_showed` and `mail` are None for a file that somebody exported by hand, `portal` until it is uploaded."""

    client: str
    dealership: str
    rooftop: str | None
    crm: str
    period: tuple[str, str]
    run: str
    file: FileHeld
    crm_showed: CrmShowed | None = None
    mail: MailBrought | None = None
    portal: PortalAnswered | None = None
    schema_version: int = SCHEMA


def receipt_path(file: Path) -> Path:
    """Where the receipt of `file` lies: beside it."""
    return file.with_name(file.name + RECEIPT_SUFFIX)


def write_receipt(receipt: Receipt, file: Path) -> Path:
    """Write the receipt of `file` beside it, owner-only: wholly or not at all. An older one is replaced."""
    path = receipt_path(file)
    text = _adapter().dump_json(receipt, indent=2) + b"\n"
    write_whole(path, text)
    return path


def read_receipt(path: Path) -> Receipt:
    """Read a receipt back. Raises `UsageWrong` when it is missing, damaged or of a newer program."""
    from pydantic import ValidationError

    try:
        text = path.read_bytes()
    except OSError as error:
        raise UsageWrong(
            f"the receipt {path} cannot be read: {error.strerror}", "Name the receipt of a file."
        ) from error
    try:
        receipt = _adapter().validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "its JSON"
        raise UsageWrong(
            f"the receipt {path} is damaged: {where}: {first['msg']}", "Restore it, or run `robot check` on its file."
        ) from None
    if receipt.schema_version > SCHEMA:
        raise UsageWrong(
            f"the receipt {path} was written by a newer robot (form {receipt.schema_version}, known is {SCHEMA})",
            "Use the newer version of the program.",
        )
    return receipt


def write_whole(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 that is there wholly or not at all, even if the machine loses its power."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` last."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _adapter() -> "TypeAdapter[Receipt]":
    from pydantic import TypeAdapter

    return TypeAdapter(Receipt)
