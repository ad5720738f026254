"""What `robot mailbox` prints: the mailbox as it stands, and one mail with all that is known of it.

Subject and From are shown to whoever asks for one mail, so that they find it in their mail program; they are no lead's
data, and are never logged. What senders wrote has had its control characters removed before it comes here.
"""

import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from export_robots.runs.answers import delivery_of
from report_mailbox.matching import Fate

if TYPE_CHECKING:
    from export_robots.runs.mailbox_desk import ExpectedNow, FileSeen, Prospect
    from report_mailbox.errors import MailboxError
    from report_mailbox.health import MailboxHealth, Protection
    from report_mailbox.inspecting import OpenedMail
    from report_mailbox.mailbox import Mailbox
    from report_mailbox.records import HeldMail, KnownMail

_LABEL = 14
_REQUEST = re.compile(r"(/\d{4}-\d{2}[^#;,:]*)#\d+")


def width() -> int:
    """Columns of the terminal; a pipe gets whole lines."""
    return max(shutil.get_terminal_size().columns, 40) if sys.stdout.isatty() else 1_000_000


def moment(time: datetime | None) -> str:
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S}" if time else "at an unknown time"


def size_of(size: int | None) -> str:
    if size is None:
        return "of unknown size"
    if size < 1000:
        return f"{size} bytes"
    return f"{size / 1000:.0f} KB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


def plain(reason: str) -> str:
    """Without the numbers of requests behind the deliveries' ids, which mean nothing to people."""
    return _REQUEST.sub(r"\1", reason)


def labelled(label: str, texts: Iterable[str], columns: int) -> Iterator[str]:
    """The label once, the texts beside it, each wrapped."""
    for number, text in enumerate(texts):
        first = label.ljust(_LABEL) if number == 0 else " " * _LABEL
        yield _wrapped(text, columns, first, " " * (_LABEL + 2))


