"""What people are told: by mail and webhook, once, whoever sends it; and what of the ledger is worth telling."""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from pydantic import SecretStr
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from export_robots import clock, doctor
from export_robots.clients import Account, Client, Rooftop
from export_robots.config_mailbox import MailboxSettings
from export_robots.config_schedule import NoticesSettings
from export_robots.outcomes import Outcome
from export_robots.periods import Month, Period
from export_robots.runs import alarms
from export_robots.runs.database import open_database
from export_robots.runs.ledger import Ending, Ledger
from export_robots.runs.month import expect_due
from export_robots.runs.notice_records import PAUSES
from export_robots.runs.notices import alarms_due, raise_alarm, send_due, summary
from export_robots.runs.operating_tables import CrmRow, NoticeRow, QuestionRow
from export_robots.runs.questions import Questions
from export_robots.runs.tables import DeliveryRow, How, State
from export_robots.runs.waves import OpenDelivery
from export_robots.settings import Settings
from tests.runs.conftest import Place, wait_until
from tests.runs.serving import serving, with_clients

# Apprise brings its own for Python 3.13, and the old one on older ones.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

TOKEN = "hook-token-93521"
PASSWORD = "smtp-password-7"
OCTOBER = Month(2026, 10)
NOVEMBER_1 = datetime(2026, 11, 1, 14, tzinfo=UTC)
DUE = datetime(2026, 11, 2, 16, tzinfo=UTC)


