"""`robot credentials`: secrets in the system keyring. No secret is ever an argument, since others can see those."""

import sys
from typing import Annotated

import typer

from export_robots.cli_output import out, table
from export_robots.cli_places import Places

app = typer.Typer(help="Keep secrets in the system keyring.", no_args_is_help=True, rich_markup_mode=None)

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="Such as mailbox.password or clients.abc.activix.password; see `list`.")
]


@app.command("set")
def set_(context: typer.Context, name: NameArgument) -> int:
    """Store a secret in the keyring.

    It is typed unseen, or the first line of standard input. No command takes one as an argument: others could see it.
    """
    from pydantic import SecretStr

    from export_robots.credentials import set_secret

    places: Places = context.obj
    settings = places.settings()
    if sys.stdin.isatty():
        value = typer.prompt(f"{name}", hide_input=True, err=True)
    else:
        value = sys.stdin.readline().rstrip("\r\n")
    set_secret(settings, name, SecretStr(value))
    out(f"{name} is stored in the keyring")
    return 0


@app.command("list")
def list_(context: typer.Context) -> int:
    """Name the secrets, and where each is kept.

    Those that the configuration calls for; no value is shown.
    """
    from export_robots.credentials import list_secrets

    places: Places = context.obj
    rows = [
        (secret.name, str(secret.source), secret.place, "optional" if secret.optional else "")
        for secret in list_secrets(places.settings())
    ]
    out(table(("name", "kept in", "place", ""), rows) if rows else "the configuration calls for no secret yet")
    return 0


@app.command()
def check(context: typer.Context) -> int:
    """Say which secrets are missing.

    Exit code 2 if one is that is not optional. Nothing is signed in to.
    """
    from export_robots.credentials import SecretSource, how_to_store, list_secrets
    from export_robots.outcomes import UsageWrong

    places: Places = context.obj
    secrets = list_secrets(places.settings())
    missing = [each.name for each in secrets if each.source is SecretSource.MISSING and not each.optional]
    if missing:
        raise UsageWrong(
            f"{len(missing)} secret{'' if len(missing) == 1 else 's'} missing",
            how_to_store(missing[0]),
            tuple(f"{name} is not stored anywhere" for name in missing),
        )
    out("every secret that is needed is there")
    return 0


@app.command()
def forget(context: typer.Context, name: NameArgument) -> int:
    """Remove a secret from the keyring, and with an account's also its kept sign-in.

    Files and variables are left alone.
    """
    from export_robots.credentials import forget_secret

    forget_secret(name)
    _forget_sign_in(context.obj, name)
    out(f"{name} is forgotten")
    return 0


def _forget_sign_in(places: Places, secret: str) -> None:
    from export_robots.home import Home
    from export_robots.outcomes import UsageWrong
    from export_robots.runs.signing_in import kept_sign_in

    try:
        settings = places.settings()
    except UsageWrong:
        return  # without a configuration nobody can tell whose secret it was
    for account in settings.accounts:
        if secret.startswith(f"{account.secret_prefix}."):
            kept_sign_in(Home(settings.home), account).unlink(missing_ok=True)
