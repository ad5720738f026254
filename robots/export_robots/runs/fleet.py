"""What may go on now: what each delivery needs next, one account in front of each CRM, and CRMs that are stopped.

Nothing here touches the database or asks for the time: the round brings what is known and carries out what is decided.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias
from zoneinfo import ZoneInfo

from export_robots.config_schedule import ScheduleSettings
from export_robots.outcomes import Outcome
from export_robots.runs.ledger import CLOSED
from export_robots.runs.tables import DeliveryRow, How, RequestRow, State
from export_robots.runs.waves import Asked, OpenDelivery

WAVE = timedelta(hours=24)
"""So long one account's success counts for the others; then another one goes first."""

Row: TypeAlias = DeliveryRow | OpenDelivery

_AT_IT = timedelta(hours=1)
"""So long a run that nothing is heard of counts as at work: a command may have been suspended."""

REQUESTS_TO_BE_ANSWERED = 2
"""So often a report is asked for, if it never comes."""

OF_THE_ACCOUNT = frozenset(
    {Outcome.SIGN_IN_REFUSED, Outcome.ACTION_NEEDED, Outcome.CODE_NEEDED, Outcome.PERMISSION_MISSING}
)
"""Failures that an account has by itself; several in a row, without a success between them, are the CRM's after all."""

OF_THE_CRM = frozenset(
    {Outcome.SITE_CHANGED, Outcome.SITE_DOWN, Outcome.REPORT_REJECTED, Outcome.REPORT_LATE, Outcome.INTERNAL}
)

_PASSED_OVER = (None, Outcome.REQUESTED, Outcome.REPORT_LATE)


class Move(StrEnum):
    ASK = "ask"  # the CRM, in the plain way
    REPULL = "repull"  # its subscription's mail has not come
    FINISH = "finish"  # what has come is checked and uploaded
    LATE = "late"  # note that the report has not come
    NONE = "none"


@dataclass(frozen=True)
class Standing:
    """What is known of one open delivery; `requests` are those that no report has answered, the oldest first."""

    row: Row
    account: str
    zone: ZoneInfo
    requests: Sequence[RequestRow | Asked] = ()
    handed_at: datetime | None = None
    """When the mail that is there for it was handed over."""
    needs_visit: bool = False
    """That mail holds a link, so that the account has to sign in for its report."""
    asked_at: datetime | None = None
    """When we asked the CRM for it last, answered or not, if that was within a `WAVE`."""
    under_way: bool = False
    told: bool = False
    """A person has said the code, or that it may be tried again."""

    def is_due(self, now: datetime) -> bool:
        """What ended its last attempt may have passed by now, or a person has told the code that it wanted."""
        if self.told and self.row.outcome == Outcome.CODE_NEEDED:
            return True
        return self.row.transient and (self.row.retry_at is None or self.row.retry_at <= now)


def move_of(standing: Standing, schedule: ScheduleSettings, now: datetime) -> Move:
    """What may be done for the delivery at this moment, by itself."""
    row = standing.row
    if standing.under_way or row.split or row.state in CLOSED:
        return Move.NONE
    if row.state == State.POSTED:
        # Its run has died with nothing noted of how the post ended, or a full disk kept it from closing what is
        # confirmed. Another one finds out, and posts nothing again.
        return Move.FINISH if row.outcome is None or standing.is_due(now) else Move.NONE
    if row.due_at is None and not row.upload:
        return Move.NONE  # somebody wanted the file alone
    untried = row.outcome is None or standing.is_due(now)
    if row.state == State.COLLECTED:
        return Move.FINISH if untried or row.outcome == Outcome.REQUESTED else Move.NONE
    if standing.handed_at:
        news = standing.handed_at > row.changed_at
        return Move.FINISH if untried or news or row.outcome in _PASSED_OVER else Move.NONE
    return _without_report(standing, schedule, now, untried=untried)


def _without_report(standing: Standing, schedule: ScheduleSettings, now: datetime, *, untried: bool) -> Move:
    row = standing.row
    accepted = [each for each in standing.requests if each.deadline_at]
    own = [each for each in accepted if each.how != How.SUBSCRIPTION]
    mailed = [each for each in accepted if each.how == How.SUBSCRIPTION]
    if own and own[-1].deadline_at and own[-1].deadline_at > now:
        return Move.NONE
    if own and row.outcome in (None, Outcome.REQUESTED):
        return Move.LATE
    if row.again > 1:
        return Move.NONE  # whoever wanted it again is at hand
    if mailed and not own:
        if missed_at(mailed[-1], standing.zone, schedule) > now:
            return Move.NONE
        return Move.REPULL if untried or row.outcome in _PASSED_OVER else Move.NONE
    unanswerable = row.outcome == Outcome.REQUESTED and not accepted  # its run has died between two of its words
    if untried or unanswerable:
        return Move.REPULL if row.asked_by == How.REPULL else Move.ASK
    return Move.NONE


