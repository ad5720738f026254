"""The saved reports that CRMs mail by themselves: one per account, its time drawn once; and when a mail is due."""

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import select

from export_robots import clock
from export_robots.clients import Account
from export_robots.periods import Month, Period
from export_robots.runs.tables import DeliveryRow, How, RequestRow, State, SubscriptionRow
from export_robots.runs.transactions import Transactions

_EARLIEST, _LATEST = 5, 5 * 60 + 55  # minutes after midnight: well before 6 AM, and not at midnight itself
_AT_ONCE = 500  # rows of one statement; databases limit its values
_OLDEST = 12  # months: an older mail has long been dealt with, or will not come


def title_for(dealership: str, crm_label: str) -> str:
    return f"{dealership} - {crm_label} (Clarivoy Leads)"


def names_another(subject: str, own: str, others: Iterable[str], crm_label: str) -> bool:
    """Whether a mail's subject names a saved report, and not the one called `own`."""
    said = " ".join(subject.casefold().split())
    if own.casefold() in said:
        return False
    pattern = rf"\S.* [-–] {re.escape(crm_label.casefold())} \(.+\)"
    return any(title.casefold() in said for title in others) or re.search(pattern, said) is not None


def executions(subscription: SubscriptionRow, zone: ZoneInfo, now: datetime) -> list[datetime]:
    """The executions (aware) whose day has begun in `zone` by `now`, from the first one on; at most a year's."""
    first = datetime.fromisoformat(subscription.first_execution)
    month, this = Month.of(first.date()), Month.of(now.astimezone(zone).date())
    found = []
    while month <= this:
        found.append(datetime.combine(date(month.year, month.number, first.day), first.time(), zone))
        month = month.plus(1)
    return found[-_OLDEST:]


def period_mailed_at(execution: datetime) -> Period:
    """What is mailed then: the month before."""
    return Period.month(Month.of(execution.date()).plus(-1))


class Mailed(NamedTuple):
    """What a subscription mails for the delivery of this id, at `at` (aware); missed when `patience` has passed."""

    delivery: str
    at: datetime
    patience: timedelta


class Subscriptions(Transactions):
    def draw_subscription(self, account: Account, crm_label: str) -> SubscriptionRow:
        """The account's subscription, its time drawn unless it has one: a minute before 6 AM on the 1st of next month.

        One that has passed without the CRM ever having shown the subscription moves on to the next 1st.
        """
        here = clock.now().astimezone(account.zone).replace(tzinfo=None)
        with self._transaction() as session:
            row = session.get(SubscriptionRow, account.id)
            minutes = random.randint(_EARLIEST, _LATEST)  # noqa: S311 - so that not all reports are made at once
            if row is None:
                row = SubscriptionRow(account=account.id, client=account.client_key, crm=account.crm, shown={})
                row.drawn_at = clock.now()
                row.first_execution = _next_first(here, time(minutes // 60, minutes % 60))
                session.add(row)
            elif row.verified_at is None and datetime.fromisoformat(row.first_execution) <= here:
                row.first_execution = _next_first(here, datetime.fromisoformat(row.first_execution).time())
            row.crm_label, row.rooftop = crm_label, account.rooftop
            row.title = title_for(account.dealership, crm_label)
            return row

    def verify_subscription(self, account: Account, how: str, shown: Mapping[str, Any]) -> None:
        """The CRM has shown it as it should be, after the page was loaded anew."""
        with self._transaction() as session:
            row = session.get_one(SubscriptionRow, account.id)
            row.verified_at, row.how, row.shown = clock.now(), how, dict(shown)

    def subscription(self, account: Account) -> SubscriptionRow | None:
        with self._transaction() as session:
            return session.get(SubscriptionRow, account.id)

    def subscriptions(self) -> list[SubscriptionRow]:
        with self._transaction() as session:
            return list(session.scalars(select(SubscriptionRow).order_by(SubscriptionRow.account)))

    def awaited_of(self, months: Iterable[Month]) -> set[str]:
        """The ids of these single months' deliveries that a subscription's mail is, or was, awaited for."""
        query = (
            select(DeliveryRow.id)
            .join(RequestRow, RequestRow.delivery_id == DeliveryRow.id)
            .where(DeliveryRow.period_start.in_([str(month) for month in months]), RequestRow.how == How.SUBSCRIPTION)
        )
        with self._transaction() as session:
            return set(session.scalars(query))

    def await_subscribed(self, mailed: Sequence[Mailed]) -> None:
        """Note that the CRMs mail these deliveries' reports by themselves, the oldest first.

        Once per delivery, and not where a report is here or on its way to the portal already.
        """
        in_order = sorted(mailed, key=lambda each: each.at)
        for begin in range(0, len(in_order), _AT_ONCE):
            some = {each.delivery: each for each in in_order[begin : begin + _AT_ONCE]}
            with self._transaction() as session:
                waiting = select(DeliveryRow.id).where(
                    DeliveryRow.id.in_(some), DeliveryRow.state.in_((State.EXPECTED, State.REQUESTED))
                )
                known = select(RequestRow.delivery_id).where(
                    RequestRow.delivery_id.in_(some), RequestRow.how == How.SUBSCRIPTION
                )
                # One machine after the other: what the first one has noted, the second one sees.
                keys = list(session.scalars(waiting.order_by(DeliveryRow.id).with_for_update()))
                there = set(session.scalars(known))
                session.add_all(_request_of(some[key]) for key in keys if key not in there)


def _request_of(mailed: Mailed) -> RequestRow:
    day = datetime.combine(mailed.at.date(), time(), mailed.at.tzinfo)
    return RequestRow(
        delivery_id=mailed.delivery,
        attempt=0,
        how=How.SUBSCRIPTION,
        intended_at=day,
        ended_at=day,
        requested_at=mailed.at,
        deadline_at=mailed.at + mailed.patience,
        settings={},
    )


def _next_first(here: datetime, at: time) -> str:
    following = Month.of(here.date()).plus(1).first
    return datetime.combine(following, at).isoformat(timespec="minutes")
