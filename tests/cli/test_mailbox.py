"""`robot mailbox` where there is nothing yet, or no mailbox to be reached."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from export_robots.cli_mailbox_text import labelled, plain, size_of, status_lines
from report_mailbox import Mailbox, MailboxUnreachable, readable
from report_mailbox.health import Protection
from report_mailbox.records import HeldMail
from tests.cli.conftest import Robot


def test_a_mailbox_that_cannot_be_read_is_said_and_the_rest_shown(robot: Robot, config: Path) -> None:
    answer = robot("mailbox", "status", "--config", str(config), "--home", "home")
    assert answer.code == 2
    assert "NONE: no connection to the mailbox at 127.0.0.1:1: nothing listens there" in answer.out
    assert "held          no mail" in answer.out


def test_it_is_one_json_object_too(robot: Robot, config: Path) -> None:
    answer = robot("mailbox", "status", "--json", "--config", str(config), "--home", "home")
    assert answer.code == 2
    assert answer.json["ok"] is False
    assert "nothing listens there" in answer.json["connection"]["saw"]
    assert answer.json["held"] == answer.json["expected"] == []


@pytest.mark.parametrize("uid", ["17", "1795364178/17", "seventeen", "17; DROP"])
def test_a_mail_that_nobody_knows_is_said(robot: Robot, config: Path, uid: str) -> None:
    answer = robot("mailbox", "show", uid, "--json", "--config", str(config), "--home", "home")
    assert (answer.code, answer.json["outcome"]) == (2, "usage")
    assert answer.json["reasons"] == [f"no mail {uid} is known in INBOX"]


def test_closing_a_mail_needs_a_reason(robot: Robot, config: Path) -> None:
    answer = robot("mailbox", "ignore", "17", "--reason", " ", "--config", str(config), "--home", "home")
    assert answer.code == 2
    assert "closing a mail needs a reason" in answer.said


@pytest.mark.parametrize("columns", [40, 60, 100])
def test_what_is_shown_fits_the_terminal(columns: int) -> None:
    mailbox = Mailbox("imap.example.com", 993, "datateam@example.com", lambda: "")
    held = [HeldMail(17, datetime(2026, 10, 3, tzinfo=UTC), "x.example", "datateam+abc@example.com", "why " * 40, "17")]
    lines = status_lines(
        mailbox,
        MailboxUnreachable("no connection to the mailbox at imap.example.com:993: no answer in time"),
        Protection("nothing protects against forged senders", complete=False, mend="Set authserv_id."),
        *(None, None, [], held),
        columns,
    )
    assert max(len(line) for text in lines for line in text.split("\n")) <= columns


def test_a_pipe_gets_whole_lines() -> None:
    (line,) = labelled("decision", ["why " * 100], 1_000_000)
    assert "\n" not in line


def test_requests_numbers_are_not_shown_to_people() -> None:
    assert plain("it is the report for abc/activix/2026-10#3") == "it is the report for abc/activix/2026-10"
    assert plain("released it for abc/activix/2026-10/ABC North#12; it was held because of #3") == (
        "released it for abc/activix/2026-10/ABC North; it was held because of #3"
    )


def test_what_a_sender_wrote_is_one_harmless_line() -> None:
    assert readable("Your\r\n\x1b[2J report \u202etxt\u200b\ud800") == "Your [2J report txt"
    assert readable("é" * 1000) == "é" * 299 + "…"
    assert readable("e\u0301") == "é"


def test_sizes_are_told_in_units_that_fit() -> None:
    assert [size_of(size) for size in (None, 0, 999, 58_225, 2_400_000)] == [
        *("of unknown size", "0 bytes", "999 bytes", "58 KB", "2.4 MB"),
    ]
