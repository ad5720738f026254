"""The command that removes what has been kept long enough: purge."""

from typing import Annotated

import typer

from export_robots import clock
from export_robots.cli_output import out, print_json, say
from export_robots.cli_places import Places
from export_robots.cli_whom import JsonOption


def register(app: typer.Typer) -> None:
    app.command()(purge)


def purge(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Remove files with leads, mails and evidence whose keeping time is over; receipts and the ledger stay.

    The times stand under [keeping] in the configuration. `robot serve` does this each day by itself.
    """
    from export_robots.runs import keeping
    from export_robots.runs.database import database_url, open_database
    from export_robots.runs.transactions import Transactions

    places: Places = context.obj
    settings, home = places.prepared()
    engine = open_database(database_url(settings, home))
    try:
        purged = keeping.purge(Transactions(engine), home, settings, clock.now(), dry_run=dry_run)
    finally:
        engine.dispose()
    if as_json:
        print_json(purged.as_json())
        return 0
    verb = "would be removed" if dry_run else "removed"
    for kind, number in purged.removed.items():
        if number:
            out(f"{kind}: {number:,} {verb} ({purged.freed[kind] / 1e6:,.1f} MB)")
    if not any(purged.removed.values()):
        out("nothing has been kept for too long")
    for path in purged.unknown:
        say(f"left: {path} is not known to the ledger; look at it, and remove it by hand")
    for path in purged.stuck:
        say(f"left: {path} cannot be removed by this user; see whose it is, and whether its disk can be written to")
    return 0
