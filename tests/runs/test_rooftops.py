"""Several sign-ins of one client at once, and ranges of dates that a CRM refuses."""

from pathlib import Path

import pytest

from emulated_world.clients import EmulatedClient
from emulated_world.contract import SiteAccount
from tests.runs.conftest import Place, Robot

EXPORT = ("export", "activix", "--client", "abc", "--json")
DIRECTIONS = ("North", "South", "East", "West")

pytestmark = pytest.mark.browser


@pytest.fixture
def five(quick: Place) -> Place:
    """A dealership with five rooftops in all, each with a sign-in of its own."""
    further = tuple(
        SiteAccount(f"datateam+abcautos{way.lower()}@example.com", f"secret {way}", f"ABC Autos {way}")
        for way in DIRECTIONS
    )
    quick.world.clients["abc"] = EmulatedClient("abc", quick.world.clients["abc"].account, further)
    quick.world.accounts.update({each.username: each for each in further})
    quick.configure(rooftops=True)
    return quick


def test_one_locked_account_among_five_stops_none_of_the_others(five: Place, robot: Robot) -> None:
    five.world.accounts["datateam+abcautoseast@example.com"].password = "changed at the CRM"
    answer = robot(five, *EXPORT)
    assert (answer.code, answer.json["outcome"]) == (10, "sign_in_refused")
    assert [(each["rooftop"], each["outcome"]) for each in answer.json["results"]] == [
        (None, "delivered"),
        ("ABC Autos North", "delivered"),
        ("ABC Autos South", "delivered"),
        ("ABC Autos East", "sign_in_refused"),
        ("ABC Autos West", "delivered"),
    ]
    names = [each["file_name"] for each in answer.json["results"] if each["file_name"]]
    assert [name.partition(" – ")[0] for name in names] == [
        "ABC Autos", "ABC Autos North", "ABC Autos South", "ABC Autos West",
    ]  # fmt: skip
    assert len(five.received) == 4
    said = answer.said.splitlines()
    for way in DIRECTIONS:
        assert any(line.startswith(f"ABC Autos {way}: sign in (") for line in said), answer.said
    assert any(line.startswith("ABC Autos West: check the report (") for line in said), answer.said
    assert any(line.startswith("ABC Autos: wait for the report's e-mail (") for line in said), answer.said
    assert len(five.world.journal.of("sign_in")) == 5


def test_no_more_than_the_limit_are_under_way_at_once(
    five: Place, robot: Robot, monkeypatch: pytest.MonkeyPatch
) -> None:
    from export_robots.browser import Browser

    most, now = [0], [0]
    visit = Browser.visit

    def counted(self: Browser, *args: object, **options: object) -> object:
        manager = visit(self, *args, **options)  # type: ignore[arg-type]

        class Counted:
            async def __aenter__(self) -> object:
                now[0] += 1
                most[0] = max(most[0], now[0])
                return await manager.__aenter__()

            async def __aexit__(self, *error: object) -> object:
                now[0] -= 1
                return await manager.__aexit__(*error)  # type: ignore[arg-type]

        return Counted()

    monkeypatch.setattr(Browser, "visit", counted)
    five.configure(rooftops=True, browser__at_once=2)
    assert robot(five, *EXPORT, "--no-wait").code == 0
    assert most == [2]


def test_every_rooftop_is_subscribed_by_its_own_name(five: Place, robot: Robot) -> None:
    answer = robot(five, "subscribe", "activix", "--client", "abc", "--json")
    assert (answer.code, answer.json["outcome"]) == (0, "subscribed"), answer.said
    titles = [each["subscription"]["title"] for each in answer.json["results"]]
    assert titles[1] == "ABC Autos North - Activix CRM (Clarivoy Leads)"
    assert len(set(titles)) == 5
    assert len({each["subscription"]["first_execution"] for each in answer.json["results"]}) > 1


def test_a_range_that_the_crm_refuses_is_asked_for_month_by_month(quick: Place, robot: Robot) -> None:
    quick.world.misbehaviours.add("limits_range")
    backdata = robot(quick, *EXPORT, "--backdata")
    assert (backdata.code, backdata.json["outcome"]) == (0, "delivered"), backdata.said
    results = backdata.json["results"]
    assert [each["outcome"] for each in results] == ["delivered", "delivered"]
    assert all(each["period"][0] == each["period"][1] for each in results)
    assert [Path(each["file"]).name for each in results] == [each["file_name"] for each in results]
    assert all(" to " not in each["file_name"] for each in results)
    assert len(quick.received) == len(quick.requests) == 2

    again = robot(quick, *EXPORT, "--backdata")

    assert (again.code, again.json) == (0, backdata.json)
    assert len(quick.requests) == 2
    assert len(quick.world.journal.of("sign_in")) == 1
    first = results[0]["period"][0]
    status = robot(quick, "status", "--month", first, "--json").json["deliveries"]
    assert [each["period"] for each in status] == [[first, first]]


def test_a_month_that_fails_is_taken_up_alone(quick: Place, robot: Robot) -> None:
    quick.world.misbehaviours.update({"limits_range", "down"})
    down = robot(quick, *EXPORT, "--backdata")
    assert [each["outcome"] for each in down.json["results"]] == ["upload_failed", "upload_failed"]
    quick.world.misbehaviours.discard("down")
    assert robot(quick, *EXPORT, "--backdata").json["outcome"] == "delivered"
    assert len(quick.requests) == 2


def test_killed_after_the_refusal_of_a_range_nothing_is_asked_twice(quick: Place) -> None:
    quick.world.misbehaviours.add("limits_range")
    assert quick.run(*EXPORT, "--backdata", dies_at="when the request is recorded").code < 0
    done = quick.run(*EXPORT, "--backdata")
    assert (done.code, done.json["outcome"]) == (0, "delivered"), done.said
    assert len(done.json["results"]) == 2
    assert len(quick.requests) == len(quick.received) == 2


def test_what_goes_on_after_a_kill_says_whose_it_is(five: Place) -> None:
    assert five.run(*EXPORT, dies_at="when the request is recorded").code == -9

    again = five.run(*EXPORT)

    assert again.code == 0, again.said
    steps = [line for line in again.said.splitlines() if line.endswith(" s)")]
    assert [line for line in steps if not line.startswith("ABC Autos")] == []
    assert len(steps) > len(DIRECTIONS)