def _wrapped(text: str, columns: int, first: str = "", others: str = "") -> str:
    """Names, addresses and commands stay whole, so that they can be copied."""
    return textwrap.fill(
        text,
        columns,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


# --- the mailbox


def status_lines(
    mailbox: "Mailbox",
    health: "MailboxHealth | MailboxError",
    protection: "Protection",
    newest: "KnownMail | None",
    looked: datetime | None,
    expected: "Sequence[ExpectedNow]",
    held: "Sequence[HeldMail]",
    columns: int,
) -> Iterator[str]:
    yield from labelled("mailbox", [f"{mailbox.username} at {mailbox.place}, folder {mailbox.folder}"], columns)
    yield from labelled("connection", _connection(mailbox, health), columns)
    mend = [f"mend: {protection.mend}"] if protection.mend else []
    yield from labelled("senders", [protection.saw, *mend], columns)
    last = f"{moment(newest.received)}, UID {newest.name}" if newest else "none was seen yet"
    yield from labelled("last mail", [last], columns)
    yield from labelled("last look", [moment(looked) if looked else "never; `robot collect` looks"], columns)
    yield from labelled("expected", [_expected(each) for each in expected] or ["nothing now"], columns)
    count = f"{len(held)} mail{'' if len(held) == 1 else 's'}, the newest first" if held else "no mail"
    yield from labelled("held", [count], columns)
    for mail in held:
        yield ""
        to = f" to {mail.address}" if mail.address else ""
        head = f"UID {mail.name}, {moment(mail.received)}, from {mail.sender_domain or 'nobody known'}{to}"
        for text in (head, plain(mail.reason), f"robot mailbox show {mail.name}"):
            first = "  " if text is head else "    "
            yield _wrapped(text, columns, first, "      ")
    if held:
        yield ""
        yield _wrapped(
            "`show` says what such a mail is; then `robot mailbox release UID --delivery ID` or `robot mailbox ignore "
            "UID --reason TEXT`.",
            columns,
        )


def status_json(
    mailbox: "Mailbox",
    health: "MailboxHealth | MailboxError",
    protection: "Protection",
    newest: "KnownMail | None",
    looked: datetime | None,
    expected: "Sequence[ExpectedNow]",
    held: "Sequence[HeldMail]",
) -> dict[str, Any]:
    from report_mailbox.errors import MailboxError

    failed = isinstance(health, MailboxError)
    return {
        "ok": not failed,
        "connection": {
            "place": mailbox.place,
            "username": mailbox.username,
            "folder": mailbox.folder,
            "encrypted": mailbox.security != "none",
            "idle": None if isinstance(health, MailboxError) else health.idle,
            "mails": None if isinstance(health, MailboxError) else health.mails,
            "saw": health.saw if isinstance(health, MailboxError) else None,
            "next": health.hint if isinstance(health, MailboxError) else None,
        },
        "senders": {"complete": protection.complete, "saw": protection.saw, "next": protection.mend or None},
        "last_mail": {"uid": newest.name, "received": _iso(newest.received)} if newest else None,
        "last_look": _iso(looked),
        "expected": [
            {
                "delivery": each.delivery,
                "address": each.address,
                "since": _iso(each.since),
                "deadline": _iso(each.deadline),
            }
            for each in expected
        ],
        "held": [
            {
                "uid": mail.name,
                "received": _iso(mail.received),
                "sender_domain": mail.sender_domain,
                "address": mail.address or None,
                "reason": plain(mail.reason),
                "next": f"robot mailbox show {mail.name}",
            }
            for mail in held
        ],
    }


def _connection(mailbox: "Mailbox", health: "MailboxHealth | MailboxError") -> list[str]:
    from report_mailbox.errors import MailboxError

    if isinstance(health, MailboxError):
        return [f"NONE: {health.saw}", f"hint: {health.hint}"]
    encrypted = "encrypted" if health.encrypted else "not encrypted (this machine)"
    idle = "new mail is announced (IDLE)" if health.idle else "no IDLE: new mail is asked for every 20 seconds"
    count = f"{health.mails:,} mail{'' if health.mails == 1 else 's'} in the folder"
    return [f"signed in, {encrypted}; {idle}; {count}"]


def _expected(each: "ExpectedNow") -> str:
    until = f"until {moment(each.deadline)}" if each.deadline else "not accepted by the CRM yet"
    return f"{each.delivery} at {each.address}, asked for {moment(each.since)}, {until}"


# --- one mail


def mail_lines(
    opened: "OpenedMail", files: "Sequence[FileSeen]", prospects: "Sequence[Prospect]", columns: int
) -> Iterator[str]:
    mail = opened.known
    yield from labelled("UID", [f"{mail.name} (numbering {mail.uidvalidity})"], columns)
    yield from labelled("subject", [opened.subject or "none"], columns)
    yield from labelled("from", [opened.sender or "none"], columns)
    yield from labelled("domain", [mail.sender_domain or "cannot be told"], columns)
    yield from labelled("delivered to", [mail.address or "cannot be told"], columns)
    yield from labelled("came", [f"{moment(mail.received)}, {size_of(mail.size)}"], columns)
    yield from labelled("Message-ID", [mail.message_id or "none"], columns)
    decision = (
        f"{mail.decision or 'none yet'}, {moment(mail.decided_at)}: {plain(mail.reason)}" if mail.decision else "none"
    )
    yield from labelled("decision", [decision], columns)
    yield from labelled("before", _history(mail), columns)
    yield from labelled("files", _files(opened, files), columns)
    yield from labelled("could answer", _prospects(mail, prospects), columns)
    yield from labelled("to do", what_to_do(opened, prospects), columns)


def mail_json(opened: "OpenedMail", files: "Sequence[FileSeen]", prospects: "Sequence[Prospect]") -> dict[str, Any]:
    mail = opened.known
    return {
        "uid": mail.name,
        "uidvalidity": mail.uidvalidity,
        "subject": opened.subject,
        "from": opened.sender,
        "sender_domain": mail.sender_domain,
        "address": mail.address or None,
        "received": _iso(mail.received),
        "size": mail.size,
        "message_id": mail.message_id or None,
        "decision": str(mail.decision) if mail.decision else None,
        "reason": plain(mail.reason),
        "decided": _iso(mail.decided_at),
        "before": [
            {"decision": str(each.decision), "reason": plain(each.reason), "decided": _iso(each.decided_at)}
            for each in mail.past
        ],
        "words": [
            {
                "word": str(each.word),
                "by": each.said_by,
                "at": _iso(each.said_at),
                "over": each.over,
                "reason": each.note or None,
                "delivery": delivery_of(each.expectation_id) if each.expectation_id else None,
                "sha256": each.sha256,
            }
            for each in mail.words
        ],
        "files": [
            {
                "name": each.part.name,
                "path": str(each.part.path),
                "size": each.part.size,
                "sha256": each.part.sha256,
                "rows": each.rows,
                "first": each.first.isoformat() if each.first else None,
                "last": each.last.isoformat() if each.last else None,
                "reasons": list(each.why_none),
            }
            for each in files
        ],
        "others": [*(opened.contents.others if opened.contents else ())],
        "obstacles": _obstacles(opened),
        "could_answer": [{"delivery": each.delivery, "against": list(each.against)} for each in prospects],
        "next": what_to_do(opened, prospects),
    }


def what_to_do(opened: "OpenedMail", prospects: "Sequence[Prospect]") -> list[str]:
    """Commands, or a sentence."""
    mail = opened.known
    if mail.decision not in (Fate.HELD, None) and not (mail.decision is Fate.IGNORED and mail.was_held):
        return ["nothing: it is not held"]
    suited = [each for each in prospects if not each.against] or list(prospects)
    several = " --file NAME" if len(mail.parts) > 1 else ""
    commands = [f"robot mailbox release {mail.name} --delivery {_quoted(each.delivery)}{several}" for each in suited]
    if mail.decision is Fate.HELD:
        commands.append(f"robot mailbox ignore {mail.name} --reason TEXT")
    return commands or ["nothing: a mail that is ignored can be released once its report is expected"]


def _history(mail: "KnownMail") -> list[str]:
    said: list[tuple[datetime | None, str]] = [
        (
            each.said_at,
            f"{moment(each.said_at)}: {each.said_by} {each.word} it"
            + (f" for {delivery_of(each.expectation_id)}" if each.expectation_id else "")
            + (f" ({each.note})" if each.note else ""),
        )
        for each in mail.words
    ]
    past = [
        (each.decided_at or mail.received, f"{moment(each.decided_at)}: {each.decision}: {plain(each.reason)}")
        for each in mail.past
    ]
    timed = [(time, line) for time, line in [*said, *past] if time]
    lines: list[str] = []
    for _, line in sorted(timed):
        # Looked at again and again for new deliveries, with the same result: once is enough.
        if not lines or line.partition(": ")[2] != lines[-1].partition(": ")[2]:
            lines.append(line)
    return lines


def _files(opened: "OpenedMail", files: "Sequence[FileSeen]") -> list[str]:
    lines = []
    for each in files:
        lines.append(f"{each.part.name or 'without a name'}, {size_of(each.part.size)}: {_kind(each)}")
        lines.append(f"  {each.part.path}")
    lines += [f"also {other}" for other in (opened.contents.others if opened.contents else ())]
    return (lines + _obstacles(opened)) or ["none"]


def _kind(file: "FileSeen") -> str:
    if file.why_none and not file.first:
        return f"no report: {file.why_none[0]}"
    dates = f", leads of {file.first} to {file.last}" if file.first else ""
    rows = f"{file.rows:,} row{'' if file.rows == 1 else 's'}{dates}"
    return f"a report, {rows}" if not file.why_none else f"{rows}; not to be sent on: {'; '.join(file.why_none)}"


def _obstacles(opened: "OpenedMail") -> list[str]:
    return [each for each in (opened.odd, *(opened.contents.obstacles if opened.contents else ())) if each]


def _prospects(mail: "KnownMail", prospects: "Sequence[Prospect]") -> list[str]:
    if not prospects:
        return ["nothing is expected now"]
    lines = []
    for each in prospects:
        why = "; ".join(each.against) or "nothing speaks against it but why it was held"
        lines.append(f"{each.delivery}: {why}")
    return lines


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None
