"""What a command does where another one has been before, or is at the same time."""

import signal
from pathlib import Path

import pytest

from export_robots.runs.locks import hold
from tests.runs.conftest import Place, Robot, wait_until

EXPORT = ("export", "activix", "--client", "abc", "--json")
ACCOUNT = "activix:datateam+abcautos@example.com"

pytestmark = pytest.mark.browser


def test_a_delivered_report_is_reported_again_and_nothing_is_done(quick: Place, robot: Robot) -> None:
    first = robot(quick, *EXPORT)
    assert (first.code, first.json["outcome"]) == (0, "delivered"), first.said
    assert first.json["client"] == "abc"
    assert first.json["rooftop"] is None
    assert first.json["file_name"].startswith("ABC Autos – Activix CRM – ")
    assert Path(first.json["file"]).read_bytes() == quick.received[0].read_bytes()
    assert Path(first.json["file"] + ".receipt.json").exists()

    again = robot(quick, *EXPORT)

    assert (again.code, again.json) == (first.code, first.json)
    assert len(quick.requests) == len(quick.received) == 1


def test_everything_is_written_for_its_owner_alone_and_without_a_secret(quick: Place, robot: Robot) -> None:
    assert robot(quick, *EXPORT).code == 0
    password = quick.world.accounts["datateam+abcautos@example.com"].password
    lead = quick.received[0].read_text("utf-8").splitlines()[1].split(",")[-1]
    assert "@" in lead
    for path in [quick.home, *quick.home.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path
        if path.is_file():
            content = path.read_bytes()
            assert password.encode() not in content, path
            assert lead.encode() not in content or path.is_relative_to(quick.home / "downloads"), path


def test_two_at_once_are_one_run(quick: Place) -> None:
    quick.world.misbehaviours.add("mails_late")
    with quick.process(*EXPORT) as first:
        wait_until(lambda: quick.requests, "the CRM was asked")
        second = quick.run(*EXPORT)
        assert (second.code, second.json["outcome"]) == (19, "busy"), second.said
        assert "abc/activix/" in second.json["reasons"][0]
        assert str(first.pid) in second.json["reasons"][0]
        quick.world.misbehaviours.clear()
        first.communicate()
        assert first.returncode == 0
    assert len(quick.requests) == len(quick.received) == 1


def test_a_held_account_is_busy_and_the_crm_is_not_opened(quick: Place, robot: Robot) -> None:
    assert robot(quick, "status").code == 3  # makes the home
    with hold(quick.home / "locks", ACCOUNT, "abc/activix/2026-01"):
        answer = robot(quick, *EXPORT)
    assert (answer.code, answer.json["outcome"]) == (19, "busy")
    assert "abc/activix/2026-01" in answer.json["reasons"][0]
    assert not quick.world.journal.of("sign_in")


def test_without_upload_the_file_is_kept_and_a_later_run_goes_on_with_it(quick: Place, robot: Robot) -> None:
    kept = robot(quick, *EXPORT, "--no-upload")
    assert (kept.code, kept.json["outcome"]) == (0, "collected"), kept.said
    assert Path(kept.json["file"]).exists()
    assert robot(quick, "collect").json["text"] == "nothing is waited for\n"
    assert not quick.received

    assert robot(quick, *EXPORT).json["outcome"] == "delivered"
    assert len(quick.requests) == len(quick.received) == 1


def test_without_waiting_the_rest_is_left_to_collect(quick: Place, robot: Robot) -> None:
    quick.world.misbehaviours.add("mails_late")
    asked = robot(quick, *EXPORT, "--no-wait")
    assert (asked.code, asked.json["outcome"]) == (0, "requested"), asked.said

    early = robot(quick, "collect")
    assert early.code == 0
    assert ": requested" in early.json["text"]

    quick.world.misbehaviours.clear()
    wait_until(lambda: quick.world.journal.of("report_mailed"), "the report was mailed")
    late = robot(quick, "collect")
    assert late.code == 0
    assert ": delivered" in late.json["text"]
    assert len(quick.requests) == len(quick.received) == 1
    assert robot(quick, *EXPORT).json["outcome"] == "delivered"


def test_exporting_after_not_waiting_waits_for_the_same_report(quick: Place, robot: Robot) -> None:
    assert robot(quick, *EXPORT, "--no-wait").json["outcome"] == "requested"
    assert robot(quick, *EXPORT).json["outcome"] == "delivered"
    assert len(quick.requests) == len(quick.received) == 1


def test_watching_delivers_what_is_asked_for_meanwhile_and_ends_with_ctrl_c(quick: Place, robot: Robot) -> None:
    with quick.process("collect", "--watch") as watch:
        assert robot(quick, *EXPORT, "--no-wait").json["outcome"] == "requested"
        assert watch.stdout
        assert ": delivered" in watch.stdout.readline()
        assert len(quick.received) == 1
        watch.send_signal(signal.SIGINT)
        _, said = watch.communicate(timeout=60)
    assert watch.returncode == 130
    assert "interrupted" in said
    wait_until(lambda: not quick.robots_left(), "no process is left")


def test_a_report_that_is_late_is_looked_for_before_it_is_asked_for_again(quick: Place, robot: Robot) -> None:
    quick.configure(clients__abc__activix__report_deadline="1s")
    quick.world.misbehaviours.add("mails_late")
    late = robot(quick, *EXPORT)
    assert (late.code, late.json["outcome"]) == (16, "report_late"), late.said
    assert "within 1 s" in late.json["reasons"][0]
    assert robot(quick, "collect").code in (0, 16)

    quick.world.misbehaviours.clear()
    wait_until(lambda: quick.world.journal.of("report_mailed"), "the report was mailed")
    again = robot(quick, *EXPORT)

    assert (again.code, again.json["outcome"]) == (0, "delivered"), again.said
    assert len(quick.requests) == len(quick.received) == 1


def test_a_report_that_never_came_is_asked_for_again_by_the_next_command(quick: Place, robot: Robot) -> None:
    quick.configure(clients__abc__activix__report_deadline="1s")
    quick.world.misbehaviours.add("never_mails")
    assert robot(quick, *EXPORT).json["outcome"] == "report_late"
    assert robot(quick, "collect").code == 16
    quick.world.misbehaviours.clear()
    quick.configure()
    again = robot(quick, *EXPORT)
    assert (again.code, again.json["outcome"]) == (0, "delivered"), again.said
    assert len(quick.requests) == 2


def test_a_rejected_report_is_kept_and_asked_for_anew(quick: Place, robot: Robot) -> None:
    quick.world.misbehaviours.add("mails_html_page")
    rejected = robot(quick, *EXPORT)
    assert (rejected.code, rejected.json["outcome"]) == (17, "report_rejected"), rejected.said
    assert rejected.json["reasons"]
    assert "html" in Path(rejected.json["file"]).read_text("utf-8")
    quick.world.misbehaviours.clear()

    again = robot(quick, *EXPORT)

    assert (again.code, again.json["outcome"]) == (0, "delivered"), again.said
    assert len(quick.requests) == 2
    assert len(quick.received) == 1


def test_a_refused_password_is_not_sent_again_until_it_is_changed(quick: Place, robot: Robot) -> None:
    quick.configure(clients__abc__activix__password="outdated")
    assert robot(quick, *EXPORT).json["outcome"] == "sign_in_refused"
    again = robot(quick, *EXPORT)
    assert (again.code, again.json["outcome"]) == (10, "sign_in_refused")
    assert "was not sent again" in again.json["reasons"][0]
    assert len(quick.world.journal.of("sign_in")) == 1
    quick.configure()
    assert robot(quick, *EXPORT).json["outcome"] == "delivered"
    assert [entry["right"] for entry in quick.world.journal.of("sign_in")] == [False, True]


def test_an_empty_month_that_the_crm_confirms_is_verified_and_not_uploaded(quick: Place, robot: Robot) -> None:
    quick.world.misbehaviours.add("empty_month")
    answer = robot(quick, *EXPORT)
    assert (answer.code, answer.json["outcome"]) == (0, "verified_empty"), answer.said
    assert Path(answer.json["file"] + ".receipt.json").exists()
    assert not quick.received


def test_a_portal_that_is_down_costs_no_second_request(quick: Place, robot: Robot) -> None:
    quick.world.misbehaviours.add("down")
    down = robot(quick, *EXPORT)
    assert (down.code, down.json["outcome"]) == (18, "upload_failed"), down.said
    quick.world.misbehaviours.clear()
    assert robot(quick, *EXPORT).json["outcome"] == "delivered"
    assert len(quick.requests) == len(quick.received) == 1


def test_a_portal_that_asks_for_an_address_is_given_the_mailboxs(quick: Place, robot: Robot) -> None:
    quick.world.misbehaviours.add("wants_email")
    assert robot(quick, *EXPORT).json["outcome"] == "delivered"
    (upload,) = quick.world.portal_journal.of("upload")
    assert quick.world.mail.username in upload["fields"].values()


def test_a_file_that_the_portal_refused_waits_for_a_persons_word(quick: Place, robot: Robot) -> None:
    quick.world.misbehaviours.add("refuses_file")
    refused = robot(quick, *EXPORT)
    assert (refused.code, refused.json["outcome"]) == (18, "upload_failed"), refused.said
    quick.world.misbehaviours.clear()
    posts = len(quick.world.portal_journal.of("upload"))
    assert robot(quick, *EXPORT).json["outcome"] == "upload_failed"
    assert len(quick.world.portal_journal.of("upload")) == posts
    word = robot(quick, "deliver", refused.json["file"], "--client", "abc", "--crm", "activix", "--json")
    assert (word.code, word.json["outcome"]) == (0, "delivered"), word.said


def test_a_report_exported_by_hand_is_checked_named_and_uploaded(quick: Place, robot: Robot, tmp_path: Path) -> None:
    source = robot(quick, *EXPORT, "--no-upload").json["file"]
    report = tmp_path / "export (3).csv"
    report.write_bytes(Path(source).read_bytes())
    words = ("deliver", str(report), "--client", "lmn", "--crm", "AutoDealer CRM", "--json")
    done = robot(quick, *words)
    assert (done.code, done.json["outcome"]) == (0, "delivered"), done.said
    assert done.json["file_name"].startswith("Autos Lévis - ")
    assert done.json["file_name"].endswith(" - AutoDealer CRM Leads.csv")
    assert done.json["crm"] == "autodealer_crm"
    assert robot(quick, *words).json == done.json
    assert len(quick.received) == 1


def test_every_rooftop_is_exported_and_one_that_fails_stops_no_other(quick: Place, robot: Robot) -> None:
    quick.configure(rooftops=True)
    quick.world.accounts["datateam+abcautos@example.com"].password = "changed at the CRM"
    answer = robot(quick, *EXPORT)
    assert answer.code == 10
    assert answer.json["outcome"] == "sign_in_refused"
    assert [(each["rooftop"], each["outcome"]) for each in answer.json["results"]] == [
        (None, "sign_in_refused"),
        ("ABC Autos North", "delivered"),
    ]
    one = robot(quick, *EXPORT, "--rooftop", "ABC Autos North")
    assert (one.code, one.json["rooftop"]) == (0, "ABC Autos North")


def test_a_mailbox_that_cannot_be_read_is_said_before_the_crm_is_asked(quick: Place, robot: Robot) -> None:
    quick.configure(mailbox__password="wrong")
    answer = robot(quick, *EXPORT)
    assert (answer.code, answer.json["outcome"]) == (2, "usage"), answer.said
    assert "mailbox" in answer.json["reasons"][0]
    quick.configure(mailbox__port=1)
    answer = robot(quick, *EXPORT)
    assert (answer.code, answer.json["outcome"]) == (2, "usage"), answer.said
    assert not quick.world.journal.of("sign_in")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_while_waiting_it_says_what_was_done_and_goes_on_later(
    quick: Place, robot: Robot, number: signal.Signals, code: int
) -> None:
    quick.world.misbehaviours.add("mails_late")
    with quick.process(*EXPORT) as process:
        wait_until(lambda: quick.requests, "the CRM was asked")
        wait_until(lambda: "requested" in robot(quick, "status").json["text"], "the request is recorded")
        process.send_signal(number)
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "")
    assert "interrupted; the same command goes on from there" in said
    wait_until(lambda: not quick.robots_left(), "no process is left")
    quick.world.misbehaviours.clear()

    again = robot(quick, *EXPORT)

    assert (again.code, again.json["outcome"]) == (0, "delivered"), again.said
    assert len(quick.requests) == len(quick.received) == 1
