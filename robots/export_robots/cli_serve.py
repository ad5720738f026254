"""The commands of what runs unattended: serve; and a person's word to it: resume, answer."""

import asyncio
import re
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from export_robots import logs
from export_robots.cli_output import out, print_json
from export_robots.cli_places import Places
from export_robots.cli_whom import CrmArgument, JsonOption, crm_entry, who
from export_robots.cli_work import work
from export_robots.outcomes import UsageWrong

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from export_robots.browser import Browser
    from export_robots.progress import Showing

_CODE = re.compile(r"[0-9A-Za-z -]{3,12}")


def register(app: typer.Typer) -> None:
    app.command()(serve)
    app.command()(resume)
    app.command()(answer)


def serve(
    context: typer.Context,
    database: Annotated[
        str | None,
        typer.Option(
            "--database", metavar="URL", help="The PostgreSQL that several machines share. [default: [database] url]"
        ),
    ] = None,
) -> int:
    """Do everything that is due, unattended, until SIGTERM or Ctrl-C.

    Expects each month, collects the mail, asks the CRMs, uploads, tries again, and tells people what needs them.
    """
    places: Places = context.obj
    settings, home = places.prepared()
    if database:
        settings = settings.with_database(database)
    logs.set_up(logs.wanted_format(settings.notices.log_format), out=sys.stdout)
    logs.hide(lambda: [secret.get_secret_value() for secret in settings.secrets.values()])

    async def do(browser: "Browser", progress: "Showing") -> None:
        from export_robots.runs.database import database_url
        from export_robots.runs.serving import serve as serve_until
        from export_robots.web import page_of

        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        url = database_url(settings, home)
        page = page_of(settings)
        await serve_until(settings, home, url, browser=browser, progress=progress, stop=stop, page=page)

    work(settings, home, do, shown=logs.LoggedSteps())
    return 0


def resume(
    context: typer.Context,
    crm: CrmArgument,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="What was mended; it is kept with your name.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Go on with a CRM that was stopped because several accounts failed in the same way.

    One account goes first again, and the others follow when its report has come and passed.
    """
    from export_robots.runs.waves import Waves

    key = crm_entry(crm).key
    engine = _database(context.obj)
    try:
        hit = Waves(engine).resume(key, who(), reason)
    finally:
        engine.dispose()
    if hit is None:
        raise UsageWrong(f"{key} is not stopped; nothing was changed", "`robot status` shows which CRMs are.")
    if as_json:
        print_json({"crm": key, "resumed": True, "again": hit})
    else:
        out(f"{key} goes on; {len(hit)} that had failed are tried again")
    return 0


def answer(
    context: typer.Context,
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The run that asks, or its delivery; `robot status` shows it.")
    ],
    code: Annotated[
        str | None, typer.Argument(metavar="[CODE]", help="The sign-in code; without it the run just goes on.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Tell a run the sign-in code that it waits for, or let it try again.

    Where its page is still open, the code goes there; or else the run signs in anew and tries the code if the CRM asks
    for one within two minutes.
    """
    from export_robots import clock
    from export_robots.runs.questions import Questions

    if code is not None and not _CODE.fullmatch(code):
        raise UsageWrong("that is no sign-in code", "A code has three to twelve letters or digits.")
    engine = _database(context.obj)
    try:
        question = Questions(engine).answer(run, code, who())
    finally:
        engine.dispose()
    if question is None:
        raise UsageWrong(f"nothing is asked for “{run}”", "`robot status` shows what is asked for, and of which run.")
    is_open = question.open_until is not None and question.open_until > clock.now()
    if as_json:
        print_json({"run": question.run, "delivery": question.delivery_id, "page_open": is_open})
    elif is_open:
        out(f"{question.run}: the page is still open and gets the code")
    else:
        out(f"{question.run}: it signs in anew")
    return 0


def _database(places: Places) -> "Engine":
    from export_robots.runs.database import database_url, open_database

    settings, home = places.prepared()
    return open_database(database_url(settings, home))
