"""Which expectation a mail answers. Pure functions: nothing here reads a mailbox, a file or a clock.

A mail answers an expectation when four things agree: the address it was delivered to, its sender, its time, and what is
in it. The first three are compared here; the fourth is judged by whoever expects the report (`Acceptance`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from report_mailbox.message import domain_of

CLOCK_TOLERANCE = timedelta(minutes=2)
"""Between the mail server's clock and ours. What is older than a request by less than this is told by its content."""


@dataclass(frozen=True)
class Expectation:
    """A report that somebody asked for.

    Args:
        id: The caller's own, unique for ever.
        address: Where it is sent, with its plus-tag; compared whole, without regard to case.
        senders: Domains or addresses. A domain means itself and everything below it.
        newer_than: When it was asked for; aware.
        link_hosts: Hosts (`crm.example.com`, or `127.0.0.1:8080`) whose links are taken instead of an attachment.
    """

    id: str
    address: str
    senders: tuple[str, ...]
    newer_than: datetime
    link_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.newer_than.tzinfo is None:
            raise ValueError(f"the expectation {self.id} needs a time with a zone")
        if "@" not in self.address or not self.senders:
            raise ValueError(f"the expectation {self.id} needs an address and at least one sender")


class Verdict(StrEnum):
    FITS = "fits"
    OTHER = "other"
    BROKEN = "broken"


@dataclass(frozen=True)
class Acceptance:
    """What the caller thinks of a file for an expectation. The reason is a sentence for people, without a full stop."""

    verdict: Verdict
    reason: str = ""

    @classmethod
    def fits(cls) -> Self:
        """This is the report."""
        return cls(Verdict.FITS)

    @classmethod
    def other(cls, reason: str) -> Self:
        """A report, but not this one: another period or another client. The expectation stays open."""
        return cls(Verdict.OTHER, reason)

    @classmethod
    def broken(cls, reason: str) -> Self:
        """The report as far as one can tell, and of no use. The expectation is answered with a rejection."""
        return cls(Verdict.BROKEN, reason)


@dataclass(frozen=True)
class MailFacts:
    """What the headers say, addresses in lower case.

    `address` and `sender` are None when they cannot be told; `received` is aware; `claimed` are addresses of ours that
    stand only where they are not believed, in To.
    """

    address: str | None
    addresses: tuple[str, ...]
    sender: str | None
    received: datetime
    claimed: tuple[str, ...] = ()


class Fate(StrEnum):
    """What becomes of a mail. Held ones are shown to people, ignored ones are not."""

    REPORT = "report"
    REJECTION = "rejection"
    LINK = "link"
    CODE = "code"
    DUPLICATE = "duplicate"
    HELD = "held"
    IGNORED = "ignored"


@dataclass(frozen=True)
class Turned:
    """A mail that answers nothing, and why.

    `final`: also an expectation that comes later cannot change that.
    """

    fate: Fate
    reason: str
    final: bool = False


def sender_allowed(sender: str, senders: Iterable[str]) -> bool:
    domain = domain_of(sender)
    for allowed in senders:
        wanted = allowed.strip().casefold().rstrip(".")
        if "@" in wanted:
            if sender.casefold() == wanted:
                return True
        elif wanted and (domain == wanted or domain.endswith(f".{wanted}")):
            return True
    return False


def answerable(mail: MailFacts, expectations: Sequence[Expectation]) -> list[Expectation] | Turned:
    """The expectations that the mail answers as far as address, sender and time go, or why there is none."""
    if mail.addresses:
        return Turned(Fate.HELD, f"it is addressed to {_listed(mail.addresses)} at once")
    here = [each for each in expectations if each.address.casefold() == mail.address]
    if not here and (claimed := sorted({each.address.casefold() for each in expectations} & set(mail.claimed))):
        return Turned(Fate.HELD, f"only what its sender wrote says that it is for {_listed(claimed)}, not the delivery")
    if mail.address is None:
        return Turned(Fate.IGNORED, "it was not delivered to an address of ours")
    if not here:
        return Turned(Fate.IGNORED, f"nothing is expected at {mail.address}")
    in_time = [each for each in here if mail.received >= each.newer_than - CLOCK_TOLERANCE]
    if not in_time:
        return Turned(Fate.IGNORED, f"it is older than what is expected at {mail.address}")
    if mail.sender is None:
        return Turned(Fate.HELD, "its sender cannot be told: From holds no address, several, or a misleading one")
    allowed = [each for each in in_time if sender_allowed(mail.sender, each.senders)]
    if not allowed:
        senders = sorted({sender for each in in_time for sender in each.senders})
        return Turned(Fate.HELD, f"it comes from {domain_of(mail.sender)}, reports only from {_listed(senders)}")
    return allowed


@dataclass(frozen=True)
class Judged:
    """One file of a mail, judged for one expectation. `file` is the file's hash."""

    expectation: str
    file: str
    acceptance: Acceptance


def fitting(judged: Sequence[Judged]) -> dict[str, str] | Turned | None:
    """Expectation id to the hash of its file; or why it cannot be told; or None: nothing fits.

    A mail may hold several reports for several expectations; what it may not do is leave a choice.
    """
    pairs = {(each.expectation, each.file) for each in judged if each.acceptance.verdict is Verdict.FITS}
    if not pairs:
        return None
    expectations = [expectation for expectation, _ in pairs]
    files = [file for _, file in pairs]
    if len(set(files)) < len(files):
        return Turned(Fate.HELD, f"one file fits {len(set(expectations))} expectations", final=True)
    if len(set(expectations)) < len(expectations):
        return Turned(Fate.HELD, f"{len(set(files))} different files fit one expectation", final=True)
    return dict(pairs)


def broken(judged: Sequence[Judged]) -> Judged | None:
    """The file that closes an expectation with a rejection, if there is one and no doubt about whose it is."""
    spoilt = [each for each in judged if each.acceptance.verdict is Verdict.BROKEN]
    if len({each.expectation for each in judged}) == 1 and spoilt:
        return spoilt[0]
    return None


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
