"""Whom and what a command is about: the CRM, the client, its rooftops; and who gives the command."""

import getpass
import os
from pathlib import Path
from typing import Annotated

import typer

from export_robots import catalogue
from export_robots.clients import Account, Client
from export_robots.outcomes import StepsUnknown, UsageWrong

_LOGIN_UID = Path("/proc/self/loginuid")  # man pam_loginuid: set once at the sign-in, whoever one becomes afterwards
_NOBODY = 2**32 - 1

CrmArgument = Annotated[
    str, typer.Argument(metavar="CRM", help="A CRM's key, such as activix; `robot crms` lists them.")
]
ClientOption = Annotated[
    str, typer.Option("--client", metavar="KEY", help="The client, as the configuration names it.")
]
RooftopOption = Annotated[
    str | None,
    typer.Option("--rooftop", metavar="NAME", help="Only this rooftop; the main one has the dealership's own name."),
]
AgainOption = Annotated[
    bool,
    typer.Option("--again", help="Also what was delivered before; what differs is told before anything is sent."),
]
NoUploadOption = Annotated[bool, typer.Option("--no-upload", help="Stop with the checked and named file.")]
NoWaitOption = Annotated[
    bool, typer.Option("--no-wait", help="Stop when the CRM has accepted; `robot collect` does the rest.")
]
HeadedOption = Annotated[bool, typer.Option("--headed", help="Show the browser's window.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]


def who() -> str:
    """Who is at the keyboard, as the system knows them; who signed in, too, where they act as another user.

    A service's user is nobody in particular: `robot (by alice)` is who wrote `sudo -u robot robot waive`. The system's
    own word counts (Linux keeps who signed in), and sudo's variable only where there is none, as in containers.
    """
    user = _user()
    person = _signed_in() or os.environ.get("SUDO_USER", "")
    return f"{user} (by {person})" if person not in ("", user) else user


def _user() -> str:
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):  # a container's user may have no name
        pass
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return "somebody without a name on this machine"


def _signed_in() -> str | None:
    try:
        import pwd

        number = int(_LOGIN_UID.read_text())
        return pwd.getpwuid(number).pw_name if number != _NOBODY else None
    except (ImportError, KeyError, OSError, ValueError, OverflowError):
        return None


def accounts_of(client: Client, crm: str, rooftop: str | None) -> list[Account]:
    """The accounts that a command is about: one rooftop's, or all of them. None is `UsageWrong`."""
    accounts = [client.account(crm, rooftop)] if rooftop else client.accounts(crm)
    return accounts or [client.account(crm)]  # which says what is missing


def crm_entry(word: str) -> catalogue.Entry:
    entry = catalogue.find(word)
    if entry is None:
        raise UsageWrong(f"there is no CRM “{word}”{catalogue.nearest(word)}", "`robot crms` lists them all.")
    return entry


def crm_key(word: str) -> str:
    """The CRM's key, also of one that is not in the catalogue: its reports may have been delivered by hand."""
    entry = catalogue.find(word)
    return entry.key if entry else catalogue.key_of(word)


def crm_with_a_robot(word: str) -> str:
    """The CRM's key; one whose steps are not known is `StepsUnknown`."""
    entry = crm_entry(word)
    if catalogue.robot_class(entry.key) is None:
        raise StepsUnknown(
            f"the export steps of {entry.label} are not known yet; known is: {entry.known}",
            f'Export by hand, then: robot deliver FILE --client KEY --crm "{entry.label}"',
        )
    return entry.key
