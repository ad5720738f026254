"""What the page's address answers to whoever asks, without a browser: who may ask, for what, and how often."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from sqlalchemy import event

from export_robots import cli
from export_robots.config_schedule import PageAddress, StatusPageSettings
from export_robots.outcomes import Outcome
from export_robots.runs.ledger import Ledger
from export_robots.runs.tables import State
from export_robots.web import page as page_module
from export_robots.web.lately import Lately
from tests.cli.conftest import CONFIGURATION
from tests.conftest import Run
from tests.runs.conftest import PATIENCE, wait_until
from tests.web.conftest import ANYWHERE, CONFIG, Serve, Shown, wait_for_address

MINE = "abc/activix/2026-10"


class Said(NamedTuple):
    status: int
    headers: dict[str, str]
    body: str


def ask(url: str, path: str = "/", *, method: str = "GET", host: str | None = None) -> Said:
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
    connection.request(method, path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return Said(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body)


def test_its_json_is_what_robot_status_prints(shown: Shown, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shown.fail(MINE, Outcome.SITE_CHANGED, "the icon is not there")
    shown.stop("activix")
    config = tmp_path / "credentials.toml"
    config.touch(mode=0o600)
    config.write_text(CONFIGURATION, "utf-8")
    words = ["--config", str(config), "--home", str(tmp_path), "status", "--json", "--month", "2026-10"]
    for query, more in (("client=abc", ["--client", "abc"]), ("open=yes&crm=activix", ["--open", "--crm", "activix"])):
        cli.run([*words, *more])
        printed: Any = json.loads(capfd.readouterr().out)
        said = ask(shown.url, f"/status.json?month=2026-10&{query}")
        assert (said.status, said.headers["content-type"]) == (200, "application/json")
        assert json.loads(said.body) == printed
        assert printed["deliveries"]


def test_it_only_shows(shown: Shown) -> None:
    whole = ask(shown.url)
    head = ask(shown.url, method="HEAD")
    assert (head.status, head.body, head.headers) == (200, "", whole.headers)
    for path in ("/", "/status.json", "/healthz"):
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            assert ask(shown.url, path, method=method).status == 405


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/", None, 200),
        ("/status.json", None, 200),
        ("/healthz", None, 200),
        ("/?month=yesterday", None, 400),
        ("/no-such-page", None, 404),
        ("/", "evil.example.com", 400),
    ],
)
def test_a_browser_is_told_to_do_nothing_with_it_but_show_it(
    shown: Shown, path: str, host: str | None, status: int
) -> None:
    said = ask(shown.url, path, host=host)
    assert said.status == status
    policy = said.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert {"frame-ancestors 'none'", "base-uri 'none'"} <= set(policy.split("; "))
    assert said.headers["x-frame-options"] == "DENY"
    assert said.headers["x-content-type-options"] == "nosniff"
    assert said.headers["cache-control"] == "no-store"
    assert said.headers["referrer-policy"] == "no-referrer"
    assert "server" not in said.headers


def test_a_page_of_somebody_else_that_leads_here_by_its_name_is_refused(serve: Serve) -> None:
    hosts = ("robot.example.com", "2001:db8::7")
    url = serve(replace(CONFIG, status_page=replace_hosts(ANYWHERE, hosts))).url
    for host in (
        "evil.example.com",
        "127.0.0.1.evil.example.com",
        "www.robot.example.com",
        "localhost.",
        "a b",
        "[::2]",
    ):
        assert ask(url, host=host).status == 400, host
        assert "motors" not in ask(url, host=host).body.lower()
    for host in ("localhost", "127.0.0.1:1", "[::1]:8350", "Robot.Example.com:443", "[2001:db8::7]"):
        assert ask(url, host=host).status == 200, host


def replace_hosts(settings: StatusPageSettings, hosts: tuple[str, ...]) -> StatusPageSettings:
    return settings.model_copy(update={"hosts": hosts})


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("month=2026-13", "“2026-13” is not a month"),
        ("month=<b>", "“&lt;b&gt;” is not a month"),
        ("page=0", "“0” is no number of a page"),
        ("page=" + "9" * 5000, "is no number of a page"),
        ("owner=<b>", "“&lt;b&gt;” owns no next move"),
        ("client=<b>", "there is no client “&lt;b&gt;”"),
    ],
)
def test_what_cannot_be_understood_is_said(shown: Shown, query: str, words: str) -> None:
    for path in ("/", "/status.json"):
        said = ask(shown.url, f"{path}?{query}")
        assert (said.status, words in said.body) == (400, True)
        assert "<b>" not in said.body


def test_a_monitor_learns_whether_the_database_is_seen_and_a_browser_why_not(shown: Shown, tmp_path: Path) -> None:
    assert ask(shown.url, "/healthz")[::2] == (200, "ok\n")
    shown.ledger.engine.dispose()
    for each in tmp_path.glob("robot.sqlite*"):
        each.unlink()
    (tmp_path / "robot.sqlite").write_bytes(b"no database, " * 1000)
    assert ask(shown.url, "/healthz").status == 503
    said = ask(shown.url)
    assert (said.status, "the robot&#39;s database cannot be used: file is not a database" in said.body) == (503, True)
    assert 'http-equiv="refresh"' in said.body, "it comes back by itself"


@contextmanager
def looks(ledger: Ledger, may_go_on: threading.Event | None = None) -> Iterator[list[str]]:
    """The threads that ask for a month meanwhile, once for each time; they are held up until they may go on."""
    found: list[str] = []

    def heard(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        if "FROM deliveries LEFT OUTER JOIN files" in statement:
            found.append(threading.current_thread().name)
            if may_go_on:
                may_go_on.wait(PATIENCE)

    event.listen(ledger.engine, "before_cursor_execute", heard)
    yield found
    event.remove(ledger.engine, "before_cursor_execute", heard)


def test_many_browsers_at_once_cost_one_look_at_the_ledger(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lately, "at_least", 3600.0)
    paths = ["/", "/?page=2", "/?open=yes", "/?owner=robot", "/status.json", "/?month=2026-10&refresh=off"]
    with looks(shown.ledger) as found, ThreadPoolExecutor(12) as browsers:
        answers = list(browsers.map(lambda number: ask(shown.url, paths[number % len(paths)]), range(60)))
        assert {answer.status for answer in answers} == {200}
        assert len(found) == 1
        assert ask(shown.url, "/?client=abc").status == 200
        assert found == ["status page_0"] * 2, "not in the loop of the rounds"


def test_a_look_that_is_old_enough_is_taken_again(shown: Shown) -> None:
    assert "0 of 4 closed" in ask(shown.url).body
    shown.ledger.close(MINE, State.DELIVERED, "export")
    assert "1 of 4 closed" in ask(shown.url).body


def test_an_address_in_use_is_a_warning_and_is_taken_when_it_is_free(
    run: Run, ledger: Ledger, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "_AGAIN", timedelta(milliseconds=50))
    caplog.set_level("INFO", page_module.__name__)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        config = replace(CONFIG, status_page=StatusPageSettings(address=PageAddress("127.0.0.1", port)))
        page = page_module.status_page(config, ledger, list)
        run(page.__aenter__())
        wait_until(lambda: "there is no status page" in caplog.text, "the warning")
        assert f"at 127.0.0.1:{port}: another process has the address. Everything else goes on. hint: " in caplog.text
    wait_until(lambda: f"the status page is at http://127.0.0.1:{port}/" in caplog.text, "the page is served after all")
    assert ask(f"http://127.0.0.1:{port}/").status == 200
    assert caplog.text.count("there is no status page") == 1, "it is not said again and again"
    run(page.__aexit__(None, None, None))
    with pytest.raises(ConnectionError):
        ask(f"http://127.0.0.1:{port}/")


def test_a_database_that_does_not_answer_holds_up_neither_the_end_nor_a_monitor(
    run: Run, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", page_module.__name__)
    page = page_module.status_page(CONFIG, ledger, list)
    run(page.__aenter__())
    url = wait_for_address(lambda: caplog.text)
    may_go_on = threading.Event()
    with looks(ledger, may_go_on) as found, ThreadPoolExecutor(1) as browser:
        waiting = browser.submit(ask, url)
        wait_until(lambda: found, "the browser's question is being answered")
        assert ask(url, "/healthz").status == 200
        run(page.__aexit__(None, None, None))
        assert isinstance(waiting.exception(PATIENCE), (ConnectionError, http.client.HTTPException))
        may_go_on.set()


def test_it_ends_although_a_browser_is_in_the_middle_of_its_question(
    run: Run, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", page_module.__name__)
    page = page_module.status_page(CONFIG, ledger, list)
    run(page.__aenter__())
    where = urlsplit(wait_for_address(lambda: caplog.text))
    with socket.create_connection((where.hostname, where.port), timeout=60) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        run(page.__aexit__(None, None, None))
        assert not slow.recv(1), "its connection is closed"


def test_an_address_that_is_not_this_machines_alone_is_warned_of(
    run: Run, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    config = replace(CONFIG, status_page=StatusPageSettings(address=PageAddress("0.0.0.0", 0)))  # noqa: S104 - it is the point
    page = page_module.status_page(config, ledger, list)
    run(page.__aenter__())
    wait_until(lambda: "has no sign-in of its own" in caplog.text, "the warning")
    run(page.__aexit__(None, None, None))
