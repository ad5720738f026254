"""The unit and the container file say what the robot's own promises are."""

import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from export_robots import cli
from export_robots.config_file import find_config
from export_robots.logs import VARIABLE
from export_robots.settings import load_settings

ROOT = Path(__file__).parents[1]
UNIT = ROOT / "deploy" / "robot.service"
CONTAINER = ROOT / "deploy" / "Containerfile"
WIND_UP = 30  # seconds that `robot serve` takes at most to finish or park what runs


class Unit(configparser.RawConfigParser):
    """Keys keep their letters; of several of one key, all count."""

    def __init__(self) -> None:
        super().__init__(strict=False, comment_prefixes=("#",), dict_type=dict)

    def optionxform(self, optionstr: str) -> str:
        return optionstr


@pytest.fixture
def unit() -> configparser.RawConfigParser:
    made = Unit()
    made.read(UNIT)
    return made


def instructions() -> list[tuple[str, str]]:
    """The container file's, with their continued lines joined."""
    text = re.sub(r"^#.*\n", "", CONTAINER.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in text.splitlines() if line.strip()]


def environments(lines: list[str]) -> dict[str, str]:
    return dict(word.split("=", 1) for line in lines for word in shlex.split(line))


def test_the_unit_runs_a_command_that_there_is_and_gives_it_time_to_wind_up(
    unit: configparser.RawConfigParser,
) -> None:
    service = unit["Service"]
    program, *words = shlex.split(service["ExecStart"])
    assert Path(program).name == "robot"
    assert words[0] in get_command(cli.app).commands  # type: ignore[attr-defined]  # a group
    assert int(service["TimeoutStopSec"]) > WIND_UP
    assert (service["KillMode"], service["KillSignal"]) == ("mixed", "SIGTERM")
    assert service["UMask"] == "0077"
    assert service["StateDirectoryMode"] == "0700"


def test_the_unit_forbids_nothing_that_chromiums_sandbox_needs(unit: configparser.RawConfigParser) -> None:
    service = unit["Service"]
    assert not {"RestrictNamespaces", "MemoryDenyWriteExecute", "SystemCallFilter", "DynamicUser"} & service.keys()
    assert (service["ProtectSystem"], service["NoNewPrivileges"]) == ("strict", "yes")
    state = f"/var/lib/{service['StateDirectory']}"
    home = re.search(r"^Environment=ROBOT_HOME=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert home
    assert Path(home[1]).is_relative_to(state), "all else is read-only"


@pytest.mark.parametrize("place", ["unit", "container"])
def test_the_variables_are_those_that_the_robot_reads(place: str) -> None:
    lines = (
        [line.removeprefix("Environment=") for line in UNIT.read_text().splitlines() if line.startswith("Environment=")]
        if place == "unit"
        else [rest for word, rest in instructions() if word == "ENV"]
    )
    env = environments(lines)
    assert find_config(None, env) == Path("/etc/export-robots/credentials.toml")
    assert load_settings(None, None, {"ROBOT_HOME": env["ROBOT_HOME"]}).home == Path("/var/lib/export-robots/home")
    assert {name for name in env if name.startswith("ROBOT_")} <= {"ROBOT_CONFIG", "ROBOT_HOME", VARIABLE}


if shutil.which("systemd-analyze"):

    def test_systemd_itself_understands_the_unit(tmp_path: Path) -> None:
        here = re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", UNIT.read_text(), flags=re.MULTILINE)
        copy = tmp_path / "robot.service"
        copy.write_text(re.sub(r"^(User|Group)=robot$", r"\1=root", here, flags=re.MULTILINE))
        done = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_container_runs_the_robot_without_rights_under_an_init_process() -> None:
    words = instructions()
    said = dict(words)
    assert json.loads(said["ENTRYPOINT"]) == ["/usr/bin/tini", "--", "robot"]
    assert json.loads(said["CMD"])[0] in get_command(cli.app).commands  # type: ignore[attr-defined]  # a group
    assert said["USER"] == "robot"
    assert "--uid 10001" in CONTAINER.read_text()
    assert said["VOLUME"] == "/var/lib/export-robots"
    installed = words[[index for index, (word, _) in enumerate(words) if word == "FROM"][-1] + 1][1]
    assert {"chromium", "tini", "tzdata", "ca-certificates"} <= set(installed.split())


def test_the_container_takes_what_the_wheel_is_made_of_and_no_secret() -> None:
    copied = [rest.split()[:-1] for word, rest in instructions() if word == "COPY" and not rest.startswith("--from")]
    sources = {source for each in copied for source in each}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = {Path(each).parts[0] for each in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]}
    wanted = {"pyproject.toml", "requirements.lock", project["project"]["readme"], *packages}
    assert sources == wanted | set(project["project"]["license-files"])
    assert all((ROOT / source).exists() for source in sources)


def test_every_package_in_the_container_is_held_against_its_hash() -> None:
    runs = [rest for word, rest in instructions() if word == "RUN" and "/pip" in rest]
    assert any("--require-hashes" in run for run in runs)
    assert all("--require-hashes" in run or "--no-index" in run for run in runs)
