"""Errors that are no outcome: this machine's own troubles become one, and the rest are mistakes of ours."""

import errno
import os
import sys
import traceback
from pathlib import Path

from export_robots import clock
from export_robots.outcomes import RobotDefect, RobotError, UsageWrong

_TROUBLES = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "this user may not write there",
    errno.EPERM: "this user may not write there",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open",
}


def as_robot_error(error: BaseException) -> RobotError:
    """The outcome that an error stands for; `RobotDefect` if it is a mistake of ours."""
    if isinstance(error, RobotError):
        return error
    if "sqlalchemy" in sys.modules:  # else it cannot be the database
        from export_robots.runs.database import database_trouble

        if trouble := database_trouble(error):
            return trouble
    if isinstance(error, OSError) and error.errno in _TROUBLES:
        where = f" ({error.filename})" if error.filename else ""
        return UsageWrong(
            f"this machine stood in the way: {_TROUBLES[error.errno]}{where}",
            "Mend that, then run the same command again: it goes on from there. `robot doctor` looks for the cause.",
        )
    return RobotDefect(f"the robot made a mistake ({type(error).__name__})")


def keep_traceback(error: BaseException, folder: Path | None) -> str | None:
    """Where the traceback was kept; None if there is no place for it.

    Only the classes of errors and the lines of code are written: a message may quote a row of a report or a secret.
    """
    if os.environ.get("ROBOT_DEBUG"):
        traceback.print_exception(error)
    if folder is None:
        return None
    moment = clock.now()
    parts = [f"{moment.isoformat(timespec='seconds')}\n"]
    cause: BaseException | None = error
    while cause is not None:
        parts += [f"\n{type(cause).__module__}.{type(cause).__qualname__}\n", *traceback.format_tb(cause.__traceback__)]
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    path = folder / f"defect-{moment:%Y%m%d-%H%M%S}-{os.getpid()}.txt"
    try:
        path.write_text("".join(parts), "utf-8")
    except OSError:
        return None
    return str(path)
