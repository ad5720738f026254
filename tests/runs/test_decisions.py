"""A person's decisions, from the command line to the ledger, the portal and the receipt."""

import json
import os
import pwd
import signal
from pathlib import Path
from typing import Any

import pytest

from export_robots import cli_whom
from export_robots.cli_whom import who
from export_robots.runs.locks import hold
from tests.runs.conftest import Place, Robot, wait_until

OF_ABC = ("activix", "--client", "abc")
EXPORT = ("export", *OF_ABC, "--json")
ACCOUNT = "activix:datateam+abcautos@example.com"


def only(place: Place, robot: Robot, *words: str) -> dict[str, Any]:
    """The month's one delivery of this client."""
    answer = robot(place, "status", "--client", "abc", "--json", *words)
    (delivery,) = answer.json["deliveries"]
    assert answer.code == (0 if answer.json["closed"] else 3)
    return dict(delivery)


def decided(delivery: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    return [(each["what"], each["who"], each["why"]) for each in delivery["decisions"]]


def test_a_month_that_is_not_wanted_is_waived_and_expected_again(quick: Place, robot: Robot) -> None:
    answer = robot(quick, "waive", *OF_ABC, "--reason", "the dealership has left", "--json")
    assert (answer.code, answer.json["outcome"]) == (0, "waived"), answer.said
    assert answer.json["reasons"] == [f"{who()} waived it: the dealership has left"]
    waived = only(quick, robot)
    assert (waived["state"], waived["owner"], waived["how"]) == ("waived", "nobody", None)
    assert decided(waived) == [("waive", who(), "the dealership has left")]
    assert "the dealership has left" in robot(quick, "status", "--client", "abc").json["text"]

    exported = robot(quick, *EXPORT)
    assert (exported.code, exported.json["outcome"]) == (0, "waived")
    assert "robot retry activix --client abc --month" in robot(quick, *EXPORT[:-1]).said
    assert robot(quick, *EXPORT, "--again").json["outcome"] == "waived"
    report = quick.home / "report.csv"
    report.write_text("a,b\n1,2\n", "utf-8")
    delivered = robot(quick, "deliver", str(report), "--client", "abc", "--crm", "activix", "--json")
    assert (delivered.code, "robot retry" in delivered.json["next"]) == (2, True)
    assert not quick.world.journal.of("sign_in")

    back = robot(quick, "retry", *OF_ABC, "--json")
    assert (back.code, back.json["state"], back.json["outcome"], back.json["owner"]) == (0, "expected", None, "robot")
    assert [each[0] for each in decided(only(quick, robot))] == ["waive", "retry"]


@pytest.mark.browser
def test_what_failed_may_be_tried_again_and_then_cannot_be_waived_any_more(quick: Place, robot: Robot) -> None:
    quick.world.misbehaviours.add("no_export_permission")
    assert robot(quick, *EXPORT).json["outcome"] == "permission_missing"
    failed = only(quick, robot)
    assert (failed["owner"], failed["move"]) == ("crm support", failed["next"])
    assert "robot onboard" in failed["next"]

    again = robot(quick, "retry", *OF_ABC, "--reason", "they have granted it")
    assert again.code == 0
    assert "robot: tried again as soon as may be" in again.json["text"]
    retried = only(quick, robot)
    assert (retried["owner"], retried["outcome"]) == ("robot", "permission_missing"), "until the next attempt begins"
    assert decided(retried) == [("retry", who(), "they have granted it")]

    quick.world.misbehaviours.clear()
    assert robot(quick, *EXPORT).json["outcome"] == "delivered"
    assert only(quick, robot)["owner"] == "nobody"
    for word in (("waive", *OF_ABC, "--reason", "x"), ("retry", *OF_ABC), ("confirm", *OF_ABC, "--reason", "x")):
        answer = robot(quick, *word, "--json")
        assert (answer.code, answer.json["outcome"]) == (2, "usage"), word
        assert "closed already" in answer.json["reasons"][0] or "nothing was confirmed" in answer.json["reasons"][0]


@pytest.mark.browser
def test_a_post_that_nobody_confirmed_is_settled_by_who_has_seen_the_file(quick: Place, robot: Robot) -> None:
    assert quick.run(*EXPORT, dies_at="when the file is posted, unrecorded").code == -signal.SIGKILL
    unsettled = robot(quick, *EXPORT)
    assert unsettled.json["outcome"] == "upload_failed"
    before = only(quick, robot)
    assert (before["state"], before["owner"]) == ("posted", "operator")
    assert "robot confirm activix --client abc --month" in before["next"]
    refused = robot(quick, "retry", *OF_ABC, "--json")
    assert (refused.code, "robot confirm" in refused.json["next"]) == (2, True)
    assert robot(quick, "confirm", *OF_ABC, "--reason", " ", "--json").code == 2

    answer = robot(quick, "confirm", *OF_ABC, "--reason", "it is in the list", "--json")

    assert (answer.code, answer.json["outcome"]) == (0, "delivered"), answer.said
    closed = only(quick, robot)
    assert (closed["state"], closed["how"], closed["outcome"]) == ("delivered", "export", "delivered")
    assert decided(closed) == [("confirm", who(), "it is in the list")]
    receipt = json.loads(Path(answer.json["file"] + ".receipt.json").read_text("utf-8"))
    assert f"{who()} saw that the portal has it: it is in the list" in json.dumps(receipt["portal"])
    assert len(quick.received) == 1
    assert robot(quick, "confirm", *OF_ABC, "--reason", "once more", "--json").code == 0
    assert len(only(quick, robot)["decisions"]) == 1


@pytest.mark.browser
def test_what_was_posted_and_then_lost_from_the_disk_is_not_posted_or_asked_for_again(
    quick: Place, robot: Robot
) -> None:
    assert quick.run(*EXPORT, dies_at="when the file is posted, unrecorded").code == -signal.SIGKILL
    for path in (quick.home / "downloads").rglob("*.csv"):
        path.unlink()
    assert robot(quick, *EXPORT).json["outcome"] == "upload_failed"
    answer = robot(quick, "confirm", *OF_ABC, "--reason", "it is in the list", "--json")
    assert (answer.code, "nothing was confirmed" in answer.json["reasons"][0]) == (2, True)
    assert "robot waive activix --client abc --month" in answer.json["next"]
    assert decided(only(quick, robot)) == []
    assert robot(quick, "waive", *OF_ABC, "--reason", "the portal has it").code == 0
    assert len(quick.requests) == len(quick.received) == 1


@pytest.mark.browser
def test_a_waived_post_comes_back_as_one_that_nobody_confirmed(quick: Place, robot: Robot) -> None:
    assert quick.run(*EXPORT, dies_at="when the intent to post is written").code == -signal.SIGKILL
    assert robot(quick, "waive", *OF_ABC, "--reason", "x", "--json").json["outcome"] == "waived"
    assert robot(quick, "retry", *OF_ABC, "--json").json["state"] == "posted"
    assert only(quick, robot)["outcome"] == "upload_failed"
    assert robot(quick, *EXPORT).json["outcome"] == "upload_failed"
    assert not quick.received


@pytest.mark.browser
def test_what_was_waived_while_its_run_was_dead_is_not_gone_on_with(quick: Place, robot: Robot) -> None:
    assert quick.run(*EXPORT, dies_at="when the request is recorded").code == -signal.SIGKILL
    assert only(quick, robot)["state"] == "requested"
    assert robot(quick, "waive", *OF_ABC, "--reason", "x").code == 0
    assert robot(quick, *EXPORT).json["outcome"] == "waived"
    assert robot(quick, "collect").json["text"] == "nothing is waited for\n"
    assert not quick.received


@pytest.mark.browser
def test_a_report_that_comes_after_it_was_waived_is_kept_and_sent_when_that_is_taken_back(
    quick: Place, robot: Robot
) -> None:
    quick.world.misbehaviours.add("mails_late")
    assert robot(quick, *EXPORT, "--no-wait").json["outcome"] == "requested"
    for reason in ("they\x1b[31m have\nleft", "once more"):
        assert robot(quick, "waive", *OF_ABC, "--reason", reason).code == 0
    assert decided(only(quick, robot)) == [("waive", who(), "they[31m have left")], "what is waived is waived"
    quick.world.misbehaviours.clear()
    wait_until(lambda: quick.world.journal.of("report_mailed"), "the report is mailed")
    assert robot(quick, "collect").json["text"] == "nothing is waited for\n"
    assert not quick.received

    assert robot(quick, "retry", *OF_ABC, "--json").json["state"] == "requested"
    assert robot(quick, *EXPORT).json["outcome"] == "delivered"
    assert len(quick.received) == len(quick.requests) == 1


def test_one_rooftop_alone_is_waived_and_an_empty_reason_or_an_unknown_name_is_none(quick: Place, robot: Robot) -> None:
    for reason in ("", " \t\n", "\x1b\u200b"):
        empty = robot(quick, "waive", *OF_ABC, "--reason", reason, "--json")
        assert (empty.code, empty.json["reasons"]) == (2, ["--reason is empty"])
    nowhere = robot(quick, "waive", *OF_ABC, "--rooftop", "Nowhere", "--reason", "x", "--json")
    assert (nowhere.code, "no rooftop “Nowhere”" in nowhere.json["reasons"][0]) == (2, True)
    elsewhere = robot(quick, "waive", "vinsolutions", "--client", "abc", "--reason", "x", "--json")
    assert elsewhere.code == 2
    assert "nothing is expected" in elsewhere.json["reasons"][0]
    assert robot(quick, "waive", *OF_ABC, "--json").code == 2, "a waive without any reason"


def test_who_acts_as_the_services_user_is_named_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    user, signed_in = pwd.getpwuid(os.getuid()).pw_name, tmp_path / "loginuid"
    monkeypatch.setattr(cli_whom, "_LOGIN_UID", signed_in)
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert who() == user
    monkeypatch.setenv("SUDO_USER", "alice")
    for nobody in ("", str(2**32 - 1), "not a number", "4294960000"):
        signed_in.write_text(nobody)
        assert who() == f"{user} (by alice)"
    signed_in.write_text(str(pwd.getpwnam("nobody").pw_uid))
    assert who() == f"{user} (by nobody)", "the system's word counts before a variable"
    signed_in.write_text(str(os.getuid()))
    assert who() == user


def test_an_account_that_is_at_work_is_left_alone(quick: Place, robot: Robot) -> None:
    robot(quick, "waive", *OF_ABC, "--reason", "x")
    with hold(quick.home / "locks", ACCOUNT, "abc/activix/2026-01"):
        answer = robot(quick, "retry", *OF_ABC, "--json")
    assert (answer.code, answer.json["outcome"]) == (19, "busy")
    assert only(quick, robot)["state"] == "waived"


def test_a_client_that_has_left_the_configuration_can_still_be_waived(quick: Place, robot: Robot) -> None:
    month = robot(quick, "waive", *OF_ABC, "--reason", "x", "--json").json["period"][0]
    robot(quick, "retry", *OF_ABC)
    text = quick.config.read_text("utf-8")
    quick.config.write_text(text.replace("clients.abc", "clients.other"), "utf-8")
    answer = robot(quick, "waive", *OF_ABC, "--month", month, "--reason", "they have left", "--json")
    assert (answer.code, answer.json["outcome"]) == (0, "waived"), answer.said
    nobody = robot(quick, "waive", "activix", "--client", "nobody", "--reason", "x", "--json")
    assert (nobody.code, nobody.json["reasons"][0]) == (2, "there is no client “nobody”")


def test_nothing_is_retried_that_was_never_expected(quick: Place, robot: Robot) -> None:
    answer = robot(quick, "retry", *OF_ABC, "--month", "2024-01", "--json")
    assert (answer.code, answer.json["outcome"]) == (2, "usage")
    assert answer.json["reasons"] == ["nothing is expected of abc at activix for 2024-01"]
