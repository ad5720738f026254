"""What people are told of their own accord: alarms, and the month's summary. Each key once, however often it is seen.

A round looks at the ledger (`alarms_due`), writes down what is new, and sends what is due (`send_due`). Notices name
deliveries, outcomes and commands, and hold nothing of any lead.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from export_robots.credentials import Secrets
from export_robots.periods import Month, Period
from export_robots.redaction import Redactor
from export_robots.runs import alarms
from export_robots.runs.alarms import ALARM, Alarm
from export_robots.runs.alarms import summary as summary
from export_robots.runs.channels import Channels
from export_robots.runs.ledger import Ledger
from export_robots.runs.month import missing
from export_robots.runs.notice_records import PAUSES, NoticeRecords
from export_robots.runs.transactions import Transactions
from export_robots.settings import Settings

_AT_ONCE = 20  # notices per round: more of them are a flood that nobody reads

_log = logging.getLogger("export_robots.notices")


def raise_alarm(ledger: Transactions, key: str, title: str, text: str, *, kind: str = ALARM) -> bool:
    """Write the notice down and log it, unless there is one of that key. Whether it is new."""
    shapes = Redactor(())
    title, text = shapes.text(title), shapes.text(text)
    if not NoticeRecords(ledger.engine).add(key, kind, title, text):
        return False
    _log.log(logging.WARNING if kind == ALARM else logging.INFO, "%s", title, extra={"notice": kind, "text": text})
    return True


def alarms_due(
    ledger: Transactions,
    settings: Settings,
    now: datetime,
    *,
    mailbox_trouble: str | None = None,
    others: Sequence[Alarm] = (),
) -> list[str]:
    """Write down what a person must be told by now, and return the keys of what is new.

    What stands is told anew each day (UTC), and whenever its number has doubled. `mailbox_trouble`: since when and why
    no mail can be collected, if that is so; it counts where a mailbox is configured. `others`: what no ledger says.
    """
    found = [*others, *alarms.found(ledger, now, _whole(Ledger(ledger.engine), settings, now))]
    if mailbox_trouble and settings.mailbox:
        found = [alarms.of_the_mailbox(mailbox_trouble, now), *found]
    return [each.key for each in found if raise_alarm(ledger, each.key, each.title, each.text, kind=each.kind)]


def _whole(ledger: Ledger, settings: Settings, now: datetime) -> Month:
    """The last month that has ended in every client's zone, and of which every account's delivery is expected."""
    zones = {account.zone for account in settings.accounts} or {ZoneInfo("UTC")}
    last = min(Period.last_full_month(now, zone).end for zone in zones)
    return last.plus(-1) if missing(ledger, settings, now) else last


def send_due(ledger: Transactions, settings: Settings, now: datetime) -> int:
    """Send what is due to every channel that does not have it yet; how many notices are everywhere now.

    One machine of several sends a notice; one that dies over it costs a pause. This waits for servers, up to half a
    minute for each channel: call it from a thread of its own.
    """
    records = NoticeRecords(ledger.engine)
    due = records.due(now, _AT_ONCE)
    if not due:
        return 0  # the keyring is not asked each minute
    secrets = Secrets(settings)
    channels = Channels(secrets.notice_urls())
    redactor = Redactor(secrets.all())
    everywhere = 0
    for row in due:
        if not records.claim(row):
            continue
        title, text = redactor.secrets(row.title), redactor.secrets(row.text)
        reached = channels.send(title, text, alarm=row.kind == ALARM, have=row.sent_to)
        whole = len(reached) == len(channels)
        records.sent(row.key, reached, everywhere=whole)
        everywhere += whole
        if not whole and row.tries == len(PAUSES):
            _log.error("a notice was given up after %d tries: %s", row.tries + 1, title)
    return everywhere
