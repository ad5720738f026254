"""Signing in: find the fields as a person does, type the password once, and tell what the site answers."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from playwright.async_api import Locator

from export_robots import clock
from export_robots.controls.notices import Notices
from export_robots.controls.screen import Gone, Screen, Thing
from export_robots.controls.words import NEXT, SIGN_IN, VERIFY, Words, any_of, fold
from export_robots.outcomes import ActionNeeded, CodeNeeded, RobotError, SignInRefused, SiteChanged, SiteDown

USERNAME = Words("Email", "E-mail", "Email address", "E-mail address", "Username", "User name", "User", "User ID",
                 "Login", "Courriel", "Adresse courriel", "Adresse e-mail", "Adresse électronique", "Nom d'utilisateur",
                 "Utilisateur", "Identifiant")  # fmt: skip
CODE = Words("Code", "Verification code", "Security code", "Authentication code", "One-time code", "One time password",
             "Code de vérification", "Code de sécurité", "Code d'authentification", "Code à usage unique")  # fmt: skip

# Against folded text. What a site says when it lets nobody in, and whose move it is then.
_REFUSED = re.compile(
    r"incorrect|invalid|wrong|do(es)? not match|don't match|not recogni[sz]ed|no account|unknown (user|account)|"
    r"not found|"
    r"bad credentials|these credentials|(sign|log)[ -]?in failed|authentication failed|try again|invalide|errone|"
    r"mauvais|ne correspond|inconnu|introuvable|echec|reessayer|refused|refusees?\b|\w refuse\b|"
    r"(not|no longer|pas|plus) valid|code (has |is )expired|code (a|est) expire"
)
_LOCKED = re.compile(
    r"locked|blocked|suspended|disabled|deactivated|too many|verrouille|bloque|suspendu|desactive|trop de"
)
_EXPIRED = re.compile(
    r"password (has |is |was )?(expired|too old)|expired password|mot de passe (a |est )?(expire|echu)"
)
_NEW_PASSWORD = re.compile(
    r"(change|update|renew) your password|(choose|set|enter|create) a new password|nouveau mot de passe|"
    r"(changer|changez|modifier|modifiez|renouveler|mettre a jour) (votre|le) mot de passe"
)
_NEW_FIELD = Words("New password", "Choose a password", "Nouveau mot de passe", "Choisir un mot de passe")
_TERMS = re.compile(
    r"(terms (of|and)|conditions (of|d'utilisation|generales)|user agreement|privacy policy|"
    r"politique de confidentialite|contrat d'utilisation)"
)
_AGREE = Words("Accept", "I accept", "Agree", "I agree", "Accept and continue", "Agree and continue", "Accept terms",
               "Accepter", "J'accepte", "Accepter et continuer", "Accepter les conditions")  # fmt: skip
_CAPTCHA = re.compile(  # not a footnote's “protected by reCAPTCHA”
    r"(?<!protected by re)(?<!protege par re)captcha|not a robot|pas un robot|are (you )?human|etes humain|"
    r"verify (that )?you are human"
)
_CODE = re.compile(
    r"(verification|security|authentication|one[- ]time|sign-?in|6[- ]digit|six[- ]digit) code|enter (the|your) code|"
    r"authenticator|two[- ](factor|step)|code de (verification|securite|connexion)|code d'authentification|"
    r"code (a|de) (6|six)|saisissez (le|votre) code|entrez (le|votre) code|deux (facteurs|etapes)"
)
_BY_APP = re.compile(
    r"authenticator|authentication app|authentificat|application d'authentification|\bapp\b|google auth"
)
_BY_TEXT = re.compile(r"text message|\btext(ed)?\b|\bsms\b|\btexto\b|phone|telephone|cell|message texte")
_BY_MAIL = re.compile(r"e-?mail|courriel|inbox|boite de reception|\S@\S")
# How long a sign-in form may stay as it is, with nothing on its way, before that is the answer.
STILL_SECONDS = 4.0

_CODE_REFUSED = "the CRM did not accept the sign-in code"

Field = dict[str, Any]
SignedIn = Callable[[], Awaitable[bool | None]]


class SignIn:
    """One sign-in. `signed_in` tells whether the page is one that only a signed-in user sees."""

    def __init__(self, screen: Screen, signed_in: SignedIn) -> None:
        self._screen = screen
        self._visit = screen.visit
        self._signed_in = signed_in
        self._notices = Notices(screen)
        self._host = self._visit.origin.host

    async def run(self) -> None:
        """Sign in from the visit's address. Raises the outcome that the site shows; types the password once."""
        self._screen.signed_in = False
        await self._visit.goto(self._visit.url)
        if await self._arrive() == "inside":
            self._screen.signed_in = True
            return
        asked_at = clock.now()
        await self._send_login()
        if await self._answer("password") == "code":
            await self._send_code(asked_at)
            if await self._answer("code") == "code":
                raise CodeNeeded("the CRM did not accept the sign-in code and asks for another one")
        self._screen.signed_in = True

    async def _arrive(self) -> str:
        """Wait for the sign-in form, or for a page that only a signed-in user sees."""
        what = f"the sign-in form of {self._host}"
        found: str | None = await self._screen.within(self._screen.patience / 4, self._form_or_inside)
        if found is None and (link := await self._screen.find(SIGN_IN)) is not None:
            await self._screen.click(link)  # a page of welcome stands before it
        if found is None:
            found = await self._screen.until(what, self._form_or_inside)
        return found

    async def _form_or_inside(self) -> str | None:
        if await self._signed_in():
            return "inside"
        page = await self._page()
        if page["captcha"] or _CAPTCHA.search(_said(page)):
            raise ActionNeeded(f"{self._host} shows a CAPTCHA on its sign-in page")
        return "form" if _username(page) or _password(page) else None

    async def _send_login(self) -> None:
        page = await self._page()
        name = _username(page)
        if name is not None:
            element = await self._screen.handle(name["el"])
            await element.fill(self._visit.login.username)
            if await element.input_value() != self._visit.login.username:
                raise SiteChanged("the user name was typed, and the field of the sign-in form does not hold it")
        if not _password(page):
            await self._notices.listen()
            await self._press(any_of(NEXT, SIGN_IN), name["el"] if name else None)
            page = await self._screen.until("the password field", self._page_with_password)
        field = _password(page)
        if field is None:
            raise SiteChanged("the password field was looked for in the sign-in form and is not there")
        await self._visit.type_password(self._locator(field))
        await self._notices.listen()
        await self._press(SIGN_IN, field["el"])

    async def _page_with_password(self) -> dict[str, Any] | None:
        page = await self._page()
        if _password(page):
            return page
        for text in [*await self._notices.heard(), *page["alerts"]]:
            if _REFUSED.search(fold(text)) or _LOCKED.search(fold(text)):
                raise self._refusal(text)
        return None

    async def _press(self, words: Words, field: Thing | None) -> None:
        """Click the form's button, or press Enter in its field where no button of these names belongs to it."""
        if field is not None:
            form = await self._screen.look("formOf", field)
            buttons = await self._screen.look("find", {"words": words.folded, "scope": [form]})
            buttons = buttons or await self._screen.look(
                "find", {"words": words.folded, "scope": [form], "loose": True}
            )
            buttons = [button for button in buttons if button != field and await self._screen.look("isButton", button)]
            if not buttons:
                await (await self._screen.handle(field)).press("Enter")
                return
            await self._screen.click(buttons[0])

    async def _answer(self, sent: str) -> str:
        """What the site answers: "inside" or "code"; raises for everything else."""
        clock_of = asyncio.get_running_loop().time
        moved = clock_of()

        async def answer() -> str | None:
            nonlocal moved
            if await self._signed_in():
                return "inside"
            page = await self._page()
            heard = [fold(text) for text in (*await self._notices.heard(), *page["alerts"])]
            self._raise_what_is_wrong(page, heard, sent)
            if _code_field(page) and not _password(page) and sent != "code":
                return "code"
            if await self._screen.look("busy") or self._screen.under_way:
                moved = clock_of()
            elif clock_of() - moved > STILL_SECONDS:
                self._raise_if_asked_again(page, sent)
            return None

        found = await self._screen.within(self._screen.patience, answer)
        if found is not None:
            return found
        if self._screen.under_way:
            raise SiteDown(f"{self._host} did not answer the sign-in within {self._screen.patience:.0f} seconds")
        page = await self._page()
        if sent == "password" and (_password(page) or _username(page)):
            raise self._refusal("")
        raise SiteChanged(f"after the sign-in {self._host} shows a page that the robot does not know")

    def _raise_what_is_wrong(self, page: dict[str, Any], heard: list[str], sent: str) -> None:
        said = _said(page)
        for text in heard:
            if _LOCKED.search(text):
                raise self._refusal(text)
        passwords = [field for field in _fields(page) if field["type"] == "password"]
        expired = _EXPIRED.search(said) or (_NEW_PASSWORD.search(said) and not passwords)
        new = any(_NEW_FIELD.within(name) for field in passwords for name in field["names"])
        if len(passwords) > 1 or ((expired or new) and not _username(page)):
            raise ActionNeeded(f"{self._host} demands a new password for this account")
        if page["captcha"] or _CAPTCHA.search(said):
            raise ActionNeeded(f"{self._host} shows a CAPTCHA after the sign-in")
        if _TERMS.search(said) and not _password(page) and not _username(page) and (page["agree"] or page["boxes"]):
            raise ActionNeeded(f"{self._host} demands that new terms are accepted")
        for text in heard:
            if _REFUSED.search(text):
                raise (
                    self._refusal(text) if sent == "password" else CodeNeeded("the CRM did not accept the sign-in code")
                )
        if sent == "password" and _is_by_text(_said_of_code(page)) and not _code_field(page):
            raise self._by_text()

    def _raise_if_asked_again(self, page: dict[str, Any], sent: str) -> None:
        if _password(page) or (sent == "password" and _username(page)):
            again = CodeNeeded("the CRM asked for user name and password again")
            raise self._refusal("") if sent == "password" else again

    def _by_text(self) -> CodeNeeded:
        return CodeNeeded(
            f"{self._host} sent a sign-in code by text message, which the robot cannot read",
            "Have this account's codes sent by e-mail or made by an authenticator app, then run the command again.",
        )

    def _refusal(self, text: str) -> RobotError:
        if _LOCKED.search(fold(text)):
            return ActionNeeded(
                f"{self._host} says that the account {self._visit.login.username} is locked or blocked",
                "Have the CRM's support or the dealership unlock the account, and store the right password with "
                "`robot credentials set` before the same command is run again.",
            )
        said = f": “{text[:120]}”" if text else " and showed its sign-in form again"
        return SignInRefused(f"{self._host} refused the sign-in of {self._visit.login.username}{said}")

    async def _send_code(self, asked_at: datetime) -> None:
        page = await self._page()
        said = _said_of_code(page)
        if _is_by_text(said):
            needed = self._by_text()
            code = await self._visit.codes.told(needed.saw)
            if code is None:
                raise needed
            await self._type_code(code)
            return
        code = None
        if _BY_APP.search(said) or not _BY_MAIL.search(said):
            code = await self._visit.codes.totp()
        if code is None and not (_BY_APP.search(said) and not _BY_MAIL.search(said)):
            self._visit.progress.note("waiting for the sign-in code's mail")
            code = await self._visit.codes.mailed(asked_at)
        if code is None:
            how = " of an authenticator app" if _BY_APP.search(said) else " by mail" if _BY_MAIL.search(said) else ""
            saw = f"{self._host} asks for a sign-in code {how}, and there is none to be had".replace("  ", " ")
            code = await self._visit.codes.told(saw)
            if code is None:
                raise CodeNeeded(saw)
        await self._type_code(code)

    async def _type_code(self, code: str) -> None:
        field = _code_field(await self._page())
        if field is None:
            raise SiteChanged("the field for the sign-in code is gone")
        await self._visit.type_code(self._locator(field), code)
        await self._notices.listen()
        try:
            await self._press(VERIFY, field["el"])
        except Gone:
            return  # it sent itself off as soon as the last digit was there

    async def _page(self) -> dict[str, Any]:
        page: dict[str, Any] = await self._screen.look("signIn")
        page["agree"] = bool(await self._screen.look("find", {"words": _AGREE.folded}))
        return page

    def _locator(self, field: dict[str, Any]) -> Locator:
        return self._screen.page.locator("input").nth(field["index"])


