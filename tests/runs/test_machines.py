"""Several machines on one PostgreSQL database: they join, leave and die, and every file is delivered once."""

from collections import Counter
from contextlib import ExitStack

import pytest

from export_robots.runs.machines import DEAD_AFTER, Machines, Watch
from export_robots.runs.tables import State
from tests.mail.postgres import PROGRAMS
from tests.runs.conftest import Place, wait_until
from tests.runs.serving import closed, ledger_of, serving, wait_for_all, with_clients

MANY = 60


def test_who_does_not_move_is_declared_dead_whatever_its_clock_says(quick: Place) -> None:
    steady = [0.0]
    with ledger_of(quick) as ledger:
        machines = Machines(ledger.engine)
        for name in ("one", "two"):
            machines.join(name, "host", 1)
        watch = Watch(machines, "one", lambda: steady[0])
        assert watch.look() == {"one", "two"}
        steady[0] += DEAD_AFTER.total_seconds() - 1
        assert watch.look() == {"one", "two"}
        assert machines.beat("two")
        steady[0] += 2
        assert watch.look() == {"one", "two"}, "it has just shown itself"
        steady[0] += DEAD_AFTER.total_seconds() + 1
        assert watch.look() == {"one"}
        assert not machines.beat("two"), "it learns that it was declared dead"
        assert machines.beat("one")


@pytest.mark.timeout(900)  # two minutes alone on two cores, and as many times longer as others are at work there
@pytest.mark.xdist_group("serve")
@pytest.mark.browser
@pytest.mark.parametrize("url", ["postgresql"] if PROGRAMS else [], indirect=True)
def test_a_machine_that_is_killed_among_three_loses_nothing_and_doubles_nothing(
    quick: Place, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOT_TEST_POLL", "0.5")
    monkeypatch.setenv("ROBOT_TEST_ROUND", "5")
    keys = with_clients(quick, MANY, schedule__at_once_per_crm=6, schedule__at_once=2)
    with ledger_of(quick, url) as ledger, ExitStack() as stack:
        machines = [
            stack.enter_context(serving(quick, "--database", url, home=quick.home.with_name(f"machine{each}")))
            for each in range(3)
        ]
        for tenth in range(MANY // 10, MANY // 3 + 1, MANY // 10):
            wait_until(lambda: len(closed(ledger)) >= tenth, f"{tenth} are delivered")  # noqa: B023
        machines[1].kill()
        doubtful = wait_for_all(ledger, MANY, machines[0])
        deliveries = ledger.deliveries()
        delivered = [row for row in deliveries if row.state == State.DELIVERED]
        sent = {file.sha256 for row in delivered if (file := ledger.file(row.id))}
    assert len(doubtful) <= 2, "what was just being posted may be there or not, and waits for a person"
    assert sorted(row.client for row in deliveries) == keys
    assert len(delivered) + len(doubtful) == MANY
    posted = Counter(each["sha256"] for each in quick.world.portal_journal.of("upload"))
    assert set(posted.values()) == {1}, "no file is posted twice"
    assert sent <= set(posted), "what the ledger says is delivered, the portal has"
