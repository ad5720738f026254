"""What is asked for again after it was delivered: the difference is told before anything is sent."""

import json
import os
import pty
import shlex
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from emulated_world.contract import SiteAccount, SiteWorld
from emulated_world.world import EmulatedWorld
from tests.runs import quick_site
from tests.runs.conftest import Place, Robot, wait_until

EXPORT = ("export", "activix", "--client", "abc", "--json")

pytestmark = pytest.mark.browser

Rows = list[str]


@pytest.fixture
def leads_change(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Rows], Rows]], None]:
    """From now on the CRM's reports hold other rows, and as many as its page says."""

    def change(how: Callable[[Rows], Rows]) -> None:
        def changed(world: SiteWorld | EmulatedWorld, account: SiteAccount, first: date, last: date) -> tuple[str, int]:
            header, *rows = quick_site.rows_of(world, account, first, last)
            rows = how(rows)
            return "".join(f"{row}\r\n" for row in [header, *rows]), len(rows)

        monkeypatch.setattr(quick_site, "csv_of", changed)

    return change


def one_more_one_less_one_other(rows: Rows) -> Rows:
    first, _, *others = rows
    date, source = first.split(",")[:2]
    return [
        first.replace(source, "Another source"),
        *others,
        f"{date},Web,New,Lead,1 St,Ottawa,ON,K1A 0A1,n@example.com",
    ]


def test_a_delivered_period_is_asked_for_again_only_by_saying_so(quick: Place, robot: Robot) -> None:
    first = robot(quick, *EXPORT)
    plain = robot(quick, *EXPORT)
    assert (plain.code, plain.json) == (0, first.json)
    assert "--again" in robot(quick, *EXPORT[:-1]).said
    assert len(quick.requests) == 1


def test_the_same_content_is_told_and_not_sent(quick: Place, robot: Robot) -> None:
    first = robot(quick, *EXPORT)
    again = robot(quick, *EXPORT, "--again")
    assert (again.code, again.json["outcome"]) == (0, "delivered"), again.said
    assert "is the same as what was delivered on" in again.json["reasons"][0]
    assert "nothing was sent" in again.json["reasons"][0]
    assert len(quick.requests) == 2
    assert len(quick.received) == 1
    assert robot(quick, *EXPORT).json == first.json


def test_rows_in_another_order_are_the_same_content(
    quick: Place, robot: Robot, leads_change: Callable[[Callable[[Rows], Rows]], None]
) -> None:
    robot(quick, *EXPORT)
    leads_change(lambda rows: list(reversed(rows)))
    again = robot(quick, *EXPORT, "--again")
    assert (again.code, again.json["outcome"]) == (0, "delivered"), again.said
    assert "nothing was sent" in again.json["reasons"][0]
    assert len(quick.received) == 1


def test_a_difference_is_told_in_rows_and_sent_by_the_command_that_is_named(
    quick: Place, robot: Robot, leads_change: Callable[[Callable[[Rows], Rows]], None]
) -> None:
    first = robot(quick, *EXPORT)
    before = Path(first.json["file"]).read_bytes()
    receipt = Path(first.json["file"] + ".receipt.json").read_bytes()
    leads_change(one_more_one_less_one_other)

    stopped = robot(quick, *EXPORT, "--again")

    assert (stopped.code, stopped.json["outcome"]) == (0, "collected"), stopped.said
    assert "rows: 1 added, 1 removed, 1 changed" in stopped.json["reasons"][0]
    assert stopped.json["file_name"] == first.json["file_name"]
    assert len(quick.received) == 1
    assert robot(quick, *EXPORT, "--again").json == stopped.json | {"run": robot_run(stopped.json["run"], 2)}
    assert len(quick.requests) == 2

    words = shlex.split(stopped.json["next"])
    assert words[:2] == ["robot", "deliver"]
    sent = robot(quick, *words[1:], "--json")

    assert (sent.code, sent.json["outcome"]) == (0, "delivered"), sent.said
    assert "1 changed" in sent.json["reasons"][0]
    assert len(quick.received) == 2
    assert Path(first.json["file"]).read_bytes() == before
    assert Path(first.json["file"] + ".receipt.json").read_bytes() == receipt
    assert "portal" in Path(sent.json["file"] + ".receipt.json").read_text("utf-8")
    assert len(quick.requests) == 2
    status = robot(quick, "status", "--json").json["deliveries"]
    assert [(each["state"], each.get("again")) for each in status] == [("delivered", None), ("delivered", 2)]


def robot_run(run: str, attempt: int) -> str:
    return f"{run.rpartition('#')[0]}#{attempt}"


def test_a_third_time_is_compared_with_what_was_sent_last(
    quick: Place, robot: Robot, leads_change: Callable[[Callable[[Rows], Rows]], None]
) -> None:
    robot(quick, *EXPORT)
    leads_change(one_more_one_less_one_other)
    stopped = robot(quick, *EXPORT, "--again")
    robot(quick, *shlex.split(stopped.json["next"])[1:])
    third = robot(quick, *EXPORT, "--again")
    assert third.json["outcome"] == "delivered", third.said
    assert "nothing was sent" in third.json["reasons"][0]
    assert len(quick.received) == 2


