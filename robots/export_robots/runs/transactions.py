"""How the ledger's parts reach the database: each of their methods is one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from export_robots.runs.database import database_errors

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

    from export_robots.runs.tables import Base


class Transactions:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        with database_errors(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    def _insert_unless_there(self, row: "type[Base]") -> "sqlite.Insert | postgresql.Insert":
        """A statement that leaves alone what has the same key."""
        # Imported here: commands that only read are quicker without the words of each database.
        if self.engine.dialect.name == "sqlite":
            from sqlalchemy.dialects import sqlite

            return sqlite.insert(row).on_conflict_do_nothing()
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(row).on_conflict_do_nothing()
