"""The command that copies the database: backup."""

from pathlib import Path
from typing import Annotated

import typer

from export_robots.cli_output import out, print_json
from export_robots.cli_places import Places
from export_robots.cli_whom import JsonOption


def register(app: typer.Typer) -> None:
    app.command()(backup)


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The copy that is written.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file of that name.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Write a consistent copy of the database, while the robot goes on working.

    The copy is looked through before it counts. docs/unattended.md says how to restore it, and what else to keep.
    """
    from export_robots.runs.backup import back_up

    places: Places = context.obj
    settings, home = places.prepared()
    target = file.expanduser().absolute()
    size = back_up(settings, home, target, force=force)
    if as_json:
        print_json({"file": str(target), "bytes": size})
    else:
        out(f"the database is copied to {target} ({size / 1e6:,.1f} MB)")
    return 0
