"""The robot on a PostgreSQL server: all of its commands, and what one machine has begun another one finishes."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from tests.mail.postgres import PROGRAMS, restart
from tests.runs.conftest import PATIENCE, Place, Robot, wait_until
from tests.runs.databases import connected

EXPORT = ("export", "activix", "--client", "abc", "--json")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("url", ["postgresql"] if PROGRAMS else [], indirect=True),
]


@pytest.fixture
def place(quick: Place, url: str, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("ROBOT_DATABASE__URL", url)
    return quick


@pytest.fixture
def machine(place: Place, tmp_path: Path) -> Callable[[str], Place]:
    """Machines with a home each, that have the configuration and the database in common."""
    return lambda name: replace(place, home=tmp_path / name)


def test_every_command_uses_the_server(place: Place, robot: Robot) -> None:
    answer = robot(place, *EXPORT)
    assert (answer.code, answer.json["outcome"]) == (0, "delivered"), answer.said
    assert len(place.received) == 1
    status = robot(place, "status", "--json")
    assert status.json["deliveries"][0]["state"] == "delivered"
    assert robot(place, "collect").json["text"] == "nothing is waited for\n"
    assert robot(place, *EXPORT).json["outcome"] == "delivered"
    checked = robot(place, "doctor").json["text"]
    assert "PostgreSQL" in checked
    assert "1 delivery" in checked
    assert "held          no mail" in robot(place, "mailbox", "status").json["text"]
    assert (place.home / "robot.sqlite").stat().st_size == 0
    assert len(place.requests) == len(place.received) == 1


@pytest.mark.parametrize(
    "dies_at",
    [
        "when the mail is handed over",
        "when the report is taken over",
        "when the file is named",
        "when the confirmation is recorded",
    ],
)
def test_what_a_machine_had_that_burnt_down_another_one_delivers_once(
    machine: Callable[[str], Place], dies_at: str
) -> None:
    first, second = machine("first"), machine("second")
    assert first.run(*EXPORT, dies_at=dies_at).code == -9
    first.home.rename(first.home.with_name("burnt down"))
    answer = second.run(*EXPORT)
    assert (answer.code, answer.json["outcome"]) == (0, "delivered"), answer.said
    assert str(second.home) in answer.json["file"]
    assert len(second.received) == len(second.requests) == 1
    assert Path(answer.json["file"]).read_bytes() == second.received[0].read_bytes()
    assert Path(answer.json["file"] + ".receipt.json").exists()


def test_an_account_that_another_machine_is_at_is_busy_and_said_to_be_there(machine: Callable[[str], Place]) -> None:
    first, second = machine("first"), machine("second")
    first.world.misbehaviours.add("mails_late")
    with first.process(*EXPORT) as process:
        wait_until(lambda: first.requests, "the CRM was asked")
        busy = second.run(*EXPORT)
        assert (busy.code, busy.json["outcome"]) == (19, "busy"), busy.said
        assert f"process {process.pid} on " in busy.json["reasons"][0]
        first.world.misbehaviours.clear()
        process.communicate()
        assert process.returncode == 0
    assert len(first.requests) == len(first.received) == 1


def test_a_restart_of_the_server_is_waited_out_by_runs_that_are_under_way(place: Place, url: str) -> None:
    place.world.misbehaviours.add("mails_late")
    with place.process(*EXPORT) as process:
        wait_until(lambda: "time_left" in steps_taken(url), "it waits for the mail")
        restart(url)
        place.world.misbehaviours.clear()
        out, said = process.communicate(timeout=PATIENCE)
    assert (process.returncode, json.loads(out)["outcome"]) == (0, "delivered"), said
    assert len(place.requests) == len(place.received) == 1


def steps_taken(url: str) -> list[str]:
    with connected(url) as connection:
        if not inspect(connection).has_table("operation_outputs", schema="dbos"):
            return []
        return list(connection.execute(text("SELECT function_name FROM dbos.operation_outputs")).scalars())
