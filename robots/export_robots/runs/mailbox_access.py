"""The mailbox as the configuration says it is: how it is signed in to, and what a mail there may cost."""

from dataclasses import replace
from pathlib import Path

from export_robots.config_mailbox import Auth, MailboxSettings
from export_robots.credentials import Secrets
from export_robots.refused_mailbox import RefusedMailboxPassword
from report_mailbox.mailbox import DELIVERY_HEADERS, Limits, Mailbox, Refusals, TokenSource


def mailbox_of(
    settings: MailboxSettings,
    secrets: Secrets,
    tokens: TokenSource | None = None,
    *,
    refused: Refusals | None = None,
) -> Mailbox:
    """The mailbox as it is set up. `tokens` instead of those in the keyring, where it signs in with tokens.

    `refused`: where refused passwords are remembered; without it, they are remembered here alone.
    """
    if settings.auth is not Auth.PASSWORD and tokens is None:
        from export_robots.mailbox_tokens import tokens_of  # Google's and Microsoft's libraries are slow to import

        tokens = tokens_of(settings, secrets)
    return Mailbox(
        host=settings.host,
        port=settings.port,
        username=settings.username,
        password=None if tokens else lambda: secrets.mailbox_password().get_secret_value(),
        tokens=tokens,
        security=settings.security.value,
        folder=settings.folder,
        authserv_id=settings.authserv_id,
        done_folder=settings.done_folder,
        delivery_headers=settings.delivery_headers or DELIVERY_HEADERS,
        unsigned=settings.unsigned.value,
        refused=set[str]() if refused is None else refused,
    )


def refused_of(settings: MailboxSettings, home: Path) -> RefusedMailboxPassword:
    return RefusedMailboxPassword(home, f"{settings.host}:{settings.port}", settings.username)


def limits_of(settings: MailboxSettings) -> Limits:
    limits, usual = settings.limits, Limits()
    return replace(
        usual,
        mail_bytes=limits.mail or usual.mail_bytes,
        unpacked_bytes=limits.unpacked or usual.unpacked_bytes,
        header_bytes=limits.header or usual.header_bytes,
        parts=limits.parts or usual.parts,
        packed_files=limits.packed_files or usual.packed_files,
        parse=limits.parse or usual.parse,
    )
