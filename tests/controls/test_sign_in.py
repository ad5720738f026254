"""What a sign-in page says, on small pages beside the emulations."""

import pytest

from export_robots import clock
from export_robots.controls import Screen
from export_robots.controls.sign_in import _CAPTCHA, _REFUSED, SignIn
from export_robots.outcomes import ActionNeeded, CodeNeeded
from tests.controls.conftest import OnPage

pytestmark = pytest.mark.browser

ASKS = "<div>Two steps</div><div>SAID</div><input autocomplete=one-time-code><button>Verify</button>"


DRAWN_BOXES = """<div>Enter the code sent to your email.</div><p><span style="border: 1px solid; padding: 20px"></span>
<span style="border: 1px solid; padding: 20px"></span><input autocomplete=one-time-code style="width: 1px; height: 1px;
padding: 0; border: 0; opacity: 0; pointer-events: none"><button>Verify</button>"""


async def _answer(screen: Screen) -> str:
    return await SignIn(screen, _not_inside)._answer("password")


async def _send_code(screen: Screen) -> None:
    await SignIn(screen, _not_inside)._send_code(clock.now())


async def _not_inside() -> None:
    return None


@pytest.mark.parametrize(
    "said", ["Enter the code we texted you.", "Entrez le code envoyé par texto.", "Enter the code: we sent you a text."]
)
def test_a_code_sent_to_a_phone_is_told_from_one_of_an_app_in_whatever_element_it_says_so(
    on_page: OnPage, said: str
) -> None:
    with pytest.raises(CodeNeeded, match="text message"):
        on_page(ASKS.replace("SAID", said), _send_code)


def test_an_unseen_field_over_drawn_boxes_takes_the_code(on_page: OnPage) -> None:
    assert on_page(DRAWN_BOXES, _answer) == "code"


@pytest.mark.parametrize(
    "page",
    [
        "<p>Votre mot de passe est échu.<input type=password aria-label=Encore><button>OK</button>",
        "<p>Please go on.<label>New password <input type=password></label><button>OK</button>",
    ],
)
def test_one_field_for_a_new_password_is_no_refusal_of_the_old_one(on_page: OnPage, page: str) -> None:
    with pytest.raises(ActionNeeded, match="new password"):
        on_page(page, _answer)


def test_what_refuses_a_code_is_told_from_how_long_it_is_good() -> None:
    assert _REFUSED.search("this code is not valid.")
    assert _REFUSED.search("ce code n'est pas valide.")
    assert _REFUSED.search("that code has expired")
    assert not _REFUSED.search("your code expires in 10 minutes")
    assert not _REFUSED.search("le code expire dans 10 minutes")


def test_a_footnote_is_no_captcha() -> None:
    assert not _CAPTCHA.search("this site is protected by recaptcha and the google privacy policy")
    assert _CAPTCHA.search("please solve the captcha")
