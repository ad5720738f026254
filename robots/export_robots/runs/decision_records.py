"""People's decisions about a delivery: who and when is written down in the transaction that carries it out."""

from collections.abc import Sequence

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from export_robots import clock
from export_robots.outcomes import Outcome
from export_robots.runs.operating_tables import DecisionRow, QuestionRow, SignInRow
from export_robots.runs.tables import DeliveryRow, FileRow, How, RequestRow, State, UploadRow
from export_robots.runs.transactions import Transactions

_OPEN_POSTS = ("intended", "unconfirmed")
_MAY_BE_THERE = "the portal may have the file: it was posted before the delivery was waived, and never confirmed"


class Decisions(Transactions):
    def waive(self, key: str, who: str, why: str) -> None:
        """It is not wanted: closed without a file."""
        with self._transaction() as session:
            row = session.get_one(DeliveryRow, key)
            row.state, row.outcome = State.WAIVED, Outcome.WAIVED
            row.reasons, row.next, row.evidence = [f"{who} waived it: {why}"], None, None
            row.transient, row.tries, row.retry_at, row.step = False, 0, None, None
            row.closed_at = row.changed_at = clock.now()
            session.execute(delete(QuestionRow).where(QuestionRow.delivery_id == key))
            _note(session, "waive", row, who, why)

    def retry(self, key: str, account: str | None, who: str, why: str | None) -> None:
        """It may be tried again at this moment, as often as at first. A waived one is expected again.

        What the last attempt ended with stays to be read until the next one begins. The sign-ins of `account` (its id)
        do not count against today's any more.
        """
        with self._transaction() as session:
            row = session.get_one(DeliveryRow, key)
            row.changed_at = clock.now()
            row.tries, row.retry_at = 0, None
            if row.state == State.WAIVED:
                _take_up_again(session, row)
            elif row.outcome is not None:
                row.transient, row.retry_at = True, row.changed_at
            if account:
                session.execute(delete(SignInRow).where(SignInRow.account == account))
            _note(session, "retry", row, who, why)

    def confirm(self, key: str, who: str, why: str) -> None:
        """A person saw that the portal has the posted file. What is left to do is to close the delivery."""
        with self._transaction() as session:
            upload = session.scalars(_last_upload(key)).one()
            upload.answer, upload.answered_at = "confirmed", clock.now()
            upload.text = f"{who} saw that the portal has it: {why}"
            _note(session, "confirm", session.get_one(DeliveryRow, key), who, why)

    def decisions(self, key: str) -> Sequence[DecisionRow]:
        """About this delivery, the newest last."""
        query = select(DecisionRow).where(DecisionRow.delivery_id == key).order_by(DecisionRow.id)
        with self._transaction() as session:
            return list(session.scalars(query))


def _last_upload(key: str) -> Select[UploadRow]:
    return select(UploadRow).where(UploadRow.delivery_id == key).order_by(UploadRow.id.desc()).limit(1)


def _take_up_again(session: Session, row: DeliveryRow) -> None:
    """From where it stood when it was waived."""
    row.outcome, row.reasons, row.closed_at = None, [], None
    upload = session.scalars(_last_upload(row.id)).first()
    file = session.get(FileRow, row.file_id) if row.file_id else None
    asked = select(RequestRow).where(
        RequestRow.delivery_id == row.id,
        RequestRow.answered.is_(False),
        RequestRow.requested_at.is_not(None),
        RequestRow.how != How.SUBSCRIPTION,
    )
    if upload and upload.answer in _OPEN_POSTS:
        row.state, row.outcome, row.reasons = State.POSTED, Outcome.UPLOAD_FAILED, [_MAY_BE_THERE]
    elif file and not file.refused:
        row.state = State.COLLECTED
    else:
        row.state = State.REQUESTED if session.scalars(asked).first() else State.EXPECTED


def _note(session: Session, what: str, row: DeliveryRow, who: str, why: str | None) -> None:
    session.add(DecisionRow(what=what, delivery_id=row.id, crm=row.crm, who=who, why=why, at=clock.now()))
