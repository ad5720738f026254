"""What the ledger knows of all open deliveries at once, of each CRM's wave, and of the day's sign-ins."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select

from export_robots import clock
from export_robots.runs.ledger import CLOSED
from export_robots.runs.operating_tables import CrmRow, DecisionRow, SignInRow
from export_robots.runs.tables import DeliveryRow, How, RequestRow, State
from export_robots.runs.transactions import Transactions

_BUDGET_KEPT = timedelta(days=7)

Place = tuple[str, str, str | None]
"""Client, CRM, rooftop."""


def place_of(row: DeliveryRow) -> Place:
    return row.client, row.crm, row.rooftop


class Waves(Transactions):
    # --- deliveries

    def open_deliveries(self) -> list[DeliveryRow]:
        query = select(DeliveryRow).where(DeliveryRow.state.not_in(CLOSED), DeliveryRow.split.is_(False))
        with self._transaction() as session:
            return list(session.scalars(query.order_by(DeliveryRow.period_end, DeliveryRow.id)))

    def open_requests(self) -> dict[str, list[RequestRow]]:
        """The unanswered requests of open deliveries, each delivery's oldest first."""
        query = (
            select(RequestRow)
            .join(DeliveryRow, DeliveryRow.id == RequestRow.delivery_id)
            .where(RequestRow.answered.is_(False), DeliveryRow.state.not_in(CLOSED))
        )
        found: defaultdict[str, list[RequestRow]] = defaultdict(list)
        with self._transaction() as session:
            for request in session.scalars(query.order_by(RequestRow.id)):
                found[request.delivery_id].append(request)
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
            elif row.stopped_at is None and row.wave_from < now - longest:
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
            last = session.scalar(query)
            row = session.get(CrmRow, crm)
            if last and row and row.green_at is None:
                row.green_at = last
            return last

    def stop(self, crm: str, signature: str, failed: Sequence[DeliveryRow]) -> None:
        with self._transaction() as session:
            row = session.get_one(CrmRow, crm)
            row.stopped_at = clock.now()
            row.signature = signature
            row.saw = failed[-1].reasons[0] if failed[-1].reasons else None
            row.accounts = [each.id for each in failed]

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
                if delivery and delivery.state in (State.EXPECTED, State.REQUESTED):
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
