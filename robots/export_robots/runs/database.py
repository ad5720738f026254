"""The database that the ledger and the workflow engine share: a SQLite file under the home, or a PostgreSQL server."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Dialect, Engine, create_engine, event, inspect, select
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError

from export_robots.outcomes import UsageWrong
from export_robots.runs import operating_tables as _operating_tables  # noqa: F401 - its tables belong to Base too
from export_robots.runs.tables import SCHEMA_VERSION, SchemaRow

if TYPE_CHECKING:
    from export_robots.home import Home
    from export_robots.settings import Settings

BUSY_TIMEOUT_MS = 30_000  # as the workflow engine waits: a writer holds the file for milliseconds, a slow disk for more
CONNECTING = {
    # Seconds, and of the last one milliseconds: a server that vanished is noticed within half a minute.
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
    "client_encoding": "utf8",  # else a database of another encoding hands out bytes before it can be refused
}
_RESTART = 30.0  # seconds that a server, once it was there, may be away
_GLANCE = 0.1

_MEND = (
    "See that the disk has room, then run the same command again: it goes on from there. `robot doctor` looks closer."
)
_MEND_SERVER = (
    "See that the server is up, has that database, lets this user in from here, and has room on its disk; then run the "
    "same command again: it goes on from there."
)
_MENDS = {  # by PostgreSQL's codes: what is no trouble of the moment, and no mistake of ours
    "42501": "The database must belong to the robot's user: ALTER DATABASE … OWNER TO … (docs/unattended.md).",
    "25006": "That server only reads, such as a standby: the address must be that of the one that writes.",
    "3F000": "The address's search path must name a schema that the robot's user may write to.",
}
_MEND_ADDRESS = "Its options are those of PostgreSQL's libpq; docs/unattended.md, “The database”, has an example."


class DatabaseUnusable(UsageWrong):
    """A full disk, a damaged file, a server that is away or does not let us in."""


def database_url(settings: "Settings", home: "Home") -> str:
    """Where the ledger is kept: as it is configured, or else in the home's SQLite file. It may hold a password."""
    configured = settings.database.url
    return configured.get_secret_value() if configured else sqlite_url(home.database)


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def open_database(url: str) -> Engine:
    """Connect, and make or bring up to date the ledger's tables. A database that cannot serve is `UsageWrong`."""
    engine = connect_to(url)
    try:
        with database_errors():
            with engine.connect() as connection:
                version = version_of(connection)
            if version is None or version < SCHEMA_VERSION:
                from export_robots.runs.schema import set_up  # which loads what only it needs

                set_up(url)
        if version is not None and version > SCHEMA_VERSION:
            raise UsageWrong(
                "the database was written by a newer version of the robot",
                "Use that version on every machine, or another database: another --home, or [database] url.",
            )
    except BaseException:
        engine.dispose()
        raise
    return engine


def connect_to(url: str, **options: Any) -> Engine:
    if url.startswith("sqlite:"):
        engine = create_engine(url, json_deserializer=_of_json, **options)
        event.listen(engine, "connect", _prepare_sqlite)
        return engine
    engine = create_engine(url, pool_pre_ping=True, connect_args=CONNECTING, **options)
    event.listen(engine, "do_connect", _Patience())
    return engine


def _of_json(text: str) -> Any:
    # Most lists are empty, and a month has tens of thousands of them.
    return [] if text == "[]" else json.loads(text)


def version_of(connection: Connection) -> int | None:
    """Which shape the ledger's tables have; None: there are none yet."""
    if not inspect(connection).has_table(SchemaRow.__tablename__):
        return None
    return connection.scalar(select(SchemaRow.version))


class _Patience:
    """Connects. A server that was there before is given time to restart; one that never was is not waited for."""

    def __init__(self) -> None:
        self._met = False

    def __call__(self, dialect: Dialect, record: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
        ends = monotonic() + (_RESTART if self._met else 0)
        while True:
            try:
                connection = dialect.connect(*arguments, **options)
            except dialect.loaded_dbapi.ProgrammingError as wrong:  # before any server was asked
                raise DatabaseUnusable(
                    f"the database's address cannot be used: {_says(wrong)}", _MEND_ADDRESS
                ) from None
            except dialect.loaded_dbapi.OperationalError:
                if monotonic() >= ends:
                    raise
                threading.Event().wait(_GLANCE)
            else:
                self._met = True
                return connection


def _prepare_sqlite(connection: sqlite3.Connection, record: Any) -> None:
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous=FULL")  # an intent must be on the disk before what it announces happens
    connection.execute("PRAGMA foreign_keys=ON")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Readers, such as `robot status`, never wait for a writer. A new file's change to that heeds no busy_timeout."""
    ends = monotonic() + BUSY_TIMEOUT_MS / 1000
    changed = False
    while not changed:
        try:
            changed = connection.execute("PRAGMA journal_mode=WAL") is not None
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() >= ends:
                raise
            threading.Event().wait(_GLANCE)


@contextmanager
def database_errors() -> Iterator[None]:
    """A database that cannot be read or written becomes a sentence with a mend."""
    try:
        yield
    except DBAPIError as error:
        if trouble := database_trouble(error):
            raise trouble from error
        raise


def database_trouble(error: BaseException) -> DatabaseUnusable | None:
    """A full disk, a damaged file, a server that has gone; None for what would be a mistake of ours."""
    if not isinstance(error, DBAPIError):
        return None
    mend = _MENDS.get(getattr(error.orig, "sqlstate", None) or "")
    if mend or isinstance(error, OperationalError) or type(error) is DatabaseError:
        usual = _MEND if isinstance(error.orig, sqlite3.Error) else _MEND_SERVER
        return DatabaseUnusable(f"the robot's database cannot be used: {_says(error.orig)}", mend or usual)
    return None


def _says(error: BaseException | None) -> str:
    """Without the statement and its values."""
    return str(error).partition("\n")[0]
