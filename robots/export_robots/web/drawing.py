"""The page as HTML: one template for the month, one for what stands in its way; no script, nothing from elsewhere."""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from export_robots import clock
from export_robots.catalogue import BY_KEY
from export_robots.runs.ledger import CLOSED
from export_robots.runs.month_shown import HEADINGS, NOT_SERVED, Cells, cells, has_periods, summary_line
from export_robots.runs.month_view import Entry, MonthView
from export_robots.runs.owners import PEOPLE
from export_robots.runs.tables import State
from export_robots.settings import Settings
from export_robots.web.cleaning import Cleaning
from export_robots.web.wanted import OWNERS, ROWS, Wanted

REFRESH = 60  # seconds
_TEMPLATES = Path(__file__).parent / "templates"
_STYLE = (_TEMPLATES / "style.css").read_text(encoding="utf-8")
_COMMAND = re.compile(r"`([^`]+)`")
_REASONS = 3  # of a delivery; the others are in the JSON
_REASON = 400  # characters, likewise
_OPTION = 24  # characters, which have room on any line
_MOST_NAMED = 500  # clients that the form names while one types

STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_SIGNS = {"closed": "✓", "alarm": "!", "person": "●", "moving": "…"}


class MachineSeen(NamedTuple):
    """A process of `robot serve`. `moves`: it showed itself a moment ago, by the clock of whoever wrote it."""

    host: str
    pid: int
    started_at: datetime
    seen_at: datetime
    ended_at: datetime | None
    moves: bool

    @property
    def state(self) -> str:
        return "ended" if self.ended_at else "alive" if self.moves else "SILENT"


@dataclass(frozen=True)
class Shown:
    """A month as it was seen, with the entries that are to be shown."""

    view: MonthView
    entries: Sequence[Entry]
    machines: Sequence[MachineSeen]
    at: datetime


class _Line(NamedTuple):
    cells: Cells
    mood: str
    reasons: Sequence[str]
    more_reasons: int
    due: str


class Drawing:
    def __init__(self, settings: Settings, maker: str) -> None:
        environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        environment.filters.update(commands=commands, minute=clock.minute_of)
        environment.globals.update(style=Markup(_STYLE), maker=maker)  # noqa: S704 - our own file
        # Now, and not when they are needed: a new version may have been installed by then.
        self._templates = {name: environment.get_template(name) for name in ("month.html", "trouble.html")}
        clients = settings.clients.values()
        self._clients = [(each.key, each.dealership) for each in clients] if len(clients) <= _MOST_NAMED else []
        self._crms = {account.crm for account in settings.accounts}

    def month(self, wanted: Wanted, shown: Shown, cleaning: Cleaning) -> str:
        view, found = shown.view, sorted(shown.entries, key=_rank)
        pages = max(1, -(-len(found) // ROWS))
        page = min(wanted.page, pages)
        first = (page - 1) * ROWS
        here = found[first : first + ROWS]
        stopped, questions = list(view.stopped), list(view.questions)
        saw = cleaning.texts([f"{each.signature}: {each.saw}" for each in stopped] + [each.saw for each in questions])
        crms = self._crms | {entry.line.crm for entry in view.entries} | ({wanted.crm} if wanted.crm else set())
        return self._draw(
            "month.html",
            wanted=wanted,
            view=view,
            mood=_mood_of(view),
            sign=_SIGNS[_mood_of(view)],
            summary=summary_line(view),
            not_served=NOT_SERVED if view.counts["under_way"] and not view.is_served else None,
            stopped=list(zip(stopped, saw[: len(stopped)], strict=True)),
            questions=list(zip(questions, saw[len(stopped) :], strict=True)),
            headings=HEADINGS,
            periods=has_periods(here),
            lines=_lines(here, cleaning),
            signs=_SIGNS,
            found=len(found),
            first=first,
            page=page,
            pages=pages,
            machines=shown.machines,
            at=shown.at,
            owners=OWNERS,
            clients=self._clients,
            crms=[(key, BY_KEY[key].label if key in BY_KEY else key) for key in sorted(crms)],
        )

    def trouble(self, wanted: Wanted | None, saw: str, hint: str) -> str:
        return self._draw("trouble.html", wanted=wanted, mood="alarm", sign=_SIGNS["alarm"], saw=saw, hint=hint)

    def _draw(self, template: str, **words: Any) -> str:
        return self._templates[template].render(words, refresh=REFRESH)


def commands(text: str) -> Markup:
    """What stands between backticks is something to type."""
    parts = _COMMAND.split(text)
    return Markup("").join(_command(part) if number % 2 else escape(part) for number, part in enumerate(parts))


def _command(text: str) -> Markup:
    """An option's name is not broken after its hyphens."""
    words = (
        Markup("<span>{}</span>").format(word) if word.startswith("-") and len(word) <= _OPTION else escape(word)
        for word in text.split(" ")
    )
    return Markup("<code>{}</code>").format(Markup(" ").join(words))


def _rank(entry: Entry) -> tuple[bool, bool, bool]:
    """Open ones first, among them those that a person must look at, and the overdue ones."""
    return entry.is_closed, entry.move.owner not in PEOPLE, not entry.overdue


def _mood_of(view: MonthView) -> str:
    if view.is_closed:
        return "closed"
    if view.stopped or view.questions or view.counts["overdue"]:
        return "alarm"
    return "person" if view.counts["person"] else "moving"


def _mood(entry: Entry) -> str:
    if entry.is_closed:
        return "closed"
    return "alarm" if entry.overdue else "person" if entry.move.owner in PEOPLE else "moving"


def _lines(entries: Sequence[Entry], cleaning: Cleaning) -> list[_Line]:
    """Reasons are given of what is open, and of an end that is no plain delivery."""
    rows = [cells(entry) for entry in entries]
    why = [_reasons(entry) for entry in entries]
    said = iter(cleaning.texts([text for row, reasons in zip(rows, why, strict=True) for text in (row.next, *reasons)]))
    return [
        _Line(
            row._replace(next=next(said)),
            _mood(entry),
            [shortened(next(said)) for _ in reasons],
            len(entry.reasons) - len(reasons) if reasons else 0,
            clock.minute_of(entry.line.due_at) if entry.overdue and entry.line.due_at else "",
        )
        for entry, row, reasons in zip(entries, rows, why, strict=True)
    ]


def _reasons(entry: Entry) -> Sequence[str]:
    if entry.line.state in CLOSED and entry.line.state != State.VERIFIED_EMPTY:
        return ()  # of a waived one the next cell says who and why
    return entry.reasons[:_REASONS]


def shortened(text: str) -> str:
    return text if len(text) <= _REASON else f"{text[:_REASON]}…"
