"""`robot serve` beside a CRM, a mailbox and a portal: from the month that is due to the last delivery closed."""

import re

import pytest

from export_robots import clock
from export_robots.outcomes import Outcome
from export_robots.periods import Month, Period
from export_robots.runs.ledger import CLOSED
from export_robots.runs.operating_tables import MachineRow
from export_robots.runs.tables import How, State
from tests.runs.conftest import Place, wait_until
from tests.runs.quick_site import SENT_CODE
from tests.runs.serving import ledger_of, serving, wait_for_all, with_clients

# One after the other: each has a process that serves, with its own browser, beside those of the tests.
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("serve")]


def usernames(place: Place, event: str) -> list[str]:
    return [each["username"].partition("+")[2].partition("@")[0] for each in place.world.journal.of(event)]


def test_a_month_is_expected_asked_for_and_delivered_with_one_account_in_front(quick: Place) -> None:
    keys = with_clients(quick, 8)
    with ledger_of(quick) as ledger:
        before = Period.month(Month.of(clock.now().date()).plus(-2))
        earlier = ledger.expect("d05", "activix", "Activix CRM", None, before)
        ledger.close(earlier.id, State.DELIVERED, How.EXPORT)
        with serving(quick) as served:
            wait_for_all(ledger, 9, served)
            assert served.end() == 0, served.said
    events = [each for each in quick.world.journal.entries if each["event"] in ("sign_in", "report_requested")]
    assert [each["event"] for each in events[:2]] == ["sign_in", "report_requested"]
    assert usernames(quick, "sign_in")[0] == "d05", "the account that delivered last goes first"
    assert sorted(usernames(quick, "report_requested")) == keys, "each was asked once"
    assert len(quick.received) == 8
    assert sorted(re.findall(r"info +(\S+)/activix/\S+: delivered$", served.said, re.MULTILINE)) == keys
    assert "nothing was expected here before" not in served.said
    wait_until(lambda: not quick.robots_left(), "no process is left")
    status = quick.run("status", "--json")
    assert status.code == 0, status.json


def test_a_failure_of_many_stops_the_crm_and_leaves_the_rest_untried_until_a_person_resumes_it(quick: Place) -> None:
    with_clients(quick, 6, schedule__same_failure=2)
    quick.world.misbehaviours.add("renamed_button")
    with ledger_of(quick) as ledger, serving(quick) as served:
        wait_until(lambda: "Activix CRM is stopped" in served.said, "the CRM is stopped")
        failed = [row for row in ledger.deliveries() if row.outcome]
        assert [(row.outcome, row.step) for row in failed] == [(Outcome.SITE_CHANGED, "generate the report")] * 2
        assert len(quick.world.journal.of("sign_in")) == 2
        assert re.search(r"warning d0\d/activix/\S+#1: site_changed: .+", served.said)
        assert "nothing was expected here before" in served.said
        status = quick.run("status", "--json")
        assert [each["crm"] for each in status.json["stopped"]] == ["activix"]

        quick.world.misbehaviours.discard("renamed_button")
        assert quick.run("resume", "activix", "--reason", "the robot knows the new name", "--json").json["resumed"]
        wait_for_all(ledger, 6, served)
    assert len(quick.received) == 6
    assert len(quick.world.journal.of("report_requested")) == 6
    assert quick.run("resume", "activix").code == 2


def test_a_refused_password_is_tried_once_and_another_account_goes_first(quick: Place) -> None:
    with_clients(quick, 3)
    quick.world.accounts["datateam+d00@example.com"].password = "changed at the CRM"
    with ledger_of(quick) as ledger, serving(quick) as served:
        wait_for_all(ledger, 2, served)
        wait_until(lambda: len(quick.received) == 2, "the others are delivered")
        assert usernames(quick, "sign_in").count("d00") == 1
        assert ledger.deliveries()[0].outcome == Outcome.SIGN_IN_REFUSED
        assert "Activix CRM is stopped" not in served.said


def test_a_code_is_told_from_another_terminal_while_the_page_is_open_or_after(quick: Place) -> None:
    with_clients(quick, 1, schedule__code_patience="20s")
    quick.world.misbehaviours.add("asks_sms_code")
    with ledger_of(quick) as ledger, serving(quick) as served:
        wait_until(lambda: "robot answer" in served.said, "the question is put")
        [delivery] = ledger.deliveries()
        asked = quick.run("answer", f"{delivery.id}#1", SENT_CODE, "--json")
        assert asked.json == {"run": f"{delivery.id}#1", "delivery": delivery.id, "page_open": True}
        wait_for_all(ledger, 1, served)
        assert SENT_CODE not in served.said
    assert len(quick.world.journal.of("sign_in")) == 1
    assert SENT_CODE.encode() not in (quick.home / "robot.sqlite").read_bytes()


def test_a_parked_run_is_woken_by_its_answer(quick: Place) -> None:
    with_clients(quick, 1, schedule__code_patience="1s")
    quick.world.misbehaviours.add("asks_sms_code")
    with ledger_of(quick) as ledger, serving(quick) as served:
        wait_until(lambda: ledger.deliveries() and ledger.deliveries()[0].outcome, "the page is closed")
        [delivery] = ledger.deliveries()
        assert delivery.outcome == Outcome.CODE_NEEDED
        assert not quick.run("answer", delivery.id, SENT_CODE, "--json").json["page_open"]
        wait_for_all(ledger, 1, served)
    assert usernames(quick, "sign_in") == ["d00", "d00"]


def test_a_portal_that_is_down_is_tried_again_after_pauses_without_asking_the_crm_again(quick: Place) -> None:
    with_clients(quick, 2)
    quick.world.misbehaviours.add("down")
    with ledger_of(quick) as ledger, serving(quick) as served:
        wait_until(lambda: any(row.tries >= 2 for row in ledger.deliveries()), "it was tried twice")
        assert quick.received == []
        quick.world.misbehaviours.discard("down")
        wait_for_all(ledger, 2, served)
    assert len(quick.received) == 2
    assert len(quick.world.journal.of("report_requested")) == 2


def test_sigterm_ends_within_thirty_seconds_and_the_next_one_goes_on(quick: Place) -> None:
    with_clients(quick, 4)
    with ledger_of(quick) as ledger:
        with serving(quick) as served:
            wait_until(lambda: quick.world.journal.of("sign_in"), "the first one is at work")
            begun = clock.now()
            assert served.end() == 0, served.said
            assert (clock.now() - begun).total_seconds() < 30
        wait_until(lambda: not quick.robots_left(), "no process is left")
        with ledger._transaction() as session:
            assert all(machine.ended_at for machine in session.query(MachineRow))
        with serving(quick) as served:
            wait_for_all(ledger, 4, served)
    assert len(quick.received) == 4
    assert len(quick.world.journal.of("report_requested")) == 4


def test_a_killed_one_is_gone_on_with_by_the_next_on_the_same_file(quick: Place) -> None:
    with_clients(quick, 3)
    with ledger_of(quick) as ledger:
        with serving(quick) as served:
            wait_until(lambda: quick.world.journal.of("report_requested"), "the first request is made")
            served.kill()
        assert not all(row.state in CLOSED for row in ledger.deliveries())
        with serving(quick) as served:
            wait_for_all(ledger, 3, served)
    assert len(quick.received) == 3


def test_two_on_one_file_are_one_too_many(quick: Place) -> None:
    with_clients(quick, 1)
    with serving(quick) as served:
        wait_until(lambda: "serving activix" in served.said, "it serves")
        second = quick.run("serve")
        assert second.code == 2
        assert "another `robot serve`" in second.said
        assert "postgresql" in second.said.lower()
