"""What is expected and what was handed over: the caller's side of the ledger.

The ledger is the truth about the mailbox; the mailbox's own marks are only a courtesy to people who look into it. Each
method is one short transaction of its own; none is open while the network is waited for. What two collectors might both
do is a conditional change that only one of them can make.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import RowMapping, and_, select, update

from report_mailbox.database import insert_missing, now
from report_mailbox.files import PARTS, unfinished
from report_mailbox.mails import Mails
from report_mailbox.matching import Expectation, Fate
from report_mailbox.records import Handed, HandedKind, NewPart, Word
from report_mailbox.tables import expectations, handed, messages, words

_AT_ONCE = 500  # ids in one question; databases limit its values


class Ledger(Mails):
    def expect(self, *wanted: Expectation) -> None:
        """Expect reports. Again with the same id: nothing, or taken up again if it was withdrawn."""
        for begin in range(0, len(wanted), _AT_ONCE):
            self._expect(wanted[begin : begin + _AT_ONCE])

    def _expect(self, wanted: Sequence[Expectation]) -> None:
        rows = [
            {
                "id": each.id,
                "account": self._account,
                "address": each.address.casefold(),
                "senders": list(each.senders),
                "link_hosts": list(each.link_hosts),
                "newer_than": each.newer_than,
                "state": "open",
                "looked_back": False,
                "changed_at": now(),
            }
            for each in wanted
        ]
        with self._transaction() as connection:
            insert_missing(connection, expectations, rows)
            connection.execute(
                update(expectations)
                .where(expectations.c.id.in_([each.id for each in wanted]), expectations.c.state == "withdrawn")
                .values(state="open", looked_back=False, changed_at=now())
            )

    def withdraw(self, expectation_id: str) -> None:
        """Expect it no longer; nothing if it is answered already."""
        with self._transaction() as connection:
            connection.execute(
                update(expectations)
                .where(expectations.c.id == expectation_id, expectations.c.state == "open")
                .values(state="withdrawn", changed_at=now())
            )

    def handed_for(self, expectation_id: str) -> Handed | None:
        """What answered an expectation, taken or not."""
        return next(iter(self._handed(handed.c.expectation_id == expectation_id)), None)

    def handed_to(self, expectation_ids: Sequence[str]) -> list[Handed]:
        """The same for many of them at once."""
        parts = [expectation_ids[begin : begin + _AT_ONCE] for begin in range(0, len(expectation_ids), _AT_ONCE)]
        return [each for part in parts for each in self._handed(handed.c.expectation_id.in_(part))]

    def untaken(self) -> list[Handed]:
        """What was handed over and not yet acknowledged by `taken`, oldest first."""
        return self._handed(and_(handed.c.taken_at.is_(None), expectations.c.account == self._account))

    def taken(self, handed_id: int) -> None:
        """Acknowledge: whoever asked has it safe, and need not be told again."""
        with self._transaction() as connection:
            connection.execute(
                update(handed).where(handed.c.id == handed_id, handed.c.taken_at.is_(None)).values(taken_at=now())
            )

    def fetched(self, handed_id: int, file: Path, name: str = "") -> Handed:
        """Put a file that was fetched through a link beside what mails brought, and into the ledger."""
        with unfinished(self.folder / PARTS) as (new, keep), file.open("rb") as source:
            while piece := source.read(1_000_000):
                new.write(piece)
            part = NewPart(name or file.name, new.sha256, new.size, f"{PARTS}/{new.sha256}{file.suffix[:8]}")
            keep(Path(part.file).name)
        with self._transaction() as connection:
            row = connection.execute(
                update(handed)
                .where(handed.c.id == handed_id)
                .values(file=part.file, sha256=part.sha256, name=part.name[:250])
                .returning(handed.c.message_row)
            ).scalar_one()
            self._add_parts(connection, row, [part])
        return self._handed(handed.c.id == handed_id)[0]

    def give_back(self, handed_id: int, reason: str) -> None:
        """What was handed over is not it after all: the mail is held, and the expectation open again."""
        with self._transaction() as connection:
            row = connection.execute(
                handed.delete().where(handed.c.id == handed_id).returning(handed.c.expectation_id, handed.c.message_row)
            ).one_or_none()
            if row is None:
                return
            connection.execute(
                update(expectations).where(expectations.c.id == row[0]).values(state="open", changed_at=now())
            )
            self._keep_past(connection, messages.c.id == row[1])
            connection.execute(
                update(messages)
                .where(messages.c.id == row[1])
                .values(decision=Fate.HELD, reason=reason, final=True, decided_at=now())
            )

    def decisions(self) -> dict[int, tuple[Fate | None, str]]:
        """Each mail's decision and reason by its UID; None: not decided yet. Of the folder's present numbering."""
        with self._reading() as connection:
            query = select(messages.c.uid, messages.c.decision, messages.c.reason)
            rows = connection.execute(
                query.where(self._here(), messages.c.uidvalidity == self._numbering()).order_by(messages.c.uid)
            )
            return {uid: (Fate(fate) if fate else None, reason or "") for uid, fate, reason in rows}

    def _handed(self, condition: Any) -> list[Handed]:
        of_mail = (messages.c.uid, messages.c.message_id, messages.c.received, messages.c.sender_domain)
        said = and_(
            words.c.message_row == handed.c.message_row,
            words.c.expectation_id == handed.c.expectation_id,
            words.c.word == Word.RELEASED,
        )
        by = select(words.c.said_by).where(said).order_by(words.c.id.desc()).limit(1).scalar_subquery()
        query = (
            select(handed, *of_mail, by.label("released_by"))
            .join(messages, messages.c.id == handed.c.message_row)
            .join(expectations, expectations.c.id == handed.c.expectation_id)
            .where(condition)
            .order_by(handed.c.id)
        )
        with self._reading() as connection:
            return [self._as_handed(row) for row in connection.execute(query).mappings()]

    def _as_handed(self, row: RowMapping) -> Handed:
        return Handed(
            id=row["id"],
            expectation_id=row["expectation_id"],
            kind=HandedKind(row["kind"]),
            file=self.folder / row["file"] if row["file"] else None,
            name=row["name"],
            sha256=row["sha256"],
            link=row["link"],
            reason=row["reason"],
            mail=row["message_row"],
            uid=row["uid"],
            message_id=row["message_id"] or "",
            received=row["received"],
            sender_domain=row["sender_domain"] or "",
            released_by=row["released_by"] or "",
            handed_at=row["handed_at"],
        )
