"""What the ledger's rows are in the program."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Self

from report_mailbox.matching import Fate
from report_mailbox.message import content_hash, message_id, read_headers, split_header_block


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
        released_by: The person who decided that this held mail is the answer; empty: the collector did.
        handed_at: When it was handed over, by this machine's clock; None where it was handed to nobody.
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
    released_by: str = ""
    handed_at: datetime | None = None


@dataclass(frozen=True)
class HeldMail:
    """A mail that waits for a person. `reason` is a sentence without a full stop; no content.

    `name` is what `Mails.named` takes: the UID, or where that has meant another mail too, `UIDVALIDITY/UID`.
    """

    uid: int
    received: datetime | None
    sender_domain: str
    address: str
    reason: str
    name: str = ""
    mail: int = 0


@dataclass(frozen=True)
class KeptPart:
    """A file that a mail brought. `name` as the sender gave it, made harmless; `path` where it lies."""

    name: str
    sha256: str
    size: int
    path: Path


@dataclass(frozen=True)
class PastDecision:
    decision: Fate
    reason: str
    decided_at: datetime | None


class Word(StrEnum):
    RELEASED = "released"
    IGNORED = "ignored"


@dataclass(frozen=True)
class SaidWord:
    """What a person decided about a mail. `over`: why it was held then; `note`: the reason they gave."""

    word: Word
    said_by: str
    said_at: datetime
    over: str
    note: str
    expectation_id: str | None
    sha256: str | None


@dataclass(frozen=True)
class KnownMail:
    """All that the ledger knows of one mail. `decision` None: not decided yet, or being looked at again.

    `current`: whether the folder was last seen under this mail's numbering.
    """

    id: int
    name: str
    uidvalidity: int
    uid: int
    current: bool
    message_id: str
    content_sha256: str | None
    raw_sha256: str | None
    size: int | None
    received: datetime | None
    address: str
    sender_domain: str
    decision: Fate | None
    reason: str
    decided_at: datetime | None
    past: tuple[PastDecision, ...] = ()
    words: tuple[SaidWord, ...] = ()
    parts: tuple[KeptPart, ...] = ()
    answered: tuple[str, ...] = ()  # ids of the expectations that it was handed over for

    @property
    def was_held(self) -> bool:
        return self.decision is Fate.HELD or any(each.decision is Fate.HELD for each in self.past)

    @property
    def held_because(self) -> str:
        """The last reason it was held for; empty if it never was."""
        held = [each.reason for each in self.past if each.decision is Fate.HELD]
        return self.reason if self.decision is Fate.HELD else held[-1] if held else ""


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
class SpooledMail:
    """A mail whose bytes are safe in spool/. `row` is its row in the ledger."""

    row: int
    facts: HeadFacts
    raw_sha256: str
    content_sha256: str
    message_id: str

    @classmethod
    def of(cls, row: int, facts: HeadFacts, raw_sha256: str, raw: bytes) -> Self:
        headers = read_headers(split_header_block(raw))
        return cls(row, facts, raw_sha256, content_hash(raw), message_id(headers))


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
    """`keep`: the mail's bytes stay on disk although nothing was taken out of it, since a person may want to."""

    fate: Fate
    reason: str
    final: bool = True
    hand_over: tuple[HandOver, ...] = ()
    parts: tuple[NewPart, ...] = ()
    keep: bool = False


@dataclass(frozen=True)
class Decided:
    """A decision on the mail of a row, with what its headers said if that is not in the ledger yet."""

    row: int
    decision: Decision
    facts: HeadFacts | None = None
