"""The `robot` command. Nothing slow is imported here: each command brings what it needs when it is run."""

import gc
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from export_robots import (
    cli_accounts,
    cli_backup,
    cli_credentials,
    cli_decisions,
    cli_deliveries,
    cli_keeping,
    cli_mailbox,
    cli_serve,
    cli_setup,
    cli_status,
    cli_subscriptions,
)
from export_robots.cli_interruption import Interrupted, say_interrupted
from export_robots.cli_output import say, show_error
from export_robots.cli_places import Places
from export_robots.outcomes import RobotDefect, RobotError, UsageWrong

app = typer.Typer(
    help=(
        "Has each dealership's CRM export its leads, proves that the file is right and whole, and hands it to the "
        "portal.\n\nThe options --config and --home may stand before or after the command. Exit codes: 0 done, 2 "
        "usage, 10 to 20 one for each thing that CRMs, mail and the portal do to robots (docs/interface.md), 1 a "
        "defect."
    ),
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"]},
)
cli_deliveries.register(app)
cli_status.register(app)
cli_decisions.register(app)
cli_subscriptions.register(app)
cli_serve.register(app)
cli_accounts.register(app)
cli_keeping.register(app)
cli_backup.register(app)
cli_setup.register(app)
app.add_typer(cli_mailbox.app, name="mailbox")
app.add_typer(cli_credentials.app, name="credentials")


@app.callback()
def globally(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="The configuration. [default: ROBOT_CONFIG, ./credentials.toml, the user's config folder]",
        ),
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(
            "--home",
            metavar="DIR",
            help="What the robot writes lies under it. [default: ROBOT_HOME, the user's data folder]",
        ),
    ] = None,
) -> None:
    places: Places = context.obj
    places.config, places.home = config, home


def main() -> None:
    """The entry point of `robot`."""
    code = run(sys.argv[1:])
    gc.freeze()  # or Python spends a third of a second on freeing, one by one, what ends with the process anyway
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Carry out one command line, and return its exit code. The one place where errors become what people read."""
    as_json = "--json" in arguments
    places = Places()
    if os.environ.get("ROBOT_LOG"):
        from export_robots import logs

        logs.set_up(logs.wanted_format())
    try:
        returned = app(global_options_first(arguments), standalone_mode=False, prog_name="robot", obj=places)
        if returned == 128 + signal.SIGINT:  # typer turns Ctrl-C into this, without a word
            return say_interrupted(Interrupted())
        return returned if isinstance(returned, int) else 0
    except RobotError as error:
        return show_error(error, as_json=as_json)
    except typer.TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError" and not as_json:
            say(error.format_message())  # a group without a command: its help
            return 2
        return show_error(_usage(error), as_json=as_json)
    except Interrupted as interruption:
        return say_interrupted(interruption)
    except (KeyboardInterrupt, typer.Abort):
        return say_interrupted(Interrupted())
    except BrokenPipeError:
        # Whoever read our output has gone (`robot status | head`); Python would complain about it once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # as if ended by SIGPIPE
    except Exception as error:
        return _defect(error, places, as_json=as_json)


def global_options_first(arguments: Sequence[str]) -> list[str]:
    """Move --config and --home with their values to the front, from wherever they stand before a `--`."""
    first: list[str] = []
    others: list[str] = []
    left = list(arguments)
    while left:
        word = left.pop(0)
        if word == "--":
            others += [word, *left]
            break
        if word in ("--config", "--home"):
            first += [word, *left[:1]]
            del left[:1]
        elif word.startswith(("--config=", "--home=")):
            first.append(word)
        else:
            others.append(word)
    return first + others


def _usage(error: typer.TyperException) -> UsageWrong:
    """What typer says of a wrong command line, as an outcome; its `ctx` knows which command was meant."""
    command = getattr(getattr(error, "ctx", None), "command_path", "robot")
    text = error.format_message().rstrip(".")
    return UsageWrong(text[:1].lower() + text[1:], f"`{command} --help` says what it takes.")


def _defect(error: Exception, places: Places, *, as_json: bool) -> int:
    """Anything that is no outcome is a mistake of ours: its traceback goes into a file, not onto the screen."""
    from export_robots.runs.defects import as_robot_error, keep_traceback

    known = as_robot_error(error)
    kept = keep_traceback(error, places.evidence) if isinstance(known, RobotDefect) else None
    return show_error(known, as_json=as_json, evidence=kept)
