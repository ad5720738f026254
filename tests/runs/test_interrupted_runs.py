"""Killed at any moment and started again, an export ends with one delivered file."""

import pytest

from tests.runs.conftest import Place, wait_until
from tests.runs.robot_process import PLACES

EXPORT = ("export", "activix", "--client", "abc", "--json")

UNCONFIRMED = {"when the intent to post is written": 0, "when the file is posted, unrecorded": 1}
"""Where nobody can know whether the portal has the file; how many files it has."""

SUBSCRIBING = ("when the subscription's time is drawn", "when the CRM has saved, unrecorded")


@pytest.mark.browser
@pytest.mark.parametrize("place", [place for place in PLACES if place not in (*UNCONFIRMED, *SUBSCRIBING)])
def test_a_run_that_is_killed_goes_on_from_there_and_delivers_once(quick: Place, place: str) -> None:
    killed = quick.run(*EXPORT, dies_at=place)
    assert killed.code == -9

    again = quick.run(*EXPORT)

    assert (again.code, again.json["outcome"]) == (0, "delivered"), again.said
    assert len(quick.received) == 1
    assert len(quick.requests) == 1 or place == "when the intent to ask is written"
    wait_until(lambda: not quick.robots_left(), "no process is left")


@pytest.mark.browser
@pytest.mark.parametrize("place", UNCONFIRMED)
def test_a_file_that_may_be_posted_is_not_posted_again_without_a_persons_word(quick: Place, place: str) -> None:
    assert quick.run(*EXPORT, dies_at=place).code == -9
    posted = len(quick.received)
    assert posted == UNCONFIRMED[place]

    for _ in range(2):
        again = quick.run(*EXPORT)
        assert (again.code, again.json["outcome"]) == (18, "upload_failed"), again.said
        assert "robot deliver" in again.json["next"]
        assert len(quick.received) == posted

    word = quick.run("deliver", again.json["file"], "--client", "abc", "--crm", "activix", "--json")
    assert (word.code, word.json["outcome"]) == (0, "delivered"), word.said
    assert len(quick.received) == posted + 1
    assert quick.run(*EXPORT).json["outcome"] == "delivered"
    assert len(quick.received) == posted + 1


@pytest.mark.browser
@pytest.mark.parametrize("place", SUBSCRIBING)
def test_a_subscription_that_is_killed_keeps_its_time_and_is_made_once(quick: Place, place: str) -> None:
    words = ("subscribe", "activix", "--client", "abc", "--json")
    assert quick.run(*words, dies_at=place).code == -9
    done = quick.run(*words)
    assert (done.code, done.json["outcome"]) == (0, "subscribed"), done.said
    times = {each["first_execution"][:16].replace(" ", "T") for each in quick.world.journal.of("view_saved")}
    assert times == {done.json["subscription"]["first_execution"]}
