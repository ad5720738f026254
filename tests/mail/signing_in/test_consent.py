"""A person consents at Google or Microsoft, or does not."""

import threading
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest

from report_mailbox import MailboxMisconfigured
from report_mailbox.errors import MailboxConsentNeeded
from report_mailbox.grants import Grant
from report_mailbox.oauth_google import Google
from report_mailbox.oauth_microsoft import DeviceCode, Microsoft
from tests.mail.signing_in.consenting import USER, browse, consented, google, microsoft
from tests.mail.signing_in.oauth_server import CLIENT_ID, CODE, OAuthWorld


def test_a_consent_gives_a_token_for_an_hour_and_what_renews_it(provider: Google | Microsoft) -> None:
    grant = consented(provider)
    assert (grant.username, grant.client_id) == (USER, CLIENT_ID)
    assert grant.expires - datetime.now(UTC) > timedelta(minutes=55)
    assert Grant.from_text(grant.as_text()) == grant
    assert grant.token not in repr(grant)


def test_the_person_is_shown_what_to_open_and_what_to_type(world: OAuthWorld) -> None:
    shown: list[DeviceCode] = []
    microsoft(world).consent(USER, shown.append, rest=lambda _: None)
    assert (shown[0].address, shown[0].code) == ("https://login.example.com/device", CODE)
    assert shown[0].expires > datetime.now(UTC)


def test_somebody_elses_consent_is_not_taken(provider: Google | Microsoft, world: OAuthWorld) -> None:
    world.username = "boss@example.com"
    with pytest.raises(MailboxConsentNeeded, match=f"boss@example.com consented, and the mailbox is that of {USER}"):
        consented(provider)


def test_a_declined_consent_says_so(provider: Google | Microsoft, world: OAuthWorld) -> None:
    world.person = "declines"
    with pytest.raises(MailboxConsentNeeded, match="the consent was declined at"):
        consented(provider)


@pytest.mark.filterwarnings("ignore:Attempted too soon")  # for the library, which sees no time pass
def test_a_code_is_asked_about_until_the_person_has_consented_and_slower_when_told_so(world: OAuthWorld) -> None:
    world.person = "waits"
    world.answers.append((400, {"error": "slow_down"}))
    world.answers.append((0, {}))
    rests: list[float] = []

    def rest(seconds: float) -> None:
        rests.append(seconds)
        if len(rests) == 5:
            world.person = "consents"

    assert microsoft(world).consent(USER, lambda _: None, rest=rest).token
    assert rests == [0, 5, 5, 5, 5]


def test_a_code_that_nobody_used_in_time_is_given_up(world: OAuthWorld) -> None:
    world.person, world.device_code_lifetime = "waits", 0
    with pytest.raises(MailboxConsentNeeded, match="the code expired before anybody consented"):
        consented(microsoft(world))
    world.answers.append((400, {"error": "expired_token", "error_description": "AADSTS70020: expired"}))
    world.device_code_lifetime = 900
    with pytest.raises(MailboxConsentNeeded, match="the code expired before anybody consented"):
        consented(microsoft(world))


def test_a_page_that_nobody_opened_in_time_is_given_up(world: OAuthWorld) -> None:
    with pytest.raises(MailboxConsentNeeded, match="nobody consented in time"):
        google(world).consent(USER, lambda _: None, patience=timedelta(seconds=0.05))


def test_a_visitor_without_the_right_state_is_turned_away(world: OAuthWorld) -> None:
    turned_away = []

    def meddle(address: str) -> None:
        back = urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)["redirect_uri"][0]

        def visit() -> None:
            for path in ("favicon.ico", "?code=mine&state=guessed", "?state="):
                try:
                    urllib.request.urlopen(back + path, timeout=10).close()
                except urllib.error.HTTPError as error:
                    turned_away.append(error.code)
                    error.close()
            browse(address)

        threading.Thread(target=visit, daemon=True).start()

    assert google(world).consent(USER, meddle, patience=timedelta(seconds=20)).token
    assert turned_away == [404, 404, 404]


def test_a_consent_without_the_mail_is_not_enough(world: OAuthWorld) -> None:
    world.person = "unticks"
    with pytest.raises(MailboxConsentNeeded, match="not given the permission to read the mail"):
        consented(google(world))


def test_a_wrong_application_or_tenant_is_a_mistake_in_the_settings(world: OAuthWorld) -> None:
    with pytest.raises(MailboxMisconfigured, match="invalid_client"):
        consented(google(world, secret="another"))
    with pytest.raises(MailboxMisconfigured, match="does not know the tenant") as caught:
        consented(microsoft(world, tenant="nowhere.example.com"))
    assert "`tenant`" in caught.value.hint
    world.answers.append((400, {"error": "unauthorized_client", "error_description": "AADSTS700016: not found"}))
    with pytest.raises(MailboxMisconfigured, match=r"unauthorized_client \(AADSTS700016\)") as caught:
        consented(microsoft(world))
    assert caught.value.hint.endswith("/error?code=700016")