class Mails:
    """A mail server that takes everything, or nothing."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.refuses = False
        self.port = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.refuses:
            return "451 not now"
        self.taken.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@dataclass
class Hook:
    """A webhook; `status` is what it answers."""

    taken: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    port: int = 0


@contextmanager
def listening(hook: Hook) -> Iterator[None]:
    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if hook.status == 200:
                hook.taken.append(json.loads(body))
            self.send_response(hook.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    hook.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    with listening(made):
        yield made


@pytest.fixture
def mails() -> Iterator[Mails]:
    made = Mails()
    # Port 0 would have the controller knock at port 0: it is asked for a free one first.
    controller = Controller(made, hostname="127.0.0.1", port=_free_port())
    controller.start()
    made.port = controller.port
    yield made
    controller.stop()


def _free_port() -> int:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return int(server.server_address[1])


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    made = Ledger(open_database(url))
    yield made
    made.engine.dispose()


class Days:
    def __init__(self) -> None:
        self.now = NOVEMBER_1


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Days:
    made = Days()
    monkeypatch.setattr(clock, "now", lambda: made.now)
    return made


def telling(tmp_path: Path, *addresses: str) -> Settings:
    secrets = {"clients.abc.activix.password": SecretStr("hunter22")}
    notices = NoticesSettings.model_validate({"urls": list(addresses)}) if addresses else NoticesSettings()
    return Settings(tmp_path, notices=notices, secrets=secrets)


def by_mail(mails: Mails) -> str:
    return f"mailto://127.0.0.1:{mails.port}?from=robot@example.com&to=ops@example.com"


def by_hook(hook: Hook) -> str:
    return f"json://127.0.0.1:{hook.port}/{TOKEN}"


def delivery(ledger: Ledger, client: str, crm: str = "activix", ending: Ending | None = None) -> str:
    key = ledger.expect(client, crm, "Activix CRM", None, Period.month(OCTOBER), due_at=DUE).id
    if ending:
        ledger.begin_attempt(key, upload=True)
        ledger.end_attempt(key, ending)
    return key


def notice(ledger: Ledger, key: str) -> NoticeRow:
    with Session(ledger.engine, expire_on_commit=False) as session:
        return session.get_one(NoticeRow, key)


def told(ledger: Ledger, days: Days, settings: Settings, trouble: str | None = None) -> list[str]:
    return alarms_due(ledger, settings, days.now, mailbox_trouble=trouble)


# --- sending


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
    nowhere = f"mailto://robot:{PASSWORD}@127.0.0.1:{_free_port()}?from=robot@example.com&to=ops@example.com"
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


# --- what is told


def test_what_is_overdue_is_told_each_day_and_as_it_spreads(ledger: Ledger, days: Days, tmp_path: Path) -> None:
    settings = telling(tmp_path)
    delivery(ledger, "a")
    assert told(ledger, days, settings) == [], "it is not due yet"
    days.now = DUE + timedelta(minutes=1)
    (key,) = told(ledger, days, settings)
    assert notice(ledger, key).title == "Activix CRM: 1 delivery of 2026-10 overdue; next move: robot"
    assert "- a/activix/2026-10: expected" in notice(ledger, key).text
    assert told(ledger, days, settings) == []
    delivery(ledger, "b")
    delivery(ledger, "c")
    (key,) = told(ledger, days, settings)
    assert "3 deliveries of 2026-10 overdue" in notice(ledger, key).title
    delivery(ledger, "d")
    days.now += timedelta(days=1)
    assert len(told(ledger, days, settings)) == 1


def test_what_needs_a_person_is_one_alarm_for_many_accounts(ledger: Ledger, days: Days, tmp_path: Path) -> None:
    settings = telling(tmp_path)
    for number in range(25):
        delivery(ledger, f"c{number:02}", ending=Ending(Outcome.PERMISSION_MISSING, ("no Export icon",), "ask them"))
    delivery(ledger, "well")
    (key,) = told(ledger, days, settings)
    said = notice(ledger, key)
    assert said.title == "Activix CRM: permission_missing on 25 deliveries; next move: crm support"
    assert "- c00/activix/2026-10: permission_missing" in said.text
    assert "- and 5 more" in said.text


def test_what_the_robot_tries_again_by_itself_is_no_alarm(ledger: Ledger, days: Days, tmp_path: Path) -> None:
    soon = days.now + timedelta(minutes=5)
    delivery(ledger, "a", ending=Ending(Outcome.SITE_DOWN, ("503",), None, retry_at=soon))
    assert told(ledger, days, telling(tmp_path)) == []


def test_a_stopped_crm_is_one_alarm_and_its_accounts_are_none(ledger: Ledger, days: Days, tmp_path: Path) -> None:
    ending = Ending(Outcome.SITE_CHANGED, ("no list",), None)
    failed = [delivery(ledger, client, ending=ending) for client in "abc"]
    delivery(ledger, "untried")
    with Session(ledger.engine) as session, session.begin():
        row = CrmRow(crm="activix", wave_from=days.now, stopped_at=days.now, accounts=failed)
        row.signature, row.saw = "site_changed in “open My Clients”", "there is no list"
        session.add(row)
    keys = told(ledger, days, telling(tmp_path))
    assert [key.partition("/")[0] for key in keys] == ["stopped", "stalled"]
    said = notice(ledger, keys[0])
    assert said.title == "Activix CRM is stopped"
    assert "Not tried: 1." in said.text
    assert "robot resume activix" in said.text
    assert told(ledger, days, telling(tmp_path)) == []


def test_a_code_that_is_wanted_is_told_with_the_command_that_answers(
    ledger: Ledger, days: Days, tmp_path: Path
) -> None:
    key = delivery(ledger, "a", ending=Ending(Outcome.CODE_NEEDED, ("a text message was sent",), None))
    delivery(ledger, "b")
    with Session(ledger.engine) as session, session.begin():
        values = {"run": f"{key}#1", "delivery_id": key, "account": "activix:a", "asked_at": days.now}
        session.add(QuestionRow(**values, saw="a code was sent to a phone", open_until=days.now))
    (told_key,) = told(ledger, days, telling(tmp_path))
    assert "robot answer 'a/activix/2026-10#1' CODE" in notice(ledger, told_key).text


def test_a_mailbox_in_trouble_is_told_once_a_day(ledger: Ledger, days: Days, tmp_path: Path) -> None:
    assert told(ledger, days, telling(tmp_path), "no mail since 9") == [], "no mailbox is configured"
    mailbox = MailboxSettings.model_validate({"host": "imap.example.com", "username": "datateam@example.com"})
    settings = Settings(tmp_path, mailbox=mailbox)
    assert len(told(ledger, days, settings, "no mail since 9")) == 1
    assert told(ledger, days, settings, "no mail since 9") == []
    days.now += timedelta(days=1)
    assert len(told(ledger, days, settings, "no mail since 9")) == 1


def test_a_month_that_closes_is_summed_up_once(ledger: Ledger, days: Days, tmp_path: Path) -> None:
    for client, how in zip("abc", (How.SUBSCRIPTION, How.REPULL, How.BY_HAND), strict=True):
        ledger.close(delivery(ledger, client), State.DELIVERED, how)
    ledger.waive(delivery(ledger, "left"), "ann", "the dealership has left")
    last = delivery(ledger, "d")
    assert told(ledger, days, telling(tmp_path)) == []
    ledger.close(last, State.VERIFIED_EMPTY, How.SUBSCRIPTION)
    (key,) = told(ledger, days, telling(tmp_path))
    said = notice(ledger, key)
    assert (said.kind, said.title) == ("summary", "2026-10 is closed: 5 deliveries")
    assert said.text.splitlines() == [
        "2026-10: 5 of 5 deliveries closed",
        "- Activix CRM: 3 delivered, 1 verified_empty, 1 waived (subscription 2, re-pull 1, by hand 1)",
    ]
    assert summary(ledger, OCTOBER) == said.text
    days.now += timedelta(days=3)
    assert told(ledger, days, telling(tmp_path)) == []


def test_a_month_is_not_closed_before_it_has_ended_for_all_and_all_is_expected(
    ledger: Ledger, days: Days, tmp_path: Path
) -> None:
    zones = {"far": ZoneInfo("Pacific/Auckland"), "here": ZoneInfo("America/Vancouver")}
    accounts = {
        key: Account(key, "activix", key, None, None, f"{key}@example.com", (), timedelta(minutes=30), zone)
        for key, zone in zones.items()
    }
    clients = {
        key: Client(key, key, OCTOBER, zones[key], (Rooftop(None, {"activix": account}),))
        for key, account in accounts.items()
    }
    settings = Settings(tmp_path, clients=clients)
    days.now = datetime(2026, 10, 31, 20, tzinfo=UTC)
    expect_due(ledger, settings, days.now)
    assert [row.client for row in ledger.deliveries()] == ["far"]
    ledger.close("far/activix/2026-10", State.DELIVERED, How.EXPORT)
    assert told(ledger, days, settings) == []
    days.now = NOVEMBER_1
    assert told(ledger, days, settings) == [], "the other one is due, and not expected yet"
    expect_due(ledger, settings, days.now)
    assert told(ledger, days, settings) == []
    ledger.close("here/activix/2026-10", State.DELIVERED, How.EXPORT)
    assert told(ledger, days, settings) == ["closed/2026-10"]


def test_a_month_in_which_only_people_can_move_anything_stands_still(
    ledger: Ledger, days: Days, tmp_path: Path
) -> None:
    ledger.close(delivery(ledger, "a"), State.DELIVERED, How.EXPORT)
    delivery(ledger, "b", ending=Ending(Outcome.SIGN_IN_REFUSED, ("refused",), None))
    delivery(ledger, "c", crm="vinsolutions")  # no robot: by hand
    keys = told(ledger, days, telling(tmp_path))
    assert [key.partition("/")[0] for key in keys] == ["person", "stalled"]
    assert notice(ledger, keys[1]).title == "2026-10 stands still: 2 of 3 deliveries wait for a person"
    todo, counts, *_ = notice(ledger, keys[1]).text.splitlines()
    assert todo == "`robot status --month 2026-10 --open` says what to do about each."
    assert counts == "2026-10: 1 of 3 deliveries closed"


def test_each_alarm_begins_with_what_to_do(ledger: Ledger, days: Days, tmp_path: Path) -> None:
    settings = telling(tmp_path)
    delivery(ledger, "a", ending=Ending(Outcome.ACTION_NEEDED, ("terms",), "Accept the terms as that user."))
    (key, _) = told(ledger, days, settings)
    assert notice(ledger, key).text.startswith("Accept the terms as that user.\n- a/activix")
    days.now = DUE + timedelta(minutes=1)
    delivery(ledger, "b")
    todo = {key.partition("/")[0]: notice(ledger, key).text.splitlines()[0] for key in told(ledger, days, settings)}
    says = "`robot status --month 2026-10 --crm activix --open` says"
    assert todo["overdue"] in (f"{says} what to do about each.", f"The robot goes on by itself; {says} when.")
    lost = OpenDelivery(
        id="gone/activix/2026-10",
        client="gone",
        crm="activix",
        rooftop="North",
        period_start="2026-10",
        period_end="2026-10",
        state=State.EXPECTED,
        outcome=None,
        step=None,
        attempt=0,
        again=1,
        split=False,
        upload=True,
        asked_by=How.EXPORT,
        transient=False,
        tries=0,
        retry_at=None,
        due_at=None,
        changed_at=days.now,
    )
    (stranger,) = alarms.of_strangers([lost], days.now)
    assert '`robot waive activix --client gone --month 2026-10 --rooftop "North" --reason TEXT`' in stranger.text
    assert not list(alarms.of_strangers([lost], days.now + timedelta(days=150))), "told for long enough"


def test_many_codes_and_many_mistakes_are_one_short_notice_each(ledger: Ledger, days: Days, tmp_path: Path) -> None:
    for number in range(45):
        key = delivery(ledger, f"c{number:02}")
        Questions(ledger.engine).ask(f"{key}#1", key, f"activix:c{number:02}", "a code was sent to a phone", None)
    (key,) = told(ledger, days, telling(tmp_path))
    said = notice(ledger, key)
    assert said.title == "45 sign-in codes are needed"
    assert "`robot answer 'c00/activix/2026-10#1' CODE`" in said.text
    assert said.text.endswith("- and 25 more")
    (mistakes,) = alarms.of_failures(
        {f"c{each:02}": "the robot made a mistake (KeyError)" for each in range(45)}, days.now
    )
    assert mistakes.title == "the robot cannot go on with c00 and 44 more"
    assert len(mistakes.text.splitlines()) == 22


def test_a_month_of_long_ago_and_what_nobody_asked_for_by_a_time_are_no_alarm(
    ledger: Ledger, days: Days, tmp_path: Path
) -> None:
    key = delivery(ledger, "a", ending=Ending(Outcome.SITE_CHANGED, ("no list",), None))
    with Session(ledger.engine) as session, session.begin():
        session.execute(update(DeliveryRow).where(DeliveryRow.id == key).values(due_at=None))
    ledger.expect("b", "activix", "Activix CRM", None, Period.month(OCTOBER.plus(-6)), due_at=DUE - timedelta(days=180))
    assert told(ledger, days, telling(tmp_path)) == []
    with Session(ledger.engine) as session:
        assert session.scalars(select(NoticeRow)).all() == []


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
