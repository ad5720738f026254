"""The log: one line for each event on standard error, as text or as JSON, with the run, client, CRM and machine.

What is logged holds no secret (`hide` says which there are) and nothing of the shape of a lead's address or number; of
an error that was not foreseen, only the classes and the lines of code, since its message may quote a report's row.
Notices are events too; where the log is set up with `out`, people also read them whole there.
"""

import json
import logging
import os
import socket
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

from export_robots.redaction import Redactor

NOTICES = "export_robots.notices"
VARIABLE = "ROBOT_LOG"
"""`text` or `json`: before what the configuration says, and for every command."""

_FIELDS = ("run", "client", "crm", "step", "seconds", "outcome", "notice", "text")
_TALKATIVE = ("alembic", "apscheduler", "asyncio", "filelock", "imapclient", "keyring", "sqlalchemy", "urllib3")

_about: ContextVar[Mapping[str, str]] = ContextVar("what the log is about", default={})  # noqa: B039 - never changed
_hidden: list[Callable[[], Iterable[str]]] = []


@contextmanager
def about(**words: str) -> Iterator[None]:
    """Whatever is logged in here, and in the tasks and threads begun here, is about this `run`, `client` or `crm`.

    A run of a delivery says by its id whose it is.
    """
    named = dict(zip(("client", "crm"), words.get("run", "").split("/")[:-1], strict=False))
    token = _about.set({**_about.get(), **named, **words})
    try:
        yield
    finally:
        _about.reset(token)


def hide(secrets: Callable[[], Iterable[str]]) -> None:
    """What must not stand in any line; it is asked for each of them, since secrets become known one after another."""
    _hidden[:] = [secrets]


def wanted_format(configured: str = "text", env: Mapping[str, str] = os.environ) -> str:
    """`json` or `text`: the variable's word before the configuration's."""
    return "json" if (env.get(VARIABLE) or configured).strip().lower() == "json" else "text"


def set_up(form: str, *, machine: str | None = None, err: TextIO | None = None, out: TextIO | None = None) -> None:
    """Log to `err` (standard error) from now on; notices also to `out`, if it is given. Again: in place of before."""
    shown: logging.Formatter = _Json(machine or socket.gethostname()) if form == "json" else _Text()
    lines = logging.StreamHandler(err or sys.stderr)
    lines.setFormatter(shown)
    lines.addFilter(_with_context)
    root = logging.getLogger()
    root.handlers = [lines]
    root.setLevel(logging.INFO)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    notices = logging.getLogger(NOTICES)
    notices.handlers = []
    if out is not None:
        people = logging.StreamHandler(out)
        people.setFormatter(_Notice())
        people.addFilter(lambda record: hasattr(record, "notice"))
        notices.handlers = [people]


class LoggedSteps:
    """Progress as events. Satisfies `progress.Showing`."""

    _log = logging.getLogger("export_robots.steps")

    def started(self, step: str) -> None:
        pass

    def finished(self, step: str, seconds: float) -> None:
        """A step that fails is reported from within its error, too."""
        failed = sys.exc_info()[0] is not None
        level = logging.WARNING if failed else logging.INFO
        words = f"{step}: failed" if failed else step
        self._log.log(level, "%s", words, extra={"step": step, "seconds": round(seconds, 3)})

    def note(self, text: str) -> None:
        self._log.info("%s", text)

    def close(self) -> None:
        pass


def _with_context(record: logging.LogRecord) -> bool:
    for name, word in _about.get().items():
        if not hasattr(record, name):
            setattr(record, name, word)
    return True


def _clean(text: str) -> str:
    return Redactor(secret for secrets in _hidden for secret in secrets()).text(text)


def _moment(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in _FIELDS if getattr(record, name, None) not in (None, "")}


def _error(record: logging.LogRecord) -> dict[str, str]:
    """The classes of an error and its causes, and the line of our code, or else any, that it came from."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return {}
    names: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(names) < 8:
        names.append(type(cause).__name__)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "export_robots" in frame.filename or "report_mailbox" in frame.filename]
    found = {"error": " from ".join(names)}
    if frames:
        frame = (ours or frames)[-1]
        found["where"] = f"{os.path.basename(frame.filename)}:{frame.lineno}"  # noqa: PTH119 - a name, no file
    return found


class _Json(logging.Formatter):
    def __init__(self, machine: str) -> None:
        super().__init__()
        self._machine = machine

    def format(self, record: logging.LogRecord) -> str:
        words = {
            name: _clean(value) if isinstance(value, str) and name not in ("run", "client", "crm") else value
            for name, value in _fields(record).items()
        }
        return json.dumps(
            {
                "at": _moment(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "level": record.levelname.lower(),
                "event": _clean(record.getMessage()),
                "source": record.name,
                "machine": self._machine,
                **words,
                **_error(record),
            },
            ensure_ascii=False,
            default=str,
        )


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record)
        whose = f"{fields['run']}: " if "run" in fields else ""
        took = f" ({fields['seconds']:.1f} s)" if "seconds" in fields else ""
        error = _error(record)
        why = f" [{error['error']} at {error.get('where', 'an unknown place')}]" if error else ""
        kind = f"{fields['notice']}: " if "notice" in fields else ""
        event = " | ".join(_clean(record.getMessage()).splitlines())
        return f"{_moment(record):%Y-%m-%d %H:%M:%SZ} {record.levelname.lower():<7} {whose}{kind}{event}{took}{why}"


class _Notice(logging.Formatter):
    """As people read it: the title, and the text below it."""

    def format(self, record: logging.LogRecord) -> str:
        fields = _fields(record)
        lines = _clean(str(fields.get("text", ""))).splitlines()
        title = f"{str(fields['notice']).upper()} {_clean(record.getMessage())}"
        return "\n".join([title, *(f"  {line}" for line in lines)])
