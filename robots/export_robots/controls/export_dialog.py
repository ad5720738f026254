"""The dialog in which a report is asked for, and the site's word that it will be mailed."""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from playwright.async_api import Error as PlaywrightError

from export_robots import clock
from export_robots.controls.choices import choose, offers
from export_robots.controls.notices import Notices
from export_robots.controls.screen import Gone, Scope, Screen, Thing
from export_robots.controls.words import CANCEL, SURE, Words
from export_robots.outcomes import SiteChanged, SiteDown


@dataclass(frozen=True)
class Acknowledged:
    """`asked_at` (UTC) was taken before the click that asks; `text` is what the site answered."""

    asked_at: datetime
    text: str


class MailedExport:
    """Opened by `opener`; `confirm` is on the button that asks, `positive` matches the answer of a site that agrees."""

    def __init__(self, screen: Screen, opener: Thing, confirm: Words, positive: re.Pattern[str]) -> None:
        self._screen = screen
        self._opener = opener
        self._confirm = confirm
        self._positive = positive

    async def ask_for(self, kind: Words) -> Acknowledged:
        """Choose the kind of file, ask for the report, and wait for the acknowledgement.

        Raises `SiteChanged` if the site refuses, or says nothing at all.
        """

        async def dialog(scope: Scope) -> bool | None:
            ready = await offers(self._screen, scope, kind)
            return (ready and await self._button(scope) is not None) or None

        what = "the choice of an export type"
        scope, _ = await self._screen.open(self._opener, dialog, what)
        await choose(self._screen, scope, kind, what)
        button = await self._screen.until(f"{self._confirm} in {what}", lambda: self._ready_button(scope))
        asking = _Asking(self._screen, scope, button)
        asked_at = clock.now()
        answer = await asking.ask(self._positive)
        if answer is None:
            if self._screen.under_way:
                raise SiteDown("the site did not answer when it was asked for the report")
            raise SiteChanged(
                f"{self._confirm} was clicked and the site did not acknowledge it",
                "The report may still come: run the same command again in an hour, it looks for the mail first.",
            )
        text, agreed = answer
        if not agreed:
            raise SiteChanged(f"the site was asked for the report and answered “{text[:160]}”")
        return Acknowledged(asked_at, text[:200])

    async def _button(self, scope: Scope) -> Thing | None:
        found = await self._screen.look("find", {"words": self._confirm.folded, "scope": scope})
        buttons = [thing for thing in found if await self._screen.look("isButton", thing)]
        return buttons[0] if buttons else None

    async def _ready_button(self, scope: Scope) -> Thing | None:
        button = await self._button(scope)
        return button if button is not None and await self._screen.look("enabled", button) else None


class _Asking:
    """The click that asks, what the site asks back (“Are you sure?”), once, and what it answers in the end."""

    def __init__(self, screen: Screen, scope: list[Thing], button: Thing) -> None:
        self._screen = screen
        self._scope = scope
        self._button = button
        self._notices = Notices(screen)
        self._before: list[Thing] = []
        self._sure = False

    async def ask(self, positive: re.Pattern[str]) -> tuple[str, bool] | None:
        await self._screen.look("mark")
        self._before = await self._agreeing()
        self._screen.visit.agrees = True
        try:
            await self._click(self._button)
            return await self._screen.within(self._screen.patience, lambda: self._answer(positive))
        finally:
            self._screen.visit.agrees = False

    async def _answer(self, positive: re.Pattern[str]) -> tuple[str, bool] | None:
        # Its question may already say what is going to happen: that is no answer yet.
        if not self._sure and (new := [button for button in await self._agreeing() if button not in self._before]):
            self._sure = True
            await self._click(new[0])
        return await self._notices.answer(positive)

    async def _click(self, button: Thing) -> None:
        await self._notices.listen()
        with suppress(Gone):  # replaced while it was clicked: what the page says next tells whether it was asked
            await self._screen.click(button)

    async def _agreeing(self) -> list[Thing]:
        """Buttons that say yes to a question; “OK” is one only where one may also cancel."""
        with suppress(Gone):
            scope = [*self._scope, *await self._screen.look("fresh")]
            found: list[Thing] = await self._screen.look("find", {"words": SURE.folded, "scope": scope})
            if await self._screen.find(CANCEL, scope=scope) is not None:
                found += await self._screen.look("find", {"words": ["ok"], "scope": scope})
            return [thing for thing in found if await self._screen.look("isButton", thing)]
        return []


async def account_shown(screen: Screen, username: str) -> str | None:
    """As whom the page says that one is signed in, if it does.

    Raises `SiteChanged` if it names another delegated address of ours, i.e. the account of another client.
    """
    try:
        shown = await screen.look("addresses")
    except (Gone, PlaywrightError):
        return None
    base, _, host = username.lower().partition("@")
    if username.lower() in shown:
        return username
    ours = re.compile(re.escape(base.partition("+")[0]) + r"\+[^@]+@" + re.escape(host))
    for address in shown:
        if "+" in base and ours.fullmatch(address):
            raise SiteChanged(f"the page says that one is signed in as {address}, not as {username}")
    return None
