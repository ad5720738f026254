"""`robot mailbox connect`: the mailbox's user consents, at Google or Microsoft, that the robot reads it."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from export_robots.cli_output import out, say
from export_robots.cli_places import Places
from export_robots.outcomes import UsageWrong

if TYPE_CHECKING:
    from export_robots.config_mailbox import MailboxSettings
    from export_robots.credentials import Secrets
    from report_mailbox.grants import Grant, GrantInHand
    from report_mailbox.oauth_microsoft import DeviceCode

BrowserOption = Annotated[
    bool, typer.Option("--browser/--no-browser", help="Open the address here, where that can be done (Google).")
]
PortOption = Annotated[
    int,
    typer.Option("--port", min=0, max=65535, help="Of this machine, to which the browser comes back (Google). 0: any."),
]


def connect(context: typer.Context, browser: BrowserOption = True, port: PortOption = 0) -> int:
    """Let the robot read the mailbox, at Google or Microsoft.

    Says what to open and what to type there, waits for it, tries the mailbox, and keeps the permission in the system
    keyring. To be done once, and again when it was withdrawn or the password was changed.
    """
    from export_robots.config_mailbox import Auth
    from export_robots.credentials import Secrets, check_keyring
    from export_robots.mailbox_tokens import KeyringGrants
    from report_mailbox.errors import MailboxError, MailboxMisconfigured, MailboxSignInRefused
    from report_mailbox.grants import GrantInHand

    places: Places = context.obj
    settings, _home = places.prepared()
    mailbox = settings.require_mailbox()
    if mailbox.auth is Auth.PASSWORD:
        raise UsageWrong(
            "this mailbox signs in with a password, so there is nothing to connect",
            "Store it with `robot credentials set mailbox.password`, or set auth under [mailbox]; see docs/mailbox.md.",
        )
    check_keyring()  # before anybody consents in vain
    secrets = Secrets(settings)
    trouble: MailboxError | None = None
    found = ""
    try:
        held = GrantInHand(_consent(mailbox, secrets, browser=browser, port=port))
        secrets.meet(held.grant.secrets())
        try:
            found = _try(mailbox, secrets, held)
        except (MailboxSignInRefused, MailboxMisconfigured):
            raise
        except MailboxError as error:
            trouble = error
        KeyringGrants(secrets).write(held.grant)
    except MailboxError as error:
        raise UsageWrong(f"the mailbox is not connected: {error.saw}", error.hint) from error
    if trouble:
        raise UsageWrong(
            f"the consent is stored, but the mailbox cannot be read: {trouble.saw}", trouble.hint
        ) from trouble
    out(f"the mailbox of {mailbox.username} is connected: {found}")
    return 0


def _consent(mailbox: "MailboxSettings", secrets: "Secrets", *, browser: bool, port: int) -> "Grant":
    from export_robots.mailbox_tokens import provider_of
    from report_mailbox.oauth_microsoft import Microsoft

    provider = provider_of(mailbox, secrets)
    if isinstance(provider, Microsoft):
        return provider.consent(mailbox.username, lambda code: _show_code(mailbox.username, code))
    return provider.consent(
        mailbox.username, lambda address: _show_address(mailbox.username, address, browser=browser), port=port
    )


def _show_code(username: str, code: "DeviceCode") -> None:
    say(f"Open {code.address} in any browser, on any device.")
    say(f"Type the code {code.code}, sign in as {username}, and accept.")
    say(f"Waiting until {code.expires.astimezone():%H:%M} ...")


def _show_address(username: str, address: str, *, browser: bool) -> None:
    from urllib.parse import parse_qs, urlsplit

    say(f"Open this address in a browser on this machine, sign in as {username}, and accept:\n\n{address}\n")
    if browser and _has_display():
        import webbrowser

        webbrowser.open(address)
    else:
        port = urlsplit(parse_qs(urlsplit(address).query)["redirect_uri"][0]).port
        say(f"If the browser is on another machine, first connect it: ssh -L {port}:127.0.0.1:{port} THIS-MACHINE")
    say("Waiting for 15 minutes at most ...")


def _has_display() -> bool:
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _try(mailbox: "MailboxSettings", secrets: "Secrets", held: "GrantInHand") -> str:
    from export_robots.mailbox_tokens import tokens_of
    from export_robots.runs.mailbox_access import mailbox_of
    from report_mailbox.health import probe

    health = probe(mailbox_of(mailbox, secrets, tokens_of(mailbox, secrets, held)))
    return f"{health.folder} at {health.place} holds {health.mails} mail{'' if health.mails == 1 else 's'}"
