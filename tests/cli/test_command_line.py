"""What the command line takes, what it says of mistakes, and what it costs to ask for help."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer

from export_robots import cli, clock
from export_robots.runs import month_view
from tests.cli.conftest import Robot

INTERFACE = Path(__file__).parents[2] / "docs" / "interface.md"
KEYS = [
    "outcome",
    "client",
    "crm",
    "rooftop",
    "period",
    "file",
    "file_name",
    "rows",
    "sha256",
    "run",
    "reasons",
    "next",
]
SLOW = (
    *("playwright", "dbos", "sqlalchemy", "pydantic", "rich", "keyring", "imapclient", "opentelemetry", "psycopg"),
    *("starlette", "uvicorn", "jinja2"),
)


def commands() -> dict[str, Any]:
    """Every command by the words that call it."""
    group: Any = typer.main.get_command(cli.app)
    found = {}
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found.update({f"{name} {inner}": each for inner, each in command.commands.items()})
        else:
            found[name] = command
    return found


@pytest.mark.parametrize("words", commands())
def test_every_command_and_option_says_what_it_does(words: str) -> None:
    command = commands()[words]
    assert command.help
    for parameter in command.params:
        assert parameter.help, parameter.name


@pytest.mark.parametrize("words", commands())
def test_every_command_and_option_stands_in_the_documented_interface(words: str) -> None:
    text = INTERFACE.read_text("utf-8")
    first = words.split()[0]
    assert f"robot {first}" in text
    for option in (option for parameter in commands()[words].params for option in parameter.opts):
        if option.startswith("--") and option not in ("--client", "--site", "--portal", "--headed"):
            assert option in text, option


def test_asking_for_help_imports_nothing_slow() -> None:
    program = (
        "import sys\n"
        "from export_robots.cli import run\n"
        f"loaded = lambda: {set(SLOW)!r} & set(sys.modules)\n"
        "assert run(['--help']) == 0 and not loaded(), loaded()\n"
        "assert run(['export', '--help']) == 0 and loaded() <= {'pydantic'}, loaded()\n"  # typer itself takes it
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


def test_a_mistyped_crm_is_answered_with_the_nearest_one(robot: Robot) -> None:
    answer = robot("export", "actvix", "--client", "abc")
    assert answer.code == 2
    assert answer.out == ""
    assert answer.said == (
        "usage: there is no CRM “actvix”; did you mean “activix”?\nhint: `robot crms` lists them all.\n"
    )


def test_a_mistyped_client_is_answered_with_the_nearest_one(robot: Robot, config: Path) -> None:
    answer = robot("export", "activix", "--client", "abd", "--config", str(config), "--home", "home")
    assert answer.code == 2
    assert "there is no client “abd”; did you mean “abc”?" in answer.said


def test_a_crm_without_known_steps_points_to_delivering_by_hand(robot: Robot) -> None:
    answer = robot("export", "vinsolutions", "--client", "abc", "--json")
    assert answer.code == 20
    assert answer.json["outcome"] == "steps_unknown"
    assert "robot deliver FILE" in answer.json["next"]


@pytest.mark.parametrize(
    "words",
    [
        ("exprt",),
        ("export", "activix"),
        ("export", "activix", "--client"),
        ("export", "activix", "--client", "abc", "--wrong"),
        ("export", "activix", "too", "many", "--client", "abc"),
        ("export", "nobodys", "--client", "abc"),
        ("status", "--month", "October"),
    ],
)
def test_every_mistake_is_one_json_object_where_json_was_asked_for(robot: Robot, words: tuple[str, ...]) -> None:
    answer = robot(*words, "--json")
    assert answer.code == 2
    assert list(answer.json) == KEYS
    assert answer.json["outcome"] == "usage"
    assert answer.json["reasons"]


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("glued", [True, False])
def test_global_options_may_stand_before_or_after_the_command(
    robot: Robot, config: Path, tmp_path: Path, *, before: bool, glued: bool
) -> None:
    places = {"--config": str(config), "--home": str(tmp_path / "home")}
    options = (
        [f"{name}={value}" for name, value in places.items()]
        if glued
        else [word for pair in places.items() for word in pair]
    )
    answer = (
        robot(*options, "status", "--month", "2026-01") if before else robot("status", *options, "--month", "2026-01")
    )
    assert (answer.code, answer.out) == (3, "nothing is expected for 2026-01 yet\n")
    assert (tmp_path / "home" / "robot.sqlite").exists()


@pytest.mark.parametrize(
    ("words", "saw"),
    [
        (("--month", "2026-11"), "the period 2026-11 has not ended yet: in America/Toronto it is 2026-11-15"),
        (("--month", "2026-10", "--backdata"), "the period is given twice, by --month and --backdata"),
        (("--from", "2026-09"), "--from and --to belong together"),
        (("--from", "2026-10", "--to", "2026-09"), "the period 2026-10 to 2026-09 ends before it starts"),
        (("--month", "2026-13"), "“2026-13” is not a month"),
    ],
)
def test_a_period_that_cannot_be_is_refused_before_anything_is_done(
    robot: Robot, config: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], saw: str
) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 15, 15, tzinfo=UTC))
    answer = robot("export", "activix", "--client", "abc", "--config", str(config), "--home", "home", *words, "--json")
    assert answer.code == 2
    assert answer.json["reasons"] == [saw]


def test_a_broken_configuration_is_named_by_line_and_column(robot: Robot, config: Path) -> None:
    config.write_text("[clients.abc]\ndealership = ABC\n", "utf-8")
    answer = robot("export", "activix", "--client", "abc", "--config", str(config))
    assert answer.code == 2
    assert "line 2" in answer.said
    assert "column 14" in answer.said


def test_a_configuration_with_a_secret_that_others_can_read_is_refused(robot: Robot, config: Path) -> None:
    config.chmod(0o644)
    answer = robot("export", "activix", "--client", "abc", "--config", str(config))
    assert answer.code == 2
    assert "chmod 600" in answer.said
    assert "canary-password" not in answer.said


def test_a_home_that_cannot_be_made_is_said_so(robot: Robot, config: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    home = tmp_path / "file" / "home"
    answer = robot("export", "activix", "--client", "abc", "--config", str(config), "--home", str(home))
    assert answer.code == 2
    assert "a part of that path is not a folder" in answer.said


def test_a_missing_password_is_named_with_the_command_that_stores_it(
    robot: Robot, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    config.write_text(config.read_text("utf-8").replace('password = "canary-password"', ""), "utf-8")
    answer = robot("credentials", "check", "--config", str(config))
    assert answer.code == 2
    assert "clients.abc.activix.password" in answer.said
    assert "robot credentials set" in answer.said


def test_a_mistake_of_the_robots_own_is_an_outcome_with_its_traceback_in_a_file(
    robot: Robot, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "{}@example.com".format("zoe")

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError(told)

    monkeypatch.setattr(month_view, "view_month", broken)
    answer = robot("status", "--config", str(config), "--home", "home", "--json")
    assert answer.code == 1
    assert answer.json["outcome"] == "internal"
    assert answer.json["reasons"] == ["the robot made a mistake (ZeroDivisionError)"]
    kept = Path(answer.said.partition("evidence: ")[2].strip()).read_text("utf-8")
    assert "raise ZeroDivisionError" in kept
    assert "zoe@example.com" not in kept + answer.said


def test_the_catalogue_lists_every_crm_and_only_those_with_a_robot_as_founded(robot: Robot) -> None:
    rows = robot("crms", "--json").json["crms"]
    assert [row["crm"] for row in rows if row["robot"]] == ["activix"]
    assert {row["founded"] for row in rows} == {"documented", "steps unknown"}
    text = robot("crms").out
    assert all(row["label"] in text for row in rows)


def test_the_result_alone_stands_on_standard_output(robot: Robot, config: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.csv"
    report.write_text("<html><body>Please sign in</body></html>", "utf-8")
    answer = robot("check", str(report), "--config", str(config), "--json")
    assert answer.code == 17
    assert answer.json["outcome"] == "report_rejected"
    assert json.dumps(answer.json["reasons"][0]) in answer.out or answer.json["reasons"][0] in answer.said


@pytest.mark.parametrize("name", ["nothing.csv", "."])
def test_a_file_that_cannot_be_read_is_said_so(robot: Robot, name: str) -> None:
    answer = robot("check", name, "--json")
    assert (answer.code, answer.json["outcome"]) == (2, "usage")
