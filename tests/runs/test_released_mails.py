"""`robot mailbox`: a held mail's way to the portal by a person's word, beside other processes and after their end."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.runs.conftest import Place, Robot, wait_until
from tests.runs.mailed_reports import ADDRESS, mail, report_text

ASK = ("export", "activix", "--client", "abc", "--no-wait", "--json")

pytestmark = pytest.mark.browser


def held_mail(place: Place, robot: Robot, *files: tuple[str, str], **facts: str) -> str:
    """Have the CRM asked, and a mail from elsewhere held; its UID. Without `files` it brings the right report."""
    place.world.misbehaviours.add("never_mails")
    asked = robot(place, *ASK)
    assert asked.json["outcome"] == "requested", asked.said
    mail(place, *(files or (("report.csv", report_text(place)),)), **facts)
    assert robot(place, "collect").code == 0
    return str(status(place, robot)["held"][0]["uid"])


def status(place: Place, robot: Robot) -> dict[str, Any]:
    answer = robot(place, "mailbox", "status", "--json")
    assert answer.code == 0, answer.said
    return answer.json


def delivery(place: Place, robot: Robot) -> str:
    return str(status(place, robot)["expected"][0]["delivery"])


def test_a_held_mail_is_shown_released_and_delivered(quick: Place, robot: Robot) -> None:
    uid = held_mail(quick, robot)
    shown = robot(quick, "mailbox", "show", uid, "--json").json
    assert (shown["subject"], shown["from"]) == ("Your report", "reports@crm-mailer.example")
    assert shown["files"][0]["reasons"] == []
    (prospect,) = shown["could_answer"]
    assert prospect["against"] == ["it comes from crm-mailer.example, and the report only from activix.ca"]
    assert shown["next"][0] == f"robot mailbox release {uid} --delivery {prospect['delivery']}"

    words = shlex_words(shown["next"][0])
    released = robot(quick, *words, "--reason", "their new mailer", "--json")

    assert (released.code, released.json["outcome"]) == (0, "delivered"), released.said
    assert len(quick.received) == len(quick.requests) == 1
    receipt = json.loads(Path(f"{released.json['file']}.receipt.json").read_text("utf-8"))
    assert receipt["mail"]["released_by"]
    again = robot(quick, *words, "--json")
    assert (again.code, again.json) == (0, released.json)
    assert len(quick.received) == len(quick.requests) == 1
    after = robot(quick, "mailbox", "show", uid, "--json").json
    assert after["words"][0]["reason"] == "their new mailer"
    assert after["words"][0]["over"] == "it comes from crm-mailer.example, reports only from activix.ca"
    assert status(quick, robot)["held"] == []


def test_a_report_that_the_checks_refuse_stays_held(quick: Place, robot: Robot) -> None:
    uid = held_mail(quick, robot, ("report.csv", "Creation Date,Source\r\n2020-01-01,Web\r\n"))

    answer = robot(quick, "mailbox", "release", uid, "--delivery", delivery(quick, robot), "--json")

    assert (answer.code, answer.json["outcome"]) == (17, "report_rejected")
    assert len(answer.json["reasons"]) > 1
    assert "is held as before" in answer.json["next"]
    assert status(quick, robot)["held"][0]["uid"] == uid
    assert status(quick, robot)["expected"], "the right report may still come"
    assert not quick.received


def test_two_releases_at_once_deliver_once(quick: Place, robot: Robot) -> None:
    uid = held_mail(quick, robot)
    words = ("mailbox", "release", uid, "--delivery", "abc/", "--json")
    with quick.process(*words) as first, quick.process(*words) as second:
        outcomes = [json.loads(process.communicate(timeout=120)[0])["outcome"] for process in (first, second)]

    assert outcomes == ["delivered", "delivered"]
    assert len(quick.received) == len(quick.requests) == 1


def test_a_release_beside_a_collector_that_watches_delivers_once(quick: Place, robot: Robot) -> None:
    uid = held_mail(quick, robot)
    with quick.process("collect", "--watch") as watching:
        wait_until(lambda: (quick.home / "downloads" / "mail" / "collector.lock").exists(), "the collector looks")
        answer = robot(quick, "mailbox", "release", uid, "--delivery", "abc/activix", "--json")
        assert (answer.code, answer.json["outcome"]) == (0, "delivered"), answer.said
        watching.send_signal(signal.SIGINT)
        watching.communicate(timeout=60)
    assert len(quick.received) == len(quick.requests) == 1


def test_a_run_that_waits_for_its_report_goes_on_with_the_released_one(quick: Place, robot: Robot) -> None:
    quick.configure(clients__abc__activix__report_deadline="2m")
    quick.world.misbehaviours.add("never_mails")
    with quick.process("export", "activix", "--client", "abc", "--json") as export:
        wait_until(lambda: quick.requests, "the CRM was asked")
        mail(quick, ("report.csv", report_text(quick)))
        wait_until(lambda: status(quick, robot)["held"], "the mail is held")
        uid = status(quick, robot)["held"][0]["uid"]
        released = robot(quick, "mailbox", "release", uid, "--delivery", "abc", "--json")
        out, said = export.communicate(timeout=120)
    assert (released.code, released.json["outcome"]) == (0, "delivered"), released.said
    assert json.loads(out)["outcome"] == "delivered", said
    assert len(quick.received) == len(quick.requests) == 1


def test_a_release_that_is_killed_goes_on_with_the_same_command(quick: Place, robot: Robot) -> None:
    uid = held_mail(quick, robot)
    words = ("mailbox", "release", uid, "--delivery", "abc", "--json")
    assert quick.run(*words, dies_at="when the report is taken over").code == -9

    again = robot(quick, *words)

    assert (again.code, again.json["outcome"]) == (0, "delivered"), again.said
    assert len(quick.received) == len(quick.requests) == 1


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (("--delivery", "abd/activix"), "there is no delivery “abd/activix”"),
        (("--delivery", "abc", "--file", "other.csv"), "brought no file “other.csv”"),
        (("--delivery", "abc"), "brought 2 files"),
    ],
)
def test_a_release_that_is_not_clear_says_what_is_missing(
    quick: Place, robot: Robot, said: tuple[str, ...], why: str
) -> None:
    uid = held_mail(quick, robot, ("a.csv", "x,y\r\n1,2\r\n"), ("b.csv", "x,y\r\n1,3\r\n"))
    answer = robot(quick, "mailbox", "release", uid, *said, "--json")
    assert (answer.code, answer.json["outcome"]) == (2, "usage")
    assert why in answer.json["reasons"][0]
    assert answer.json["next"]
    assert status(quick, robot)["held"]


def test_one_of_several_files_is_released(quick: Place, robot: Robot) -> None:
    quick.world.misbehaviours.add("never_mails")
    assert robot(quick, *ASK).code == 0
    mail(quick, ("summary.csv", "x,y\r\n1,2\r\n"), ("leads.csv", report_text(quick)))
    robot(quick, "collect")
    uid = status(quick, robot)["held"][0]["uid"]
    answer = robot(quick, "mailbox", "release", uid, "--delivery", "abc", "--file", "leads.csv", "--json")
    assert (answer.code, answer.json["outcome"]) == (0, "delivered"), answer.said


def test_another_clients_mail_needs_a_yes(quick: Place, robot: Robot) -> None:
    uid = held_mail(quick, robot, to="datateam@example.com")
    refused = robot(quick, "mailbox", "release", uid, "--delivery", "abc", "--json")
    assert refused.code == 2
    assert ADDRESS in refused.json["reasons"][0]
    assert "--yes" in refused.json["next"]
    answer = robot(quick, "mailbox", "release", uid, "--delivery", "abc", "--yes", "--json")
    assert (answer.code, answer.json["outcome"]) == (0, "delivered"), answer.said


def test_what_is_closed_takes_no_other_mail(quick: Place, robot: Robot) -> None:
    uid = held_mail(quick, robot)
    report = Path(robot(quick, "mailbox", "show", uid, "--json").json["files"][0]["path"])
    month = delivery(quick, robot).split("/")[2]
    by_hand = ("deliver", str(report), "--client", "abc", "--crm", "activix", "--month", month, "--json")
    assert robot(quick, *by_hand).json["outcome"] == "delivered"

    answer = robot(quick, "mailbox", "release", uid, "--delivery", "abc", "--json")

    assert (answer.code, answer.json["outcome"]) == (2, "usage")
    assert "is closed already (delivered); nothing was released" in answer.json["reasons"][0]
    assert len(quick.received) == 1


def test_a_mail_is_closed_with_a_reason(quick: Place, robot: Robot) -> None:
    uid = held_mail(quick, robot)
    closed = robot(quick, "mailbox", "ignore", uid, "--reason", "an advertisement", "--json")
    assert closed.code == 0, closed.said
    assert (closed.json["decision"], closed.json["words"][0]["reason"]) == ("ignored", "an advertisement")
    assert status(quick, robot)["held"] == []


def test_watching_shows_each_mail_as_it_is_decided_and_leaves_the_report_to_collect(quick: Place, robot: Robot) -> None:
    quick.world.misbehaviours.add("never_mails")
    assert robot(quick, *ASK).code == 0
    with quick.process("mailbox", "watch") as watch:
        assert watch.stdout
        assert "connected to 127.0.0.1" in watch.stdout.readline()
        mail(quick, ("report.csv", report_text(quick)))
        assert "HELD: it comes from crm-mailer.example" in watch.stdout.readline()
        mail(quick, ("report.csv", report_text(quick)), sender="reports@activix.ca")
        assert "REPORT: for abc/activix/" in watch.stdout.readline()
        watch.send_signal(signal.SIGINT)
        watch.communicate(timeout=60)
    assert watch.returncode == 130
    assert not quick.received
    assert robot(quick, "collect").code == 0
    assert len(quick.received) == 1


def test_no_subject_and_no_lead_is_kept_by_looking(quick: Place, robot: Robot) -> None:
    uid = held_mail(quick, robot, subject="Peregrine falcons")
    answer = robot(quick, "mailbox", "show", uid)
    assert "Peregrine falcons" in answer.json["text"]
    lead = report_text(quick).splitlines()[1].split(",")[-1]
    assert lead not in answer.json["text"] + answer.said
    for path in quick.home.rglob("*"):
        if path.is_file() and not path.is_relative_to(quick.home / "downloads"):
            assert b"Peregrine" not in path.read_bytes(), path


def shlex_words(command: str) -> list[str]:
    return command.split()[1:]
