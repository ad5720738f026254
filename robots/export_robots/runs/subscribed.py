"""What subscriptions mail: the expected deliveries of it, made when their day has begun, from the ledger alone."""

from export_robots import clock
from export_robots.clients import Account
from export_robots.runs.ledger import Ledger
from export_robots.runs.month import due_when_asked
from export_robots.runs.subscriptions import executions, period_mailed_at
from export_robots.runs.tables import SubscriptionRow
from export_robots.settings import Settings


def await_subscribed(ledger: Ledger, settings: Settings) -> None:
    """Make the deliveries that verified subscriptions are due to mail by now; again: nothing.

    One is expected from the start of the 1st in the client's zone on. A report that was delivered in another way before
    is not waited for: the subscription's mail is then a copy to the mailbox.
    """
    accounts = {account.id: account for account in settings.accounts}
    for subscription in ledger.subscriptions():
        account = accounts.get(subscription.account)
        if account and subscription.verified_at:
            _await(ledger, settings, subscription, account)


def _await(ledger: Ledger, settings: Settings, subscription: SubscriptionRow, account: Account) -> None:
    for execution in executions(subscription, account.zone, clock.now()):
        period = period_mailed_at(execution)
        due = due_when_asked(settings, account.zone, period)
        label = subscription.crm_label
        row = ledger.expect(account.client_key, account.crm, label, account.rooftop, period, due_at=due)
        ledger.await_subscribed(row.id, execution, account.report_deadline)
