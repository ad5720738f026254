"""What a mailbox does to whoever reads it, divided by what happens next.

    MailboxError
     ├ MailboxMisconfigured    the settings cannot work                     mend them; nothing was tried
     ├ MailboxSignInRefused    user name or password rejected               a person; never tried again by itself
     │  └ MailboxConsentNeeded nobody consented yet, or not any more        a person consents, once
     ├ MailboxFolderMissing    the folder named in the settings is not there  mend the settings
     ├ MailboxBusy             another collector has been at it for long    later
     └ MailboxUnreachable      no connection                                later: tried again with growing pauses
        ├ MailboxThrottled     the server asks for patience               much later
        │  └ MailboxNotConnected  signed in, and yet without the mailbox  likewise; a person if it stays
        ├ MailboxLost          a connection that was there is gone        at once, with a new connection
        └ MailboxProtocol      an answer that is not IMAP, or refuses a command  likewise

All fields are positional and handed to `super().__init__` unchanged: such errors are pickled, and pickle rebuilds an
exception from its `args`.
"""

from typing import ClassVar


class MailboxError(Exception):
    """Something about the mailbox.

    Args:
        saw: One sentence without a full stop: what was being done and what was seen. Never a secret, never content.
        hint: What a person should do now. Empty: the class's own `remedy`.
    """

    remedy: ClassVar[str] = ""

    def __init__(self, saw: str, hint: str = "") -> None:
        super().__init__(saw, hint)
        self.saw = saw
        self.hint = hint or self.remedy

    def __str__(self) -> str:
        return self.saw


class MailboxMisconfigured(MailboxError):
    remedy = "Mend the settings of the mailbox."


class MailboxSignInRefused(MailboxError):
    remedy = (
        "Sign in to this mailbox by hand, then store the password that worked; many providers want an app password "
        "for IMAP. The refused one is not sent again by itself."
    )


class MailboxConsentNeeded(MailboxSignInRefused):
    remedy = "Let the mailbox's user consent again."


class MailboxFolderMissing(MailboxError):
    remedy = "Name one of the mailbox's own folders in the settings."


class MailboxBusy(MailboxError):
    remedy = "Wait for the other collector to end its pass, then try again."


class MailboxUnreachable(MailboxError):
    remedy = "Look whether the mailbox's host, port and security are right and this machine may connect to it."


class MailboxThrottled(MailboxUnreachable):
    remedy = "Wait: the provider limits how much this mailbox may be read. Look whether other programs read it too."


class MailboxNotConnected(MailboxThrottled):
    remedy = (
        "It is tried again later: too many connections at once look like this. If it stays, IMAP must be switched on "
        "for this mailbox, the mailbox must have a licence, and the application the right to IMAP."
    )


class MailboxLost(MailboxUnreachable):
    remedy = "Nothing to do if it is rare: a new connection is made."


class MailboxProtocol(MailboxUnreachable):
    remedy = "If it stays, tell whoever keeps this program which mail server it is."
