"""The clock crosses month ends and clock changes while runs of `robot serve` are under way, in three time zones."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from export_robots import clock
from export_robots.periods import Month, Period
from export_robots.runs.tables import State
from tests.runs.conftest import Place
from tests.runs.serving import MovedClock, closed, ledger_of, rounds_made, serving, wait_for_all, with_clients

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("serve")]

ZONES = ("America/Toronto", "America/Regina", "Europe/Paris")
Asked = set[tuple[str, str]]


@pytest.fixture
def time(quick: Place, monkeypatch: pytest.MonkeyPatch) -> MovedClock:
    made = MovedClock(quick)
    monkeypatch.setattr(clock, "now", made.now)
    return made


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def asked(place: Place) -> Counter[tuple[str, str]]:
    """Whose report of which month the CRM was asked for, and how often."""
    found = [(each["username"].partition("+")[2].partition("@")[0], each["first"][:7]) for each in place.requests]
    assert all(each["first"][8:] == "01" for each in place.requests)
    return Counter(found)


@pytest.mark.parametrize(
    ("begun", "moments"),
    [
        pytest.param(
            ("2026-11-01T03:59", {("d00", "2026-09"), ("d01", "2026-09"), ("d02", "2026-10")}),
            [
                ("2026-11-01T04:00:30", {("d00", "2026-10")}),  # midnight in Toronto
                ("2026-11-01T05:59:30", set()),  # 01:59, and a minute later it is one o'clock again
                ("2026-11-01T06:00:30", {("d01", "2026-10")}),  # midnight in Regina, where clocks never change
                ("2026-11-01T07:00:30", set()),  # 02:00 in Toronto at last
            ],
            id="the night of the 1st of November 2026, whose hour from one to two comes twice in Toronto",
        ),
        pytest.param(
            ("2026-12-01T04:59", {("d00", "2026-10"), ("d01", "2026-10"), ("d02", "2026-11")}),
            [
                ("2026-12-01T05:00:30", {("d00", "2026-11")}),
                ("2026-12-01T06:00:30", {("d01", "2026-11")}),
            ],
            id="the end of a November",
        ),
        pytest.param(
            ("2027-03-14T06:59", {("d00", "2027-02"), ("d01", "2027-02"), ("d02", "2027-02")}),
            [
                ("2027-03-14T07:00:30", set()),  # 03:00 in Toronto, a minute after 01:59
            ],
            id="a night of March without the hour from two to three",
        ),
    ],
)
def test_what_is_under_way_keeps_its_month_and_the_next_one_is_expected_once(
    quick: Place, time: MovedClock, begun: tuple[str, Asked], moments: list[tuple[str, Asked]]
) -> None:
    start, wanted = begun
    time.put(at(start))
    patience = {f"clients__{each}__activix__report_deadline": "168h" for each in ("d00", "d01", "d02", "d03")}
    with_clients(quick, 4, zones=ZONES, **patience)
    with ledger_of(quick) as ledger:
        for client, month in wanted:
            row = ledger.expect(client, "activix", "Activix CRM", None, Period.month(Month.parse(month)))
            ledger.waive(row.id, "tests", "its turn comes when one has gone first")
        with serving(quick) as served:
            served.wait_until(
                lambda: any(row.state == State.DELIVERED for row in ledger.deliveries()), "one has gone first"
            )
            known = Counter(asked(quick))
            quick.world.misbehaviours.add("mails_late")
            for row in closed(ledger):
                if row.state == State.WAIVED:
                    ledger.retry(row.id, None, "tests", None)
            for moment, more in [(start, wanted), *moments]:
                time.put(at(moment))
                known.update(more | {("d03", month) for client, month in more if client == "d00" and moment != start})
                served.wait_until(lambda: len(asked(quick)) >= len(known), f"all that is due at {moment} is asked for")
                if not more:
                    rounds = rounds_made(quick)
                    served.wait_until(lambda: rounds_made(quick) > rounds + 1, "a whole round was made")  # noqa: B023
                assert asked(quick) == known, moment
            assert len(closed(ledger)) == 1
            quick.world.misbehaviours.discard("mails_late")
            assert wait_for_all(ledger, len(known), served) == []
        rows = ledger.deliveries()
    assert {(row.client, row.period_start): row.state for row in rows} == dict.fromkeys(known, State.DELIVERED)
    assert all(row.period_start == row.period_end for row in rows)
    assert asked(quick) == known
    assert set(known.values()) == {1}
    posted = [each["sha256"] for each in quick.world.portal_journal.of("upload")]
    assert len(posted) == len(set(posted)) == len(known)
