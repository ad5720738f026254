"""The ledger: what is expected, and how far each delivery has come. Every method is one transaction.

What the methods hand out are rows detached from the database: they can be read anywhere and change nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, and_, or_, select, update
from sqlalchemy.orm import Session

from export_robots import clock
from export_robots.outcomes import AccountBusy, Outcome
from export_robots.periods import Month, Period
from export_robots.runs.decision_records import Decisions
from export_robots.runs.expected import Expectations, Expected
from export_robots.runs.sign_in_records import SignInRecords
from export_robots.runs.subscriptions import Subscriptions
from export_robots.runs.tables import (
    DeliveryRow,
    FileRow,
    How,
    RequestRow,
    State,
    UploadRow,
)

if TYPE_CHECKING:
    from export_robots.robot import ReportRequest
    from export_robots.runs.month_view import Line
    from export_robots.runs.waves import OpenDelivery

CLOSED = (State.DELIVERED, State.VERIFIED_EMPTY, State.WAIVED)
_UNFIT = re.compile(r"[/\\\x00-\x1f]+")


def delivery_id(client: str, crm: str, rooftop: str | None, period: Period, again: int = 1) -> str:
    """`abc/activix/2026-10`, or `abc/activix/2026-03..2026-04/ABC Autos North`; never another one for the same.

    What was asked for again is `abc/activix/2026-10~2`.
    """
    months = str(period.start) if period.start == period.end else f"{period.start}..{period.end}"
    months += f"~{again}" if again > 1 else ""
    place = f"/{_UNFIT.sub('-', rooftop)}" if rooftop else ""
    return f"{client}/{crm}/{months}{place}"


def run_id(delivery: str, attempt: int) -> str:
    return f"{delivery}#{attempt}"


def delivery_of_run(run: str) -> str:
    return run.rpartition("#")[0]


def period_of(delivery: DeliveryRow) -> Period:
    return Period(Month.parse(delivery.period_start), Month.parse(delivery.period_end))


def months_option(delivery: "DeliveryRow | Line | OpenDelivery") -> str:
    """The delivery's months and rooftop as options of a command."""
    one = delivery.period_start == delivery.period_end
    months = f"--month {delivery.period_start}" if one else f"--from {delivery.period_start} --to {delivery.period_end}"
    return months + (f' --rooftop "{delivery.rooftop}"' if delivery.rooftop else "")


@dataclass(frozen=True)
class Ending:
    """How an attempt ended, in the words that the operator will read."""

    outcome: Outcome
    reasons: tuple[str, ...] = ()
    next: str | None = None
    evidence: str | None = None
    step: str | None = None
    """In which step it failed, in the robot's words."""
    retry_at: datetime | None = None
    """Set: what ended it may pass by itself, and it may be tried again then."""


def _open_requests(key: str) -> Select[RequestRow]:
    query = select(RequestRow).where(RequestRow.delivery_id == key, RequestRow.answered.is_(False))
    return query.order_by(RequestRow.id)


def _could_answer(requests: Sequence[RequestRow], mail: dict[str, Any] | None) -> list[RequestRow]:
    """What a report may be the answer to, the likeliest last: nothing that was asked for after its mail had come."""
    accepted = [request for request in requests if request.requested_at] or list(requests)
    accepted.sort(key=lambda request: request.requested_at or request.intended_at)
    if not mail or not mail.get("received"):
        return accepted
    from report_mailbox.matching import CLOCK_TOLERANCE  # here, for `robot status` to be quick

    came = datetime.fromisoformat(mail["received"]) + CLOCK_TOLERANCE
    return [request for request in accepted if came >= (request.requested_at or request.intended_at)] or accepted[:1]


