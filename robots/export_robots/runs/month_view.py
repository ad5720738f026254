"""The month as an operator sees it: every expected delivery, whose move is next, and what stands in the way of all.

A month may hold tens of thousands of deliveries, so it is read with a fixed number of queries, as plain lines.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session

from export_robots import clock
from export_robots.catalogue import has_robot
from export_robots.outcomes import Outcome
from export_robots.periods import Month, Period
from export_robots.runs.database import database_errors
from export_robots.runs.ledger import CLOSED, Ledger, run_id
from export_robots.runs.machines import DEAD_AFTER
from export_robots.runs.month import missing
from export_robots.runs.operating_tables import CrmRow, DecisionRow, MachineRow, QuestionRow
from export_robots.runs.owners import PEOPLE, Around, NextMove, is_overdue, next_move
from export_robots.runs.subscribed import await_subscribed
from export_robots.runs.tables import DeliveryRow, FileRow, How, RequestRow, State
from export_robots.settings import Settings

_AT_ONCE = 5000  # ids of one statement; databases limit its values


class Line(NamedTuple):
    """A delivery, and its present file where that was asked for. The fields are those of the ledger's rows."""

    id: str
    client: str
    crm: str
    crm_label: str
    rooftop: str | None
    period_start: str
    period_end: str
    again: int
    state: str
    attempt: int
    outcome: str | None
    reasons: list[str]
    next: str | None
    how: str | None
    why: str | None
    due_at: datetime | None
    transient: bool
    retry_at: datetime | None
    changed_at: datetime
    received_path: str | None = None
    received_sha256: str | None = None
    path: str | None = None
    name: str | None = None
    rows: int | None = None
    sha256: str | None = None
    removed_at: datetime | None = None


OF_DELIVERY = [DeliveryRow.__table__.c[name] for name in Line._fields[:19]]
"""What of a delivery's row is the beginning of a `Line`, in this order."""

_OF_FILE = [FileRow.__table__.c[name] for name in Line._fields[19:]]


@dataclass(frozen=True)
class Entry:
    """One line of `robot status`: the delivery, how it ended last, and the next move."""

    line: Line
    outcome: str | None
    reasons: tuple[str, ...]
    move: NextMove
    overdue: bool
    decisions: Sequence[DecisionRow] = ()
    hint: str | None = None
    """What a person may do, although the robot does so by itself where `robot serve` is at work."""

    @property
    def is_closed(self) -> bool:
        return self.line.state in CLOSED

    @property
    def next(self) -> str | None:
        """What a person should do."""
        return self.move.what if self.move.owner in PEOPLE else self.hint or self.line.next

    def as_json(self) -> dict[str, Any]:
        line = self.line
        found = {
            "outcome": self.outcome,
            "client": line.client,
            "crm": line.crm,
            "rooftop": line.rooftop,
            "period": [line.period_start, line.period_end],
            "file": None if line.removed_at else line.path or line.received_path,
            "file_name": line.name,
            "rows": line.rows,
            "sha256": line.sha256 or line.received_sha256,
            "run": run_id(line.id, line.attempt) if line.attempt else None,
            "reasons": list(self.reasons),
            "next": self.next,
            "state": line.state,
            "since": line.changed_at.isoformat(),
            "how": line.how,
            "why": line.why,
            "id": line.id,
            "owner": str(self.move.owner),
            "move": self.move.what or None,
            "due": line.due_at.isoformat() if line.due_at else None,
            "overdue": self.overdue,
            "retry_at": line.retry_at.isoformat() if line.retry_at else None,
            "decisions": [
                {"what": each.what, "who": each.who, "why": each.why, "at": each.at.isoformat()}
                for each in self.decisions
            ],
        }
        if line.again > 1:
            found["again"] = line.again
        return found


