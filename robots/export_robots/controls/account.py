"""The account itself as a site shows it: as whom one is signed in, and what stands in its profile."""

from contextlib import suppress

from playwright.async_api import Error as PlaywrightError

from export_robots.controls.export_dialog import account_shown
from export_robots.controls.screen import Gone, Scope, Screen, Thing
from export_robots.controls.sign_in import SignedIn, SignIn
from export_robots.controls.words import Words, fold
from export_robots.outcomes import SiteChanged

PROFILE = Words("Profile", "My profile", "User profile", "Profile settings", "View profile", "Edit profile",
                "Account", "My account", "Account settings", "Profil", "Mon profil", "Profil de l'utilisateur",
                "Mon compte", "Compte", "Paramètres du compte", "Modifier le profil", "Voir le profil")  # fmt: skip
_OPEN_SECONDS = 2.0
_MENUS = 4


async def open_profile(screen: Screen) -> bool:
    """Open the user's profile, from the page or from the menu at its top right; False if none is offered."""
    await screen.settled()
    await screen.look("scrollUp")
    found = await screen.look("find", {"words": PROFILE.folded})
    links = [link for link in found if await screen.look("operable", link)]
    link: Thing | None = links[0] if links else None
    for menu in [] if link is not None else (await screen.look("userMenus"))[:_MENUS]:

        async def entry(scope: Scope) -> Thing | None:
            return await screen.find(PROFILE, scope=scope)

        try:
            _, link = await screen.open(menu, entry, "the user's menu", _OPEN_SECONDS)
            break
        except SiteChanged:
            await screen.page.keyboard.press("Escape")
        except Gone:
            await screen.settled()
    if link is None:
        return False
    await screen.click(link)
    await screen.settled()
    return True


async def value_shown(screen: Screen, name: Words, seconds: float) -> str | None:
    """The value that stands beside or below `name`; None if there is no such name, or nothing beside it."""

    async def value() -> str | None:
        return await screen.look("valueOf", name.folded) or None

    return await screen.within(seconds, value)


async def sign_in_or_go_on(screen: Screen, signed_in: SignedIn) -> bool:
    """Sign in, unless the context's stored state is still signed in as the login's own account; True if it was.

    That is believed only if the page names the account; otherwise the state is thrown away, and one signs in anew.
    """
    visit = screen.visit
    if await visit.context.cookies():
        await visit.goto(visit.url)
        inside = await screen.within(screen.patience / 4, lambda: _inside_or_form(screen, signed_in))
        if inside == "inside" and await _signed_in_as(screen, visit.login.username):
            screen.signed_in = True
            return True
        visit.progress.note("the stored session is not this account's any more: signing in anew")
        await _forget(screen)
    await SignIn(screen, signed_in).run()
    return False


async def _inside_or_form(screen: Screen, signed_in: SignedIn) -> str | None:
    if await screen.look("signInForm"):
        return "form"
    return "inside" if await signed_in() else None


async def _signed_in_as(screen: Screen, username: str) -> bool:
    """Whether the page says so: where it is, in the user's menu, or in the profile."""
    await screen.settled()
    if await _named(screen, username):
        return True
    for menu in (await screen.look("userMenus"))[:_MENUS]:

        async def named(_: Scope) -> bool | None:
            return await _named(screen, username) or None

        try:
            opened, _ = await screen.open(menu, named, "the user's menu", _OPEN_SECONDS)
        except (SiteChanged, Gone):
            await screen.page.keyboard.press("Escape")
            await screen.settled()
        else:
            await screen.close(opened, menu)
            return True
    try:
        if not await open_profile(screen):
            return False
    except (Gone, SiteChanged):
        return False  # a menu that is just closing: to sign in anew is right in any case

    async def in_profile() -> bool | None:
        return await _named(screen, username) or None

    return await screen.within(_OPEN_SECONDS, in_profile) is not None


async def _named(screen: Screen, username: str) -> bool:
    """False too if the page names another client's account."""
    try:
        if await account_shown(screen, username) is not None:
            return True
    except SiteChanged:
        return False
    with suppress(Gone):
        for field in await screen.look("fields", None):
            if fold(field["value"]) == fold(username):
                return True
    return False


async def _forget(screen: Screen) -> None:
    await screen.visit.context.clear_cookies()
    with suppress(PlaywrightError):
        await screen.page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
