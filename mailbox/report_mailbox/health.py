"""Whether a mailbox can be watched, and what protects it, for those who set it up."""

from dataclasses import dataclass

from report_mailbox.connection import Connection
from report_mailbox.mailbox import M365_TOPMOST, Mailbox, Pace
from report_mailbox.txt_records import TxtRecords


@dataclass(frozen=True)
class Protection:
    """What keeps mails with forged senders from being taken for reports. `saw` is a sentence without a full stop.

    `complete` is false where something is left that a person should mend: then `mend` says how.
    """

    saw: str
    complete: bool
    mend: str = ""


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
    protection: Protection

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a person should know, a sentence each without a full stop."""
        found = []
        if not self.idle:
            found.append("the server has no IDLE: new mail is noticed by asking every 20 seconds")
        if not self.protection.complete:
            found.append(self.protection.saw)
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
            protection=protection_of(mailbox),
        )


def protection_of(mailbox: Mailbox) -> Protection:
    """Asks DNS where that matters, for two seconds at most; the mail server is not asked."""
    if mailbox.authserv_id:
        server = "Microsoft 365" if mailbox.authserv_id == M365_TOPMOST else mailbox.authserv_id
        return Protection(f"{server} vouches for senders: other mail is held", complete=True)
    if mailbox.unsigned == "accept":
        return Protection(
            'nothing protects against forged senders: no authserv_id is set, and unsigned is "accept"',
            complete=False,
            mend=_MEND,
        )
    answers = TxtRecords(mailbox.nameservers).reachable()
    if not answers and mailbox.unsigned == "hold":
        return Protection(
            "DKIM signatures are to be verified here, and DNS does not answer: every mail is held",
            complete=False,
            mend=_MEND,
        )
    if not answers:
        return Protection(
            "nothing protects against forged senders: no authserv_id is set, and DNS does not answer, so that "
            "signatures cannot be verified",
            complete=False,
            mend=_MEND,
        )
    unsigned = "every unsigned mail" if mailbox.unsigned == "hold" else "unsigned mail of domains that always sign"
    return Protection(
        f"DKIM signatures are verified here (DNS answers): mail with a wrong one is held, and {unsigned}", complete=True
    )


_MEND = (
    "Set authserv_id under [mailbox] if your mail server marks verified mail with Authentication-Results, or let this "
    "machine ask DNS."
)
