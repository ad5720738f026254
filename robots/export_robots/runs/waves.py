"""What the ledger knows of all open deliveries at once, of each CRM's wave, and of the day's sign-ins."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select

from export_robots import clock
from export_robots.outcomes import Outcome
from export_robots.runs.ledger import CLOSED
from export_robots.runs.operating_tables import CrmRow, DecisionRow, SignInRow
from export_robots.runs.tables import DeliveryRow, FileRow, How, RequestRow, State
from export_robots.runs.transactions import Transactions

_BUDGET_KEPT = timedelta(days=7)
_AT_ONCE = 500  # ids in one question; databases limit its values

Place = tuple[str, str, str | None]
"""Client, CRM, rooftop."""


@dataclass(frozen=True, slots=True)
class OpenDelivery:
    """What a round needs to know of an open delivery, of which it may see thousands: fields of its `DeliveryRow`."""

    id: str
    client: str
    crm: str
    rooftop: str | None
    period_start: str
    period_end: str
    state: str
    outcome: str | None
    step: str | None
    attempt: int
    again: int
    split: bool
    upload: bool
    asked_by: str
    transient: bool
    tries: int
    retry_at: datetime | None
    due_at: datetime | None
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that waits for its report: the fields of its `RequestRow`."""

    id: int
    how: str
    intended_at: datetime
    requested_at: datetime | None
    deadline_at: datetime | None


def place_of(row: DeliveryRow | OpenDelivery) -> Place:
    return row.client, row.crm, row.rooftop


_OF_DELIVERY = [getattr(DeliveryRow, name) for name in OpenDelivery.__slots__]
_OF_REQUEST = [getattr(RequestRow, name) for name in Asked.__slots__]


