"""The commands about a client's accounts in the CRMs: address, onboard."""

from typing import TYPE_CHECKING, Any

import typer

from export_robots.cli_output import out, print_json, say
from export_robots.cli_places import Places
from export_robots.cli_whom import (
    ClientOption,
    CrmArgument,
    HeadedOption,
    JsonOption,
    RooftopOption,
    accounts_of,
    crm_with_a_robot,
)
from export_robots.cli_work import work
from export_robots.outcomes import Outcome, RobotError

if TYPE_CHECKING:
    from export_robots.browser import Browser
    from export_robots.clients import Account
    from export_robots.home import Home
    from export_robots.progress import Showing
    from export_robots.robot import AccountShown
    from export_robots.settings import Settings


def register(app: typer.Typer) -> None:
    app.command()(address)
    app.command()(onboard)


def address(context: typer.Context, client: ClientOption, as_json: JsonOption = False) -> int:
    """Print the address that the client's account in each CRM is to have; of rooftops, one each."""
    places: Places = context.obj
    settings = places.settings()

    from export_robots.onboarding import addresses

    found = addresses(settings.client(client), settings.require_mailbox().username)
    if as_json:
        print_json({"client": client, "addresses": [{"dealership": name, "address": each} for name, each in found]})
    elif len(found) == 1:
        out(found[0][1])
    else:
        for name, each in found:
            out(f"{each}  {name}")
    return 0


def onboard(
    context: typer.Context,
    crm: CrmArgument,
    client: ClientOption,
    rooftop: RooftopOption = None,
    headed: HeadedOption = False,
    as_json: JsonOption = False,
) -> int:
    """Print the letters that a new account needs, and look what it is still missing.

    It signs in if the account's password is stored, and changes nothing. It ends with 13 while something is missing.
    """
    key = crm_with_a_robot(crm)
    places: Places = context.obj
    settings, home = places.prepared()
    accounts = accounts_of(settings.client(client), key, rooftop)
    found = [_onboard(settings, home, account, headed=headed, quiet=as_json) for account in accounts]
    worst = max((Outcome(each["outcome"]) for each in found), key=lambda outcome: outcome.exit_code)
    if as_json:
        print_json(found[0] if len(found) == 1 else {"outcome": str(worst), "results": found})
    return worst.exit_code


def _onboard(settings: "Settings", home: "Home", account: "Account", *, headed: bool, quiet: bool) -> dict[str, Any]:
    from export_robots.catalogue import BY_KEY
    from export_robots.onboarding import address_of, letters, missing
    from export_robots.runs.looking import has_password, look

    label = BY_KEY[account.crm].label
    meant = address_of(account.dealership, settings.require_mailbox().username)
    written = letters(account, label, account.username)
    shown: AccountShown | RobotError | None = None
    if has_password(settings, account):

        async def do(browser: "Browser", progress: "Showing") -> "AccountShown | RobotError":
            return await look(settings, home, account, browser=browser, progress=progress)

        shown = work(settings, home, do, headed=headed, early=True)
    seen = None if isinstance(shown, RobotError) else shown
    wanting = missing(seen, account, meant)
    if shown is None:
        store = f"robot credentials set {account.secret_prefix}.password"
        wanting.append(
            f"the account's password is not stored, so nobody has looked: `{store}`, then this command again"
        )
    outcome = shown.outcome if isinstance(shown, RobotError) else Outcome.PERMISSION_MISSING
    if seen and seen.may_export and seen.role_fits is not False and seen.title_fits is not False:
        outcome = Outcome.CHECKED
    if shown is None:
        outcome = Outcome.CHECKED  # the letters are all that could be done
    reasons = (shown.reasons or (shown.saw,)) if isinstance(shown, RobotError) else ()
    if not quiet:
        _print(account, written.dealership, written.support, [*reasons, *wanting], shown)
    return {
        "outcome": str(outcome),
        "client": account.client_key,
        "crm": account.crm,
        "rooftop": account.rooftop,
        "address": meant,
        "letter": written.dealership,
        "support_letter": written.support,
        "role": seen.role if seen else None,
        "title": seen.title if seen else None,
        "may_export": seen.may_export if seen else None,
        "reasons": [*reasons, *wanting],
        "next": shown.hint if isinstance(shown, RobotError) else None,
    }


def _print(
    account: "Account", letter: str, support: str, wanting: list[str], shown: "AccountShown | RobotError | None"
) -> None:
    out(f"==== to the dealership {account.dealership} ====\n\n{letter}")
    out(f"==== to the CRM's support, once the dealership has approved ====\n\n{support}")
    if wanting:
        say(f"still missing for {account.username}:")
        for each in wanting:
            say(f"  - {each}")
    else:
        out(f"nothing is missing: {account.username} may export")
    if isinstance(shown, RobotError):
        say(f"hint: {shown.hint}")
