"""The database that the ledger and the workflow engine share: a SQLite file under the home, or any other by its URL."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, event, inspect, select, text, update
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateColumn

from export_robots.outcomes import UsageWrong
from export_robots.runs import operating_tables as _operating_tables  # noqa: F401 - its tables belong to Base too
from export_robots.runs.tables import SCHEMA_VERSION, Base, SchemaRow

if TYPE_CHECKING:
    from export_robots.home import Home
    from export_robots.settings import Settings

BUSY_TIMEOUT_MS = 30_000  # as the workflow engine waits: a writer holds the file for milliseconds, a slow disk for more

_MEND = (
    "See that the disk has room, then run the same command again: it goes on from there. `robot doctor` looks closer."
)


def database_url(settings: "Settings", home: "Home") -> str:
    """Where the ledger is kept: as it is configured, or else in the home's SQLite file. It may hold a password."""
    configured = settings.database.url
    return configured.get_secret_value() if configured else sqlite_url(home.database)


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def open_database(url: str) -> Engine:
    """Connect, and create the ledger's tables where they are missing. A database that cannot serve is `UsageWrong`."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    with database_errors():
        Base.metadata.create_all(engine)
        with Session(engine) as session, session.begin():
            version = session.scalar(select(SchemaRow.version))
            if version is None:
                session.merge(SchemaRow(version=SCHEMA_VERSION))  # merge: another process may be at the same line
        if version is not None and version < SCHEMA_VERSION:
            _bring_up_to_date(engine)
    if version is not None and version > SCHEMA_VERSION:
        engine.dispose()
        raise UsageWrong(
            "the database was written by a newer version of the robot",
            "Use that version, or name another home with --home.",
        )
    return engine


def _bring_up_to_date(engine: Engine) -> None:
    """Add the columns that the tables of an earlier version lack; whole tables are made already."""
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if column.name in _columns(engine, table.name):
                continue
            definition = CreateColumn(column).compile(dialect=engine.dialect)
            try:
                with engine.begin() as connection:
                    connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {definition}"))
            except DatabaseError:
                if column.name not in _columns(engine, table.name):  # else another process has just added it
                    raise
    with Session(engine) as session, session.begin():
        session.execute(update(SchemaRow).values(version=SCHEMA_VERSION))


def _columns(engine: Engine, table: str) -> set[str]:
    return {str(column["name"]) for column in inspect(engine).get_columns(table)}


def _prepare_sqlite(connection: sqlite3.Connection, record: Any) -> None:
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA journal_mode=WAL")  # readers, such as `robot status`, never wait for a writer
    connection.execute("PRAGMA synchronous=FULL")  # an intent must be on the disk before what it announces happens
    connection.execute("PRAGMA foreign_keys=ON")


@contextmanager
def database_errors() -> Iterator[None]:
    """A database that cannot be read or written becomes a sentence with a mend."""
    try:
        yield
    except DBAPIError as error:
        if trouble := database_trouble(error):
            raise trouble from error
        raise


def database_trouble(error: BaseException) -> UsageWrong | None:
    """A full disk, a damaged file, a server that has gone; None for what would be a mistake of ours."""
    if isinstance(error, OperationalError) or type(error) is DatabaseError:
        says = str(error.orig).partition("\n")[0]  # without the statement and its values
        return UsageWrong(f"the robot's database cannot be used: {says}", _MEND)
    return None
