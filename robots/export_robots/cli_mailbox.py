"""`robot mailbox`: what people see of the mailbox, and their word on mails that are held."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from export_robots import cli_mailbox_connect
from export_robots.cli_interruption import run_interruptibly
from export_robots.cli_output import out, print_json, show
from export_robots.cli_places import Places
from export_robots.cli_whom import JsonOption, who
from export_robots.cli_work import work

if TYPE_CHECKING:
    from export_robots.browser import Browser
    from export_robots.progress import Showing
    from export_robots.runs.mailbox_desk import MailboxDesk
    from export_robots.runs.results import Result
    from report_mailbox.records import KnownMail

app = typer.Typer(
    help="Look at the mailbox, and decide on mails that are held.", no_args_is_help=True, rich_markup_mode=None
)
app.command("connect")(cli_mailbox_connect.connect)

UidArgument = Annotated[
    str,
    typer.Argument(
        metavar="UID", help="As `robot mailbox status` prints it: 17, or 1795364178/17 where 17 has meant another mail."
    ),
]


@app.command()
def status(context: typer.Context, as_json: JsonOption = False) -> int:
    """Show the connection, what is expected, and what is held.

    Signs in to the mailbox and out again. Exit code 2 if it cannot be read; the rest is shown all the same.
    """
    from export_robots import cli_mailbox_text as text
    from export_robots.runs.mailbox_desk import open_desk
    from report_mailbox.errors import MailboxError
    from report_mailbox.health import protection_of

    places: Places = context.obj
    with open_desk(*places.prepared()) as desk:
        health = desk.health()
        failed = isinstance(health, MailboxError)
        protection = protection_of(desk.mailbox) if isinstance(health, MailboxError) else health.protection
        mails = desk.mails
        facts = (desk.mailbox, health, protection, mails.newest(), mails.last_looked(), desk.expected(), mails.held())
        if as_json:
            print_json(text.status_json(*facts))
        else:
            out("\n".join(text.status_lines(*facts, text.width())))
    return 2 if failed else 0


@app.command("show")
def show_(context: typer.Context, uid: UidArgument, as_json: JsonOption = False) -> int:
    """Show what is known of one mail, its files checked.

    Its subject and sender are shown here and stored nowhere. A mail that was never downloaded is, now.
    """
    return _with_mail(context, uid, as_json=as_json)


@app.command()
def release(
    context: typer.Context,
    uid: UidArgument,
    delivery: Annotated[
        str,
        typer.Option(
            "--delivery", metavar="ID", help="Such as abc/activix/2026-10; the beginning is enough if it fits one only."
        ),
    ],
    file: Annotated[
        str | None,
        typer.Option("--file", metavar="NAME", help="Which of several files: its name, or how its hash begins."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the record.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Also if it was delivered to another address.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Decide that a held mail is a delivery's report.

    It is recorded who decided it and over which reason; then the file is checked, named and uploaded as usual. One that
    the checks refuse is refused here too, and the mail stays held. Saying it twice does nothing twice.
    """
    places: Places = context.obj
    settings, home = places.prepared()

    async def do(browser: "Browser", progress: "Showing") -> "Result":
        from export_robots.runs.releasing import Word
        from export_robots.runs.releasing import release as release_it
        from report_mailbox.mails import readable

        word = Word(uid, delivery, by=who(), file=file, note=readable(reason), any_address=yes)
        return await release_it(settings, home, word, browser=browser, progress=progress)

    return show([work(settings, home, do)], as_json=as_json)


@app.command()
def ignore(
    context: typer.Context,
    uid: UidArgument,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the record.")],
    as_json: JsonOption = False,
) -> int:
    """Close a held mail that nobody waits for.

    It is not looked at again by itself, stays where it is in the mailbox, and can still be released.
    """
    from export_robots import cli_mailbox_text as text
    from export_robots.outcomes import UsageWrong
    from report_mailbox.mails import readable

    note = readable(reason)
    if not note:
        raise UsageWrong("closing a mail needs a reason", 'Such as: --reason "an advertisement".')

    def close(desk: "MailboxDesk", mail: "KnownMail") -> None:
        desk.ignore(mail, by=who(), note=note)
        if not as_json:
            out(f"mail {mail.name} is closed; it was held because {text.plain(mail.held_because)}")

    return _with_mail(context, uid, as_json=as_json, first=close)


@app.command()
def watch(context: typer.Context) -> int:
    """Show live what comes and what becomes of it.

    One line for each mail, and for each change of the connection, until Ctrl-C. Reports are collected; checking and
    uploading them is left to `robot collect --watch`, which may run beside it.
    """
    from export_robots.runs.watching import watch_mailbox

    places: Places = context.obj
    settings, home = places.prepared()
    run_interruptibly(watch_mailbox(settings, home, out))
    return 0


def _with_mail(
    context: typer.Context,
    uid: str,
    *,
    as_json: bool,
    first: "Callable[[MailboxDesk, KnownMail], None] | None" = None,
) -> int:
    from export_robots import cli_mailbox_text as text
    from export_robots.runs.mailbox_desk import open_desk

    places: Places = context.obj
    with open_desk(*places.prepared()) as desk:
        mail = desk.mail(uid)
        if first:
            first(desk, mail)
            if not as_json:
                return 0
        opened = desk.open(mail)
        files, prospects = desk.files(opened), desk.prospects(opened)
        if as_json:
            print_json(text.mail_json(opened, files, prospects))
        else:
            out("\n".join(text.mail_lines(opened, files, prospects, text.width())))
    return 0
