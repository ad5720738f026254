"""Consent and access tokens at Microsoft, through its own library: device code, and refreshing."""

import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from json import JSONDecodeError
from typing import Any

import msal
from requests import RequestException, Timeout

from report_mailbox.errors import MailboxConsentNeeded, MailboxError, MailboxMisconfigured, MailboxUnreachable
from report_mailbox.grants import Grant

HOST = "login.microsoftonline.com"
SCOPES = ["https://outlook.office365.com/IMAP.AccessAsUser.All"]  # the library adds offline_access, openid, profile
TIMEOUT = timedelta(seconds=30)  # for each request

_NEEDS_A_PERSON = {"invalid_grant", "interaction_required", "consent_required", "login_required", "access_denied"}
_LATER = {"temporarily_unavailable", "server_error", "request_timeout"}

logging.getLogger("msal").setLevel(logging.INFO)  # at DEBUG it writes what it is given, with some of it masked

Rest = Callable[[float], object]
_rest: Rest = threading.Event().wait


@dataclass(frozen=True)
class DeviceCode:
    """What a person has to do: open `address` and type `code`, before `expires` (aware)."""

    address: str
    code: str
    expires: datetime


class Microsoft:
    """One registered application at one tenant."""

    def __init__(self, client_id: str, tenant: str = "common", *, host: str = HOST) -> None:
        self.client_id = client_id
        self._authority = f"https://{host}/{tenant}"

    def consent(self, username: str, show: Callable[[DeviceCode], None], *, rest: Rest = _rest) -> Grant:
        """Have a person consent, on any device, and wait for it; `rest` waits so many seconds.

        Raises:
            MailboxConsentNeeded: They declined, took too long, or were somebody else.
        """
        cache = msal.SerializableTokenCache()
        with self._asking("asking for a code to sign in with"):
            application = self._application(cache)
            flow = application.initiate_device_flow(scopes=SCOPES)
        if "user_code" not in flow:
            raise _refusal(flow, f"Microsoft gives no code to sign in with to {self.client_id}")
        expires = datetime.fromtimestamp(flow["expires_at"], UTC)
        show(DeviceCode(flow["verification_uri"], flow["user_code"], expires))
        answer = self._answer(application, flow, rest)
        if "access_token" not in answer:
            if answer.get("error") in ("expired_token", "authorization_pending", "slow_down"):
                raise MailboxConsentNeeded("the code expired before anybody consented", "Begin again, for a new code.")
            if answer.get("error") in ("authorization_declined", "access_denied"):
                raise MailboxConsentNeeded("the consent was declined at Microsoft", "Begin again, and accept.")
            raise _refusal(answer, f"Microsoft does not let {username} consent")
        who = str(answer.get("id_token_claims", {}).get("preferred_username", ""))
        if who.casefold() != username.casefold():
            raise MailboxConsentNeeded(
                f"{who or 'somebody without a name'} consented, and the mailbox is that of {username}",
                f"Begin again in a private window, and sign in as {username}.",
            )
        return self._grant(username, answer, cache)

    def refresh(self, grant: Grant) -> Grant:
        cache = msal.SerializableTokenCache()
        cache.deserialize(grant.renewal)
        with self._asking("renewing the access token"):
            application = self._application(cache)
            accounts = application.get_accounts()
            answer = (
                application.acquire_token_silent_with_error(SCOPES, accounts[0], force_refresh=True)
                if accounts
                else None
            )
        if answer is None:
            raise MailboxConsentNeeded(f"the stored consent of {grant.username} is not whole")
        if "access_token" not in answer:
            raise _refusal(answer, f"Microsoft does not accept the stored consent of {grant.username} any more")
        return self._grant(grant.username, answer, cache)

    def _answer(self, application: Any, flow: dict[str, Any], rest: Rest) -> dict[str, Any]:
        """Ask again and again, as often as Microsoft wants it, until there is an answer or the code has expired.

        Not by the library's own loop, which an unreachable server ends.
        """
        answer: dict[str, Any] = {"error": "authorization_pending"}
        while datetime.now(UTC).timestamp() < flow["expires_at"]:
            rest(flow["interval"])
            try:
                with self._asking("waiting for the consent"):
                    answer = application.acquire_token_by_device_flow(flow, exit_condition=lambda _flow: True)
            except MailboxUnreachable:
                continue
            if answer.get("error") not in ("authorization_pending", "slow_down"):
                break
        return answer

    def _application(self, cache: msal.SerializableTokenCache) -> msal.PublicClientApplication:
        return msal.PublicClientApplication(
            self.client_id,
            authority=self._authority,
            token_cache=cache,
            timeout=TIMEOUT.total_seconds(),
            instance_discovery=False,  # the host is no user's input
        )

    def _grant(self, username: str, answer: dict[str, Any], cache: msal.SerializableTokenCache) -> Grant:
        now = datetime.now(UTC)
        return Grant(
            auth="microsoft",
            username=username,
            client_id=self.client_id,
            token=answer["access_token"],
            expires=now + timedelta(seconds=int(answer.get("expires_in", 3600))),
            refreshed=now,
            renewal=cache.serialize(),
        )

    @contextmanager
    def _asking(self, doing: str) -> Iterator[None]:
        """The library's errors in our words. What comes back as an answer is judged elsewhere."""
        try:
            yield
        except (RequestException, msal.exceptions.MsalServiceError, RuntimeError) as error:
            raise MailboxUnreachable(f"no answer from {self._authority} while {doing}: {_cause(error)}") from error
        except (ValueError, KeyError) as error:
            if isinstance(error, KeyError | JSONDecodeError) or isinstance(error.__context__, JSONDecodeError):
                raise MailboxUnreachable(f"an answer of {self._authority} while {doing} makes no sense") from error
            raise MailboxMisconfigured(
                f"Microsoft does not know the tenant of {self._authority}", "Mend `tenant` under [mailbox]."
            ) from error


def _refusal(answer: dict[str, Any], what: str) -> MailboxError:
    """An answer without a token. Which kind it is the standard's word says; Microsoft's number is for people."""
    word = str(answer.get("error", "no reason"))
    number = re.search(r"AADSTS(\d+)", str(answer.get("error_description", "")))
    saw = f"{what}: {word}{f' ({number[0]})' if number else ''}"
    hint = f"What it means stands at https://{HOST}/error?code={number[1]}" if number else ""
    if word in _LATER:
        return MailboxUnreachable(saw)
    if word in _NEEDS_A_PERSON:
        return MailboxConsentNeeded(saw, hint)
    return MailboxMisconfigured(saw, hint or "Look at `client_id` and `tenant`, and at the application at Microsoft.")


def _cause(error: Exception) -> str:
    if isinstance(error, Timeout):
        return "no answer in time"
    return str(error) if isinstance(error, msal.exceptions.MsalServiceError) else "no connection"
