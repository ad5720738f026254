"""A consistent copy of the database while it is in use, looked through before it counts as one."""

import errno
import os
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from sqlalchemy import URL, make_url

from export_robots import clock
from export_robots.home import Home
from export_robots.outcomes import UsageWrong
from export_robots.reports.receipt import sync_folder
from export_robots.runs.database import BUSY_TIMEOUT_MS, database_url
from export_robots.runs.tables import DeliveryRow
from export_robots.settings import Settings

_PART = ".robot-backup-"  # the folder of what is being written, beside the copy that it becomes
_LEFT = timedelta(days=1)  # what is being written is never that old
_AS_NEW = "Its client programs must be as new as the server, and the user must be able to read all tables."
_ROOM = "Name a file on a disk with room, in a folder that this user may write to."


def back_up(settings: Settings, home: Home, target: Path, *, force: bool = False) -> int:
    """Write the copy, for its owner alone, and return its bytes. It is there whole or not at all.

    A file that is there already is left alone, unless `force`. Everything in the way is `UsageWrong`.
    """
    url = make_url(database_url(settings, home))
    if target.is_dir():
        raise UsageWrong(f"{target} is a folder", "Name the file that the copy shall be.")
    if target.exists() and not force:
        raise _is_there(target)
    try:
        _sweep(target.parent)
        folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=_PART))  # 0700
    except OSError as error:
        raise _cannot_write(target, error) from error
    part = folder / "part"
    try:
        part.touch(mode=0o600)
        if url.drivername.startswith("sqlite"):
            _copy_file(home.database, part)
        else:
            _dump(url, part)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        size = part.stat().st_size
        if force:
            part.replace(target)
        else:
            os.link(part, target)  # which, unlike renaming, never replaces what somebody else has put there meanwhile
        sync_folder(target.parent)
    except FileExistsError:
        raise _is_there(target) from None
    except OSError as error:
        raise _cannot_write(target, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return size


def _sweep(folder: Path) -> None:
    """Remove what killed processes left: it holds leads."""
    for left in folder.glob(f"{_PART}*"):
        with suppress(OSError):  # another user's, or just removed
            if left.lstat().st_mtime < (clock.now() - _LEFT).timestamp():
                shutil.rmtree(left)


def _copy_file(database: Path, part: Path) -> None:
    """The copy is one file, without those that SQLite keeps beside a database in use."""
    source = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_MS / 1000)
    copy = sqlite3.connect(part)
    try:
        if not source.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (DeliveryRow.__tablename__,)).fetchone():
            raise UsageWrong(f"there is nothing to copy: {database} is empty", "See --home, and [database] url.")
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
        found = [str(row[0]) for row in copy.execute("PRAGMA integrity_check")]
        if found != ["ok"]:
            raise UsageWrong(
                f"the database is damaged, and so was its copy: {found[0]}",
                "Keep the database as it is, and restore the last good copy (docs/unattended.md).",
            )
    except sqlite3.Error as error:
        raise UsageWrong(f"the database could not be copied: {error}", _ROOM) from error
    finally:
        source.close()
        copy.close()


def _dump(url: URL, part: Path) -> None:
    for program in ("pg_dump", "pg_restore"):
        if shutil.which(program) is None:
            raise UsageWrong(
                f"the database is a PostgreSQL server's, and its program {program} is not on this machine",
                "Install PostgreSQL's client programs of the server's version or a newer one (Debian and Ubuntu: "
                "apt install postgresql-client), or back it up where the server runs.",
            )
    address = url.set(drivername="postgresql", password=None).render_as_string()
    environment = {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})}
    _run(["pg_dump", "--format=custom", "--no-password", f"--file={part}", f"--dbname={address}"], environment)
    if DeliveryRow.__tablename__ not in _run(["pg_restore", "--list", str(part)], environment).split():
        raise UsageWrong("there is nothing to copy: the database is empty", "See [database] url.")


def _run(command: list[str], environment: dict[str, str]) -> str:
    # With our own signals: a file that may not grow any more is an error that is told, and not a sudden end.
    done = subprocess.run(  # noqa: S603
        command, env=environment, capture_output=True, text=True, check=False, restore_signals=False
    )
    if done.returncode:
        said = _told(done.stderr, command[0]) or f"exit code {done.returncode}"
        full = any(os.strerror(number) in said for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
        raise UsageWrong(f"{command[0]} could not copy the database: {said}", _ROOM if full else _AS_NEW)
    return done.stdout


def _told(errors: str, program: str) -> str:
    """Its first error with what explains it, on one line and without the statement."""
    lines = [line.removeprefix(f"{program}: ") for line in errors.splitlines()]
    first = next((number for number, line in enumerate(lines) if line.startswith("error: ")), None)
    if first is None:
        return lines[-1] if lines else ""
    more = [line for line in lines[first + 1 : first + 2] if line.startswith("detail: ") and "Query was" not in line]
    return "; ".join(line.partition(": ")[2] for line in [lines[first], *more])


def _is_there(target: Path) -> UsageWrong:
    return UsageWrong(f"{target} is there already", "Name another file; --force replaces it.")


def _cannot_write(target: Path, error: OSError) -> UsageWrong:
    cause = (error.strerror or "it does not answer").lower()
    return UsageWrong(f"the copy {target} cannot be written: {cause}", _ROOM)
