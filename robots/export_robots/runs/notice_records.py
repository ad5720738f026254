"""What people are told, in the ledger: once per key, claimed by who sends it, done when all channels have it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update

from export_robots import clock
from export_robots.runs.operating_tables import NoticeRow
from export_robots.runs.transactions import Transactions

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720, 720))
"""After the first failure, the second and so on; after the last one a notice is given up, a day and a half later."""


class NoticeRecords(Transactions):
    def add(self, key: str, kind: str, title: str, text: str) -> bool:
        """Whether it is new."""
        values = {"key": key, "kind": kind, "title": title, "text": text, "created_at": clock.now()}
        with self._transaction() as session:
            new = self._insert_unless_there(NoticeRow).values(**values, sent_to=[], tries=0)
            return session.execute(new.returning(NoticeRow.key)).first() is not None

    def due(self, now: datetime, at_most: int) -> list[NoticeRow]:
        """The oldest of those to be sent now."""
        query = select(NoticeRow).where(
            NoticeRow.sent_at.is_(None),
            NoticeRow.tries <= len(PAUSES),
            or_(NoticeRow.retry_at.is_(None), NoticeRow.retry_at <= now),
        )
        with self._transaction() as session:
            return list(session.scalars(query.order_by(NoticeRow.created_at, NoticeRow.key).limit(at_most)))

    def claim(self, row: NoticeRow) -> bool:
        """Whether this machine is to send it; the others see that it has been tried."""
        pause = PAUSES[min(row.tries, len(PAUSES) - 1)]
        with self._transaction() as session:
            claimed = session.execute(
                update(NoticeRow)
                .where(NoticeRow.key == row.key, NoticeRow.sent_at.is_(None), NoticeRow.tries == row.tries)
                .values(tries=row.tries + 1, retry_at=clock.now() + pause)
                .returning(NoticeRow.key)
            )
            return claimed.first() is not None

    def sent(self, key: str, to: Sequence[str], *, everywhere: bool) -> None:
        with self._transaction() as session:
            values = {"sent_to": list(to), "sent_at": clock.now() if everywhere else None}
            session.execute(update(NoticeRow).where(NoticeRow.key == key).values(**values))
