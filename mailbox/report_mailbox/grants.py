"""What a consent at Google or Microsoft gives, how it is kept, and how access tokens are taken from it.

Kept in one place (`GrantStore`) by whoever uses this library, so that several processes share it: whoever refreshes
holds the store's lock, looks whether another one has just done so, and puts the result back before the lock goes.
"""

import json
import logging
import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from report_mailbox.errors import MailboxConsentNeeded, MailboxUnreachable

logger = logging.getLogger(__name__)

MARGIN = timedelta(minutes=5)
"""A token that is used to sign in must hold for longer than this."""


@dataclass(frozen=True)
class Grant:
    """The consent of one user to one application; times are aware.

    `renewal` is what new access tokens are made from: for Google the refresh token, for Microsoft the cache of its
    library.
    """

    auth: str
    username: str
    client_id: str
    token: str = field(repr=False)
    expires: datetime
    refreshed: datetime
    renewal: str = field(repr=False)

    def as_text(self) -> str:
        times = {"expires": self.expires.isoformat(), "refreshed": self.refreshed.isoformat()}
        return json.dumps(asdict(self) | times, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> "Grant | None":
        """None when the text is not a grant."""
        try:
            facts = json.loads(text)
            times = {name: datetime.fromisoformat(facts[name]) for name in ("expires", "refreshed")}
            grant = cls(**(facts | times))
        except (ValueError, TypeError, KeyError):
            return None
        return grant if grant.expires.tzinfo and grant.refreshed.tzinfo else None

    def secrets(self) -> set[str]:
        """Everything in it that must not be seen."""
        found = {self.token, self.renewal}
        try:
            kept = json.loads(self.renewal)
        except ValueError:
            return found
        if isinstance(kept, dict):
            found |= {
                entry["secret"]
                for entries in kept.values()
                if isinstance(entries, dict)
                for entry in entries.values()
                if isinstance(entry, dict) and "secret" in entry
            }
        return found


class GrantStore(Protocol):
    """Where the grant of one mailbox lies. `read` and `write` raise `MailboxError` when that place cannot be used."""

    def read(self) -> Grant | None: ...

    def write(self, grant: Grant) -> None: ...

    def locked(self) -> AbstractContextManager[None]:
        """Held by one process at a time."""
        ...


class GrantInHand:
    """A `GrantStore` in memory: for trying a consent before it is kept."""

    def __init__(self, grant: Grant) -> None:
        self.grant = grant

    def read(self) -> Grant:
        return self.grant

    def write(self, grant: Grant) -> None:
        self.grant = grant

    def locked(self) -> AbstractContextManager[None]:
        return nullcontext()


class Refreshing(Protocol):
    def refresh(self, grant: Grant) -> Grant:
        """A new access token.

        Raises:
            MailboxConsentNeeded: The consent is not valid any more.
            MailboxMisconfigured: The application is not what the settings say.
            MailboxUnreachable: The provider does not answer, or not now.
        """
        ...


class GrantedTokens:
    """A `TokenSource`.

    Args:
        remedy: What a person does when there is no consent.
    """

    def __init__(
        self, auth: str, username: str, client_id: str, store: GrantStore, provider: Refreshing, *, remedy: str
    ) -> None:
        self._whose = (auth, username.casefold(), client_id)
        self._username = username
        self._store = store
        self._provider = provider
        self._remedy = remedy
        self._unsaved: Grant | None = None  # refreshed, and the store did not take it
        self._one_at_a_time = threading.Lock()

    @property
    def remedy(self) -> str:
        return self._remedy

    def token(self, *, refused: str | None = None) -> str:
        grant = self._grant()
        if _good(grant, refused):
            return grant.token
        with self._one_at_a_time, self._store.locked():
            grant = self._grant()  # another thread or process may have done it meanwhile
            if _good(grant, refused):
                return grant.token
            return self._refreshed(grant, refused).token

    def _refreshed(self, grant: Grant, refused: str | None) -> Grant:
        try:
            fresh = self._provider.refresh(grant)
        except MailboxConsentNeeded as error:
            again = self._grant()
            if again.renewal != grant.renewal and _good(again, refused):
                return again  # another machine or home with the same store renewed it, and the old one died of that
            raise MailboxConsentNeeded(error.saw, self._remedy) from error
        except MailboxUnreachable as error:
            if grant.token != refused and grant.expires > datetime.now(UTC):
                logger.info("the access token is used up to its end: %s", error)
                return grant
            raise
        try:
            self._store.write(fresh)
            self._unsaved = None
        except MailboxUnreachable as error:
            self._unsaved = fresh
            logger.warning("a new access token could not be stored and holds for this process only: %s", error)
        return fresh

    def _grant(self) -> Grant:
        grant = self._unsaved or self._store.read()
        if grant is None:
            raise MailboxConsentNeeded(
                f"nobody has consented yet that the mailbox of {self._username} is read", self._remedy
            )
        if (grant.auth, grant.username.casefold(), grant.client_id) != self._whose:
            raise MailboxConsentNeeded(
                f"the consent that is stored is for {grant.username} at {grant.auth.capitalize()} or for another "
                f"application, and the settings say {self._username} at {self._whose[0].capitalize()}",
                self._remedy,
            )
        return grant


def _good(grant: Grant, refused: str | None) -> bool:
    return grant.token != refused and grant.expires - datetime.now(UTC) > MARGIN
