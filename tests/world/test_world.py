import json
import signal
import socket
import stat
import subprocess
import sys
import threading
import tomllib
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from imapclient import IMAPClient

from emulated_world.contract import (
    ACTIVIX_ANTD_MISBEHAVIOURS,
    ACTIVIX_MISBEHAVIOURS,
    ACTIVIX_VIEW_MISBEHAVIOURS,
    PORTAL_MISBEHAVIOURS,
)
from emulated_world.world import MISBEHAVIOURS, EmulatedWorld, running_world
from tests.conftest import Run

NOW = datetime(2026, 11, 3, 14, 0, tzinfo=UTC)
EACH_SITE = pytest.mark.parametrize("site", ["classic", "vue"])


def get(url: str, method: str = "GET", timeout: float = 20, data: bytes | None = None) -> tuple[int, str]:
    request = urllib.request.Request(url, data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@EACH_SITE
def test_a_world_serves_the_crm_the_portal_and_the_mailbox(site: str) -> None:
    with running_world(site, "dropzone") as world:
        assert get(world.site_url)[0] == 200
        assert get(world.portal_url)[0] == 200
        with IMAPClient("127.0.0.1", world.mail.imap_port, ssl=False, timeout=20) as client:
            client.login(world.mail.username, world.mail.password)


@EACH_SITE
def test_it_leaves_neither_threads_nor_ports_nor_files(site: str) -> None:
    before = set(threading.enumerate())
    with running_world(site, "plain") as world:
        get(world.site_url)
        folder = world.folder
        urls = (world.site_url, world.portal_url)
        ports = [world.mail.imap_port, world.mail.smtp_port, *(int(url.split(":")[2].split("/")[0]) for url in urls)]
        assert all(answers(port) for port in ports)
    assert set(threading.enumerate()) <= before
    assert not any(answers(port) for port in ports)
    assert not folder.exists()


def test_it_ends_while_a_request_hangs() -> None:
    with running_world(misbehaviours=["never_answers"]) as world:
        port = int(world.site_url.split(":")[2].rstrip("/"))
        client = socket.create_connection(("127.0.0.1", port), timeout=20)
        client.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    with client:
        assert client.recv(100) == b""


def test_a_crm_that_never_answers_accepts_the_connection() -> None:
    with running_world(misbehaviours=["never_answers"]) as world:
        with pytest.raises(TimeoutError):
            get(world.site_url, timeout=0.3)
        world.misbehaviours.clear()
        assert get(world.site_url)[0] == 200


def test_what_cannot_start_is_raised_where_the_world_was_asked_for() -> None:
    with pytest.raises(KeyError, match="paper"), running_world(portal="paper"):
        pass


def test_a_misbehaviour_that_is_not_known_is_an_error() -> None:
    with pytest.raises(KeyError, match="is not a misbehaviour"):
        EmulatedWorld(misbehaviours=["mails_lat"])
    with pytest.raises(KeyError, match="is not a misbehaviour"):
        EmulatedWorld().misbehaviours.add("mails_lat")


def test_no_two_misbehaviours_have_one_name() -> None:
    every = (ACTIVIX_MISBEHAVIOURS, ACTIVIX_VIEW_MISBEHAVIOURS, ACTIVIX_ANTD_MISBEHAVIOURS, PORTAL_MISBEHAVIOURS)
    assert len(MISBEHAVIOURS) == sum(len(names) for names in every)


def test_two_worlds_share_nothing() -> None:
    with running_world(portal=None) as one, running_world(portal=None) as other:
        one.misbehaviours.add("maintenance")
        one.accounts["datateam+abcautos@example.com"].may_export = False
        assert other.misbehaviours == set()
        assert other.accounts["datateam+abcautos@example.com"].may_export


def test_the_clock_can_be_stopped_and_leads_lie_before_it() -> None:
    world = EmulatedWorld(now=NOW)
    assert world.now() == NOW
    made = world.leads_of("ABC Autos", "America/Toronto")
    assert max(lead.created for lead in made) <= NOW
    months = {(lead.created.year, lead.created.month) for lead in made}
    assert len(months) == 18
    world.fixed_now = datetime(2026, 10, 1, 3, 0, tzinfo=UTC)  # still September in Toronto
    assert (
        max(lead.created for lead in world.leads_of("ABC Autos", "America/Toronto"))
        .astimezone(ZoneInfo("America/Toronto"))
        .strftime("%Y-%m")
        == "2026-09"
    )


def test_a_stopped_clock_that_is_moved_stands_there_and_another_goes_on_from_there() -> None:
    later = NOW + timedelta(days=40)
    with running_world(portal=None, now=NOW) as world:
        world.call(world.move_clock(later))
        assert world.now() == later
    with running_world(portal=None) as world:
        world.call(world.move_clock(later))
        assert later < world.now() < later + timedelta(minutes=5)


def test_the_sites_hear_of_each_move_of_the_clock() -> None:
    heard: list[datetime] = []

    async def hear(now: datetime) -> None:
        heard.append(now)

    with running_world(portal=None, now=NOW) as world:
        world.clock_hooks.append(hear)
        world.call(world.move_clock(NOW + timedelta(days=1)))
        world.call(world.tick())
    assert heard == [NOW + timedelta(days=1)] * 2


def test_mail_is_sent_from_a_synchronous_test() -> None:
    message = EmailMessage()
    message["From"] = "reports@activix.ca"
    message.set_content("x")
    with running_world(portal=None) as world:
        world.call(world.send("reports@activix.ca", "datateam+abcautos@example.com", message))
        with IMAPClient("127.0.0.1", world.mail.imap_port, ssl=False, timeout=20) as client:
            client.login(world.mail.username, world.mail.password)
            client.select_folder("INBOX")
            assert len(client.search()) == 1


def test_what_a_site_still_mails_when_the_world_is_gone_is_dropped(run: Run) -> None:
    world = EmulatedWorld()
    run(world.send("reports@activix.ca", "datateam+abcautos@example.com", EmailMessage()))


def test_credentials_are_complete_private_and_can_be_changed(tmp_path: Path) -> None:
    with running_world(now=NOW) as world:
        path = world.write_credentials(
            tmp_path / "credentials.toml",
            rooftops=True,
            portal__email="datateam@example.com",
            clients__abc__activix__report_deadline="5s",
            clients__abc__activix__totp_secret=None,
        )
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        settings: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        assert settings["mailbox"]["port"] == world.mail.imap_port
        assert settings["mailbox"]["security"] == "none"
        assert settings["portal"] == {"url": world.portal_url, "email": "datateam@example.com"}
    assert settings["clients"]["abc"]["activix"] == {
        "url": world.site_url,
        "username": "datateam+abcautos@example.com",
        "password": world.accounts["datateam+abcautos@example.com"].password,
        "report_senders": ["activix.ca"],
        "report_deadline": "5s",
    }
    assert settings["clients"]["abc"]["starts"] == "2026-09"
    assert [rooftop["name"] for rooftop in settings["clients"]["abc"]["rooftops"]] == ["ABC Autos North"]
    assert settings["clients"]["lmn"]["dealership"] == "Autos Lévis"
    assert settings["clients"]["lmn"]["activix"]["password"] == 'érable "doré" 7'


@pytest.mark.dovecot
def test_dovecot_can_be_the_mailbox() -> None:
    with (
        running_world(portal=None, mail="dovecot") as world,
        IMAPClient("127.0.0.1", world.mail.imap_port, ssl=False, timeout=20) as client,
    ):
        client.login(world.mail.username, world.mail.password)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_served_in_the_foreground_it_says_where_it_is_switches_and_ends(tmp_path: Path, number: signal.Signals) -> None:
    ready = tmp_path / "ready.json"
    with subprocess.Popen(
        [sys.executable, "-X", "dev", "-m", "emulated_world", "--folder", tmp_path / "world", "--ready-file", ready,
         "--misbehaviour", "mails_late"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout
        greeting = iter(process.stdout.readline, "Ctrl-C ends it.\n")
        text = "".join(greeting)
        assert "datateam+abcautos@example.com" in text
        assert "mails_late" in text
        addresses = json.loads(ready.read_text())
        switches = f"{addresses['switches']}__world__/misbehaviours"
        assert json.loads(get(f"{switches}/down", "PUT")[1]) == {"on": ["down", "mails_late"]}
        assert get(addresses["portal"])[0] == 503
        assert json.loads(get(f"{switches}/down", "DELETE")[1]) == {"on": ["mails_late"]}
        assert get(addresses["portal"])[0] == 200
        assert get(f"{switches}/dwon", "PUT")[0] == 404
        assert json.loads(get(switches)[1])["mails_late"]["on"] is True
        assert json.loads(get(f"{addresses['switches']}__world__/journal")[1])["portal"] == []
        assert "mails_late" in get(addresses["switches"])[1]
        clock = f"{addresses['switches']}__world__/clock"
        assert get(clock, "POST", data=b'{"now": "tomorrow"}')[0] == 400
        assert get(clock, "POST", data=b'{"now": "2033-01-01T05:00"}')[0] == 200
        assert json.loads(get(clock)[1])["now"].startswith("2033-01-01T05:0")
        credentials = Path(addresses["credentials"])
        assert stat.S_IMODE(credentials.stat().st_mode) == 0o600
        process.send_signal(number)
        rest, errors = process.communicate(timeout=20)
        assert rest == "\nThe emulated world ends.\n"
        assert [line for line in errors.splitlines() if "Warning" in line or "Traceback" in line] == []
        assert process.returncode == 0


def test_all_misbehaviours_can_be_listed() -> None:
    listing = subprocess.run(
        [sys.executable, "-m", "emulated_world", "--misbehaviours"], capture_output=True, text=True, check=True
    ).stdout
    assert all(name in listing and what in listing for name, what in MISBEHAVIOURS.items())
