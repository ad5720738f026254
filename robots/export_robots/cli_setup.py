"""The commands about the set-up: crms, doctor, demo."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from export_robots import catalogue
from export_robots.cli_interruption import run_interruptibly
from export_robots.cli_output import out, print_json, table
from export_robots.cli_places import Places

if TYPE_CHECKING:
    from export_robots.doctor import Finding


def register(app: typer.Typer) -> None:
    app.command()(crms)
    app.command()(doctor)
    app.command()(demo)


def crms(
    as_json: Annotated[bool, typer.Option("--json", help="Print the catalogue as one JSON object.")] = False,
) -> int:
    """List the CRMs, and what of their steps is known."""
    rows = []
    for entry in catalogue.ENTRIES:
        robot = catalogue.robot_class(entry.key)
        rows.append(
            {
                "crm": entry.key,
                "label": entry.label,
                "robot": robot is not None,
                "founded": robot.foundation.value if robot else "steps unknown",
                "delivery": robot.delivery.value if robot else entry.delivery,
                "known": entry.known,
            }
        )
    if as_json:
        print_json({"crms": rows})
        return 0
    rows.sort(key=lambda row: not row["robot"])
    out(
        table(
            ("CRM", "name", "robot", "delivery", "what is known"),
            [
                (str(row["crm"]), str(row["label"]), str(row["founded"]), str(row["delivery"]), str(row["known"]))
                for row in rows
            ],
        )
    )
    out("\nOthers: export by hand, then `robot deliver FILE`. docs/add-a-crm.md says how a robot is added.")
    return 0


def doctor(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as one JSON object.")] = False,
) -> int:
    """Say what is wrong with this set-up, and the mends.

    Exit code 2 if something is. Nothing is signed in to but the mailbox.
    """
    from export_robots.doctor import Level, findings

    places: Places = context.obj

    async def look() -> list["Finding"]:
        found = []
        async for finding in findings(places.config, places.home):
            found.append(finding)
            if not as_json:
                out(str(finding))
        return found

    found = run_interruptibly(look())
    wrong = any(each.level is Level.BAD for each in found)
    if as_json:
        print_json({"ok": not wrong, "findings": [each.as_json() for each in found]})
    return 2 if wrong else 0


def demo(
    context: typer.Context,
    site: Annotated[
        str, typer.Option("--site", metavar="NAME", help="Which emulated Activix: classic or vue.")
    ] = "classic",
    portal: Annotated[str, typer.Option("--portal", metavar="NAME", help="Which portal: plain or dropzone.")] = "plain",
    headed: Annotated[bool, typer.Option("--headed", help="Show the browser's window.")] = False,
) -> int:
    """Do the whole job on this machine, without an account.

    The CRM, the portal and the mailbox are emulated; the rest is real. It leaves its files in ./demo, or in --home.
    """
    from export_robots.cli_demo import show_demo

    places: Places = context.obj
    return show_demo(places.home or Path("demo").absolute(), site=site, portal=portal, headed=headed)
