"""Which months are due: each account's full months, expected once, on any number of machines, and caught up once.

What follows from the ledger needs no memory of its own: a machine that was off looks again and finds what is missing.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time
from typing import TypeAlias
from zoneinfo import ZoneInfo

from export_robots import catalogue, clock
from export_robots.clients import Account
from export_robots.periods import Month, Period
from export_robots.runs.expected import Expected, Known
from export_robots.runs.ledger import Ledger, delivery_id
from export_robots.runs.tables import DeliveryRow
from export_robots.settings import Settings

_OLDEST = 12  # months: an older one has long been dealt with, or will not come

Place: TypeAlias = tuple[str, str, str | None]
"""Client, CRM, rooftop: whose deliveries follow one another month by month."""


def begins(month: Month, zone: ZoneInfo) -> datetime:
    """The 1st of the month, 00:00 in `zone`, in UTC."""
    return datetime.combine(month.first, time(), zone).astimezone(UTC)


def due_at(settings: Settings, zone: ZoneInfo, period: Period) -> datetime:
    """When the period's delivery should be closed: so long after the 1st that follows it."""
    return begins(period.end.plus(1), zone) + settings.schedule.close_by


def due_when_asked(settings: Settings, zone: ZoneInfo, period: Period) -> datetime:
    """The same, for what is asked for at this moment: a month that was due long ago cannot be in time any more."""
    due, now = due_at(settings, zone, period), clock.now()
    return due if due > now else now + settings.schedule.close_by


def expect_due(ledger: Ledger, settings: Settings, now: datetime) -> list[DeliveryRow]:
    """Expect every account's full months that are not yet, and return what is new; again: nothing.

    From the month after the last one that was expected in its time, or the last full month alone, up to the last full
    month in the client's zone; none before the client's `starts` or `[schedule] first_month`, and none that a delivery
    of several months covers. CRMs without a robot are expected too: a person brings their files.
    """
    return ledger.deliveries_named(ledger.expect_all(missing(ledger, settings, now)))


def missing(
    ledger: Ledger,
    settings: Settings,
    now: datetime,
    *,
    among: Sequence[Account] | None = None,
    there: set[str] | None = None,
) -> list[Expected]:
    """What is due and not expected by a time yet, for whoever only wants to know; it changes nothing.

    `among`: of these accounts alone. `there`: the ids of what is expected, where somebody has just read them.
    """
    accounts = settings.accounts if among is None else among
    lasts = {zone: Period.last_full_month(now, zone).end for zone in {account.zone for account in accounts}}
    if there is None:
        there = ledger.expected_of(set(lasts.values()))
    without = [
        account
        for account in accounts
        if _is_served(settings, account, lasts[account.zone])
        and _id(account, Period.month(lasts[account.zone])) not in there
    ]
    if not without:
        return []
    known: defaultdict[Place, list[Known]] = defaultdict(list)
    for each in ledger.known_of(sorted({account.client_key for account in without})):
        known[each.client, each.crm, each.rooftop].append(each)
    return [
        expected
        for account in without
        for expected in _missing(settings, account, known[_place(account)], lasts[account.zone])
    ]


def _is_served(settings: Settings, account: Account, month: Month) -> bool:
    starts = _starts(settings, account)
    return starts is None or starts <= month


def _starts(settings: Settings, account: Account) -> Month | None:
    """Before this month nothing is expected of the account by itself."""
    starts, first = settings.client(account.client_key).starts, settings.schedule.first_month
    return max(starts, first) if starts and first else starts or first


def _missing(settings: Settings, account: Account, known: list[Known], last: Month) -> Iterable[Expected]:
    in_time = [each.end for each in known if _month_of(each.created_at, account.zone) == each.end.plus(1)]
    first = max(in_time).plus(1) if in_time and max(in_time) < last else last
    starts = _starts(settings, account)
    month = max(first, last.plus(1 - _OLDEST), starts or first)
    while month <= last:
        period = Period.month(month)
        if not any(each.covers and each.start < each.end and each.start <= month <= each.end for each in known):
            due = due_at(settings, account.zone, period) if in_time else due_when_asked(settings, account.zone, period)
            yield Expected(
                _id(account, period), *_place(account)[:2], _label(account.crm), account.rooftop, period, due_at=due
            )
        month = month.plus(1)


def _month_of(moment: datetime, zone: ZoneInfo) -> Month:
    return Month.of(moment.astimezone(zone).date())


def _place(account: Account) -> Place:
    return account.client_key, account.crm, account.rooftop


def _id(account: Account, period: Period) -> str:
    return delivery_id(*_place(account), period)


def _label(crm: str) -> str:
    return catalogue.BY_KEY[crm].label
