"""What subscriptions mail: the expected deliveries of it, made when their day has begun, from the ledger alone."""

from functools import cache
from zoneinfo import ZoneInfo

from export_robots import clock
from export_robots.clients import Account
from export_robots.periods import Month, Period
from export_robots.runs.expected import Expected
from export_robots.runs.ledger import Ledger, delivery_id
from export_robots.runs.month import due_when_asked
from export_robots.runs.subscriptions import Mailed, executions, period_mailed_at
from export_robots.runs.tables import SubscriptionRow
from export_robots.settings import Settings


def await_subscribed(ledger: Ledger, settings: Settings) -> None:
    """Make the deliveries that verified subscriptions are due to mail by now; again: nothing.

    One is expected from the start of the 1st in the client's zone on. A report that was delivered in another way before
    is not waited for: the subscription's mail is then a copy to the mailbox.
    """
    now = clock.now()
    accounts = {account.id: account for account in settings.accounts}
    verified = [
        (each, accounts[each.account])
        for each in ledger.subscriptions()
        if each.verified_at and each.account in accounts
    ]

    @cache
    def last(zone: ZoneInfo) -> Month:
        return Period.last_full_month(now, zone).end

    awaited = ledger.awaited_of({last(account.zone) for _, account in verified})
    expected: list[Expected] = []
    mailed: list[Mailed] = []
    for subscription, account in verified:
        if _id(account, Period.month(last(account.zone))) in awaited:
            continue  # and so are those before, which were noted before it
        for execution in executions(subscription, account.zone, now):
            made = _expected(settings, subscription, account, period_mailed_at(execution))
            expected.append(made)
            mailed.append(Mailed(made.id, execution, account.report_deadline))
    if expected:
        ledger.expect_all(expected)
        ledger.await_subscribed(mailed)


def _expected(settings: Settings, subscription: SubscriptionRow, account: Account, period: Period) -> Expected:
    return Expected(
        _id(account, period),
        account.client_key,
        account.crm,
        subscription.crm_label,
        account.rooftop,
        period,
        due_at=due_when_asked(settings, account.zone, period),
    )


def _id(account: Account, period: Period) -> str:
    return delivery_id(account.client_key, account.crm, account.rooftop, period)
