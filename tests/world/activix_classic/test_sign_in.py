"""Signing in to the emulated classic Activix, and what any of its pages may answer."""

import re
import time
from datetime import timedelta
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

import pyotp
import pytest
from playwright.sync_api import Error, Page, expect

from tests.world.activix_classic.emulation import ENGLISH, FRENCH, NOW, Site, wait_for

pytestmark = pytest.mark.browser


def test_pages_before_sign_in_are_french_when_asked(site: Site) -> None:
    site.get("/lang/fr")
    assert "Mot de passe oublié?" in site.text("/login")
    assert "Envoyer le lien" in site.text("/password/reset")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_wrong_password_is_refused_with_words(site: Site, language: str) -> None:
    site.get(f"/lang/{language}")
    words = {"en": "These credentials do not match our records.", "fr": "Ces identifiants ne correspondent pas"}
    assert words[language] in site.sign_in(password="wrong")
    assert site.world.journal.of("sign_in") == [
        {"event": "sign_in", "username": ENGLISH, "accepted": False, "password_was": "wrong"}
    ]


def test_refuses_password(site: Site) -> None:
    site.misbehave("refuses_password")
    assert "These credentials do not match our records." in site.sign_in()
    assert site.world.journal.of("sign_in")[0]["password_was"] == "right"


def test_refuses_silently(site: Site) -> None:
    site.misbehave("refuses_silently")
    answer = site.sign_in(password="wrong")
    assert answer.startswith("/login")
    assert "These credentials" not in answer


def test_locks_account(site: Site) -> None:
    site.misbehave("locks_account")
    assert "has been locked" in site.sign_in(password="wrong")
    assert "has been locked" in site.sign_in()
    assert site.sign_in(FRENCH).startswith("/dashboard")


def test_password_expired(site: Site) -> None:
    site.misbehave("password_expired")
    assert "Your password has expired" in site.sign_in()
    assert "Your password has expired" in site.text("/my-clients")


def test_wants_terms_accepted(site: Site) -> None:
    site.misbehave("wants_terms_accepted")
    assert "Our terms of use have changed" in site.sign_in()
    assert "Our terms of use have changed" in site.text("/my-clients")
    assert site.post("/terms", by_script=False, accepted=1).url.endswith("/dashboard")


def test_shows_captcha(page: Page, site: Site) -> None:
    site.misbehave("shows_captcha")
    page.goto("/")
    expect(page.frame_locator("[title=reCAPTCHA]").get_by_role("checkbox")).to_be_visible()
    assert "not a robot" in site.sign_in()


def enter_code(site: Site, code: str) -> str:
    return site.post("/login/verify", by_script=False, code=code).url.removeprefix(site.address)


def test_asks_totp(site: Site) -> None:
    site.misbehave("asks_totp")
    assert "authenticator app" in site.sign_in()
    assert enter_code(site, "000000") == "/login/verify"
    secret = site.world.accounts[ENGLISH].totp_secret
    assert secret
    assert enter_code(site, pyotp.TOTP(secret).now()) == "/dashboard"
    assert [entry["accepted"] for entry in site.world.journal.of("code")] == [False, True]


def mailed_code(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body
    found = re.search(r"\b\d{6}\b", body.get_content())
    assert found
    return found[0]


def test_asks_mailed_code(site: Site) -> None:
    site.misbehave("asks_mailed_code")
    assert "verification code by email to da******@example.com" in site.sign_in()
    wait_for(lambda: bool(site.mails))
    assert site.mails[0][1] == ENGLISH
    assert enter_code(site, mailed_code(site.mails[0][2])) == "/dashboard"


def test_mails_code_late(site: Site) -> None:
    site.misbehave("asks_mailed_code", "mails_code_late")
    site.get("/login")
    older = [mail for _, recipient, mail in site.mails if recipient == ENGLISH]
    assert NOW - parsedate_to_datetime(older[0]["Date"]) == timedelta(hours=1)
    before = len(site.mails)
    site.sign_in()
    asked = time.monotonic()
    assert enter_code(site, mailed_code(older[0])) == "/login/verify"
    wait_for(lambda: len(site.mails) > before)
    assert time.monotonic() - asked > 2
    assert enter_code(site, mailed_code(site.mails[-1][2])) == "/dashboard"


def test_asks_sms_code(site: Site) -> None:
    site.misbehave("asks_sms_code")
    assert "by text message" in site.sign_in()
    assert enter_code(site, "123456") == "/login/verify"
    assert not site.mails


# ---- the whole site ----


def test_maintenance(site: Site) -> None:
    site.misbehave("maintenance")
    assert site.get("/login").status == 200
    assert "maintenance" in site.text("/my-clients")


def test_fails_with_503(site: Site) -> None:
    site.misbehave("fails_with_503")
    assert site.get("/login").status == 503


def test_never_answers(site: Site) -> None:
    site.misbehave("never_answers")
    with pytest.raises(Error, match="Timeout"):
        site.visitor.get("/login", timeout=400)


def test_slow(site: Site) -> None:
    site.misbehave("slow")
    started = time.monotonic()
    site.get("/login")
    assert time.monotonic() - started >= 1.5