@dataclass(frozen=True)
class MonthView:
    """What `robot status` shows of a month. `not_expected`: accounts whose delivery nobody has expected yet."""

    month: Month
    entries: Sequence[Entry]
    stopped: Sequence[CrmRow] = ()
    questions: Sequence[QuestionRow] = ()
    not_expected: int = 0
    is_served: bool = True
    """A `robot serve` is at work on this ledger."""
    counts: Counter[str] = field(default_factory=Counter)
    """Of the entries: `closed`, `person`, `under_way`, `overdue`."""

    @property
    def is_closed(self) -> bool:
        """Everything was expected, and is closed."""
        return bool(self.entries) and not self.not_expected and self.counts["closed"] == len(self.entries)

    @property
    def open_entries(self) -> list[Entry]:
        return [entry for entry in self.entries if not entry.is_closed]

    def summary(self) -> dict[str, int]:
        return {
            "expected": len(self.entries) + self.not_expected,
            "closed": self.counts["closed"],
            "person": self.counts["person"],
            "under_way": self.counts["under_way"],
            "overdue": self.counts["overdue"],
            "not_expected_yet": self.not_expected,
        }


def view_month(
    ledger: Ledger,
    settings: Settings,
    month: Month,
    *,
    client: str | None = None,
    crm: str | None = None,
    with_files: bool = True,
) -> MonthView:
    """The month from the ledger, without what is pursued month by month; `client` and `crm` are keys.

    `with_files`: what is known of each delivery's file, which `Entry.as_json` says and a table does not.

    Subscriptions that are due by now are expected first, so that a missed one shows.
    """
    await_subscribed(ledger, settings)
    now = clock.now()
    with database_errors(), Session(ledger.engine, expire_on_commit=False) as session:
        which = _which(month, client, crm)
        lines = [Line(*row) for row in session.connection().execute(_lines(which, with_files=with_files))]
        untouched = [line.id for line in lines if line.state == State.EXPECTED and not line.attempt]
        mailed = {each.delivery_id: each for some in _parts(untouched) for each in session.scalars(_mailed(some))}
        decisions = defaultdict(list)
        for decision in session.scalars(_made_after(month)):
            decisions[decision.delivery_id].append(decision)
        stopped = list(session.scalars(select(CrmRow).where(CrmRow.stopped_at.is_not(None)).order_by(CrmRow.crm)))
        questions = list(session.scalars(_unanswered(client, crm)))
        alive = select(MachineRow.executor).where(MachineRow.ended_at.is_(None), MachineRow.seen_at > now - DEAD_AFTER)
        is_served = session.scalars(alive).first() is not None
    around = _Surroundings(settings, mailed, {each.crm: each for each in stopped}, questions)
    entries = [around.entry(line, decisions.get(line.id, ()), now) for line in lines]
    last = cache(lambda zone: Period.last_full_month(now, zone).end)
    among = [
        each
        for each in settings.accounts
        if client in (None, each.client_key) and crm in (None, each.crm) and last(each.zone) == month
    ]
    known = {line.id for line in lines}
    not_expected = missing(ledger, settings, now, among=among, there=known)
    return MonthView(
        month,
        entries,
        [each for each in stopped if crm in (None, each.crm)],
        questions,
        sum(each.period.start == month for each in not_expected),
        is_served,
        Counter(_count(entries)),
    )


def _count(entries: Iterable[Entry]) -> Iterable[str]:
    for entry in entries:
        yield "closed" if entry.is_closed else "person" if entry.move.owner in PEOPLE else "under_way"
        if entry.overdue:
            yield "overdue"