def test_what_was_never_delivered_is_delivered_without_ado(quick: Place, robot: Robot) -> None:
    answer = robot(quick, *EXPORT, "--again")
    assert (answer.code, answer.json["outcome"], answer.json["reasons"]) == (0, "delivered", [])


def test_a_file_by_hand_needs_the_word_too_and_tells_the_difference(quick: Place, robot: Robot, tmp_path: Path) -> None:
    source = Path(robot(quick, *EXPORT).json["file"])
    header, first, *others = source.read_bytes().decode().removesuffix("\r\n").split("\r\n")
    other = tmp_path / "mine.csv"
    other.write_text("".join(f"{line}\r\n" for line in [header, *others]), "utf-8", newline="")
    words = ("deliver", str(other), "--client", "abc", "--crm", "activix", "--json")
    refused = robot(quick, *words)
    assert (refused.code, refused.json["outcome"]) == (2, "usage")
    assert "--again" in refused.json["next"]

    sent = robot(quick, *words, "--again")

    assert (sent.code, sent.json["outcome"]) == (0, "delivered"), sent.said
    assert "rows: 0 added, 1 removed, 0 changed" in sent.json["reasons"][0]
    assert first not in sent.said + str(sent.json)
    assert len(quick.received) == 2


@pytest.mark.parametrize(
    "place", ["when the request is recorded", "when the file is named", "when the file is posted, unrecorded"]
)
def test_killed_in_the_middle_of_asking_again_it_goes_on(
    quick: Place, place: str, leads_change: Callable[[Callable[[Rows], Rows]], None]
) -> None:
    assert quick.run(*EXPORT).code == 0
    leads_change(one_more_one_less_one_other)
    if place != "when the file is posted, unrecorded":
        assert quick.run(*EXPORT, "--again", dies_at=place).code < 0
        assert quick.run(*EXPORT).json["outcome"] == "delivered"
    stopped = quick.run(*EXPORT, "--again")
    assert stopped.json["outcome"] == "collected", stopped.said
    assert len(quick.requests) == 2
    word = shlex.split(stopped.json["next"])[1:]
    if place == "when the file is posted, unrecorded":
        assert quick.run(*word, dies_at=place).code < 0
        held = quick.run(*EXPORT, "--again")
        assert held.json["outcome"] == "upload_failed", held.said
        wait_until(lambda: len(quick.received) == 2, "the portal has the second file")
    assert quick.run(*word, "--json").json["outcome"] == "delivered"


def test_what_was_delivered_by_hand_does_not_compete_for_the_next_report(
    quick: Place, robot: Robot, tmp_path: Path
) -> None:
    quick.configure(clients__abc__activix__report_deadline="1s")
    quick.world.misbehaviours.add("never_mails")
    assert robot(quick, *EXPORT).json["outcome"] == "report_late"
    asked = quick.requests[-1]
    first, last = date.fromisoformat(asked["first"]), date.fromisoformat(asked["last"])
    by_hand = tmp_path / "by-hand.csv"
    lines = quick_site.rows_of(quick.world, quick.world.accounts[asked["username"]], first, last)
    source = lines[1].split(",")[1]
    lines[1] = lines[1].replace(source, "Another source")
    by_hand.write_text("".join(f"{line}\r\n" for line in lines), "utf-8", newline="")
    assert robot(quick, "deliver", str(by_hand), "--client", "abc", "--crm", "activix").code == 0
    quick.configure()
    quick.world.misbehaviours.clear()
    again = robot(quick, *EXPORT, "--again")
    assert (again.code, again.json["outcome"]) == (0, "collected"), again.said
    assert "rows: 0 added, 0 removed, 1 changed" in again.json["reasons"][0]


@pytest.mark.parametrize(("answer", "files"), [("y", 2), ("n", 1)])
def test_at_a_terminal_the_person_is_asked(
    quick: Place, leads_change: Callable[[Callable[[Rows], Rows]], None], answer: str, files: int
) -> None:
    assert quick.run(*EXPORT).code == 0
    leads_change(one_more_one_less_one_other)
    here, there = pty.openpty()
    with quick.process(*EXPORT, "--again", terminal=there) as process:
        os.close(there)
        said = ""
        while "Send it all the same?" not in said:
            said += os.read(here, 10_000).decode()
        os.write(here, f"{answer}\n".encode())
        drained = threading.Thread(target=drain, args=(here,), daemon=True)
        drained.start()
        assert process.stdout
        result = json.loads(process.stdout.read())
    assert "1 changed" in said
    assert result["outcome"] == ("delivered" if answer == "y" else "collected")
    assert len(quick.received) == files


def drain(terminal: int) -> None:
    """Read what is written to a terminal until nobody writes any more."""
    try:
        while os.read(terminal, 10_000):
            pass
    except OSError:  # how Linux says that its other end is closed
        os.close(terminal)
