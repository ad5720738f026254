"""The mailbox's consent at Google or Microsoft: kept in the system keyring and nowhere else."""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from export_robots.config_mailbox import Auth, MailboxSettings
from export_robots.credentials import KeyringUnusable, Secrets
from export_robots.outcomes import UsageWrong
from report_mailbox import oauth_google, oauth_microsoft
from report_mailbox.errors import MailboxMisconfigured, MailboxUnreachable
from report_mailbox.grants import Grant, GrantedTokens, GrantStore
from report_mailbox.oauth_google import Google
from report_mailbox.oauth_microsoft import Microsoft

CONNECT = "robot mailbox connect"

_LOCK_SECONDS = 120  # a refresh takes two requests of 30 s at most


class KeyringGrants:
    """A `GrantStore`. What it hands out or takes is known to `secrets` for redaction from then on."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def read(self) -> Grant | None:
        """None also for what is no consent."""
        try:
            kept = self._secrets.mailbox_token()
        except KeyringUnusable as error:
            raise MailboxUnreachable(f"the mailbox's sign-in cannot be looked up: {error.saw}", error.hint) from error
        grant = Grant.from_text(kept) if kept else None
        if grant:
            self._secrets.meet(grant.secrets())
        return grant

    def write(self, grant: Grant) -> None:
        self._secrets.meet(grant.secrets())
        try:
            self._secrets.keep_mailbox_token(grant.as_text())
        except KeyringUnusable as error:
            raise MailboxUnreachable(f"the mailbox's sign-in cannot be stored: {error.saw}", error.hint) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """By the home's lock: it goes when its process goes."""
        folder = self._secrets.locks
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(folder / "mailbox.token", mode=0o600, thread_local=False)
        try:
            lock.acquire(timeout=_LOCK_SECONDS)
        except Timeout:
            raise MailboxUnreachable("another process is renewing the mailbox's access token, for minutes") from None
        try:
            yield
        finally:
            lock.release()


def provider_of(settings: MailboxSettings, secrets: Secrets) -> Google | Microsoft:
    """The application at Google or Microsoft that the settings name."""
    assert settings.client_id is not None
    if settings.auth is Auth.MICROSOFT:
        return Microsoft(settings.client_id, settings.tenant or "common", host=oauth_microsoft.HOST)

    def client_secret() -> str:
        try:
            return secrets.client_secret().get_secret_value()
        except UsageWrong as error:
            raise MailboxMisconfigured(error.saw, error.hint) from error

    return Google(settings.client_id, client_secret, site=oauth_google.SITE, token_address=oauth_google.TOKEN_ADDRESS)


def tokens_of(settings: MailboxSettings, secrets: Secrets, store: GrantStore | None = None) -> GrantedTokens:
    """Access tokens for as long as the consent lasts, which lies in the keyring unless another store is named."""
    return GrantedTokens(
        settings.auth.value,
        settings.username,
        settings.client_id or "",
        store or KeyringGrants(secrets),
        provider_of(settings, secrets),
        remedy=f"Let the mailbox's user consent again: {CONNECT}",
    )


def told(grant: Grant) -> str:
    """Who consented where, and when that last gave an access token; in this machine's time zone."""
    return (
        f"{grant.username} consented at {grant.auth.capitalize()}; the access token was last renewed "
        f"{grant.refreshed.astimezone():%Y-%m-%d %H:%M}"
    )