class Waves(Transactions):
    # --- deliveries

    def open_deliveries(self) -> list[OpenDelivery]:
        query = select(*_OF_DELIVERY).where(DeliveryRow.state.not_in(CLOSED), DeliveryRow.split.is_(False))
        with self._transaction() as session:
            rows = session.execute(query.order_by(DeliveryRow.period_end, DeliveryRow.id))
            return [OpenDelivery(*row) for row in rows]

    def open_requests(self) -> dict[str, list[Asked]]:
        """The unanswered requests of open deliveries, each delivery's oldest first."""
        query = (
            select(RequestRow.delivery_id, *_OF_REQUEST)
            .join(DeliveryRow, DeliveryRow.id == RequestRow.delivery_id)
            .where(RequestRow.answered.is_(False), DeliveryRow.state.not_in(CLOSED))
        )
        found: defaultdict[str, list[Asked]] = defaultdict(list)
        with self._transaction() as session:
            for delivery, *asked in session.execute(query.order_by(RequestRow.id)):
                found[delivery].append(Asked(*asked))
        return found

    def asked_since(self, since: datetime) -> dict[str, datetime]:
        """When we asked for each open delivery last, answered or not, if it was after `since`."""
        query = (
            select(RequestRow.delivery_id, func.max(RequestRow.intended_at))
            .join(DeliveryRow, DeliveryRow.id == RequestRow.delivery_id)
            .where(
                RequestRow.intended_at >= since,
                RequestRow.how != How.SUBSCRIPTION,
                DeliveryRow.state.not_in(CLOSED),
            )
            .group_by(RequestRow.delivery_id)
        )
        with self._transaction() as session:
            return {delivery: last for delivery, last in session.execute(query) if last}

    def mailed_by_subscription(self) -> list[str]:
        """The open deliveries whose report a subscription mails, and that have none yet."""
        query = (
            select(DeliveryRow.id)
            .join(RequestRow, RequestRow.delivery_id == DeliveryRow.id)
            .where(
                RequestRow.answered.is_(False),
                RequestRow.how == How.SUBSCRIPTION,
                DeliveryRow.state.in_((State.EXPECTED, State.REQUESTED)),
            )
        )
        with self._transaction() as session:
            return list(session.scalars(query.distinct().order_by(DeliveryRow.id)))

    def settled_among(self, keys: Sequence[str]) -> set[str]:
        """Which of them are closed, or pursued month by month."""
        settled = or_(DeliveryRow.state.in_(CLOSED), DeliveryRow.split.is_(True))
        found: set[str] = set()
        with self._transaction() as session:
            for begin in range(0, len(keys), _AT_ONCE):
                named = DeliveryRow.id.in_(keys[begin : begin + _AT_ONCE])
                found |= set(session.scalars(select(DeliveryRow.id).where(named, settled)))
        return found

    def delivered_at(self, crm: str) -> dict[Place, datetime]:
        """When each account of this CRM delivered last."""
        query = (
            select(DeliveryRow.client, DeliveryRow.crm, DeliveryRow.rooftop, func.max(DeliveryRow.closed_at))
            .where(DeliveryRow.crm == crm, DeliveryRow.state.in_((State.DELIVERED, State.VERIFIED_EMPTY)))
            .group_by(DeliveryRow.client, DeliveryRow.crm, DeliveryRow.rooftop)
        )
        with self._transaction() as session:
            return {(client, key, rooftop): last for client, key, rooftop, last in session.execute(query) if last}

    # --- a CRM's wave

    def crm(self, crm: str, longest: timedelta) -> CrmRow:
        """The CRM's present wave; a new one begins when the last is older than `longest`."""
        now = clock.now()
        with self._transaction() as session:
            row = session.get(CrmRow, crm)
            if row is None:
                row = CrmRow(crm=crm, wave_from=now, accounts=[])
                session.add(row)
            elif row.stopped_at is None and not now - longest <= row.wave_from <= now:
                # In the future: the clock was set back, and nothing that is done now would count.
                row.wave_from, row.green_at = now, None
            return row

    def accepted_since(self, crm: str, since: datetime) -> datetime | None:
        """When the CRM accepted a request of ours last, if it was after `since`."""
        query = (
            select(func.max(RequestRow.ended_at))
            .join(DeliveryRow, DeliveryRow.id == RequestRow.delivery_id)
            .where(
                DeliveryRow.crm == crm,
                RequestRow.how != How.SUBSCRIPTION,
                RequestRow.requested_at.is_not(None),
                RequestRow.ended_at >= since,
            )
        )
        with self._transaction() as session:
            return session.scalar(query)

    def passed_since(self, crm: str, since: datetime) -> datetime | None:
        """When the last report came that was asked for after `since`, by us, and has passed its checks.

        Not what a subscription mailed, a person brought, or a person released: none of them shows that the next one
        will come by itself.
        """
        query = (
            select(func.max(FileRow.received_at))
            .join(RequestRow, RequestRow.id == FileRow.request_id)
            .join(DeliveryRow, DeliveryRow.id == RequestRow.delivery_id)
            .where(
                DeliveryRow.crm == crm,
                RequestRow.how != How.SUBSCRIPTION,
                RequestRow.intended_at >= since,
                FileRow.refused.is_(False),
                FileRow.name.is_not(None),  # which it is given once it has passed
                FileRow.source != "by hand",
                FileRow.mail["released_by"].as_string().is_(None),
            )
        )
        with self._transaction() as session:
            last = session.scalar(query)
            row = session.get(CrmRow, crm)
            if last and row and row.green_at is None:
                row.green_at = last
            return last

    def stop(self, crm: str, signature: str, failed: Sequence[str], wave_from: datetime) -> bool:
        """Stop the CRM for what these deliveries met. False: a new wave has begun meanwhile, or it is stopped."""
        with self._transaction() as session:
            row = session.get_one(CrmRow, crm, with_for_update=True)
            if row.stopped_at or row.wave_from != wave_from:
                return False
            last = session.get(DeliveryRow, failed[-1])
            row.stopped_at = clock.now()
            row.signature = signature
            row.saw = last.reasons[0] if last and last.reasons else None
            row.accounts = list(failed)
            return True

    def resume(self, crm: str, who: str, why: str | None) -> list[str] | None:
        """Go on with a new wave. What stopped it is forgotten for the deliveries that it hit, which are returned.

        None: the CRM was not stopped.
        """
        now = clock.now()
        with self._transaction() as session:
            row = session.get(CrmRow, crm)
            if row is None or row.stopped_at is None:
                return None
            hit = [str(each) for each in row.accounts]
            for key in hit:
                delivery = session.get(DeliveryRow, key)
                if delivery and delivery.outcome == Outcome.REPORT_LATE:
                    # Not untried again, or its old request would be late once more at once.
                    delivery.transient, delivery.tries, delivery.retry_at = True, 0, now
                    delivery.changed_at = now
                elif delivery and delivery.state in (State.EXPECTED, State.REQUESTED):
                    delivery.outcome, delivery.reasons, delivery.next, delivery.step = None, [], None, None
                    delivery.transient, delivery.tries, delivery.retry_at = False, 0, None
                    delivery.changed_at = now
            row.wave_from, row.green_at, row.stopped_at = now, None, None
            row.signature, row.saw, row.accounts = None, None, []
            session.add(DecisionRow(what="resume", delivery_id=None, crm=crm, who=who, why=why, at=now))
            return hit

    def stopped(self) -> list[CrmRow]:
        query = select(CrmRow).where(CrmRow.stopped_at.is_not(None)).order_by(CrmRow.crm)
        with self._transaction() as session:
            return list(session.scalars(query))

    # --- sign-ins

    def note_sign_in(self, account: str, run: str) -> None:
        with self._transaction() as session:
            session.add(SignInRow(account=account, at=clock.now(), run=run))

    def sign_ins(self, since: datetime) -> dict[str, list[datetime]]:
        """When each account signed in since then."""
        found: defaultdict[str, list[datetime]] = defaultdict(list)
        with self._transaction() as session:
            session.execute(delete(SignInRow).where(SignInRow.at < clock.now() - _BUDGET_KEPT))
            for account, at in session.execute(select(SignInRow.account, SignInRow.at).where(SignInRow.at >= since)):
                found[account].append(at)
        return found
