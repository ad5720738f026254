"""The database that the ledger is in: SQLite or PostgreSQL, short transactions only."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, and_, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from report_mailbox.mailbox import Mailbox
from report_mailbox.records import HandOver, NewPart
from report_mailbox.tables import expectations, handed, messages, metadata, parts, past

_SQLITE_BUSY_MILLISECONDS = 20_000
_PREPARED = "report_mailbox.prepared"


class Book:
    """One folder of one mailbox, in a database that may hold other things and other mailboxes too.

    Args:
        folder: Where the collector keeps the files.
    """

    def __init__(self, engine: Engine, mailbox: Mailbox, folder: Path) -> None:
        self.engine = self._engine = engine
        self._account = mailbox.account
        self._folder_name = mailbox.folder
        self.folder = folder
        _create_tables(engine)

    def _here(self) -> Any:
        return and_(messages.c.account == self._account, messages.c.folder == self._folder_name)

    def _add_parts(self, connection: Connection, row: int, new: Iterable[NewPart]) -> None:
        rows = [
            {"message_row": row, "name": each.name[:250], "sha256": each.sha256, "size": each.size, "file": each.file}
            for each in new
        ]
        insert_missing(connection, parts, rows)

    def _hand_over(self, connection: Connection, row: int, answer: HandOver) -> bool:
        """Close an expectation with what a mail brought; False, and to be rolled back: it is not open any more."""
        answered = connection.execute(
            update(expectations)
            .where(
                expectations.c.id == answer.expectation_id,
                expectations.c.account == self._account,
                expectations.c.state == "open",
            )
            .values(state="answered", changed_at=now())
        )
        if answered.rowcount != 1:
            return False
        connection.execute(
            insert(handed).values(
                expectation_id=answer.expectation_id,
                message_row=row,
                kind=answer.kind,
                name=answer.part.name[:250] if answer.part else "",
                sha256=answer.part.sha256 if answer.part else None,
                file=answer.part.file if answer.part else None,
                link=answer.link,
                reason=answer.reason,
                handed_at=now(),
            )
        )
        return True

    def _keep_past(self, connection: Connection, *conditions: Any) -> None:
        """Before decisions are replaced: what they were stays on record."""
        columns = (messages.c.id, messages.c.decision, messages.c.reason, messages.c.decided_at)
        replaced = select(*columns).where(messages.c.decision.is_not(None), *conditions)
        connection.execute(insert(past).from_select(["message_row", "decision", "reason", "decided_at"], replaced))

    def _prepare(self, connection: Connection) -> None:
        if self._engine.dialect.name == "sqlite" and not connection.info.get(_PREPARED):
            connection.info[_PREPARED] = True  # as long as the database's own connection lasts
            connection.execute(text(f"PRAGMA busy_timeout = {_SQLITE_BUSY_MILLISECONDS}"))

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            self._prepare(connection)
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            self._prepare(connection)
            yield connection


def insert_missing(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> int:
    if not rows:
        return 0
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    added = 0
    for start in range(0, len(rows), 50):  # SQLite takes a limited number of values in one statement
        result = connection.execute(dialect.insert(table).values(rows[start : start + 50]).on_conflict_do_nothing())
        added += max(result.rowcount, 0)
    return added


def _create_tables(engine: Engine) -> None:
    try:
        metadata.create_all(engine)
    except (OperationalError, ProgrammingError, IntegrityError):
        # Another process made them between the look and the making; anything else fails again.
        metadata.create_all(engine)


def now() -> datetime:
    return datetime.now(UTC)