def missed_at(subscribed: RequestRow | Asked, zone: ZoneInfo, schedule: ScheduleSettings) -> datetime:
    """Until when a subscription's mail is waited for: its own deadline, and the hour of its day in `zone`."""
    assert subscribed.deadline_at
    day = (subscribed.requested_at or subscribed.intended_at).astimezone(zone).date()
    return max(subscribed.deadline_at, datetime.combine(day, schedule.due_hour, zone))


# --- one CRM


@dataclass(frozen=True)
class Wave:
    """What is known of a CRM since `began_at`, and the open deliveries that failed.

    It is green when a report that we asked for in this wave has come and passed its checks (`passed_at`, the last one).
    That it has accepted a request (`accepted_at`, the last one) only shows that it answers and lets accounts in.
    """

    began_at: datetime
    accepted_at: datetime | None
    passed_at: datetime | None
    failed: Sequence[Standing]

    @property
    def is_green(self) -> bool:
        return self.passed_at is not None

    def lets_one_go_first(self) -> bool:
        return not self.is_green or self.outage_ends() is not None

    def has_in_front(self, standing: Standing, schedule: ScheduleSettings, now: datetime) -> bool:
        """Whether it was asked for in this wave, and it is not known yet whether its report is as it should be."""
        if standing.asked_at is None or standing.asked_at < self.began_at:
            return False
        if standing.under_way and now - standing.row.changed_at < _AT_IT:
            return True
        if move_of(standing, schedule, now) is Move.FINISH:
            return True
        return any(
            each.how != How.SUBSCRIPTION and each.deadline_at and each.deadline_at > now for each in standing.requests
        )

    def outage_ends(self) -> datetime | None:
        """When it may be tried again, as it did not answer the last time."""
        down = [
            each.row
            for each in self.failed
            if each.row.outcome == Outcome.SITE_DOWN and each.row.retry_at and self._is_later(each.row)
        ]
        return max(down, key=lambda row: row.changed_at).retry_at if down else None

    def same_failures(self, schedule: ScheduleSettings) -> list[Row]:
        """The failures of one signature that are enough to stop the CRM, or nothing."""
        found: defaultdict[str, dict[str, Row]] = defaultdict(dict)
        for each in self.failed:
            if self._counts(each, schedule):
                found[signature(each.row)][each.account] = each.row
        most = max(found.values(), key=len, default={})
        return list(most.values()) if len(most) >= schedule.same_failure else []

    def _counts(self, standing: Standing, schedule: ScheduleSettings) -> bool:
        row = standing.row
        if row.outcome is None or row.changed_at < self.began_at:
            return False
        if row.outcome == Outcome.REPORT_LATE:
            return self._is_silence(standing)
        if row.transient:  # while there are pauses left, it is given time
            return row.outcome in OF_THE_CRM and row.tries > len(schedule.pauses)
        return row.outcome in OF_THE_CRM or (row.outcome in OF_THE_ACCOUNT and self._is_later(row))

    def _is_silence(self, standing: Standing) -> bool:
        """A report that we asked for in this wave has not come, nor any other one since, however often it is asked for.

        One that a person wants tried again (no tries) has been silent before.
        """
        row = standing.row
        if standing.asked_at is None or standing.asked_at < self.began_at or (row.transient and not row.tries):
            return False
        return self.passed_at is None or row.changed_at > self.passed_at

    def _is_later(self, row: Row) -> bool:
        return self.accepted_at is None or row.changed_at > self.accepted_at


def signature(row: Row) -> str:
    """What is the same for every account that a CRM's change hits."""
    return f"{row.outcome} at “{row.step}”" if row.step else str(row.outcome)


def may_begin(
    wave: Wave,
    asking: int,
    wanted: Sequence[Standing],
    *,
    in_front: int = 0,
    busy: Collection[str],
    delivered_at: dict[str, datetime],
    schedule: ScheduleSettings,
    now: datetime,
) -> list[Standing]:
    """Which of those that want to ask this CRM may do so now, one per account.

    While it is not green, one at a time goes first, the account that delivered last, and the others wait for its
    report: `in_front` are those that `Wave.has_in_front`. `asking` are on this CRM's queue or at it; the accounts in
    `busy` are not available.
    """
    down_until = wave.outage_ends()
    if down_until and down_until > now:
        return []
    alone = wave.lets_one_go_first()
    room = (1 if alone or not wanted else sum(schedule.limits_of(wanted[0].row.crm))) - asking
    if not wave.is_green:
        room -= in_front
    never = datetime.min.replace(tzinfo=now.tzinfo)

    def turn(standing: Standing) -> tuple[bool, float, str]:
        last = delivered_at.get(standing.account, never)
        return standing.row.outcome is not None, -last.timestamp() if last > never else 0, standing.row.id

    order = sorted(wanted, key=turn if alone else lambda each: (False, 0, each.row.id))
    chosen: dict[str, Standing] = {}
    for each in order:
        if len(chosen) >= room:
            break
        if each.account not in busy:
            chosen.setdefault(each.account, each)
    return list(chosen.values())
