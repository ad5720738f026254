"""Sign-in codes that only a person can tell: the question and its answer stand in the ledger, on any machine's sight.

A code lies there until a page has taken it or it is too old; nothing else ever holds it.
"""

from datetime import timedelta

from sqlalchemy import delete, or_, select, update

from export_robots import clock
from export_robots.runs.ledger import CLOSED
from export_robots.runs.operating_tables import DecisionRow, QuestionRow
from export_robots.runs.tables import DeliveryRow
from export_robots.runs.transactions import Transactions

FRESH = timedelta(minutes=2)
"""A code that was told before the page asked for it is tried if it is not older."""


class Questions(Transactions):
    def ask(self, run: str, delivery: str, account: str, saw: str, patience: timedelta | None) -> None:
        """Ask for a code; one that was told for this account less than `FRESH` ago counts. No `patience`: parked."""
        now = clock.now()
        with self._transaction() as session:
            of_account = QuestionRow.account == account
            fresh = select(QuestionRow).where(
                of_account, QuestionRow.answer.is_not(None), QuestionRow.answered_at > now - FRESH
            )
            told = session.scalars(fresh).first()
            known = (told.answer, told.answered_at, told.answered_by) if told else (None, None, None)
            if told:
                told.answer = None  # a code is used once
            session.execute(delete(QuestionRow).where(QuestionRow.delivery_id == delivery))
            session.flush()
            session.expunge_all()
            row = QuestionRow(run=run, delivery_id=delivery, account=account, saw=saw, asked_at=now)
            row.open_until = now + patience if patience else None
            row.answer, row.answered_at, row.answered_by = known
            session.add(row)

    def is_asked(self, run: str) -> bool:
        with self._transaction() as session:
            return session.get(QuestionRow, run) is not None

    def take_answer(self, run: str) -> str | None:
        """The code, once: it is gone from the ledger then."""
        with self._transaction() as session:
            row = session.get(QuestionRow, run)
            if row is None or row.answer is None:
                return None
            answer = row.answer
            session.delete(row)
            return answer

    def park(self, run: str) -> None:
        """The page is closed; an answer begins with a new sign-in."""
        with self._transaction() as session:
            session.execute(update(QuestionRow).where(QuestionRow.run == run).values(open_until=None))

    def answer(self, named: str, code: str | None, who: str) -> QuestionRow | None:
        """A person's answer to the question of a run or delivery; None: nothing is asked for it."""
        with self._transaction() as session:
            query = select(QuestionRow).where((QuestionRow.run == named) | (QuestionRow.delivery_id == named))
            row = session.scalars(query.order_by(QuestionRow.asked_at.desc())).first()
            if row is None:
                return None
            row.answer, row.answered_at, row.answered_by = code, clock.now(), who
            # Once this one is signed in, the account's other deliveries may need no code; or they ask anew.
            others = (QuestionRow.account == row.account, QuestionRow.run != row.run, QuestionRow.answered_at.is_(None))
            session.execute(update(QuestionRow).where(*others).values(answered_at=row.answered_at, answered_by=who))
            session.add(
                DecisionRow(
                    what="answer",
                    delivery_id=row.delivery_id,
                    crm=row.delivery_id.split("/")[1],
                    who=who,
                    why=None,
                    at=row.answered_at,
                )
            )
            return row

    def open_questions(self) -> list[QuestionRow]:
        with self._transaction() as session:
            return list(session.scalars(select(QuestionRow).order_by(QuestionRow.asked_at)))

    def told(self) -> set[str]:
        """The runs whose question a person has answered."""
        with self._transaction() as session:
            return set(session.scalars(select(QuestionRow.run).where(QuestionRow.answered_at.is_not(None))))

    def forget_settled(self) -> None:
        """Nobody need answer for what is closed."""
        closed = (
            select(QuestionRow.run)
            .join(DeliveryRow, DeliveryRow.id == QuestionRow.delivery_id)
            .where(DeliveryRow.state.in_(CLOSED))
        )
        with self._transaction() as session:
            # Looked up first: as a condition it would go through all that was ever closed.
            if settled := session.scalars(closed).all():
                session.execute(delete(QuestionRow).where(QuestionRow.run.in_(settled)))

    def drop_old_codes(self) -> None:
        """A code that nobody has used in time is of no use any more; that the person answered stays."""
        with self._transaction() as session:
            now = clock.now()  # which may have been set back since
            old = or_(QuestionRow.answered_at < now - FRESH, QuestionRow.answered_at > now + FRESH)
            parked = QuestionRow.open_until.is_(None) | (QuestionRow.open_until < now)
            session.execute(update(QuestionRow).where(old, parked, QuestionRow.answer.is_not(None)).values(answer=None))
