"""Who owns the next move of a delivery, and what it is: read from what the ledger says of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from export_robots import clock
from export_robots.outcomes import Outcome
from export_robots.runs.ledger import CLOSED, months_option, run_id
from export_robots.runs.tables import State

if TYPE_CHECKING:
    from export_robots.runs.month_view import Line
    from export_robots.runs.operating_tables import CrmRow, QuestionRow
    from export_robots.runs.tables import DeliveryRow, RequestRow


class Owner(StrEnum):
    ROBOT = "robot"
    OPERATOR = "operator"
    DEALERSHIP = "dealership"  # its login, which it has given us, is not taken any more
    CRM_SUPPORT = "crm support"  # grants what the account may not do
    KEEPER = "keeper of the robot"
    NOBODY = "nobody"


PEOPLE = frozenset({Owner.OPERATOR, Owner.DEALERSHIP, Owner.CRM_SUPPORT, Owner.KEEPER})

_OF_OUTCOME = {
    Outcome.INTERNAL: Owner.KEEPER,
    Outcome.SITE_CHANGED: Owner.KEEPER,
    Outcome.PERMISSION_MISSING: Owner.CRM_SUPPORT,
    Outcome.SIGN_IN_REFUSED: Owner.DEALERSHIP,
}
"""Every other one is the operator's."""


class NextMove(NamedTuple):
    """`what` is one sentence for the operator; empty where nothing is to be done."""

    owner: Owner
    what: str


@dataclass(frozen=True)
class Around:
    """What the ledger knows beside the delivery's own row; nothing where nobody has looked.

    `question`: a code that is wanted and not given yet. `stopped`: the CRM, where it is stopped. `mailed`: the open
    request that its subscription makes to itself.
    """

    has_robot: bool = True
    question: "QuestionRow | None" = None
    stopped: "CrmRow | None" = None
    mailed: "RequestRow | None" = None


NOTHING = Around()


def owner_of(row: "DeliveryRow | Line", around: Around = NOTHING) -> Owner:
    return next_move(row, around).owner


def is_overdue(row: "DeliveryRow | Line", now: datetime) -> bool:
    """Open although it should be closed by now."""
    return row.due_at is not None and row.due_at <= now and row.state not in CLOSED


def next_move(row: "DeliveryRow | Line", around: Around = NOTHING) -> NextMove:
    if row.state in CLOSED:
        return NextMove(Owner.NOBODY, row.reasons[0] if row.state == State.WAIVED and row.reasons else "")
    if around.question:
        run = around.question.run
        return NextMove(Owner.OPERATOR, f"`robot answer {run} CODE`: {around.question.saw}")
    if row.state == State.POSTED and row.outcome and not row.transient:
        return NextMove(Owner.OPERATOR, confirm_hint(row))
    if around.stopped and _waits_for_its_crm(row, around.stopped):
        return _when_resumed(row, around.stopped)
    if row.outcome is None:
        under_way = NextMove(Owner.ROBOT, f"run {run_id(row.id, row.attempt)} is at it")
        return under_way if row.attempt else _untouched(row, around)
    if row.outcome == Outcome.REQUESTED:
        return NextMove(Owner.ROBOT, "its report is on its way")
    if row.transient:
        when = (
            f"at {clock.minute_of(row.retry_at)}"
            if row.retry_at and row.retry_at > clock.now()
            else "as soon as may be"
        )
        return NextMove(Owner.ROBOT, f"tried again {when}")
    return NextMove(_OF_OUTCOME.get(Outcome(row.outcome), Owner.OPERATOR), row.next or f"`{_command('export', row)}`")


def confirm_hint(row: "DeliveryRow | Line") -> str:
    """What a person does about a file that the portal may have."""
    return (
        f"Look whether the portal has the file. If so: `{_command('confirm', row)} --reason TEXT`; if not: "
        f"`robot deliver FILE --client {row.client} --crm {row.crm} {months_option(row)}`."
    )


def _waits_for_its_crm(row: "DeliveryRow | Line", crm: "CrmRow") -> bool:
    """Whether it is the stop that keeps it: what is on its way, or waits for its own reason, goes on as ever."""
    if row.state != State.EXPECTED:
        return False
    return row.outcome is None or row.transient or row.id in crm.accounts


def _when_resumed(row: "DeliveryRow | Line", crm: "CrmRow") -> NextMove:
    word = (crm.signature or "").partition(" ")[0]
    owner = _OF_OUTCOME.get(Outcome(word), Owner.OPERATOR) if word in set(Outcome) else Owner.OPERATOR
    return NextMove(owner, f"{row.crm_label} is stopped; once that is mended, `robot resume {row.crm}`")


def _untouched(row: "DeliveryRow | Line", around: Around) -> NextMove:
    if not around.has_robot:
        by_hand = f'robot deliver FILE --client {row.client} --crm "{row.crm_label}" {months_option(row)}'
        return NextMove(Owner.OPERATOR, f"Export it by hand, then: `{by_hand}`")
    mailed = around.mailed
    if mailed and mailed.requested_at and mailed.deadline_at:
        if mailed.deadline_at > clock.now():
            return NextMove(Owner.ROBOT, f"its subscription mails it at {clock.minute_of(mailed.requested_at)}")
        return NextMove(Owner.ROBOT, f"its subscription's mail did not come: `{_command('repull', row)}` asks for it")
    return NextMove(Owner.ROBOT, f"`robot serve` or `{_command('export', row)}` asks for it")


def _command(word: str, row: "DeliveryRow | Line") -> str:
    return f"robot {word} {row.crm} --client {row.client} {months_option(row)}"
