"""Reports that several machines may need: their bytes lie in the database, where that is a server.

With a SQLite file there is one machine, and its disk is enough. A file is stored before the transaction that says that
it came, so whatever the ledger knows of can be brought to the machine that goes on with it.
"""

from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from export_robots import clock
from export_robots.home import Home
from export_robots.outcomes import UsageWrong
from export_robots.runs.database import database_errors
from export_robots.runs.operating_tables import StoredFileRow
from report_mailbox.files import keep_all, sha256_bytes, sha256_of

_FOLDER = "downloads"


class StoredFiles:
    """Satisfies `report_mailbox.store.Store`. With a SQLite file nothing is ever stored."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stores = engine.dialect.name != "sqlite"

    def keep(self, name: str, content: bytes) -> None:
        """`name` is the content's hash, or what else the mailbox calls it. The same again changes nothing."""
        if not self._stores:
            return
        row = {"sha256": name, "content": content, "stored_at": clock.now()}
        with database_errors(), Session(self._engine) as session, session.begin():
            if not session.scalar(select(StoredFileRow.sha256).where(StoredFileRow.sha256 == name)):
                session.execute(insert(StoredFileRow).values(row).on_conflict_do_nothing())

    def has(self, name: str) -> bool:
        if not self._stores:
            return False
        with database_errors(), Session(self._engine) as session:
            return session.scalar(select(StoredFileRow.sha256).where(StoredFileRow.sha256 == name)) is not None

    def content(self, name: str) -> bytes | None:
        if not self._stores:
            return None
        with database_errors(), Session(self._engine) as session:
            return session.scalar(select(StoredFileRow.content).where(StoredFileRow.sha256 == name))


def keep(engine: Engine, path: Path, sha256: str) -> None:
    """Store the file, if other machines may need it."""
    stored = StoredFiles(engine)
    if engine.dialect.name != "sqlite" and not stored.has(sha256):
        stored.keep(sha256, path.read_bytes())


def bring(engine: Engine, home: Home, path: Path, sha256: str) -> Path:
    """Where the file of that hash lies on this machine: at `path`, or below this home, where it is written if needed.

    `path` may be another machine's. Bytes that are nowhere are `UsageWrong`.
    """
    if path.is_file():
        return path
    target = _in_this_home(home, path)
    if target.is_file() and sha256_of(target) == sha256:
        return target
    content = StoredFiles(engine).content(sha256)
    if content is None or sha256_bytes(content) != sha256:
        raise UsageWrong(
            f"the received report {path} is not on this machine any more",
            "If its keeping time is over, or somebody has removed it, ask for the report again with --again; or "
            "`robot deliver` takes a file that a person exported.",
        )
    keep_all(target.parent, {target.name: content})
    return target


def _in_this_home(home: Home, path: Path) -> Path:
    parts = path.parts
    if _FOLDER in parts[:-1]:
        below = parts[len(parts) - parts[::-1].index(_FOLDER) :]
        if ".." not in below:
            return home.downloads.joinpath(*below)
    return home.downloads / "by-hand" / path.name