def _fields(page: dict[str, Any]) -> list[Field]:
    fields: list[Field] = page["fields"]
    return fields


def _said(page: dict[str, Any]) -> str:
    return " \n ".join(fold(text) for text in [*page["headings"], *page["alerts"]])


def _is_by_text(said: str) -> bool:
    """Whether what a page says is of a code that came to a phone, and of no other."""
    asks = _CODE.search(said) and _BY_TEXT.search(said)
    return bool(asks and not _BY_MAIL.search(said) and not _BY_APP.search(said))


def _said_of_code(page: dict[str, Any]) -> str:
    """With all other sentences where neither a user name nor a password is asked for."""
    sentences = [] if _password(page) or _username(page) else page["sentences"]
    return " \n ".join([_said(page), *(fold(text) for text in sentences)])


def _password(page: dict[str, Any]) -> dict[str, Any] | None:
    return next((field for field in _fields(page) if field["type"] == "password"), None)


def _username(page: dict[str, Any]) -> dict[str, Any] | None:
    fields = [field for field in _fields(page) if field["type"] in ("text", "email", "tel", "") and field["editable"]]
    fields = [field for field in fields if not _is_code(field)]
    named = [
        field
        for field in fields
        if field["type"] == "email" or "user" in field["autocomplete"] or _named(field, USERNAME)
    ]
    if named:
        return named[0]
    return fields[0] if len(fields) == 1 and _password(page) else None


def _code_field(page: dict[str, Any]) -> dict[str, Any] | None:
    fields = [field for field in _fields(page) if field["editable"] and field["type"] != "email"]
    named = [field for field in fields if _is_code(field)]
    if named:
        return named[0]
    return (
        fields[0]
        if fields and _CODE.search(_said_of_code(page)) and not _password(page) and not _username(page)
        else None
    )


def _is_code(field: dict[str, Any]) -> bool:
    return field["autocomplete"] == "one-time-code" or _named(field, CODE)


def _named(field: dict[str, Any], words: Words) -> bool:
    return any(words.matches(name) or words.within(name) for name in field["names"])
