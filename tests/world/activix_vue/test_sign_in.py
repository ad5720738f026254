"""Signing in to the emulated Activix with Vue, and what any of its pages may answer."""

import re
from datetime import timedelta
from email.message import EmailMessage
from email.utils import parsedate_to_datetime

import pyotp
import pytest
from playwright.sync_api import APIRequestContext, Page, expect
from playwright.sync_api import Error as PlaywrightError

from tests.world.activix_vue.emulation import DEALERSHIPS, ENGLISH, FRENCH, NOW, PASSWORD, TOTP_SECRET, RunningSite
from tests.world.activix_vue.script import enter, open_clients, post, set_dates_blindly, sign_in

pytestmark = pytest.mark.browser


def test_refuses_password_and_the_silent_way(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours |= {"refuses_password"}
    sign_in(page, site, ENGLISH)
    expect(page.locator(".sign-in .el-alert--error")).to_contain_text("do not match our records")
    site.world.misbehaviours ^= {"refuses_password", "refuses_silently"}
    sign_in(page, site, ENGLISH)
    expect(page.locator(".field-email input")).to_be_visible()
    expect(page.locator(".sign-in .el-alert")).to_have_count(0)
    assert [entry["password_was"] for entry in site.world.journal.of("sign_in")] == ["right", "right"]
    assert not any(entry["accepted"] for entry in site.world.journal.of("sign_in"))


def test_locks_account(api: APIRequestContext, site: RunningSite) -> None:
    site.world.misbehaviours |= {"locks_account"}
    for password in ("wrong-1", PASSWORD):
        answer = enter(api, site, password=password)
        assert answer.status == 423
        assert "locked" in answer.json()["message"]


def test_a_wrong_password_is_refused_and_written_down(api: APIRequestContext, site: RunningSite) -> None:
    assert enter(api, site, FRENCH, "wrong-1").status == 422
    assert site.world.journal.of("sign_in") == [
        {"event": "sign_in", "username": FRENCH, "accepted": False, "password_was": "wrong"}
    ]


@pytest.mark.parametrize(
    ("name", "title"),
    [("password_expired", "Your password has expired"), ("wants_terms_accepted", "Our terms of use have changed")],
)
def test_a_page_stands_behind_the_password(page: Page, site: RunningSite, name: str, title: str) -> None:
    site.world.misbehaviours |= {name}
    sign_in(page, site, ENGLISH)
    expect(page.locator(".sign-in h1")).to_have_text(title)
    page.goto(f"{site.url}/clients")
    expect(page.locator(".sign-in h1")).to_have_text(title)


def test_shows_captcha(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours |= {"shows_captcha"}
    sign_in(page, site, ENGLISH)
    expect(page.locator("iframe[title=reCAPTCHA]")).to_be_visible()
    expect(page.locator(".sign-in .el-alert--error")).to_contain_text("not a robot")


def test_asks_totp(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours |= {"asks_totp"}
    sign_in(page, site, ENGLISH)
    page.locator(".field-code input").first.click()
    page.keyboard.type("000000")
    page.locator(".go").click()
    expect(page.locator(".sign-in .el-alert--error")).to_contain_text("invalid")
    page.locator(".field-code input").first.click()
    page.keyboard.type(pyotp.TOTP(TOTP_SECRET).at(NOW))
    page.locator(".go").click()
    expect(page.locator(".hello")).to_be_visible()
    assert [entry["accepted"] for entry in site.world.journal.of("code")] == [False, True]


def test_asks_mailed_code(page: Page, site: RunningSite) -> None:
    site.world.misbehaviours |= {"asks_mailed_code"}
    sign_in(page, site, FRENCH)
    expect(page.locator(".sign-in h1")).to_have_text("Vérification en deux étapes")
    page.locator(".field-code input").first.fill(code_in(site.outbox.wait_for()[0][2]))
    page.locator(".go").click()
    expect(page.locator(".hello")).to_be_visible()


def code_in(mail: EmailMessage) -> str:
    found = re.search(r"\b\d{6}\b", mail.get_content())
    assert found
    return found[0]


def test_mails_code_late(api: APIRequestContext, site: RunningSite) -> None:
    site.world.misbehaviours |= {"asks_mailed_code", "mails_code_late"}
    api.get(site.url)
    old = [mail for _, recipient, mail in site.outbox.wait_for(2) if recipient == ENGLISH]
    assert parsedate_to_datetime(old[0]["Date"]) == NOW - timedelta(hours=1)
    assert enter(api, site).json()["next"] == "code"
    assert len(site.outbox.mails) == len(DEALERSHIPS)
    assert post(api, site, "auth/code", code=code_in(old[0])).status == 422
    assert post(api, site, "auth/code", code=code_in(site.outbox.wait_for(3)[2][2])).ok


def test_asks_sms_code(api: APIRequestContext, site: RunningSite) -> None:
    site.world.misbehaviours |= {"asks_sms_code"}
    assert enter(api, site).json()["way"] == "sms"
    answers = [post(api, site, "auth/code", code=code).status for code in ("", "123456", "1", "2", "3")]
    assert answers == [422, 422, 422, 422, 401]
    assert site.outbox.mails == []


# Answers of every page


def test_maintenance_503_and_silence(api: APIRequestContext, site: RunningSite) -> None:
    site.world.misbehaviours |= {"maintenance"}
    answer = api.get(f"{site.url}/clients")
    assert answer.status == 200
    assert "maintenance" in answer.text()
    site.world.misbehaviours ^= {"maintenance", "fails_with_503"}
    assert api.get(site.url).status == 503
    site.world.misbehaviours ^= {"fails_with_503", "never_answers"}
    with pytest.raises(PlaywrightError, match="Timeout"):
        api.get(site.url, timeout=300)


def test_maintenance_shows_on_a_page_that_is_open_already(page: Page, site: RunningSite) -> None:
    open_clients(page, site)
    page.wait_for_load_state("networkidle")
    site.world.misbehaviours |= {"maintenance"}
    set_dates_blindly(page)
    expect(page.locator("h1")).to_have_text("We'll be right back")


@pytest.mark.parametrize("name", ["ends_session_once", "ends_session_always"])
def test_ends_session(page: Page, site: RunningSite, name: str) -> None:
    site.world.misbehaviours |= {name}
    for again in (False, True):
        open_clients(page, site)
        set_dates_blindly(page)
        if again and name == "ends_session_once":
            expect(page.locator(".date-range-text")).to_have_text("Oct 1, 2026 – Oct 31, 2026")
        else:
            expect(page.locator(".sign-in .el-alert--error")).to_contain_text("Your session has expired")


def test_slow(page: Page, site: RunningSite) -> None:
    open_clients(page, site)
    site.world.misbehaviours |= {"slow"}
    with page.expect_response("**/api/clients/period") as answer:
        set_dates_blindly(page)
    assert answer.value.request.timing["responseStart"] > 1400
    page.locator(".page-scroll .skeleton").first.scroll_into_view_if_needed()
    expect(page.locator(".clients-by")).to_be_visible()
