"""What people are told comes by mail and webhook, once, whoever sends it."""

import json
import logging
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from export_robots import doctor
from export_robots.runs.ledger import Ledger
from export_robots.runs.notice_records import PAUSES
from export_robots.runs.notices import raise_alarm, send_due
from tests.runs.conftest import Place, wait_until
from tests.runs.serving import serving, with_clients
from tests.runs.telling import (
    PASSWORD,
    TOKEN,
    Days,
    Hook,
    Mails,
    by_hook,
    by_mail,
    days,
    free_port,
    hook,
    ledger,
    mails,
    notice,
    telling,
)

__all__ = ["days", "hook", "ledger", "mails"]

# Apprise brings its own for Python 3.13, and the old one on older ones.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def test_an_alarm_comes_by_mail_and_webhook_and_only_once(
    ledger: Ledger, days: Days, mails: Mails, hook: Hook, tmp_path: Path
) -> None:
    settings = telling(tmp_path, by_mail(mails), by_hook(hook))
    assert raise_alarm(ledger, "k", "Activix CRM is stopped", "the same failure on 3 accounts\nrobot resume activix")
    assert not raise_alarm(ledger, "k", "Activix CRM is stopped", "once more")
    assert send_due(ledger, settings, days.now) == 1
    assert send_due(ledger, settings, days.now) == 0
    (mail,) = mails.taken
    assert mail["Subject"] == "Activix CRM is stopped"
    assert mail["To"] == "ops@example.com"
    assert "robot resume activix" in mail.get_body(("plain", "html")).get_content()
    (posted,) = hook.taken
    assert posted["title"] == "Activix CRM is stopped"
    assert posted["message"].endswith("robot resume activix")
    assert notice(ledger, "k").sent_at == days.now


def test_a_channel_that_fails_is_tried_again_later_and_the_other_is_not_told_twice(
    ledger: Ledger, days: Days, mails: Mails, hook: Hook, tmp_path: Path
) -> None:
    settings = telling(tmp_path, by_mail(mails), by_hook(hook))
    hook.status = 500
    raise_alarm(ledger, "k", "a title", "a text")
    assert send_due(ledger, settings, days.now) == 0
    days.now += PAUSES[0] - timedelta(seconds=1)
    assert send_due(ledger, settings, days.now) == 0
    assert notice(ledger, "k").tries == 1, "not before its pause is over"
    days.now += timedelta(seconds=1)
    assert send_due(ledger, settings, days.now) == 0
    hook.status = 200
    days.now += PAUSES[1]
    assert send_due(ledger, settings, days.now) == 1
    assert (len(mails.taken), len(hook.taken)) == (1, 1)


def test_what_nobody_takes_is_given_up_after_days(
    ledger: Ledger, days: Days, mails: Mails, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = telling(tmp_path, by_mail(mails))
    mails.refuses = True
    raise_alarm(ledger, "k", "a title", "a text")
    for pause in (*PAUSES, timedelta(days=1)):
        send_due(ledger, settings, days.now)
        days.now += pause
    mails.refuses = False
    assert send_due(ledger, settings, days.now) == 0
    assert "given up after 9 tries: a title" in caplog.text
    assert mails.taken == []


def test_no_address_of_a_channel_stands_in_the_log(
    ledger: Ledger, days: Days, hook: Hook, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    hook.status = 500
    nowhere = f"mailto://robot:{PASSWORD}@127.0.0.1:{free_port()}?from=robot@example.com&to=ops@example.com"
    raise_alarm(ledger, "k", "a title", "a text")
    assert send_due(ledger, telling(tmp_path, nowhere, by_hook(hook), f"nosuch://{TOKEN}"), days.now) == 0
    ours = [record.getMessage() for record in caplog.records if record.name == "export_robots.notices"]
    assert "notice channel 1 (E-Mail) did not take a notice" in ours
    assert "notice channel 2 (JSON) did not take a notice" in ours
    assert any(each.startswith("notice channel 3 has no address that can be used") for each in ours)
    shown = "\n".join(f"{record.name} {record.getMessage()}" for record in caplog.records if record.levelno > 10)
    assert TOKEN not in shown
    assert PASSWORD not in shown


def test_neither_a_secret_nor_anything_like_a_leads_is_sent(
    ledger: Ledger, days: Days, hook: Hook, tmp_path: Path
) -> None:
    raise_alarm(ledger, "k", "seen: jane@lead.example", "call 514-555-0199, password hunter22, https://x.example/?q=1")
    send_due(ledger, telling(tmp_path, by_hook(hook)), days.now)
    whole = json.dumps(hook.taken)
    for word in ("jane", "0199", "hunter22", "q=1"):
        assert word not in whole


def test_of_two_machines_that_send_at_once_one_does(ledger: Ledger, days: Days, hook: Hook, tmp_path: Path) -> None:
    settings = telling(tmp_path, by_hook(hook))
    for number in range(6):
        raise_alarm(ledger, str(number), f"title {number}", "a text")
    machines = [threading.Thread(target=send_due, args=(ledger, settings, days.now)) for _ in range(2)]
    for machine in machines:
        machine.start()
    for machine in machines:
        machine.join()
    assert sorted(each["title"] for each in hook.taken) == [f"title {number}" for number in range(6)]


def test_without_channels_the_log_has_them_and_nothing_is_sent_later(
    ledger: Ledger, days: Days, hook: Hook, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    raise_alarm(ledger, "k", "a title", "a text")
    assert "a title" in caplog.text
    send_due(ledger, telling(tmp_path), days.now)
    assert send_due(ledger, telling(tmp_path, by_hook(hook)), days.now + timedelta(days=1)) == 0
    assert hook.taken == []


def test_the_doctor_says_where_notices_go_and_which_address_is_none(mails: Mails, hook: Hook, tmp_path: Path) -> None:
    (well,) = doctor._notices(telling(tmp_path, by_mail(mails), by_hook(hook)))
    assert (well.level, well.saw) == (doctor.Level.OK, "sent to: E-Mail, JSON")
    (wrong,) = doctor._notices(telling(tmp_path, by_hook(hook), f"nosuch://{TOKEN}"))
    assert (wrong.level, wrong.saw) == (doctor.Level.BAD, "address 2 of [notices] urls is not understood")
    assert TOKEN not in str(wrong)
    assert mails.taken == hook.taken == []


@pytest.mark.browser
def test_serve_says_on_its_output_and_to_the_webhook_that_the_month_is_closed(
    quick: Place, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOT_LOG", "json")
    with_clients(quick, 2, notices__urls=[by_hook(hook)])
    with serving(quick) as served:
        wait_until(lambda: hook.taken, "the month is closed")
        assert served.end() == 0, served.said
    (told,) = [each for each in hook.taken if "is closed" in each["title"]]
    assert told["message"].endswith("- Activix CRM: 2 delivered (export 2)")
    assert f"SUMMARY {told['title']}\n" in served.said
    events = [json.loads(line) for line in served.said.splitlines() if line.startswith("{")]
    checked = [each for each in events if each.get("step") == "check the report"]
    assert {(each["client"], each["crm"]) for each in checked} == {("d00", "activix"), ("d01", "activix")}
    assert all(each["run"].startswith(f"{each['client']}/activix/") for each in checked)
    assert TOKEN not in served.said
    assert "secret d00" not in served.said
