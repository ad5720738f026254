"""How the ledger's parts reach the database: each of their methods is one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from export_robots.runs.database import database_errors


class Transactions:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        with database_errors(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session
