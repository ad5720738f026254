"""`robot doctor` names a mend for each thing that is wrong with a set-up."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from emulated_world.world import EmulatedWorld, running_world
from tests.cli.conftest import Robot

pytestmark = pytest.mark.browser


@pytest.fixture
def world(tmp_path: Path) -> Iterator[EmulatedWorld]:
    with running_world(folder=tmp_path / "world") as world:
        yield world


def test_a_set_up_that_works_is_found_well(robot: Robot, world: EmulatedWorld, tmp_path: Path) -> None:
    config = world.write_credentials(tmp_path / "credentials.toml")
    answer = robot("doctor", "--config", str(config), "--home", "home", "--json")
    assert answer.code == 0, answer.out
    about = {each["about"] for each in answer.json["findings"]}
    assert {"configuration", "home", "file modes", "disk", "database", "time zones", "secrets"} < about
    assert {"browser", "mailbox", "forged mail", "portal", "activix", "locks", "keyring"} < about
    assert not world.journal.of("sign_in")
    assert not world.portal_journal.of("upload")


@pytest.mark.parametrize(
    ("change", "about", "mend"),
    [
        ({"mailbox__password": "wrong"}, "mailbox", "Sign in to this mailbox by hand"),
        ({"mailbox__port": 1}, "mailbox", "host, port and security"),
        ({"mailbox__folder": "Reports"}, "mailbox", "folder"),
        ({"portal__url": "http://127.0.0.1:9/mtsa"}, "portal", "address in the configuration"),
        ({"browser__executable": "/nowhere/chromium"}, "browser", "Install Chrome"),
    ],
)
def test_what_is_wrong_is_bad_and_has_a_mend(
    robot: Robot, world: EmulatedWorld, tmp_path: Path, change: dict[str, object], about: str, mend: str
) -> None:
    config = tmp_path / "credentials.toml"
    world.write_credentials(config, **change)  # type: ignore[arg-type]  # overrides of any kind
    answer = robot("doctor", "--config", str(config), "--home", "home", "--json")
    assert answer.code == 2
    wrong = [each for each in answer.json["findings"] if each["level"] == "bad"]
    assert [each["about"] for each in wrong] == [about]
    assert mend in wrong[0]["mend"]


def test_a_home_that_others_can_read_is_bad(robot: Robot, world: EmulatedWorld, tmp_path: Path) -> None:
    config = world.write_credentials(tmp_path / "credentials.toml")
    assert robot("doctor", "--config", str(config), "--home", "home").code == 0
    answer = robot("doctor", "--config", str(tmp_path / "none.toml"), "--home", "home")
    assert answer.code == 2
    assert answer.out.startswith("bad   configuration: ")
