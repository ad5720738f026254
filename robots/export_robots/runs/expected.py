"""How expected deliveries come into the ledger: one at a time for a command, thousands at once for a month."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import bindparam, select, update

from export_robots import clock
from export_robots.periods import Month, Period
from export_robots.runs.tables import DeliveryRow, How, State
from export_robots.runs.transactions import Transactions

_AT_ONCE = 500  # rows of one statement; databases limit its values

T = TypeVar("T")


@dataclass(frozen=True)
class Expected:
    """What is to be expected; `id` is `ledger.delivery_id` of the rest, `due_at` aware."""

    id: str
    client: str
    crm: str
    label: str
    rooftop: str | None
    period: Period
    again: int = 1
    due_at: datetime | None = None


@dataclass(frozen=True)
class Known:
    """A delivery that the ledger knows, as far as it says which months are expected already."""

    client: str
    crm: str
    rooftop: str | None
    start: Month
    end: Month
    created_at: datetime
    covers: bool
    """It is pursued as a whole, and wanted."""


class Expectations(Transactions):
    def expect_all(self, wanted: Iterable[Expected]) -> list[str]:
        """Create those that are not there, and return their ids; the others get their `due_at` if they have none."""
        late = (
            update(DeliveryRow.__table__)  # type: ignore[arg-type]  # a mapped class's table is a Table
            .where(DeliveryRow.id == bindparam("key"), DeliveryRow.due_at.is_(None))
            .values(due_at=bindparam("due"))
        )
        made: list[str] = []
        # In one order everywhere: two machines that expect the same month would wait for each other for ever.
        for some in _parts(sorted(wanted, key=lambda each: each.id)):
            with self._transaction() as session:
                new = self._insert_unless_there(DeliveryRow).returning(DeliveryRow.id)
                created = set(session.scalars(new, [_values(each) for each in some]))
                made += created
                known = [
                    {"key": each.id, "due": each.due_at} for each in some if each.due_at and each.id not in created
                ]
                if known:
                    session.connection().execute(late, known)
        return sorted(made)

    def expected_of(self, months: Iterable[Month]) -> set[str]:
        """The ids of what is expected of these single months by a time."""
        query = select(DeliveryRow.id).where(
            DeliveryRow.period_start.in_([str(month) for month in months]),
            DeliveryRow.period_end == DeliveryRow.period_start,
            DeliveryRow.due_at.is_not(None),
        )
        with self._transaction() as session:
            return set(session.scalars(query))

    def known_of(self, clients: Sequence[str]) -> Iterator[Known]:
        """All these clients' deliveries, without those asked for again."""
        query = select(
            DeliveryRow.client,
            DeliveryRow.crm,
            DeliveryRow.rooftop,
            DeliveryRow.period_start,
            DeliveryRow.period_end,
            DeliveryRow.created_at,
            DeliveryRow.split,
            DeliveryRow.state,
        ).where(DeliveryRow.again == 1)
        for some in _parts(clients):
            with self._transaction() as session:
                for client, crm, rooftop, start, end, created_at, split, state in session.execute(
                    query.where(DeliveryRow.client.in_(some))
                ):
                    covers = not split and state != State.WAIVED
                    yield Known(client, crm, rooftop, Month.parse(start), Month.parse(end), created_at, covers)

    def deliveries_of(self, client: str, crm: str, period: Period) -> list[DeliveryRow]:
        """Those that lie within the period, rooftop by rooftop, the first time first."""
        query = select(DeliveryRow).where(
            DeliveryRow.client == client,
            DeliveryRow.crm == crm,
            DeliveryRow.period_start >= str(period.start),
            DeliveryRow.period_end <= str(period.end),
        )
        with self._transaction() as session:
            return list(
                session.scalars(query.order_by(DeliveryRow.rooftop, DeliveryRow.period_start, DeliveryRow.again))
            )

    def deliveries_named(self, keys: Sequence[str]) -> list[DeliveryRow]:
        """In the order of their ids."""
        found: list[DeliveryRow] = []
        for some in _parts(sorted(keys)):
            with self._transaction() as session:
                found += session.scalars(select(DeliveryRow).where(DeliveryRow.id.in_(some)).order_by(DeliveryRow.id))
        return found


def _parts(whole: Sequence[T]) -> Iterator[Sequence[T]]:
    for begin in range(0, len(whole), _AT_ONCE):
        yield whole[begin : begin + _AT_ONCE]


def _values(wanted: Expected) -> dict[str, object]:
    now = clock.now()
    return {
        "id": wanted.id,
        "client": wanted.client,
        "crm": wanted.crm,
        "crm_label": wanted.label,
        "rooftop": wanted.rooftop,
        "period_start": str(wanted.period.start),
        "period_end": str(wanted.period.end),
        "again": wanted.again,
        "split": False,
        "asked_by": How.EXPORT,
        "state": State.EXPECTED,
        "attempt": 0,
        "upload": True,
        "reasons": [],
        "due_at": wanted.due_at,
        "transient": False,
        "tries": 0,
        "created_at": now,
        "changed_at": now,
    }
