"""The log: one line for each event, with its run, without secrets."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from export_robots import logs
from export_robots.progress import progress
from tests.runs.conftest import Place, quick  # noqa: F401 - a fixture

_log = logging.getLogger("export_robots.of_a_test")


@pytest.fixture(autouse=True)
def root() -> Iterator[None]:
    """Logging is the process's: it is left as it was found."""
    log, notices = logging.getLogger(), logging.getLogger(logs.NOTICES)
    before, level = list(log.handlers), log.level
    yield
    log.handlers, notices.handlers = before, []
    log.setLevel(level)
    logs.hide(list)


def lines(form: str, err: io.StringIO) -> list[Any]:
    text = err.getvalue().splitlines()
    return [json.loads(line) for line in text] if form == "json" else text


@pytest.mark.parametrize("form", ["text", "json"])
def test_each_event_is_one_line_and_names_its_run(form: str) -> None:
    err = io.StringIO()
    logs.set_up(form, machine="host-1", err=err)
    with logs.about(run="abc/activix/2026-10#1"):
        _log.info("asked\nfor the report")
    _log.info("a round")
    first, second = lines(form, err)
    if form == "json":
        words = {"level": "info", "event": "asked\nfor the report", "machine": "host-1", "run": "abc/activix/2026-10#1"}
        assert {name: first[name] for name in words} == words
        assert (first["client"], first["crm"]) == ("abc", "activix")
        assert first["at"].endswith("Z")
        assert "run" not in second
    else:
        assert first.endswith("info    abc/activix/2026-10#1: asked | for the report")
        assert second.endswith("info    a round")


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_and_nothing_like_a_leads_is_logged(form: str) -> None:
    err, out = io.StringIO(), io.StringIO()
    logs.set_up(form, err=err, out=out)
    known = ["hunter22"]
    logs.hide(lambda: known)
    _log.info("signed in with %s as %s, call %s", "hunter22", "jane@lead.example", "514-555-0199")
    known.append("a-later-token")
    logging.getLogger(logs.NOTICES).warning("a-later-token", extra={"notice": "alarm", "text": "jane@lead.example"})
    for word in ("hunter22", "jane", "0199", "later"):
        assert word not in err.getvalue() + out.getvalue()


@pytest.mark.parametrize("form", ["text", "json"])
def test_of_an_error_only_its_classes_and_its_place_are_logged(form: str) -> None:
    err = io.StringIO()
    logs.set_up(form, err=err)
    try:
        try:
            raise ValueError("row 7: Jane Doe")
        except ValueError as error:
            raise KeyError("Jane Doe") from error
    except KeyError:
        _log.exception("a run ended")
    assert "Jane" not in err.getvalue()
    assert "KeyError from ValueError" in err.getvalue()
    assert "test_logs.py:" in err.getvalue()
    assert len(lines(form, err)) == 1


def test_people_read_notices_whole_on_standard_output_and_nothing_else_there() -> None:
    err, out = io.StringIO(), io.StringIO()
    logs.set_up("text", err=err, out=out)
    logging.getLogger(logs.NOTICES).warning("Activix is stopped", extra={"notice": "alarm", "text": "why\nwhat to do"})
    logging.getLogger(logs.NOTICES).warning("notice channel 1 (JSON) did not take a notice")
    assert out.getvalue() == "ALARM Activix is stopped\n  why\n  what to do\n"
    assert "alarm: Activix is stopped" in err.getvalue()
    assert "channel 1" in err.getvalue()


def test_the_variable_counts_before_the_configuration() -> None:
    assert logs.wanted_format("json", {}) == "json"
    assert logs.wanted_format("json", {"ROBOT_LOG": "text"}) == "text"
    assert logs.wanted_format("text", {"ROBOT_LOG": "JSON"}) == "json"


def test_steps_are_events_with_their_seconds_and_failed_ones_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOT_LOG", "json")
    err = io.StringIO()
    logs.set_up("json", err=err)
    shown = progress()
    assert isinstance(shown, logs.LoggedSteps)
    shown.started("sign in")
    shown.finished("sign in", 1.23456)
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        shown.finished("set the dates", 2.0)
    shown.note("the session has ended")
    shown.close()
    events = [(each["level"], each["event"], each.get("seconds")) for each in lines("json", err)]
    assert events == [
        ("info", "sign in", 1.235),
        ("warning", "set the dates: failed", 2.0),
        ("info", "the session has ended", None),
    ]


@pytest.mark.browser
def test_any_command_logs_json_when_asked(quick: Place, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("ROBOT_LOG", "json")
    done = quick.run("export", "activix", "--client", "abc", "--json")
    assert done.code == 0, done.said
    events = [json.loads(line) for line in done.said.splitlines()]
    (check,) = [each for each in events if each.get("step") == "check the report"]
    assert (check["client"], check["crm"]) == ("abc", "activix")
    assert check["run"] == done.json["run"]
    assert quick.world.accounts["datateam+abcautos@example.com"].password not in done.said
