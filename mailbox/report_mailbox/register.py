"""Which mails came and what was decided on each: the collector's side of the ledger."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, and_, func, or_, select, update
from sqlalchemy.exc import OperationalError

from report_mailbox.database import insert_missing, now
from report_mailbox.expected import Expected, expectation_of
from report_mailbox.listing import UNCOUNTED, Listing
from report_mailbox.mailbox import Mailbox
from report_mailbox.matching import Expectation, Fate
from report_mailbox.message import base_of
from report_mailbox.records import Decided, Decision, HandedKind, HeadFacts, MailRow, SpooledMail
from report_mailbox.tables import expectations, handed, messages

_BROUGHT = (Fate.REPORT, Fate.REJECTION, Fate.LINK, Fate.CODE)
_LATE_COPIES = timedelta(days=3)  # for how long after a report a second one counts as its copy


class MailRegister(Listing):
    def __init__(self, engine: Engine, mailbox: Mailbox, folder: Path) -> None:
        super().__init__(engine, mailbox, folder)
        self._known: dict[str, Expectation] = {}  # by id; what an expectation says never changes

    def changes(self) -> tuple[int, datetime | None]:
        """Something that differs once anything is newly expected, also by another process."""
        query = select(func.count(), func.max(expectations.c.changed_at)).where(
            expectations.c.account == self._account, expectations.c.state == "open"
        )
        with self._reading() as connection:
            count, latest = connection.execute(query).one()
            return count, latest

    def open_expectations(self) -> list[Expectation]:
        return self._expectations(expectations.c.state == "open")

    def answered_lately(self, received: datetime) -> list[Expectation]:
        """Expectations whose report came not long before: a mail that fits one of these is its second report."""
        recent = select(handed.c.expectation_id).where(
            handed.c.kind != HandedKind.REJECTION, handed.c.handed_at > received - _LATE_COPIES
        )
        return self._expectations(and_(expectations.c.state == "answered", expectations.c.id.in_(recent)))

    def expected(self) -> Expected:
        return Expected(self.open_expectations(), self.answered_lately(now()))

    def bases(self) -> set[str]:
        """Every address ever expected here, without its tag."""
        query = select(expectations.c.address).where(expectations.c.account == self._account).distinct()
        with self._reading() as connection:
            return {base_of(address) for address in connection.execute(query).scalars()}

    def undecided(self) -> list[MailRow]:
        """Oldest first; those that have made trouble after all others, so that they never block them."""
        query = (
            select(messages)
            .where(self._here(), messages.c.decision.is_(None))
            .order_by(messages.c.attempts + messages.c.fetches, messages.c.uidvalidity, messages.c.uid)
        )
        with self._reading() as connection:
            return [_mail_row(row) for row in connection.execute(query).mappings()]

    def mail_row(self, row: int) -> MailRow:
        with self._reading() as connection:
            return _mail_row(connection.execute(select(messages).where(messages.c.id == row)).mappings().one())

    def note_fetches(self, rows: Sequence[int]) -> None:
        """Before the server is asked for the mails."""
        self._change(rows, fetches=messages.c.fetches + 1)

    def forget_fetches(self, rows: Sequence[int]) -> None:
        """It was not these mails' fault."""
        self._change(rows, fetches=messages.c.fetches - 1)

    def note_spooled(self, mail: SpooledMail) -> None:
        """The mail's bytes are safe in spool/."""
        self._change([mail.row], **_spooled(mail))

    def claim_spooled(self, mails: Sequence[SpooledMail]) -> set[int]:
        """`note_spooled` and `note_attempt` of mails that were never read before, at once. Returns the rows claimed."""
        claimed = set()
        with self._transaction() as connection:
            for mail in mails:
                changed = connection.execute(
                    update(messages)
                    .where(messages.c.id == mail.row, messages.c.decision.is_(None), messages.c.attempts == 0)
                    .values(attempts=1, **_spooled(mail))
                )
                if changed.rowcount == 1:
                    claimed.add(mail.row)
        return claimed

    def note_attempt(self, row: MailRow) -> bool:
        """Before the mail is read: one that kills the process counts too.

        False: somebody else has decided on it, or is at it, since it was looked up.
        """
        with self._transaction() as connection:
            counted = connection.execute(
                update(messages)
                .where(messages.c.id == row.id, messages.c.decision.is_(None), messages.c.attempts == row.attempts)
                .values(attempts=row.attempts + 1)
            )
            return counted.rowcount == 1

    def twin(self, row: int, content_sha256: str) -> int | None:
        """The number of a copy of this mail that has been dealt with."""
        query = select(messages.c.uid).where(
            messages.c.account == self._account,
            messages.c.content_sha256 == content_sha256,
            messages.c.id != row,
            messages.c.decision.in_(_BROUGHT),
        )
        with self._reading() as connection:
            return connection.execute(query.limit(1)).scalar()

    def others_keep(self, row: int, raw_sha256: str) -> bool:
        """Whether another mail of exactly the same bytes still has a use for them on disk."""
        no_use = (Fate.IGNORED, Fate.DUPLICATE, Fate.CODE)
        query = select(messages.c.id).where(
            messages.c.raw_sha256 == raw_sha256,
            messages.c.id != row,
            or_(messages.c.decision.is_(None), messages.c.decision.not_in(no_use)),
        )
        with self._reading() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def handed_before(self, address: str, sha256: str) -> str | None:
        """The expectation at this address that was answered with exactly this file."""
        query = (
            select(handed.c.expectation_id)
            .join(expectations, expectations.c.id == handed.c.expectation_id)
            .where(
                expectations.c.account == self._account,
                expectations.c.address == address,
                handed.c.sha256 == sha256,
                handed.c.kind != HandedKind.REJECTION,
            )
        )
        with self._reading() as connection:
            return connection.execute(query.limit(1)).scalar()

    def decide(self, row: int, decision: Decision, facts: HeadFacts | None = None) -> bool:
        """Record the mail's one decision, with what it brought and what is handed over, all at once or not at all.

        False: nothing was recorded, because somebody else decided, or an expectation is no longer open.
        """
        with self._transaction() as connection:
            if not self._decide(connection, row, decision, facts):
                connection.rollback()
                return False
        return True

    def decide_all(
        self, decided: Sequence[Decided], known: Collection[str], also: Callable[[Connection], None]
    ) -> set[int]:
        """The same for many mails, in one transaction if that can be. Returns the rows that were recorded.

        Args:
            decided: In their order.
            known: The open expectations that were known to whoever decided. Once there is another one, what was decided
                without it is not recorded but to be looked at again.
            also: What else is written with it.
        """
        try:
            with self._transaction() as connection:
                done = all(self._decide(connection, each.row, each.decision, each.facts) for each in decided)
                if done and not self._newly_expected(connection, known):
                    also(connection)
                    return {each.row for each in decided}
                connection.rollback()
        except OperationalError:
            if self._engine.dialect.name == "sqlite":
                raise
            # Two collectors waited for one another; one by one they do not.
        with self._transaction() as connection:
            more = self._newly_expected(connection, known)
            also(connection)
        return {
            each.row
            for each in decided
            if (each.decision.hand_over or not more) and self.decide(each.row, each.decision, each.facts)
        }

    def to_mark(self, uidvalidity: int) -> list[int]:
        """UIDs of mails that are dealt with and whose mark in the mailbox is missing."""
        query = select(messages.c.uid).where(
            self._here(),
            messages.c.uidvalidity == uidvalidity,
            messages.c.decision.in_([*_BROUGHT, Fate.DUPLICATE]),
            messages.c.marked_at.is_(None),
            messages.c.mark_attempts < 3,
        )
        with self._reading() as connection:
            return list(connection.execute(query).scalars())

    def marking(self, uidvalidity: int, uids: Sequence[int], *, done: bool) -> None:
        for start in range(0, len(uids), 500):
            with self._transaction() as connection:
                connection.execute(
                    update(messages)
                    .where(
                        self._here(),
                        messages.c.uidvalidity == uidvalidity,
                        messages.c.uid.in_(uids[start : start + 500]),
                    )
                    .values({"marked_at": now()} if done else {"mark_attempts": messages.c.mark_attempts + 1})
                )

    def use_code(self, uidvalidity: int, uid: int, *, received: datetime, address: str, sender_domain: str) -> bool:
        """Record that the code in this mail is used. False: it was used before."""
        place = {"account": self._account, "folder": self._folder_name, "uidvalidity": uidvalidity, "uid": uid}
        with self._transaction() as connection:
            insert_missing(connection, messages, [place | UNCOUNTED])
            unused = and_(
                *(messages.c[name] == value for name, value in place.items()),
                or_(messages.c.decision.is_(None), messages.c.decision.in_([Fate.HELD, Fate.IGNORED])),
            )
            self._keep_past(connection, unused)
            changed = connection.execute(
                update(messages)
                .where(unused)
                .values(
                    decision=Fate.CODE,
                    reason="its code was used to sign in",
                    final=True,
                    received=received,
                    address=address,
                    sender_domain=sender_domain[:255],
                    decided_at=now(),
                )
            )
            return changed.rowcount == 1

    def _decide(self, connection: Connection, row: int, decision: Decision, facts: HeadFacts | None) -> bool:
        answers = [each.expectation_id for each in decision.hand_over]
        changed = connection.execute(
            update(messages)
            .where(messages.c.id == row, messages.c.decision.is_(None))
            .values(
                decision=decision.fate,
                reason=decision.reason,
                final=decision.final,
                attempts=0,
                expectation_id=answers[0] if answers else None,
                decided_at=now(),
                **(_columns(facts) if facts else {}),
            )
        )
        if changed.rowcount != 1:
            return False
        self._take_the_place_of_older(connection, row)
        self._add_parts(connection, row, decision.parts)
        return all(self._hand_over(connection, row, each) for each in decision.hand_over)

    def _newly_expected(self, connection: Connection, known: Collection[str]) -> bool:
        query = select(expectations.c.id).where(expectations.c.account == self._account, expectations.c.state == "open")
        return any(each not in known for each in connection.execute(query).scalars())

    def _take_the_place_of_older(self, connection: Connection, row: int) -> None:
        """A held mail that was moved away and back, or numbered anew, has two rows: the newer one counts."""
        here = connection.execute(select(messages.c.content_sha256, messages.c.uid).where(messages.c.id == row)).one()
        if here.content_sha256 is None:
            return
        older = and_(
            self._here(),
            messages.c.content_sha256 == here.content_sha256,
            messages.c.id < row,
            messages.c.decision == Fate.HELD,
        )
        self._keep_past(connection, older)
        connection.execute(
            update(messages)
            .where(older)
            .values(decision=Fate.IGNORED, reason=f"it is mail {here.uid} now", final=True, decided_at=now())
        )

    def _change(self, rows: Sequence[int], **values: Any) -> None:
        with self._transaction() as connection:
            connection.execute(update(messages).where(messages.c.id.in_(rows)).values(**values))

    def _expectations(self, condition: Any) -> list[Expectation]:
        here = and_(expectations.c.account == self._account, condition)
        oldest_first = select(expectations.c.id).where(here).order_by(expectations.c.newer_than)
        with self._reading() as connection:
            ids = list(connection.execute(oldest_first).scalars())
            if any(each not in self._known for each in ids):
                rows = connection.execute(select(expectations).where(here)).mappings()
                self._known |= {row["id"]: expectation_of(row) for row in rows}
        return [self._known[each] for each in ids if each in self._known]


def _spooled(mail: SpooledMail) -> dict[str, Any]:
    return {
        "raw_sha256": mail.raw_sha256,
        "content_sha256": mail.content_sha256,
        "message_id": mail.message_id,
        "fetches": 0,
        **_columns(mail.facts),
    }


def _columns(facts: HeadFacts) -> dict[str, Any]:
    return {
        "received": facts.received,
        "address": facts.address,
        "sender_domain": facts.sender_domain[:255],
        "size": facts.size,
    }


def _mail_row(row: RowMapping) -> MailRow:
    return MailRow(
        id=row["id"],
        uidvalidity=row["uidvalidity"],
        uid=row["uid"],
        raw_sha256=row["raw_sha256"],
        received=row["received"],
        fetches=row["fetches"],
        attempts=row["attempts"],
    )
