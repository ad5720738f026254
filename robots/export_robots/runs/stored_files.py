"""Reports that several machines may need: their bytes lie in the database, where that is a server.

With a SQLite file there is one machine, and its disk is enough. A file is stored before the transaction that says that
it came, so whatever the ledger knows of can be brought to the machine that goes on with it.
"""

from pathlib import Path

from sqlalchemy import Engine, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from export_robots import clock
from export_robots.home import Home
from export_robots.outcomes import UsageWrong
from export_robots.runs.database import database_errors
from export_robots.runs.operating_tables import StoredFileRow
from report_mailbox.files import keep_all, sha256_bytes, sha256_of

_FOLDER = "downloads"
_ASK_ANEW = "`robot export` asks the CRM for another one; or `robot deliver` takes a file that a person exported."


class ReportLost(UsageWrong):
    """The bytes of a report that the ledger knows are nowhere any more, or not as they were."""


class StoredFiles:
    """Satisfies `report_mailbox.store.Store`. With a SQLite file nothing is ever stored."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stores = engine.dialect.name != "sqlite"

    def keep(self, name: str, content: bytes) -> None:
        """`name` is the content's hash, or what else the mailbox calls it. The same again is young again, no more."""
        if not self._stores or self.has(name):
            return
        row = {"sha256": name, "content": content, "stored_at": clock.now()}
        with database_errors(), Session(self._engine) as session, session.begin():
            session.execute(insert(StoredFileRow).values(row).on_conflict_do_nothing())

    def has(self, name: str) -> bool:
        """Its keeping time begins anew: whoever asks may be about to make it a delivery's report."""
        if not self._stores:
            return False
        young = update(StoredFileRow).where(StoredFileRow.sha256 == name).values(stored_at=clock.now())
        with database_errors(), Session(self._engine) as session, session.begin():
            return session.scalar(young.returning(StoredFileRow.sha256)) is not None

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

    `path` may be another machine's, and whatever lies there now may be something else: only the hash counts. Bytes that
    are nowhere are `ReportLost`.
    """
    target = _in_this_home(home, path)
    for place in (path, target):
        if is_still(place, sha256):
            return place
    content = StoredFiles(engine).content(sha256)
    if content is not None and sha256_bytes(content) == sha256:
        keep_all(target.parent, {target.name: content})
        return target
    changed = next((place for place in (path, target) if place.is_file()), None)
    if changed:
        raise ReportLost(
            f"the received report {changed} is not as it came any more: somebody or a failing disk has changed it",
            f"Nothing of it was sent. {_ASK_ANEW}",
        )
    raise ReportLost(
        f"the received report {path} is not on this machine any more",
        _ASK_ANEW,
    )


def is_still(path: Path, sha256: str) -> bool:
    """Whether the file is there, and as it was when its hash was taken."""
    return path.is_file() and sha256_of(path) == sha256


def _in_this_home(home: Home, path: Path) -> Path:
    parts = path.parts
    if _FOLDER in parts[:-1]:
        below = parts[len(parts) - parts[::-1].index(_FOLDER) :]
        if ".." not in below:
            return home.downloads.joinpath(*below)
    return home.downloads / "by-hand" / path.name
