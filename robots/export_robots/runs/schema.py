"""The ledger's tables, made anew or brought up to date by the steps in `export_robots/migrations`.

A new database is made at once, as the models say; the steps are for what an earlier version has made. Both come to the
same tables (tests/runs/test_migrations.py). Processes that come at the same time wait for the first one.

The mailbox library makes its own tables, `mail_...`, and the workflow engine keeps its own in order as well.
"""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, NullPool, event, insert, inspect, text, update

from export_robots import migrations
from export_robots.outcomes import UsageWrong
from export_robots.runs.database import connect_to, version_of
from export_robots.runs.tables import SCHEMA_VERSION, Base, SchemaRow

_ONE_AT_A_TIME = 7_104_385_112_061_530_441  # the number of the server's lock, any that nobody else uses


def set_up(url: str) -> None:
    engine = connect_to(url, poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _leave_transactions_to_us)
        event.listen(engine, "begin", _begin_as_writer)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            _require_utf8(connection)
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})"))
        version = version_of(connection)
        if version is None:
            Base.metadata.create_all(connection)
            connection.execute(insert(SchemaRow).values(version=SCHEMA_VERSION))
        elif version < SCHEMA_VERSION:
            migrate(connection, version)


def _require_utf8(connection: Connection) -> None:
    encoding = connection.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        raise UsageWrong(
            f"the database has the encoding {encoding}, which cannot hold every dealership's name",
            "Make it anew: createdb --owner robot --encoding UTF8 --template template0 robot",
        )


def migrate(connection: Connection, version: int, target: int = SCHEMA_VERSION) -> None:
    """Take the steps from `version` to `target`, in the transaction that is open; 0 is an empty database."""
    # Alembic takes a fifth of a second to load, and is wanted once in a database's life with each version.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    if version and not inspect(connection).has_table("alembic_version"):
        command.stamp(config, revision(version))
    command.upgrade(config, revision(target))
    changed = update(SchemaRow) if version else insert(SchemaRow)
    connection.execute(changed.values(version=target))


def revision(version: int) -> str:
    return f"{version:04}"


def _leave_transactions_to_us(connection: sqlite3.Connection, record: Any) -> None:
    connection.isolation_level = None  # else changes of tables would be outside of any transaction


def _begin_as_writer(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
