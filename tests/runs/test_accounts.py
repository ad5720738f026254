"""What `robot onboard` sees of an account, and where a missing permission sends people."""

import pytest

from tests.runs.conftest import Place, Robot

ONBOARD = ("onboard", "activix", "--client", "abc", "--json")

pytestmark = pytest.mark.browser


def test_an_account_with_all_it_needs_is_said_to_be_ready(quick: Place, robot: Robot) -> None:
    answer = robot(quick, *ONBOARD)
    assert (answer.code, answer.json["outcome"], answer.json["reasons"]) == (0, "checked", []), answer.said
    assert (answer.json["role"], answer.json["may_export"]) == ("Manager", True)
    assert "APPROVED FOR EXPORT" in answer.json["letter"]
    assert not quick.requests


def test_a_wrong_role_and_a_missing_permission_are_named(quick: Place, robot: Robot) -> None:
    quick.world.misbehaviours.update({"wrong_role", "no_export_permission"})
    answer = robot(quick, *ONBOARD)
    assert (answer.code, answer.json["outcome"]) == (13, "permission_missing")
    assert len(answer.json["reasons"]) == 3
    text = robot(quick, *ONBOARD[:-1])
    assert text.code == 13
    assert "still missing for datateam+abcautos@example.com" in text.said
    assert "To: support@activix.ca" in text.json["text"]


def test_a_refused_sign_in_is_told_beside_the_letters(quick: Place, robot: Robot) -> None:
    quick.world.misbehaviours.add("refuses_password")
    answer = robot(quick, *ONBOARD)
    assert (answer.code, answer.json["outcome"]) == (10, "sign_in_refused")
    assert answer.json["letter"]


@pytest.mark.parametrize("command", ["export", "repull"])
def test_a_missing_permission_points_to_onboarding(quick: Place, robot: Robot, command: str) -> None:
    quick.world.misbehaviours.add("no_export_permission")
    answer = robot(quick, command, "activix", "--client", "abc", "--json")
    assert (answer.code, answer.json["outcome"]) == (13, "permission_missing"), answer.said
    assert "`robot onboard activix --client abc`" in answer.json["next"]