class Ledger(Decisions, Expectations, SignInRecords, Subscriptions):
    # --- expected deliveries

    def expect(
        self,
        client: str,
        crm: str,
        label: str,
        rooftop: str | None,
        period: Period,
        *,
        again: int = 1,
        due_at: datetime | None = None,
    ) -> DeliveryRow:
        """The expected delivery, created unless it is there already.

        `due_at`: when it should be closed; a time that it has already stays.
        """
        key = delivery_id(client, crm, rooftop, period, again)
        self.expect_all([Expected(key, client, crm, label, rooftop, period, again, due_at)])
        return self.delivery(key)

    def delivery(self, key: str) -> DeliveryRow:
        with self._transaction() as session:
            return session.get_one(DeliveryRow, key)

    def find(self, key: str) -> DeliveryRow | None:
        with self._transaction() as session:
            return session.get(DeliveryRow, key)

    def deliveries(self, month: Month | None = None) -> list[DeliveryRow]:
        """Those whose period holds `month`, or all, in the order of their ids."""
        query = select(DeliveryRow).order_by(DeliveryRow.id)
        if month:
            query = query.where(DeliveryRow.period_start <= str(month), DeliveryRow.period_end >= str(month))
        with self._transaction() as session:
            return list(session.scalars(query))

    def times(self, row: DeliveryRow) -> list[DeliveryRow]:
        """The same period of the same rooftop, each time it was asked for, the first time first."""
        query = select(DeliveryRow).where(
            DeliveryRow.client == row.client,
            DeliveryRow.crm == row.crm,
            DeliveryRow.rooftop.is_(None) if row.rooftop is None else DeliveryRow.rooftop == row.rooftop,
            DeliveryRow.period_start == row.period_start,
            DeliveryRow.period_end == row.period_end,
        )
        with self._transaction() as session:
            return list(session.scalars(query.order_by(DeliveryRow.again)))

    def waiting(self) -> list[DeliveryRow]:
        """Those whose report the CRM was asked for or mails by itself, and those that a dead run left with theirs."""
        unfinished = and_(DeliveryRow.state == State.COLLECTED, DeliveryRow.outcome.is_(None))
        subscribed = select(RequestRow.delivery_id).where(
            RequestRow.answered.is_(False), RequestRow.how == How.SUBSCRIPTION
        )
        mailed = and_(DeliveryRow.state == State.EXPECTED, DeliveryRow.id.in_(subscribed))
        query = select(DeliveryRow).where(or_(DeliveryRow.state == State.REQUESTED, unfinished, mailed))
        with self._transaction() as session:
            return list(session.scalars(query.order_by(DeliveryRow.id)))

    def begin_attempt(self, key: str, *, upload: bool, asked_by: str | None = None, why: str | None = None) -> int:
        """Count one more attempt, which is to upload or not, and return its number.

        `asked_by` and `why`: how the CRM is to be asked, if it is (a `How`); None leaves that as it was.
        """
        with self._transaction() as session:
            row = session.get_one(DeliveryRow, key)
            row.attempt += 1
            row.upload = upload
            if asked_by:
                row.asked_by, row.why = asked_by, why
            row.outcome, row.reasons, row.next, row.evidence = None, [], None, None
            row.changed_at = clock.now()
            return row.attempt

    def end_attempt(self, key: str, ending: Ending) -> None:
        with self._transaction() as session:
            row = session.get_one(DeliveryRow, key)
            row.outcome = ending.outcome
            row.reasons = list(ending.reasons)
            row.next, row.evidence, row.step = ending.next, ending.evidence, ending.step
            row.transient, row.retry_at = ending.retry_at is not None, ending.retry_at
            row.tries = row.tries + 1 if ending.retry_at else 0
            row.changed_at = clock.now()

    def approve(self, key: str, received_sha256: str) -> None:
        """A person's word that this file may be sent, although another one was delivered before."""
        with self._transaction() as session:
            session.get_one(DeliveryRow, key).approved = received_sha256

    def split(self, key: str) -> None:
        """The CRM takes no range this long: this delivery is pursued month by month."""
        with self._transaction() as session:
            session.get_one(DeliveryRow, key).split = True

    def close(self, key: str, state: State, how: str, why: str | None = None) -> None:
        with self._transaction() as session:
            row = session.get_one(DeliveryRow, key)
            row.state, row.how, row.why = state, how, why
            row.closed_at = row.changed_at = clock.now()

    # --- requests

    def intend_request(self, key: str, attempt: int, how: str = How.EXPORT, why: str | None = None) -> int:
        """Note that the CRM is about to be asked; the number is for `end_request`."""
        with self._transaction() as session:
            row = RequestRow(delivery_id=key, attempt=attempt, how=how, why=why, intended_at=clock.now())
            session.add(row)
            self._move(session, key, State.REQUESTED, over=(State.EXPECTED, State.COLLECTED))
            session.flush()
            return row.id

    def change_request(self, number: int, how: str, why: str | None) -> None:
        """The CRM is asked in another way than was meant."""
        with self._transaction() as session:
            row = session.get_one(RequestRow, number)
            row.how, row.why = how, why

    def end_request(self, number: int, request: "ReportRequest | None", deadline_at: datetime | None) -> None:
        """The CRM has accepted, or (`request` None) the robot came back without its acknowledgement."""
        with self._transaction() as session:
            row = session.get_one(RequestRow, number)
            row.ended_at = clock.now()
            if request is None:
                self._move(session, row.delivery_id, State.EXPECTED, over=(State.REQUESTED,))
                return
            row.requested_at, row.deadline_at = request.requested_at, deadline_at
            row.account = request.account
            row.first, row.last = request.first.isoformat(), request.last.isoformat()
            row.rows_shown, row.says_empty = request.rows_shown, request.says_empty
            row.acknowledgement, row.settings = request.acknowledgement, dict(request.settings)

    def requests(self, key: str) -> Sequence[RequestRow]:
        """This delivery's requests that no report has answered yet, the newest last."""
        with self._transaction() as session:
            return list(session.scalars(_open_requests(key)))

    def request(self, number: int | None) -> RequestRow | None:
        if number is None:
            return None
        with self._transaction() as session:
            return session.get(RequestRow, number)

    def answer_requests(self, key: str) -> None:
        """What came in answer is no report at all: the CRM has to be asked anew."""
        with self._transaction() as session:
            for request in session.scalars(_open_requests(key)):
                request.answered = True
            self._move(session, key, State.EXPECTED, over=(State.REQUESTED,))

    # --- files

    def add_file(self, key: str, *, source: str, path: str, sha256: str, mail: dict[str, Any] | None = None) -> FileRow:
        """A report has come for this delivery. The same bytes for the same requests are the same report."""
        with self._transaction() as session:
            delivery = session.get_one(DeliveryRow, key)
            open_requests = list(session.scalars(_open_requests(key)))
            current = session.get(FileRow, delivery.file_id) if delivery.file_id else None
            if current and current.received_sha256 == sha256 and not open_requests and not current.refused:
                return current
            asked = _could_answer(open_requests, mail)
            row = FileRow(
                delivery_id=key,
                request_id=asked[-1].id if asked else None,
                source=source,
                received_path=path,
                received_sha256=sha256,
                received_at=clock.now(),
                mail=mail or {},
            )
            session.add(row)
            session.flush()
            for request in open_requests:
                request.answered = True
            delivery.file_id = row.id
            self._move(session, key, State.COLLECTED, over=(State.EXPECTED, State.REQUESTED, State.COLLECTED))
            return row

    def file(self, key: str) -> FileRow | None:
        """The delivery's present file, if it has one."""
        with self._transaction() as session:
            number = session.get_one(DeliveryRow, key).file_id
            return session.get(FileRow, number) if number else None

    def update_file(self, number: int, **values: Any) -> None:
        with self._transaction() as session:
            session.execute(update(FileRow).where(FileRow.id == number).values(**values))

    def refuse_file(self, key: str) -> None:
        """The present file must not be sent on (it stays on disk): the report has to be asked for again."""
        with self._transaction() as session:
            delivery = session.get_one(DeliveryRow, key)
            session.get_one(FileRow, delivery.file_id).refused = True
            self._move(session, key, State.EXPECTED)

    def knows_any(self) -> bool:
        """Whether any delivery was ever expected here."""
        with self._transaction() as session:
            return session.scalar(select(DeliveryRow.id).limit(1)) is not None

    def delivered_before(self, delivery: DeliveryRow) -> dict[str, str]:
        """Hash to period of what the same rooftop's other periods have delivered."""
        query = (
            select(FileRow.received_sha256, DeliveryRow.period_start, DeliveryRow.period_end)
            .join(DeliveryRow, DeliveryRow.file_id == FileRow.id)
            .where(
                DeliveryRow.client == delivery.client,
                DeliveryRow.crm == delivery.crm,
                DeliveryRow.id.not_in([each.id for each in self.times(delivery)]),
                DeliveryRow.state == State.DELIVERED,
            )
        )
        with self._transaction() as session:
            return {
                sha256: str(Period(Month.parse(start), Month.parse(end)))
                for sha256, start, end in session.execute(query)
            }

    # --- uploads

    def intend_upload(self, key: str, file: FileRow) -> int:
        """Note, before the click that posts, that this very file is about to be posted.

        Raises `AccountBusy` if another run has got there first, although that one should not be at it.
        """
        with self._transaction() as session:
            session.get_one(DeliveryRow, key, with_for_update=True)
            posted = select(UploadRow.id).where(
                UploadRow.delivery_id == key,
                or_(
                    UploadRow.answer == "intended",
                    and_(UploadRow.answer == "confirmed", UploadRow.sha256 == file.sha256),
                ),
            )
            if session.scalar(posted.limit(1)):
                raise AccountBusy(f"another run is just posting, or has posted, the file of {key}")
            row = UploadRow(
                delivery_id=key, file_id=file.id, sha256=file.sha256, intended_at=clock.now(), answer="intended"
            )
            session.add(row)
            self._move(session, key, State.POSTED)
            session.flush()
            return row.id

    def answer_upload(self, number: int, answer: str, text: str | None, reference: str | None = None) -> None:
        """`confirmed`, `refused` (the portal says that it does not have it) or `unconfirmed` (nobody knows)."""
        with self._transaction() as session:
            row = session.get_one(UploadRow, number)
            row.answer, row.text, row.reference, row.answered_at = answer, text, reference, clock.now()

    def settle_upload(self, key: str) -> None:
        """The portal does not have the file, for certain or by a person's word: it may be posted again."""
        with self._transaction() as session:
            session.execute(
                update(UploadRow)
                .where(UploadRow.delivery_id == key, UploadRow.answer != "confirmed")
                .values(answer="settled")
            )
            self._move(session, key, State.COLLECTED, over=(State.POSTED,))

    def last_upload(self, key: str) -> UploadRow | None:
        query = select(UploadRow).where(UploadRow.delivery_id == key).order_by(UploadRow.id.desc()).limit(1)
        with self._transaction() as session:
            return session.scalar(query)

    def _move(self, session: Session, key: str, state: State, over: tuple[State, ...] = ()) -> None:
        row = session.get_one(DeliveryRow, key)
        if not over or row.state in over:
            row.state, row.changed_at = state, clock.now()
