"""How far the folder has been listed, and under which numbering: the ledger's side of looking for new mail."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select, update

from report_mailbox.database import Book, insert_missing, now
from report_mailbox.matching import CLOCK_TOLERANCE, Fate
from report_mailbox.tables import expectations, folders, looks, messages

UNCOUNTED = {"fetches": 0, "attempts": 0, "mark_attempts": 0, "final": False}


class Listing(Book):
    def listed(self, uidvalidity: int) -> tuple[int, datetime] | None:
        """Up to which UID the folder has been listed, and since which time; None: not yet under this numbering."""
        query = select(folders.c.listed_to, folders.c.listed_since).where(
            folders.c.account == self._account,
            folders.c.folder == self._folder_name,
            folders.c.uidvalidity == uidvalidity,
        )
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
            return (row[0], row[1]) if row else None

    def record_listed(self, uidvalidity: int, uids: Sequence[int], listed_to: int, since: datetime) -> int:
        """A row for each UID, and only with them the high-water mark. Returns how many rows were new."""
        place = {"account": self._account, "folder": self._folder_name, "uidvalidity": uidvalidity}
        with self._transaction() as connection:
            rows = [place | {"uid": uid} | UNCOUNTED for uid in uids]
            new = insert_missing(connection, messages, rows)
            insert_missing(connection, folders, [place | {"listed_to": 0, "listed_since": since}])
            connection.execute(
                update(folders)
                .where(*(folders.c[name] == value for name, value in place.items()))
                .values(listed_to=listed_to, listed_since=since)
            )
        return new

    def set_aside(self, uidvalidity: int) -> None:
        """The server has begun to use the numbers of this numbering again: what they have meant so far keeps its rows.

        They come under a UIDVALIDITY that no server has, below zero.
        """
        with self._transaction() as connection:
            lowest = connection.execute(select(func.min(messages.c.uidvalidity)).where(self._here())).scalar()
            free = min(lowest or 0, 0) - 1
            for table in (messages, folders):
                connection.execute(
                    update(table)
                    .where(
                        table.c.account == self._account,
                        table.c.folder == self._folder_name,
                        table.c.uidvalidity == uidvalidity,
                    )
                    .values(uidvalidity=free)
                )

    def retire_other_numberings(self, uidvalidity: int, since: datetime) -> datetime:
        """The server numbers the folder anew: what waited under an old number has a new one, and is looked at there.

        Mails whose bytes are already here are not given up: they are finished under their old number.

        Returns:
            Since when the folder is to be listed, so that mails that are held are among them.
        """
        place = {"account": self._account, "folder": self._folder_name, "uidvalidity": uidvalidity}
        old = and_(self._here(), messages.c.uidvalidity != uidvalidity)
        unread = and_(messages.c.decision.is_(None), messages.c.raw_sha256.is_(None))
        with self._transaction() as connection:
            oldest_held = connection.execute(
                select(func.min(messages.c.received)).where(old, messages.c.decision == Fate.HELD)
            ).scalar()
            self._keep_past(connection, old, messages.c.decision == Fate.HELD)
            connection.execute(
                update(messages)
                .where(old, or_(messages.c.decision.in_([Fate.HELD, Fate.IGNORED]), unread))
                .values(
                    decision=Fate.IGNORED,
                    reason="the server numbered the folder anew: it is looked at under its new number",
                    final=True,
                    decided_at=now(),
                )
            )
            since = min(since, oldest_held) if oldest_held else since
            insert_missing(connection, folders, [place | {"listed_to": 0, "listed_since": since}])
        return since

    def look_back(self) -> None:
        """Take up mails again that came before a new expectation and could be its answer."""
        with self._transaction() as connection:
            new = connection.execute(
                select(expectations.c.id, expectations.c.address, expectations.c.newer_than).where(
                    expectations.c.account == self._account,
                    expectations.c.state == "open",
                    expectations.c.looked_back.is_(False),
                )
            ).all()
            if not new:
                return
            since: dict[str | None, datetime] = {None: min(newer_than for _, _, newer_than in new)}
            for _, address, newer_than in new:
                since[address] = min(since.get(address, newer_than), newer_than)
            turned = and_(self._here(), messages.c.decision.in_([Fate.HELD, Fate.IGNORED]), messages.c.final.is_(False))
            if connection.execute(select(messages.c.id).where(turned).limit(1)).one_or_none():
                for address, newer_than in since.items():
                    self._take_up(connection, turned, address, newer_than - CLOCK_TOLERANCE)
            for start in range(0, len(new), 500):
                ids = [identifier for identifier, _, _ in new[start : start + 500]]
                connection.execute(update(expectations).where(expectations.c.id.in_(ids)).values(looked_back=True))

    def _take_up(self, connection: Connection, turned: Any, address: str | None, since: datetime) -> None:
        """One by one, as the index ix_mail_messages_address has them: not over all mails that ever came."""
        for time in (messages.c.received >= since, messages.c.received.is_(None)):
            again = and_(turned, messages.c.address == address, time)
            self._keep_past(connection, again, messages.c.decision == Fate.HELD)
            values = {"decision": None, "reason": None, "decided_at": None}
            connection.execute(update(messages).where(again).values(values))

    def note_looked(self) -> None:
        """A pass over the folder is over."""
        place = {"account": self._account, "folder": self._folder_name}
        with self._transaction() as connection:
            insert_missing(connection, looks, [place | {"looked_at": now()}])
            connection.execute(
                update(looks).where(*(looks.c[name] == value for name, value in place.items())).values(looked_at=now())
            )
