"""What may go on at a moment: what each delivery needs next, who goes first, and when a CRM is stopped."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from export_robots.config_schedule import ScheduleSettings
from export_robots.outcomes import Outcome
from export_robots.runs.fleet import Move, Standing, Wave, may_begin, missed_at, move_of, signature
from export_robots.runs.tables import DeliveryRow, How, RequestRow, State

TORONTO, AUCKLAND = ZoneInfo("America/Toronto"), ZoneInfo("Pacific/Auckland")
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
SCHEDULE = ScheduleSettings()


def row(client: str = "abc", **facts: object) -> DeliveryRow:
    usual = {
        "state": State.EXPECTED,
        "outcome": None,
        "split": False,
        "again": 1,
        "upload": True,
        "transient": False,
        "tries": 0,
        "asked_by": How.EXPORT,
        "due_at": NOW + timedelta(hours=12),
        "changed_at": NOW - timedelta(hours=1),
    }
    return DeliveryRow(id=f"{client}/activix/2026-11", client=client, crm="activix", **{**usual, **facts})


def standing(delivery: DeliveryRow, *requests: RequestRow, **facts: object) -> Standing:
    return Standing(delivery, f"activix:{delivery.client}", TORONTO, requests, **facts)  # type: ignore[arg-type]


def request(how: How, at: datetime, patience: timedelta = timedelta(minutes=30)) -> RequestRow:
    return RequestRow(how=how, intended_at=at, requested_at=at, deadline_at=at + patience)


def move(delivery: DeliveryRow, *requests: RequestRow, now: datetime = NOW, **facts: object) -> Move:
    return move_of(standing(delivery, *requests, **facts), SCHEDULE, now)


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ({}, Move.ASK),
        ({"state": State.DELIVERED}, Move.NONE),
        ({"state": State.WAIVED}, Move.NONE),
        ({"state": State.POSTED, "outcome": Outcome.UPLOAD_FAILED}, Move.NONE),
        ({"state": State.POSTED, "outcome": Outcome.USAGE, "transient": True}, Move.FINISH),  # confirmed, not closed
        ({"state": State.POSTED}, Move.FINISH),  # its run has died; another one notes what is known of the post
        ({"state": State.COLLECTED}, Move.FINISH),
        ({"state": State.COLLECTED, "outcome": Outcome.UPLOAD_FAILED}, Move.NONE),
        ({"state": State.COLLECTED, "outcome": Outcome.UPLOAD_FAILED, "transient": True}, Move.FINISH),
        ({"outcome": Outcome.REQUESTED}, Move.ASK),  # and no request is left that could be answered
        ({"outcome": Outcome.SITE_CHANGED}, Move.NONE),
        ({"outcome": Outcome.SIGN_IN_REFUSED}, Move.NONE),
        ({"outcome": Outcome.SITE_DOWN, "transient": True, "retry_at": NOW}, Move.ASK),
        ({"outcome": Outcome.SITE_DOWN, "transient": True, "retry_at": NOW + timedelta(seconds=1)}, Move.NONE),
        ({"upload": False, "due_at": None}, Move.NONE),
        ({"again": 2}, Move.NONE),
        ({"split": True}, Move.NONE),
    ],
)
def test_what_a_delivery_needs_next(facts: dict[str, Any], wanted: Move) -> None:
    assert move(row(**facts)) is wanted
    assert move(row(**facts), under_way=True) is Move.NONE


def test_a_report_that_was_asked_for_is_waited_for_then_late_then_asked_for_again_after_the_pause() -> None:
    asked = request(How.EXPORT, NOW - timedelta(minutes=10))
    waiting = row(state=State.REQUESTED, outcome=Outcome.REQUESTED)
    assert move(waiting, asked) is Move.NONE
    assert move(waiting, asked, handed_at=NOW) is Move.FINISH
    later = NOW + timedelta(hours=1)
    assert move(waiting, asked, now=later) is Move.LATE
    late = row(state=State.REQUESTED, outcome=Outcome.REPORT_LATE, transient=True, retry_at=later)
    assert move(late, asked, now=later - timedelta(seconds=1)) is Move.NONE
    assert move(late, asked, now=later) is Move.ASK
    given_up = row(state=State.REQUESTED, outcome=Outcome.REPORT_LATE)
    assert move(given_up, asked, now=later) is Move.NONE
    assert move(given_up, asked, now=later, handed_at=later) is Move.FINISH, "it comes after all"


def test_a_subscription_is_waited_for_until_the_hour_of_its_day_and_then_re_pulled_once() -> None:
    fires = datetime(2026, 12, 1, 3, 17, tzinfo=TORONTO)
    mailed = request(How.SUBSCRIPTION, fires)
    nine = datetime(2026, 12, 1, 9, tzinfo=TORONTO)
    assert move(row(), mailed, now=nine - timedelta(seconds=1)) is Move.NONE
    assert move(row(), mailed, now=nine) is Move.REPULL
    assert move(row(outcome=Outcome.REPORT_LATE), mailed, now=nine) is Move.REPULL, "`robot collect` has noted it"
    repulled = request(How.REPULL, nine)
    late = row(state=State.REQUESTED, outcome=Outcome.REPORT_LATE)
    assert move(late, mailed, repulled, now=nine + timedelta(hours=2)) is Move.NONE


def test_the_hour_is_the_clients_own_on_the_day_that_daylight_saving_ends() -> None:
    fires = datetime(2026, 11, 1, 1, 30, tzinfo=TORONTO)  # which comes twice
    assert missed_at(request(How.SUBSCRIPTION, fires), TORONTO, SCHEDULE) == datetime(2026, 11, 1, 14, tzinfo=UTC)
    far = datetime(2026, 11, 1, 1, 30, tzinfo=AUCKLAND)
    assert missed_at(request(How.SUBSCRIPTION, far), AUCKLAND, SCHEDULE) == datetime(2026, 10, 31, 20, tzinfo=UTC)


def test_a_file_that_could_not_be_finished_is_not_tried_at_every_look() -> None:
    asked = request(How.EXPORT, NOW - timedelta(hours=3))
    refused = row(state=State.REQUESTED, outcome=Outcome.SIGN_IN_REFUSED)
    assert move(refused, asked, handed_at=NOW - timedelta(hours=2)) is Move.NONE
    assert move(refused, asked, handed_at=NOW) is Move.FINISH, "it came after that"


def test_a_code_that_was_told_wakes_the_run_that_wants_it() -> None:
    parked = row(outcome=Outcome.CODE_NEEDED)
    assert move(parked) is Move.NONE
    assert move(parked, told=True) is Move.ASK
    mailed = request(How.SUBSCRIPTION, NOW - timedelta(hours=9))
    later = NOW + timedelta(hours=9)
    assert move(parked, mailed, now=later) is Move.NONE
    assert move(parked, mailed, now=later, told=True) is Move.REPULL
    asked = request(How.EXPORT, NOW - timedelta(hours=3))
    came = NOW - timedelta(hours=2)
    assert move(parked, asked, handed_at=came, needs_visit=True) is Move.NONE
    assert move(parked, asked, handed_at=came, needs_visit=True, told=True) is Move.FINISH, "its link is followed"


# --- waves

BEGAN = NOW - timedelta(hours=2)


def failed(client: str, outcome: Outcome, minutes_ago: int = 10, **facts: object) -> Standing:
    at = NOW - timedelta(minutes=minutes_ago)
    delivery = row(client, outcome=outcome, step="generate the report", changed_at=at, **facts)
    return standing(delivery, asked_at=at - timedelta(minutes=30))


def wave(*failures: Standing, began: datetime = BEGAN, accepted: int | None = None, passed: int | None = None) -> Wave:
    """`accepted` and `passed`: how many minutes ago the last time."""

    def ago(minutes: int | None) -> datetime | None:
        return None if minutes is None else NOW - timedelta(minutes=minutes)

    return Wave(began, ago(accepted), ago(passed), failures)


def first(of: Wave, *wanted: str, asking: int = 0, in_front: int = 0, last: dict[str, datetime] | None = None) -> str:
    chosen = may_begin(
        of,
        asking,
        [standing(row(each)) for each in wanted],
        in_front=in_front,
        busy=(),
        delivered_at={f"activix:{client}": at for client, at in (last or {}).items()},
        schedule=SCHEDULE,
        now=NOW,
    )
    return "".join(each.row.client for each in chosen)


def test_one_account_goes_first_that_which_delivered_last_and_the_others_follow() -> None:
    assert first(wave(), *"abc", last={"b": NOW - timedelta(days=30), "c": NOW - timedelta(days=60)}) == "b"
    assert first(wave(), "a", "b", asking=1) == ""
    green = wave(accepted=5, passed=0)
    assert first(green, *"abcdefghijklm") == "abcdefghij", "at once, and what may start in a minute"
    assert first(green, *"abc", asking=9) == "a"


def test_a_request_that_was_accepted_lets_nobody_follow_until_its_report_has_passed() -> None:
    accepted = wave(accepted=5)
    asked = request(How.EXPORT, NOW - timedelta(minutes=5))
    delivery = row(state=State.REQUESTED, outcome=Outcome.REQUESTED)
    waits = standing(delivery, asked, asked_at=asked.intended_at)
    assert accepted.has_in_front(waits, SCHEDULE, NOW)
    assert first(accepted, "b", "c", in_front=1) == ""
    assert accepted.has_in_front(standing(delivery, asked, asked_at=asked.intended_at, handed_at=NOW), SCHEDULE, NOW)
    here = row(state=State.COLLECTED, outcome=Outcome.REQUESTED)
    assert accepted.has_in_front(standing(here, asked_at=asked.intended_at), SCHEDULE, NOW), "it is to be checked"
    checked = row(state=State.COLLECTED, changed_at=NOW - timedelta(minutes=1))
    assert accepted.has_in_front(standing(checked, asked_at=asked.intended_at, under_way=True), SCHEDULE, NOW)
    later = NOW + timedelta(hours=1)
    suspended = standing(checked, asked_at=asked.intended_at, under_way=True)
    assert not accepted.has_in_front(suspended, SCHEDULE, later), "somebody's command stands still"


def test_when_the_first_ones_report_is_late_or_rejected_another_one_goes_first() -> None:
    asked = request(How.EXPORT, NOW - timedelta(minutes=40))
    late = row(state=State.REQUESTED, outcome=Outcome.REPORT_LATE, transient=True, tries=1, retry_at=NOW)
    assert not wave().has_in_front(standing(late, asked, asked_at=asked.intended_at), SCHEDULE, NOW)
    rejected = row(outcome=Outcome.REPORT_REJECTED)
    assert not wave().has_in_front(standing(rejected, asked_at=asked.intended_at), SCHEDULE, NOW)
    assert first(wave(failed("a", Outcome.REPORT_REJECTED)), "b", "c") == "b"


def test_neither_subscriptions_nor_what_was_asked_for_before_this_wave_is_in_front() -> None:
    mailed = request(How.SUBSCRIPTION, NOW - timedelta(minutes=5))
    assert not wave().has_in_front(standing(row(), mailed), SCHEDULE, NOW)
    assert not wave().has_in_front(standing(row(state=State.COLLECTED, outcome=None), under_way=True), SCHEDULE, NOW)
    old = request(How.EXPORT, BEGAN - timedelta(minutes=5), timedelta(hours=9))
    assert not wave().has_in_front(standing(row(), old, asked_at=old.intended_at), SCHEDULE, NOW)


def test_the_same_failure_of_three_accounts_stops_the_crm_and_others_do_not() -> None:
    changed = [failed(each, Outcome.SITE_CHANGED) for each in "abc"]
    assert [each.client for each in wave(*changed, passed=0).same_failures(SCHEDULE)] == ["a", "b", "c"]
    assert signature(changed[0].row) == "site_changed at “generate the report”"
    assert not wave(*changed[:2], passed=0).same_failures(SCHEDULE)
    assert not wave(*changed, began=NOW).same_failures(SCHEDULE), "it was resumed since then"
    assert not wave(*changed[:2], failed("d", Outcome.REPORT_REJECTED)).same_failures(SCHEDULE)
    portal = [failed(each, Outcome.UPLOAD_FAILED) for each in "abc"]
    assert not wave(*portal).same_failures(SCHEDULE), "that is not the CRM's"


def test_a_crm_that_mails_no_more_is_stopped_after_three_although_each_would_be_asked_once_more() -> None:
    silent = [failed(each, Outcome.REPORT_LATE, transient=True, tries=1) for each in "abc"]
    assert wave(*silent, accepted=0).same_failures(SCHEDULE)
    assert wave(*silent, passed=20).same_failures(SCHEDULE), "it mailed before"
    assert not wave(*silent, passed=5).same_failures(SCHEDULE), "others' reports have come since"
    wanted = [failed(each, Outcome.REPORT_LATE, transient=True, tries=0) for each in "abc"]
    assert not wave(*wanted).same_failures(SCHEDULE), "a person has said that they are to be tried again"
    missed = [Standing(each.row, each.account, TORONTO) for each in silent]
    assert not wave(*missed).same_failures(SCHEDULE), "subscriptions that did not come are asked for"


def test_refused_passwords_stop_the_crm_only_while_nobody_gets_through() -> None:
    refused = [failed(each, Outcome.SIGN_IN_REFUSED) for each in "abc"]
    assert wave(*refused).same_failures(SCHEDULE)
    assert not wave(*refused, accepted=5).same_failures(SCHEDULE)


def test_a_crm_that_does_not_answer_is_given_time_and_then_one_goes_first_again() -> None:
    down = failed("a", Outcome.SITE_DOWN, transient=True, tries=1, retry_at=NOW + timedelta(minutes=1))
    assert first(wave(down, accepted=60, passed=60), "b", "c") == ""
    over = failed("a", Outcome.SITE_DOWN, transient=True, tries=1, retry_at=NOW)
    assert len(first(wave(over, accepted=60, passed=60), "b", "c")) == 1
    assert first(wave(over, accepted=1, passed=60), "b", "c") == "bc", "it has answered since"
    many = [failed(each, Outcome.SITE_DOWN, transient=True, tries=1, retry_at=NOW) for each in "abc"]
    assert not wave(*many).same_failures(SCHEDULE)
