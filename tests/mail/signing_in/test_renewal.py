"""Access tokens: when they are renewed, by whom, and what happens when that does not work."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from report_mailbox import MailboxUnreachable
from report_mailbox.errors import MailboxConsentNeeded
from report_mailbox.grants import Grant
from report_mailbox.oauth_google import Google
from report_mailbox.oauth_microsoft import Microsoft
from tests.mail.signing_in.consenting import REMEDY, USER, Store, consented, google, soon, tokens
from tests.mail.signing_in.oauth_server import CLIENT_ID, CLIENT_SECRET, OAuthWorld


def test_a_token_is_used_again_until_five_minutes_before_its_end(
    provider: Google | Microsoft, world: OAuthWorld
) -> None:
    store = Store(consented(provider))
    source = tokens(provider, store)
    assert source.token() == source.token() == world.access_tokens[0]
    store.changed(expires=soon())
    assert source.token() == world.access_tokens[1]
    renewed = store.read()
    assert renewed
    assert (renewed.token, renewed.expires > soon()) == (world.access_tokens[1], True)


def test_a_refresh_token_that_is_replaced_is_stored(provider: Google | Microsoft, world: OAuthWorld) -> None:
    store = Store(consented(provider))
    for number in range(1, 4):  # with the old one the second renewal would be refused
        store.changed(expires=soon())
        assert tokens(provider, store).token() == world.access_tokens[number]
    kept = store.read()
    assert kept
    assert kept.secrets() >= world.refresh_tokens


def test_a_refresh_token_that_is_not_replaced_stays(provider: Google | Microsoft, world: OAuthWorld) -> None:
    world.rotates = False
    store = Store(consented(provider))
    for _ in range(2):
        store.changed(expires=soon())
        tokens(provider, store).token()
    kept = store.read()
    assert kept
    assert kept.secrets() >= world.refresh_tokens


def test_two_that_renew_at_once_renew_once(provider: Google | Microsoft, world: OAuthWorld) -> None:
    store = Store(consented(provider))
    store.changed(expires=soon())
    given: list[str] = []
    threads = [threading.Thread(target=lambda: given.append(tokens(provider, store).token())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert given == [world.access_tokens[1]] * 4
    assert world.asked.count("refresh_token") == 1


def test_a_withdrawn_consent_needs_a_person(provider: Google | Microsoft, world: OAuthWorld) -> None:
    store = Store(consented(provider))
    store.changed(expires=soon())
    world.withdraw()
    with pytest.raises(MailboxConsentNeeded, match=f"stored consent of {USER} any more: invalid_grant") as caught:
        tokens(provider, store).token()
    assert caught.value.hint == REMEDY


def test_one_whose_refresh_token_died_by_anothers_renewal_takes_the_others(
    provider: Google | Microsoft, world: OAuthWorld
) -> None:
    """As with two homes and one keyring, which do not share a lock."""
    store = Store(consented(provider))
    store.changed(expires=soon())
    stale = Store()
    stale.kept = store.kept
    token = tokens(provider, store).token()
    source = tokens(provider, stale)
    read = stale.read

    def read_and_be_overtaken() -> Grant | None:
        grant = read()
        if world.asked.count("refresh_token") > 1:
            return store.read()
        return grant

    stale.read = read_and_be_overtaken  # type: ignore[method-assign]
    assert source.token() == token


@pytest.mark.parametrize("answer", [(503, {}), (400, {"error": "temporarily_unavailable"})])
def test_a_provider_that_is_away_is_no_refusal(
    provider: Google | Microsoft, world: OAuthWorld, answer: tuple[int, dict[str, str]]
) -> None:
    store = Store(consented(provider))
    store.changed(expires=datetime.now(UTC) - timedelta(minutes=1))
    world.answers.extend([answer] * 3)  # Google's library tries three times
    with pytest.raises(MailboxUnreachable):
        tokens(provider, store).token()
    world.answers.clear()
    assert tokens(provider, store).token() == world.access_tokens[1]


def test_a_provider_that_is_away_leaves_a_token_its_last_minutes(
    provider: Google | Microsoft, world: OAuthWorld
) -> None:
    store = Store(consented(provider))
    store.changed(expires=soon())
    world.answers.extend([(503, {})] * 3)
    assert tokens(provider, store).token() == world.access_tokens[0]


def test_a_provider_that_nothing_listens_for_is_unreachable(provider: Google | Microsoft, world: OAuthWorld) -> None:
    store = Store(consented(provider))
    store.changed(expires=datetime.now(UTC))
    gone = google(world) if isinstance(provider, Google) else Microsoft(CLIENT_ID, host="localhost:1")
    if isinstance(gone, Google):
        gone = Google(CLIENT_ID, lambda: CLIENT_SECRET, token_address="https://localhost:1/token")
    with pytest.raises(MailboxUnreachable, match="no answer from https://localhost:1/"):
        tokens(gone, store).token()


def test_a_keyring_that_does_not_take_the_new_token_does_not_stop_this_process(
    provider: Google | Microsoft, world: OAuthWorld
) -> None:
    store = Store(consented(provider))
    store.changed(expires=soon())
    store.broken = True
    source = tokens(provider, store)
    assert source.token() == source.token() == world.access_tokens[1]


def test_nobodys_consent_and_anothers_are_told_apart(provider: Google | Microsoft) -> None:
    with pytest.raises(MailboxConsentNeeded, match="nobody has consented yet"):
        tokens(provider, Store()).token()
    store = Store(replace(consented(provider), username="other@example.com"))
    with pytest.raises(MailboxConsentNeeded, match=r"the consent that is stored is for other@example\.com"):
        tokens(provider, store).token()
    store.kept = "no grant at all"
    with pytest.raises(MailboxConsentNeeded, match="nobody has consented yet"):
        tokens(provider, store).token()


def test_no_log_holds_a_token_or_a_code(
    provider: Google | Microsoft, world: OAuthWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    store = Store(consented(provider))
    store.changed(expires=soon())
    tokens(provider, store).token()
    seen = {*world.secrets(), "the-code", "the-device-code"}
    assert caplog.text
    assert not [secret for secret in seen if secret in caplog.text]
