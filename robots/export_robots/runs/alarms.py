"""What the ledger says that a person has to know: found by looking, so that nothing is missed by having been off.

An alarm's key holds what it is about, the day, and about how many it is about (1, 2, 4, 8 ...): what stands comes once
a day, and what spreads comes again as it spreads, never once for each account.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session

from export_robots.catalogue import robot_class
from export_robots.outcomes import Outcome
from export_robots.periods import Month
from export_robots.runs.ledger import CLOSED, months_option
from export_robots.runs.month_view import OF_DELIVERY, Line
from export_robots.runs.operating_tables import CrmRow, QuestionRow
from export_robots.runs.owners import PEOPLE, Around, NextMove, Owner, next_move
from export_robots.runs.tables import DeliveryRow, How, State
from export_robots.runs.transactions import Transactions
from export_robots.runs.waves import OpenDelivery

ALARM, SUMMARY = "alarm", "summary"

_MONTHS = 3  # what is still open of an older month has been told daily for as long
_NAMED = 20  # deliveries in one notice
_WAYS = (How.SUBSCRIPTION, How.EXPORT, How.REPULL, How.BY_HAND, How.UNCHANGED)
_EACH = 3  # so many codes are asked for by a notice each
_WELL = tuple(outcome for outcome in Outcome if outcome.succeeded)


@dataclass(frozen=True)
class Alarm:
    key: str
    title: str
    text: str
    kind: str = ALARM


def found(ledger: Transactions, now: datetime, whole: Month | None = None) -> list[Alarm]:
    """Everything that is to be told as things stand, the most urgent first.

    `whole`: the last month of which all is expected that will be; what comes after it cannot be closed yet.
    """
    return _Look(ledger.engine).all(now, whole)


def of_the_mailbox(trouble: str, now: datetime) -> Alarm:
    text = f"`robot doctor` looks for the cause. {trouble}.\nReports that are mailed stay where they are until then."
    return Alarm(f"mailbox/{_day(now)}", "no mail can be collected", text)


def of_strangers(rows: Sequence[OpenDelivery], now: datetime) -> Iterator[Alarm]:
    """Open deliveries whose account the configuration does not name, so that nobody goes on with them."""
    oldest = str(Month.of(now.date()).plus(-_MONTHS))
    lost = [row for row in rows if row.period_end >= oldest and (row.outcome is None or row.transient)]
    if not lost:
        return
    first = lost[0]
    waive = f"`robot waive {first.crm} --client {first.client} {months_option(first)} --reason TEXT`"
    lines = _list([row.id for row in lost], len(lost))
    text = "\n".join(
        [f"Name the account and its rooftop again as before, or close what is not wanted: {waive}.", *lines]
    )
    title = f"{_deliveries(len(lost))} of accounts that the configuration does not name"
    yield Alarm(f"stranger/{_day(now)}/{_about(len(lost))}", title, text)


def of_failures(failed: Mapping[str, str], now: datetime) -> Iterator[Alarm]:
    """What a round could not do, and what stood in its way."""
    if not failed:
        return
    todo = "Look for the cause with `robot doctor` and in the log of `robot serve`, which tries it each minute."
    text = "\n".join([todo, *_list([f"{what}: {saw}" for what, saw in failed.items()], len(failed))])
    title = f"the robot cannot go on with {next(iter(failed))}"
    more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
    yield Alarm(f"failed/{_day(now)}/{_about(len(failed))}", title + more, text)


def summary(ledger: Transactions, month: Month) -> str:
    """How the month stands, and a line for each CRM, with what is not closed by outcome."""
    return _Look(ledger.engine).summary(month)


class _Look(Transactions):
    def all(self, now: datetime, whole: Month | None) -> list[Alarm]:
        with self._transaction() as session:
            stopped = {each.crm: each for each in session.scalars(select(CrmRow).where(CrmRow.stopped_at.is_not(None)))}
            asked = list(session.scalars(select(QuestionRow).where(QuestionRow.answered_at.is_(None))))
            known = _Known(stopped, {each.delivery_id: each for each in asked})
            return [
                *(_of_crm(session, each) for _, each in sorted(stopped.items())),
                *_of_questions(asked, now),
                *_waiting_for_people(session, now, known),
                *_overdue(session, now, known),
                *_months(session, now, known, str(whole or Month.of(now.date()))),
            ]

    def summary(self, month: Month) -> str:
        with self._transaction() as session:
            return _summary(session, month)


@dataclass(frozen=True)
class _Known:
    """What is told by itself: stopped CRMs by their keys, questions by their deliveries."""

    stopped: dict[str, CrmRow]
    questions: dict[str, QuestionRow]

    def is_told(self, row: Line) -> bool:
        return row.id in self.questions or (row.crm in self.stopped and row.id in self.stopped[row.crm].accounts)

    def move(self, row: Line) -> NextMove:
        has_robot = robot_class(row.crm) is not None
        return next_move(row, Around(has_robot, self.questions.get(row.id), self.stopped.get(row.crm)))


def _of_crm(session: Session, row: CrmRow) -> Alarm:
    label = session.scalar(select(DeliveryRow.crm_label).where(DeliveryRow.crm == row.crm).limit(1)) or row.crm
    untried = session.scalar(
        select(func.count())
        .select_from(DeliveryRow)
        .where(DeliveryRow.crm == row.crm, _open(), DeliveryRow.outcome.is_(None))
    )
    text = [
        f"Have the cause mended, then: `robot resume {row.crm}` goes on from here.",
        f"The same failure on {len(row.accounts)} accounts: {row.signature}.",
        *([f"What was seen: {row.saw}"] if row.saw else []),
        f"Not tried: {untried}.",
        *_list([str(each) for each in row.accounts], len(row.accounts)),
    ]
    assert row.stopped_at
    return Alarm(f"stopped/{row.crm}/{row.stopped_at:%Y%m%dT%H%M%S}", f"{label} is stopped", "\n".join(text))


def _of_questions(asked: Sequence[QuestionRow], now: datetime) -> Iterator[Alarm]:
    """A few one by one; of many, each hour how many there are."""
    if len(asked) <= _EACH:
        yield from (_of_question(each) for each in asked)
        return
    lines = _list([f"{each.saw}: `robot answer '{each.run}' CODE`" for each in asked], len(asked))
    text = "\n".join(["Have the codes told, each with its command:", *lines])
    yield Alarm(f"codes/{now:%Y-%m-%dT%H}/{_about(len(asked))}", f"{len(asked)} sign-in codes are needed", text)


def _of_question(row: QuestionRow) -> Alarm:
    text = f"Answer with: robot answer '{row.run}' CODE\n{row.account}: {row.saw}.\n" + (
        f"The page is kept open until {row.open_until:%H:%M} UTC." if row.open_until else "The page is closed."
    )
    title = f"a sign-in code is needed for {row.delivery_id}"
    return Alarm(f"code/{row.run}/{row.asked_at:%Y%m%dT%H%M%S}", title, text)


@dataclass
class _Group:
    """So many deliveries of one kind, and the first ones of them."""

    rows: list[Line] = field(default_factory=list)
    number: int = 0

    def add(self, row: Line) -> None:
        self.number += 1
        if len(self.rows) < _NAMED:
            self.rows.append(row)

    @property
    def label(self) -> str:
        return self.rows[0].crm_label

    @property
    def lines(self) -> str:
        return "\n".join(_list([f"{row.id}: {row.outcome or row.state}" for row in self.rows], self.number))


def _waiting_for_people(session: Session, now: datetime, known: _Known) -> Iterator[Alarm]:
    """What ended in a way that does not pass by itself, by CRM, outcome and whose move it is."""
    needs = and_(
        DeliveryRow.outcome.is_not(None),
        or_(DeliveryRow.outcome.not_in(_WELL), DeliveryRow.next.is_not(None)),
        DeliveryRow.transient.is_(False),
        DeliveryRow.retry_at.is_(None),
    )
    groups: defaultdict[tuple[str, str, Owner], _Group] = defaultdict(_Group)
    for row in _open_rows(session, now, needs):
        owner = known.move(row).owner
        if owner in PEOPLE and not known.is_told(row):
            groups[row.crm, row.outcome or "", owner].add(row)
    for (crm, outcome, owner), group in groups.items():
        title = f"{group.label}: {outcome} on {_deliveries(group.number)}; next move: {owner}"
        # One account's advice is right for that one.
        each = f"`robot status --crm {crm} --open` says what to do about each."
        todo = known.move(group.rows[0]).what if group.number == 1 else each
        yield Alarm(
            f"person/{crm}/{outcome}/{owner}/{_day(now)}/{_about(group.number)}", title, f"{todo}\n{group.lines}"
        )


def _overdue(session: Session, now: datetime, known: _Known) -> Iterator[Alarm]:
    groups: defaultdict[tuple[str, str, Owner], _Group] = defaultdict(_Group)
    for row in _open_rows(session, now, DeliveryRow.due_at < now):
        groups[row.period_end, row.crm, known.move(row).owner].add(row)
    for (month, crm, owner), group in groups.items():
        title = f"{group.label}: {_deliveries(group.number)} of {month} overdue; next move: {owner}"
        says = f"`robot status --month {month} --crm {crm} --open` says"
        todo = f"{says} what to do about each." if owner in PEOPLE else f"The robot goes on by itself; {says} when."
        text = f"{todo}\n{group.lines}"
        yield Alarm(f"overdue/{month}/{crm}/{owner}/{_day(now)}/{_about(group.number)}", title, text)


def _months(session: Session, now: datetime, known: _Known, whole: str) -> Iterator[Alarm]:
    """A month that is closed, once; one in which nothing moves any more without a person, once a day."""
    query = select(
        DeliveryRow.period_end,
        DeliveryRow.crm,
        func.count(),
        func.sum(case((_open(), 1), else_=0)),
        func.sum(case((and_(_open(), _moves()), 1), else_=0)),
    ).where(_recent(now))
    counts: dict[str, tuple[int, int, int]] = {}
    for month, crm, every, still_open, moving in session.execute(
        query.group_by(DeliveryRow.period_end, DeliveryRow.crm)
    ):
        by_itself = 0 if crm in known.stopped or robot_class(crm) is None else moving
        before = counts.get(month, (0, 0, 0))
        counts[month] = (before[0] + every, before[1] + still_open, before[2] + by_itself)
    for month, (every, still_open, moving) in sorted(counts.items()):
        text = _summary(session, Month.parse(month)) if not moving else ""
        each = f"`robot status --month {month} --open` says what to do about each."
        if not still_open and month <= whole:
            yield Alarm(f"closed/{month}", f"{month} is closed: {_deliveries(every)}", text, SUMMARY)
        elif still_open and not moving:
            title = f"{month} stands still: {still_open} of {_deliveries(every)} wait for a person"
            yield Alarm(f"stalled/{month}/{_day(now)}", title, f"{each}\n{text}", SUMMARY)


def _summary(session: Session, month: Month) -> str:
    """How many are closed, and for each CRM how they stand and how those came that brought a file or are empty."""
    kinds = (DeliveryRow.crm_label, DeliveryRow.state, DeliveryRow.outcome, DeliveryRow.how)
    query = select(*kinds, func.count()).where(DeliveryRow.period_end == str(month), DeliveryRow.split.is_(False))
    crms: defaultdict[str, Counter[str]] = defaultdict(Counter)
    came: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for label, state, outcome, how, number in session.execute(query.group_by(*kinds)):
        crms[label][state if state in CLOSED or not outcome else outcome] += number
        if how and state in CLOSED and state != State.WAIVED:
            came[label][how] += number
    every = sum(counts.total() for counts in crms.values())
    closed = sum(counts[state] for counts in crms.values() for state in CLOSED)
    lines = [f"{month}: {closed} of {_deliveries(every)} closed"]
    for label, counts in sorted(crms.items()):
        ordered = sorted(counts.items(), key=lambda pair: (pair[0] not in CLOSED, -pair[1]))
        ways = ", ".join(f"{how} {came[label][how]}" for how in _WAYS if came[label][how])
        stand = ", ".join(f"{number} {word}" for word, number in ordered)
        lines.append(f"- {label}: {stand}" + (f" ({ways})" if ways else ""))
    return "\n".join(lines)


def _open_rows(session: Session, now: datetime, which: ColumnElement[bool]) -> Iterator[Line]:
    query = select(*OF_DELIVERY).where(_recent(now), _open(), which)
    for row in session.execute(query.order_by(DeliveryRow.id).execution_options(yield_per=1000)):
        yield Line(*row)


def _recent(now: datetime) -> ColumnElement[bool]:
    oldest = Month.of(now.date()).plus(-_MONTHS)
    begins = datetime.combine(oldest.first, time(), UTC)
    # The second follows from the first; by it the database finds these among all that ever were.
    return and_(DeliveryRow.period_end >= str(oldest), DeliveryRow.due_at >= begins, DeliveryRow.split.is_(False))


def _open() -> ColumnElement[bool]:
    return DeliveryRow.state.not_in(CLOSED)


def _moves() -> ColumnElement[bool]:
    """The robot has it in hand, or will try again by itself."""
    return or_(
        DeliveryRow.outcome.is_(None),
        DeliveryRow.transient,
        DeliveryRow.retry_at.is_not(None),
        and_(DeliveryRow.outcome.in_(_WELL), DeliveryRow.next.is_(None)),
    )


def _list(items: Sequence[str], number: int) -> list[str]:
    """The first ones, and how many there are beside them."""
    named = [f"- {each}" for each in items[:_NAMED]]
    return [*named, f"- and {number - len(named)} more"] if number > len(named) else named


def _deliveries(number: int) -> str:
    return f"{number} deliver{'y' if number == 1 else 'ies'}"


def _about(number: int) -> str:
    return str(2 ** (number.bit_length() - 1))


def _day(now: datetime) -> str:
    return f"{now:%Y-%m-%d}"
