"""Which mailbox is watched, and the limits and pauses with which it is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from typing import Literal, Protocol

from report_mailbox.errors import MailboxMisconfigured

M365_TOPMOST = "m365-topmost"
"""The value of `authserv_id` for Microsoft 365, whose stamp does not say which server made it."""

DELIVERY_HEADERS = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Forwarded-To", "Received")
"""In the order in which they are believed. All are written on the way; To is what the sender chose to write."""

Unsigned = Literal["by_policy", "hold", "accept"]
"""What becomes of a mail without a valid DKIM signature of its sender's domain, where no `authserv_id` is set."""


class Refusals(Protocol):
    """The passwords that the server has refused; a set will do."""

    def __contains__(self, password: object, /) -> bool: ...

    def add(self, password: str, /) -> None: ...


class TokenSource(Protocol):
    """Gives access tokens for XOAUTH2. Asked at each sign-in, and once more when the server refused what it gave."""

    @property
    def remedy(self) -> str:
        """What a person does when the consent is gone."""
        ...

    def token(self, *, refused: str | None = None) -> str:
        """An access token that holds for five minutes at least.

        Args:
            refused: The token that the mail server has just refused: another one is wanted.

        Raises:
            MailboxSignInRefused: Nobody has consented, or the consent was withdrawn: a person is needed.
            MailboxUnreachable: The provider's sign-in does not answer; later.
        """
        ...


@dataclass(frozen=True)
class Limits:
    """What one mail may cost. Beyond a limit it is not opened, and says so; the others go on."""

    mail_bytes: int = 60_000_000
    whole_bytes: int = 10_000_000  # of a larger mail only parts are fetched, where it need not be checked here
    header_bytes: int = 1_000_000
    parts: int = 1_000
    attempts: int = 3  # to read one mail, counted before each, so that one that kills the process counts too
    fetches: int = 5  # to have one mail sent by the server
    unpacked_bytes: int = 600_000_000
    unpacked_ratio: int = 300  # beyond the first 50 MB; a table compresses some 5 to 30 times
    packed_files: int = 100
    parse: timedelta = timedelta(seconds=60)  # to take one mail apart


_ATTENTIVE = (0.3,) * 66
"""Seconds. For twenty of them after something has happened IDLE is ended before the server's notice would come: Dovecot
holds each back for half a second, and says at once what came when it is asked."""


@dataclass(frozen=True)
class Pace:
    """How long to wait for what.

    The IDLE cycles are short because a notice can be lost between the last look and IDLE, and because a connection
    whose other end has died looks like a quiet mailbox: a cycle and its end together stay below a minute.
    """

    connect: timedelta = timedelta(seconds=15)
    read: timedelta = timedelta(seconds=50)  # a dead connection is noticed within a minute in a command too
    command: timedelta = timedelta(seconds=180)  # over all: a dripping server resets the read time with every byte
    end_idle: timedelta = timedelta(seconds=15)
    idle_cycles: tuple[timedelta, ...] = tuple(timedelta(seconds=each) for each in (*_ATTENTIVE, 2, 5, 15, 40))
    poll: timedelta = timedelta(seconds=20)
    pauses: tuple[timedelta, ...] = tuple(timedelta(seconds=each) for each in (1, 3, 10, 30, 60, 120, 300))
    throttled: timedelta = timedelta(minutes=15)
    another_pass: timedelta = timedelta(minutes=5)  # to wait for another collector's pass on this mailbox
    glance: timedelta = timedelta(seconds=0.5)  # how often a wait looks up: asked to stop? something new expected?


@dataclass(frozen=True)
class Mailbox:
    """One folder of one IMAP account.

    Args:
        security: "none" (no encryption) is refused for any host but this machine itself.
        password: Asked for at each sign-in, so that a changed one is used at once. None with `tokens`.
        tokens: Signs in with XOAUTH2 instead of a password.
        authserv_id: Then only mail counts whose topmost Authentication-Results header is of this server and says that
            DKIM passed for the From domain, or DMARC; other mail is held. `m365-topmost` for Microsoft 365. Without it
            DKIM is verified here, and `unsigned` says what that is worth.
        delivery_headers: Which say to which address a mail was delivered. The first that names one of ours counts.
        unsigned: See `Unsigned`; without meaning where `authserv_id` is set.
        nameservers: `192.0.2.53` or `127.0.0.1:5353`: asked for keys and policies instead of the machine's own.
        refused: Where refused passwords are remembered, which are not sent again: here, or beyond this process.
        done_folder: Where mails go that have been dealt with. Without it they stay and are marked as seen.
    """

    host: str
    port: int
    username: str
    password: Callable[[], str] | None = field(repr=False)
    security: Literal["tls", "starttls", "none"] = "tls"
    folder: str = "INBOX"
    authserv_id: str | None = None
    done_folder: str | None = None
    tokens: TokenSource | None = field(default=None, repr=False)
    delivery_headers: tuple[str, ...] = DELIVERY_HEADERS
    unsigned: Unsigned = "by_policy"
    nameservers: tuple[str, ...] = ()
    refused: Refusals = field(default_factory=set[str], repr=False, compare=False)

    def __post_init__(self) -> None:
        if (self.password is None) == (self.tokens is None):
            raise MailboxMisconfigured("the mailbox signs in either with a password or with tokens")
        if self.security == "none" and not is_loopback(self.host):
            raise MailboxMisconfigured(
                f"the mailbox {self.host} is set up without encryption, so that its password would cross the network "
                "readable by anybody",
                'Set security = "tls" (port 993) or "starttls" (port 143).',
            )
        if self.done_folder is not None and self.done_folder == self.folder:
            raise MailboxMisconfigured(
                f"the folder for finished mails and the folder that is read are both {self.folder}"
            )

    @property
    def account(self) -> str:
        """Under which name the ledger keeps this mailbox. A server that moves to another host name stays the same."""
        return self.username.casefold()

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}"


def is_loopback(host: str) -> bool:
    if host.casefold() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
