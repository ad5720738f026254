"""A browser that a dead robot left running is ended by the next one: that one, and nobody else's."""

import json
import os
import pwd
import signal
import subprocess
import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # publishes no types
import pytest

from export_robots.browser_files import BrowserFiles, sweep
from export_robots.chromium import find_chromium
from tests.browser.conftest import SETTINGS
from tests.browser.test_browser import PROGRAM, alive, family_of
from tests.browser.website import Website, until


@pytest.mark.browser
def test_a_browser_that_hangs_when_its_robot_dies_is_ended_by_the_next(site: Website, tmp_path: Path) -> None:
    site.pages["/"] = "<h1>Hello</h1>"
    program, folder = tmp_path / "program.py", tmp_path / "b"
    program.write_text(PROGRAM, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, program, site.url, folder],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as robot:
        assert robot.stdout
        assert robot.stdout.readline() == b"ready\n"
        family = family_of(robot.pid)
        groups = {os.getpgid(pid) for pid in family} - {robot.pid}
        for group in groups:
            os.killpg(group, signal.SIGSTOP)  # it hangs, and will not see that its pipe is closed
        os.killpg(robot.pid, signal.SIGKILL)
    left = family - {robot.pid}
    assert until(lambda: alive(left))
    stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        assert sweep(folder) == 1
        assert until(lambda: not alive(left)), [psutil.Process(pid).cmdline()[:1] for pid in alive(left)]
        assert list(folder.iterdir()) == []
        assert sweep(folder) == 0
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_another_process_that_has_got_its_number_is_left_alone(tmp_path: Path) -> None:
    files = BrowserFiles(tmp_path)
    name = find_chromium(SETTINGS).name  # also of the same name
    stranger = subprocess.Popen([name, "600"], executable="/bin/sleep", start_new_session=True)
    try:
        files.note([stranger.pid])
        (noted,) = tmp_path.glob("*/processes.json")
        known = json.loads(noted.read_text())
        assert known["processes"][0]["group"] == stranger.pid
        for change in ({"boot": "an earlier one"}, {"processes": [{**known["processes"][0], "began": 1}]}):
            noted.write_text(json.dumps({**known, **change}))
            files._lock.release()
            assert sweep(tmp_path) == 0
            assert stranger.poll() is None
            files = BrowserFiles(tmp_path)
            files.note([stranger.pid])
            (noted,) = tmp_path.glob("*/processes.json")
        files._lock.release()
        assert sweep(tmp_path) == 1
        assert stranger.wait(10) == -signal.SIGKILL
    finally:
        stranger.kill()
        stranger.wait()


if os.getuid() == 0:

    def test_what_another_user_has_noted_ends_nothing(tmp_path: Path) -> None:
        mine = subprocess.Popen(["sleep", "600"], start_new_session=True)
        files = BrowserFiles(tmp_path)
        try:
            files.note([mine.pid])
            files._lock.release()
            os.chown(files._real, pwd.getpwnam("nobody").pw_uid, -1)
            assert sweep(tmp_path) == 0
            assert mine.poll() is None
            assert files.path.exists()
        finally:
            mine.kill()
            mine.wait()


def test_a_browser_in_use_is_left_alone(tmp_path: Path) -> None:
    files = BrowserFiles(tmp_path)
    files.note([os.getpid()])
    assert sweep(tmp_path) == 0
    assert files.path.exists()
    files.remove()