class _Surroundings:
    def __init__(
        self,
        settings: Settings,
        mailed: dict[str, RequestRow],
        stopped: dict[str, CrmRow],
        questions: Iterable[QuestionRow],
    ) -> None:
        self._settings = settings
        self._mailed = mailed
        self._stopped = stopped
        self._questions = {each.delivery_id: each for each in questions}
        self._has_robot = cache(has_robot)

    def entry(self, line: Line, decisions: Sequence[DecisionRow], now: datetime) -> Entry:
        if line.state in CLOSED:
            return Entry(line, line.state, tuple(line.reasons), next_move(line), overdue=False, decisions=decisions)
        mailed = self._mailed.get(line.id)
        around = Around(
            has_robot=self._has_robot(line.crm),
            question=self._questions.get(line.id),
            stopped=self._stopped.get(line.crm),
            mailed=mailed,
        )
        outcome, reasons = line.outcome, tuple(line.reasons)
        move = next_move(line, around)
        if outcome is None and not line.attempt and mailed and mailed.deadline_at and mailed.deadline_at <= now:
            outcome, reasons = Outcome.REPORT_LATE, self._missed(line, mailed)
            return Entry(line, outcome, reasons, move, is_overdue(line, now), decisions, hint=move.what)
        return Entry(line, outcome, reasons, move, is_overdue(line, now), decisions)

    def _missed(self, line: Line, mailed: RequestRow) -> tuple[str, ...]:
        client = self._settings.clients.get(line.client)
        rooftop = next((each for each in client.rooftops if each.name == line.rooftop), None) if client else None
        account = rooftop.accounts.get(line.crm) if rooftop else None
        if account is None:
            return ()
        from export_robots.runs.asking import missed_subscription  # here, as it brings all that a run needs

        return (missed_subscription(account, mailed),)


# --- the queries


def _which(month: Month, client: str | None, crm: str | None) -> ColumnElement[bool]:
    # The ends of longer periods are listed: databases find those by an index, and would read years for “or later”.
    ends, this = [month], Month.of(clock.now().date())
    while ends[-1] < this:
        ends.append(ends[-1].plus(1))
    longer = and_(
        DeliveryRow.period_end.in_([str(end) for end in ends]),
        DeliveryRow.period_start < str(month),
    )
    which = and_(or_(DeliveryRow.period_start == str(month), longer), DeliveryRow.split.is_(False))
    if client:
        which = and_(which, DeliveryRow.client == client)
    return and_(which, DeliveryRow.crm == crm) if crm else which


def _lines(which: ColumnElement[bool], *, with_files: bool) -> Select[Any]:
    if with_files:
        query = select(*OF_DELIVERY, *_OF_FILE).outerjoin(FileRow, FileRow.id == DeliveryRow.file_id)
    else:
        query = select(*OF_DELIVERY)
    return query.where(which).order_by(
        DeliveryRow.client, DeliveryRow.crm, DeliveryRow.rooftop, DeliveryRow.period_start, DeliveryRow.again
    )


def _mailed(deliveries: Sequence[str]) -> Select[RequestRow]:
    """What subscriptions are to mail for these deliveries."""
    return select(RequestRow).where(
        RequestRow.delivery_id.in_(deliveries), RequestRow.how == How.SUBSCRIPTION, RequestRow.answered.is_(False)
    )


def _made_after(month: Month) -> Select[DecisionRow]:
    """Decisions about deliveries; nobody decides about a month before it has begun."""
    begun = datetime(month.year, month.number, 1, tzinfo=UTC) - timedelta(days=1)
    return (
        select(DecisionRow)
        .where(DecisionRow.delivery_id.is_not(None), DecisionRow.at >= begun)
        .order_by(DecisionRow.id)
    )


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin in range(0, len(keys), _AT_ONCE):
        yield keys[begin : begin + _AT_ONCE]


def _unanswered(client: str | None, crm: str | None) -> Select[QuestionRow]:
    query = (
        select(QuestionRow)
        .join(DeliveryRow, DeliveryRow.id == QuestionRow.delivery_id)
        .where(QuestionRow.answered_at.is_(None), DeliveryRow.state.not_in(CLOSED))
    )
    if client:
        query = query.where(DeliveryRow.client == client)
    if crm:
        query = query.where(DeliveryRow.crm == crm)
    return query.order_by(QuestionRow.asked_at)
