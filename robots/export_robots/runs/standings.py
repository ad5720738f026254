"""What a round goes by: every open delivery, with what ledger and mailbox say of it, by a few questions for all."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from export_robots import clock
from export_robots.catalogue import robot_class
from export_robots.clients import Account
from export_robots.runs import queues
from export_robots.runs.fleet import WAVE, Standing
from export_robots.runs.ledger import run_id
from export_robots.runs.questions import Questions
from export_robots.runs.tables import DeliveryRow
from export_robots.runs.waves import Asked, OpenDelivery, Waves
from export_robots.runs.workplace import Workplace

if TYPE_CHECKING:
    from report_mailbox.records import Handed

Apart = Callable[[str], AbstractContextManager[None]]
"""Around what is done for one delivery: its failure is noted, and is not that of the others."""


@dataclass
class Seen:
    """`strangers`: open deliveries of accounts that the configuration does not name."""

    standings: list[Standing] = field(default_factory=list)
    strangers: list[OpenDelivery] = field(default_factory=list)


def look(work: Workplace, runs: dict[str, queues.Run], apart: Apart) -> Seen:
    waves = Waves(work.ledger.engine)
    rows, requests = waves.open_deliveries(), waves.open_requests()
    asked_at = waves.asked_since(clock.now() - WAVE)
    told = Questions(work.ledger.engine).told()
    handed: dict[str, Handed] = {}
    if work.has_mailbox:
        handed = work.mail.handed_to({key: each[0].id for key, each in requests.items()})
    seen = Seen()
    for row in rows:
        if robot_class(row.crm) is None:
            continue  # a person's hand
        account = account_of(work, row)
        if account is None:
            seen.strangers.append(row)
            continue
        with apart(row.id):
            run = run_id(row.id, row.attempt)
            answer = _answer(work, row, requests.get(row.id, ()), handed)
            seen.standings.append(
                Standing(
                    row,
                    account.id,
                    account.zone,
                    requests.get(row.id, ()),
                    handed_at=_came_at(answer),
                    needs_visit=bool(answer and answer.link and not answer.file),
                    asked_at=asked_at.get(row.id),
                    under_way=run in runs and row.outcome is None,
                    told=run in told,
                )
            )
    return seen


def account_of(work: Workplace, row: OpenDelivery | DeliveryRow) -> Account | None:
    """None: the configuration does not name it, or not any more."""
    client = work.settings.clients.get(row.client)
    for rooftop in client.rooftops if client else ():
        if rooftop.name == row.rooftop:
            return rooftop.accounts.get(row.crm)
    return None


def _answer(
    work: Workplace, row: OpenDelivery, requests: Sequence[Asked], handed: "dict[str, Handed]"
) -> "Handed | None":
    if row.again > 1 and requests and work.has_mailbox:  # what is the same as before was handed to nobody
        return work.mail.handed(work.ledger.delivery(row.id))
    return handed.get(row.id)


def _came_at(answer: "Handed | None") -> datetime | None:
    """When it was handed over: the mail itself may be older than a failure that it is news after."""
    return (answer.handed_at or answer.received or clock.now()) if answer else None
