"""Accounts held on a PostgreSQL server, by session locks (`pg_advisory_lock`) with a row each that says by whom."""

import hashlib
import logging
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import URL, Connection, NullPool, delete, func, literal, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from export_robots import clock
from export_robots.outcomes import AccountBusy
from export_robots.runs.database import connect_to, database_errors
from export_robots.runs.locks import said_of_holder
from export_robots.runs.operating_tables import HeldAccountRow

# The server ends the session of a machine that lost its power or its network, and so its locks, after some 25 s; and
# none for being idle: an account may be held for as long as a report takes to come.
_SESSION = """
SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
SET idle_session_timeout = 0
"""
# Other databases of the server have locks too, and perhaps accounts of the same names.
_LOCKED = """
SELECT classid, objid FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND datname = current_database()
"""

_log = logging.getLogger(__name__)


@dataclass
class _Holding:
    holder: str
    connection: Connection
    alone: threading.Lock = field(default_factory=threading.Lock)


class ServerLocks:
    def __init__(self, url: URL) -> None:
        # No transaction stays open while an account is held: that would keep the server from cleaning up.
        address = url.render_as_string(hide_password=False)
        self._engine = connect_to(address, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        self._holding: dict[str, _Holding] = {}

    @contextmanager
    def hold(self, account: str, run: str) -> Iterator[None]:
        holding = self._take(account, run)
        self._holding[account] = holding
        try:
            yield
        finally:
            del self._holding[account]
            with holding.alone:
                _let_go(account, holding)

    def _take(self, account: str, run: str) -> _Holding:
        with database_errors():
            connection = self._connect()
            try:
                if not _try_lock(connection, account):
                    raise AccountBusy(_who_holds(connection, account))
                noted = {
                    "holder": secrets.token_hex(8),
                    "run": run,
                    "host": socket.gethostname(),
                    "pid": os.getpid(),
                    "since": clock.now(),
                }
                new = insert(HeldAccountRow).values(account=account, **noted)
                connection.execute(new.on_conflict_do_update(index_elements=["account"], set_=noted))
            except BaseException:
                connection.close()
                raise
            return _Holding(str(noted["holder"]), connection)

    def require(self, account: str) -> None:
        holding = self._holding.get(account)
        if holding is None:
            raise AccountBusy(f"this process does not hold the account {account} any more")
        with holding.alone:
            try:
                holding.connection.execute(text("SELECT 1"))
            except SQLAlchemyError as error:  # also one that says that this connection was found broken before
                _log.info("the connection that held %s is lost: %s", account, type(error).__name__)
                with database_errors():
                    self._take_back(account, holding)

    def _take_back(self, account: str, holding: _Holding) -> None:
        """Hold it again, unless anybody else held it in between: the row would be theirs, or gone."""
        connection = self._connect()
        holder = select(HeldAccountRow.holder).where(HeldAccountRow.account == account)
        if not _try_lock(connection, account) or connection.scalar(holder) != holding.holder:
            who = _who_holds(connection, account)
            connection.close()
            raise AccountBusy(f"the connection that held the account {account} was lost; since then {who}")
        _close(holding.connection)
        holding.connection = connection

    def held(self) -> list[str]:
        with database_errors(), self._connect() as connection:
            accounts = connection.scalars(select(HeldAccountRow.account).order_by(HeldAccountRow.account)).all()
            locked = {(row[0] << 32) | row[1] for row in connection.execute(text(_LOCKED))}
            return [account for account in accounts if _number(account) % 2**64 in locked]

    def _connect(self) -> Connection:
        connection = self._engine.connect()
        connection.exec_driver_sql(_SESSION)
        return connection


def _let_go(account: str, holding: _Holding) -> None:
    mine = delete(HeldAccountRow).where(HeldAccountRow.account == account, HeldAccountRow.holder == holding.holder)
    try:
        holding.connection.execute(mine)
        # The end of its connection would do as well, but the server takes its time with that.
        holding.connection.scalar(select(func.pg_advisory_unlock(literal(_number(account)))))
    except SQLAlchemyError as error:  # the lock went with its connection, and whoever is next overwrites the note
        _log.info("the note on %s stays: %s", account, type(error).__name__)
    _close(holding.connection)


def _close(connection: Connection) -> None:
    try:
        connection.close()
    except SQLAlchemyError:
        connection.invalidate()


def _try_lock(connection: Connection, account: str) -> bool:
    return bool(connection.scalar(select(func.pg_try_advisory_lock(literal(_number(account))))))


def _number(account: str) -> int:
    """Session locks have numbers, of 64 bits with a sign."""
    digest = hashlib.sha256(f"export-robots account {account}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _who_holds(connection: Connection, account: str) -> str:
    row = connection.execute(select(HeldAccountRow.__table__).where(HeldAccountRow.account == account)).one_or_none()
    if row is None:
        return f"another run holds the account {account}"
    return said_of_holder(account, row.run, f"process {row.pid} on {row.host}", row.since)
