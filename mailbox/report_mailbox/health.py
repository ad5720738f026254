"""Whether a mailbox can be watched, for those who set it up."""

from dataclasses import dataclass

from report_mailbox.connection import Connection
from report_mailbox.mailbox import Mailbox, Pace


@dataclass(frozen=True)
class MailboxHealth:
    """What a sign-in showed. `mails` are those in the folder."""

    place: str
    username: str
    folder: str
    mails: int
    encrypted: bool
    idle: bool
    move: bool
    uidplus: bool
    senders_verified: bool

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a person should know, a sentence each without a full stop."""
        found = []
        if not self.idle:
            found.append("the server has no IDLE: new mail is noticed by asking every 20 seconds")
        if not self.senders_verified:
            found.append(
                "no authserv_id is set: nothing but the domain in From says who sent a mail, and anybody can write that"
            )
        return tuple(found)


def probe(mailbox: Mailbox, pace: Pace | None = None) -> MailboxHealth:
    """Sign in, open the folder, and sign out; nothing is changed.

    Raises:
        MailboxSignInRefused, MailboxFolderMissing, MailboxMisconfigured, MailboxUnreachable: With the cause in words.
    """
    with Connection(mailbox, pace) as connection:
        return MailboxHealth(
            place=mailbox.place,
            username=mailbox.username,
            folder=mailbox.folder,
            mails=connection.exists,
            encrypted=mailbox.security != "none",
            idle=connection.has_idle,
            move=connection.has_move,
            uidplus=connection.has_uidplus,
            senders_verified=mailbox.authserv_id is not None,
        )
