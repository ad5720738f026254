"""What the ledger's rows are in the program."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from report_mailbox.matching import Fate


class HandedKind(StrEnum):
    REPORT = "report"
    REJECTION = "rejection"
    LINK = "link"


@dataclass(frozen=True)
class Handed:
    """The answer to an expectation. There is one at most, and its `id` is the same however often it is seen.

    Args:
        kind: `report` has a `file`; `rejection` has a `reason` and the file if there was one; `link` has a `link`, and
            also a `file` once `Ledger.fetched` was called.
        name: The file's name as the sender gave it. Not a path.
        reason: For a rejection: a sentence without a full stop, for people.
        mail: The mail's row in the ledger; `uid` its number in the folder.
    """

    id: int
    expectation_id: str
    kind: HandedKind
    file: Path | None
    name: str
    sha256: str | None
    link: str | None
    reason: str
    mail: int
    uid: int
    message_id: str
    received: datetime | None
    sender_domain: str


@dataclass(frozen=True)
class HeldMail:
    """A mail that waits for a person. `reason` is a sentence without a full stop; no content."""

    uid: int
    received: datetime | None
    sender_domain: str
    address: str
    reason: str


@dataclass(frozen=True)
class MailRow:
    id: int
    uidvalidity: int
    uid: int
    raw_sha256: str | None
    received: datetime | None
    fetches: int
    attempts: int


@dataclass(frozen=True)
class HeadFacts:
    """What is kept of a mail's headers: no subject, and of the sender the domain only."""

    received: datetime | None
    address: str | None
    sender_domain: str
    size: int


@dataclass(frozen=True)
class NewPart:
    """A file that a mail brought and that is safe on disk as `file`, inside the collector's folder."""

    name: str
    sha256: str
    size: int
    file: str


@dataclass(frozen=True)
class HandOver:
    expectation_id: str
    kind: HandedKind
    part: NewPart | None = None
    link: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class Decision:
    fate: Fate
    reason: str
    final: bool = True
    hand_over: tuple[HandOver, ...] = ()
    parts: tuple[NewPart, ...] = ()
