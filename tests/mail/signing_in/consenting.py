"""What tests of tokens have in common: a provider, a person who consents, and a place to keep it in."""

import threading
import urllib.request
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from report_mailbox import MailboxUnreachable
from report_mailbox.grants import Grant, GrantedTokens
from report_mailbox.oauth_google import Google
from report_mailbox.oauth_microsoft import Microsoft
from tests.mail.signing_in.oauth_server import CLIENT_ID, CLIENT_SECRET, OAuthWorld

USER = "datateam@example.com"
REMEDY = "consent again"


class Store:
    """A `GrantStore` that several processes could share."""

    def __init__(self, grant: Grant | None = None) -> None:
        self.kept = grant.as_text() if grant else None
        self.lock = threading.Lock()
        self.broken = False

    def read(self) -> Grant | None:
        return Grant.from_text(self.kept) if self.kept else None

    def write(self, grant: Grant) -> None:
        if self.broken:
            raise MailboxUnreachable("the keyring is locked")
        self.kept = grant.as_text()

    def locked(self) -> AbstractContextManager[Any]:
        return self.lock

    def changed(self, **facts: object) -> None:
        grant = self.read()
        assert grant
        self.write(replace(grant, **facts))  # type: ignore[arg-type]


def google(world: OAuthWorld, secret: str = CLIENT_SECRET) -> Google:
    return Google(CLIENT_ID, lambda: secret, site=world.site, token_address=world.token_address)


def microsoft(world: OAuthWorld, tenant: str = "common") -> Microsoft:
    return Microsoft(CLIENT_ID, tenant, host=world.host)


def consented(provider: Google | Microsoft, username: str = USER) -> Grant:
    if isinstance(provider, Microsoft):
        return provider.consent(username, lambda _: None, rest=lambda _: None)
    return provider.consent(username, browse, patience=timedelta(seconds=20))


def browse(address: str) -> None:
    """What a browser does with the address: the person decides there, and it comes back to this machine."""
    threading.Thread(target=lambda: urllib.request.urlopen(address, timeout=10).close(), daemon=True).start()


def tokens(provider: Google | Microsoft, store: Store) -> GrantedTokens:
    auth = "google" if isinstance(provider, Google) else "microsoft"
    return GrantedTokens(auth, USER, CLIENT_ID, store, provider, remedy=REMEDY)


def soon() -> datetime:
    """When a token expires that is not used any more."""
    return datetime.now(UTC) + timedelta(minutes=4)
