"""Signing in: with a password, or with an access token by XOAUTH2, and what the server's refusals mean."""

from imapclient import IMAPClient
from imapclient.exceptions import CapabilityError

from report_mailbox.asking import Refused
from report_mailbox.errors import (
    MailboxConsentNeeded,
    MailboxError,
    MailboxMisconfigured,
    MailboxNotConnected,
    MailboxSignInRefused,
    MailboxThrottled,
)
from report_mailbox.mailbox import Mailbox

_NO_XOAUTH2 = "it does not offer XOAUTH2"


def secret_for(mailbox: Mailbox, *, refused: str | None = None) -> str:
    """The password, or an access token that holds for some minutes: another than `refused`.

    Raises:
        MailboxSignInRefused: This password has been refused before, by any connection with this `Mailbox`.
    """
    if mailbox.tokens is not None:
        return mailbox.tokens.token(refused=refused)
    assert mailbox.password is not None
    secret = mailbox.password()
    if any(ord(character) < 32 for character in mailbox.username + secret):
        raise MailboxMisconfigured("the mailbox's user name or password holds a line break or control character")
    if secret in mailbox.refused:
        raise MailboxSignInRefused(
            f"{mailbox.place} has refused the user name or password of {mailbox.username}, and it is still the same"
        )
    return secret


def present(client: IMAPClient, mailbox: Mailbox, secret: str) -> None:
    """Sign in. IMAPClient's errors come through."""
    if mailbox.tokens is not None:
        if not client.has_capability("AUTH=XOAUTH2"):
            raise CapabilityError(_NO_XOAUTH2)
        # Not by `oauth2_login`, which answers the server's explanation of a refusal with the token once more.
        client._command_and_check("authenticate", "XOAUTH2", _Bearer(mailbox.username, secret))  # noqa: SLF001
    elif (mailbox.username + secret).isascii():
        client.login(mailbox.username, secret)
    else:
        client.plain_login(mailbox.username, secret)  # LOGIN takes ASCII only


class _Bearer:
    """Answers the server's challenges: first with the token, then, as it is told why not, with nothing."""

    def __init__(self, username: str, token: str) -> None:
        self._answers = [f"user={username}\1auth=Bearer {token}\1\1".encode()]

    def __call__(self, _challenge: bytes) -> bytes:
        return self._answers.pop() if self._answers else b""


def refusal(mailbox: Mailbox, secret: str, refused: Refused) -> MailboxError:
    """What it means that the server said no to the secret. A password is remembered, so as not to be sent again."""
    answer = str(refused).replace(secret, "…") if secret else str(refused)
    if not_connected := without_mailbox(mailbox, refused):
        return not_connected
    if refused.asks_for_patience(at_the_door=True):
        return MailboxThrottled(f"{mailbox.place} does not let {mailbox.username} in now: {answer}")
    if _NO_XOAUTH2 in answer:
        return MailboxMisconfigured(
            f"{mailbox.place} does not take a sign-in by Google or Microsoft: {answer}",
            "Look at the mailbox's host, or let it sign in with a password.",
        )
    if mailbox.tokens is not None:
        return MailboxConsentNeeded(
            f"{mailbox.place} refuses the access token of {mailbox.username}: {answer}", mailbox.tokens.remedy
        )
    mailbox.refused.add(secret)
    return MailboxSignInRefused(f"{mailbox.place} refuses the user name or password of {mailbox.username}: {answer}")


def without_mailbox(mailbox: Mailbox, refused: Refused) -> MailboxNotConnected | None:
    """Microsoft's `User is authenticated but not connected`, which comes at the sign-in or with the first command."""
    if "AUTHENTICATED BUT NOT CONNECTED" not in str(refused).upper():
        return None
    return MailboxNotConnected(f"{mailbox.place} lets {mailbox.username} in, but opens no mailbox for it")
