"""What every robot keeps, whichever CRM it is for."""

from pathlib import Path

import pytest

from emulated_world.world import SITES
from export_robots.catalogue import ENTRIES
from export_robots.crm import robots
from export_robots.reports.fields import FIELDS
from export_robots.robot import CrmRobot

ROOT = Path(__file__).parents[2]
every_robot = pytest.mark.parametrize("robot", robots().values(), ids=robots().keys())


def test_keys_and_labels_are_unique() -> None:
    assert len({robot.label for robot in robots().values()}) == len(robots())


@every_robot
def test_a_robot_is_named_after_its_file(robot: type[CrmRobot]) -> None:
    assert robot.__module__ == f"export_robots.crm.{robot.key}"


@every_robot
def test_its_public_address_is_encrypted(robot: type[CrmRobot]) -> None:
    assert robot.url.startswith("https://")


@every_robot
def test_it_says_which_document_it_follows_and_whom_to_ask_for_permission(robot: type[CrmRobot]) -> None:
    assert robot.source
    assert robot.export_permission
    assert (ROOT / "robots/export_robots/crm" / f"{robot.key}.py").read_text().startswith('"""')


@every_robot
def test_it_stands_in_the_catalogue(robot: type[CrmRobot]) -> None:
    assert robot.key in {entry.key for entry in ENTRIES}


@every_robot
def test_it_has_several_emulations_and_a_test_file(robot: type[CrmRobot]) -> None:
    assert len([module for module in SITES.values() if f".{robot.key}_" in module]) >= 2
    assert (ROOT / "tests/crm" / f"test_{robot.key}.py").exists()


@every_robot
def test_its_column_aliases_are_of_known_fields(robot: type[CrmRobot]) -> None:
    assert set(robot.column_aliases) <= set(FIELDS)


@every_robot
def test_its_file_stays_a_procedure(robot: type[CrmRobot]) -> None:
    lines = (ROOT / "robots/export_robots/crm" / f"{robot.key}.py").read_text().splitlines()
    assert len(lines) < 350
    assert not [line for line in lines if "sleep" in line or "locator(" in line]
