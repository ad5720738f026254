"""Consent and access tokens at Google, through its own libraries: the loopback flow, and refreshing."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from google.auth import jwt
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
from google.auth.transport.requests import Request
from google.oauth2.credentials import Credentials
from google_auth_oauthlib.flow import InstalledAppFlow
from oauthlib.oauth2 import OAuth2Error  # type: ignore[import-untyped]
from requests import RequestException

from report_mailbox.errors import MailboxConsentNeeded, MailboxError, MailboxMisconfigured, MailboxUnreachable
from report_mailbox.grants import Grant
from report_mailbox.loopback import Loopback

MAIL = "https://mail.google.com/"
SCOPES = ["openid", "https://www.googleapis.com/auth/userinfo.email", MAIL]  # the first two: to see who consented
SITE, TOKEN_ADDRESS = "https://accounts.google.com/o/oauth2/auth", "https://oauth2.googleapis.com/token"
TIMEOUT = timedelta(seconds=30)  # for each request
PATIENCE = timedelta(minutes=15)  # for a person to consent

_APPLICATION = "Look at `client_id` and `client_secret`, and at the OAuth client in the Google Cloud console."

# At DEBUG these write tokens and codes as they are.
for name in ("requests_oauthlib", "oauthlib", "google_auth_oauthlib", "google.auth", "google.oauth2"):
    logging.getLogger(name).setLevel(logging.INFO)


class Google:
    """One OAuth client, of the type “Desktop app”.

    Args:
        client_secret: Asked for when it is needed.
    """

    def __init__(
        self, client_id: str, client_secret: Callable[[], str], *, site: str = SITE, token_address: str = TOKEN_ADDRESS
    ) -> None:
        self.client_id = client_id
        self._client_secret = client_secret
        self._site = site
        self._token_address = token_address

    def consent(
        self, username: str, show: Callable[[str], None], *, port: int = 0, patience: timedelta = PATIENCE
    ) -> Grant:
        """Have a person consent in a browser that reaches this machine's 127.0.0.1, and wait for it.

        `show` is given the address that has to be opened. The browser brings the answer to `port`; 0 is any.

        Raises:
            MailboxConsentNeeded: They declined, took too long, did not grant the mail, or were somebody else.
        """
        settings = {
            "client_id": self.client_id,
            "client_secret": self._client_secret(),
            "auth_uri": self._site,
            "token_uri": self._token_address,
        }
        flow = InstalledAppFlow.from_client_config({"installed": settings}, SCOPES)
        with _listen(port) as loopback:
            flow.redirect_uri = loopback.address
            address, state = flow.authorization_url(login_hint=username, prompt="consent", access_type="offline")
            show(address)
            given = loopback.wait(patience.total_seconds(), lambda given: given.get("state") == state)
        if given is None:
            raise MailboxConsentNeeded("nobody consented in time", "Begin again.")
        if "code" not in given:
            raise _not_given(given.get("error", "no reason"))
        return self._grant(username, self._credentials(flow, given["code"]))

    def refresh(self, grant: Grant) -> Grant:
        credentials = Credentials(  # type: ignore[no-untyped-call]
            token=None,
            refresh_token=grant.renewal,
            token_uri=self._token_address,
            client_id=self.client_id,
            client_secret=self._client_secret(),
        )
        try:
            credentials.refresh(_request)  # type: ignore[no-untyped-call]
        except RefreshError as error:
            raise self._refused(error, grant.username) from error
        except (TransportError, GoogleAuthError) as error:
            raise MailboxUnreachable(f"no answer from {self._token_address} while renewing the access token") from error
        return self._kept(grant.username, credentials)

    def _credentials(self, flow: Any, code: str) -> Credentials:
        try:
            flow.fetch_token(code=code, timeout=TIMEOUT.total_seconds())
        except RequestException as error:
            raise MailboxUnreachable(f"no answer from {self._token_address} to the consent") from error
        except OAuth2Error as error:
            raise MailboxMisconfigured(f"Google does not take the consent: {error.error}", _APPLICATION) from error
        except Warning as error:  # so oauthlib says that fewer or other permissions were given
            raise _without_mail() from error
        credentials: Credentials = flow.credentials
        if MAIL not in (credentials.granted_scopes or SCOPES):
            raise _without_mail()
        return credentials

    def _grant(self, username: str, credentials: Credentials) -> Grant:
        # It came from Google's own address over TLS: its signature would prove nothing more.
        identity = credentials.id_token
        claims = jwt.decode(identity, verify=False) if identity else {}  # type: ignore[no-untyped-call]
        who = str(claims.get("email", ""))
        if who.casefold() != username.casefold():
            raise MailboxConsentNeeded(
                f"{who or 'somebody without a name'} consented, and the mailbox is that of {username}",
                f"Begin again in a private window, and sign in as {username}.",
            )
        if not credentials.refresh_token:
            raise MailboxConsentNeeded(
                "Google gave no permission for longer than an hour",
                "Remove the application at https://myaccount.google.com/permissions, then begin again.",
            )
        return self._kept(username, credentials)

    def _kept(self, username: str, credentials: Credentials) -> Grant:
        now = datetime.now(UTC)
        return Grant(
            auth="google",
            username=username,
            client_id=self.client_id,
            token=str(credentials.token),
            expires=credentials.expiry.replace(tzinfo=UTC) if credentials.expiry else now + timedelta(hours=1),
            refreshed=now,
            renewal=str(credentials.refresh_token),
        )

    def _refused(self, error: RefreshError, username: str) -> MailboxError:
        answer = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], dict) else {}
        word = str(answer.get("error", ""))
        if error.retryable or not word:
            return MailboxUnreachable(
                f"{self._token_address} does not renew the access token now ({word or 'no reason'})"
            )
        if word in ("invalid_grant", "access_denied", "admin_policy_enforced", "org_internal"):
            why = str(answer.get("error_subtype") or word)
            return MailboxConsentNeeded(f"Google does not accept the stored consent of {username} any more: {why}")
        return MailboxMisconfigured(f"Google does not renew the access token of {username}: {word}", _APPLICATION)


def _listen(port: int) -> Loopback:
    try:
        return Loopback(port)
    except (OSError, OverflowError) as error:
        raise MailboxMisconfigured(
            f"port {port} of this machine cannot be listened on", "Name another port."
        ) from error


def _not_given(word: str) -> MailboxError:
    if word == "access_denied":
        return MailboxConsentNeeded("the consent was declined at Google", "Begin again, and accept.")
    return MailboxMisconfigured(f"Google does not let anybody consent: {word}", _APPLICATION)


def _without_mail() -> MailboxError:
    return MailboxConsentNeeded(
        "Google was not given the permission to read the mail",
        "Begin again, and tick every permission that is asked for.",
    )


def _request(url: str, method: str = "GET", **facts: Any) -> Any:
    return Request()(url, method, **{**facts, "timeout": TIMEOUT.total_seconds()})
