"""One Chromium for all visits, which comes back when it dies and is never left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from export_robots import chromium_process
from export_robots.browser import Browser, open_browser
from export_robots.chromium import find_chromium
from export_robots.outcomes import UsageWrong
from export_robots.settings import BrowserSettings
from export_robots.site_errors import BrowserCrashed
from tests.browser.conftest import LOGIN, SETTINGS
from tests.browser.website import Website, until
from tests.conftest import Run

pytestmark = pytest.mark.browser

PROGRAM = """
import asyncio, sys
from export_robots.browser import open_browser
from tests.browser.conftest import LOGIN, SETTINGS

async def main():
    async with open_browser(SETTINGS, folder=__import__("pathlib").Path(sys.argv[2])) as browser:
        async with browser.visit(sys.argv[1], LOGIN, run="x") as visit:
            await visit.goto(sys.argv[1])
            print("ready", flush=True)
            await asyncio.sleep(600)

try:
    asyncio.run(main())
except KeyboardInterrupt:
    sys.exit(130)
"""


def process_of(browser: Browser) -> int:
    assert browser._current
    assert browser._current._pid
    return browser._current._pid


def processes() -> dict[int, tuple[int, str]]:
    """Every process that is not a zombie: its parent and what it runs."""
    said = subprocess.run(["ps", "-axo", "pid=,ppid=,stat=,comm="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 3) for line in said.splitlines()]
    return {int(row[0]): (int(row[1]), row[3]) for row in rows if not row[2].startswith("Z")}


def family_of(process: int) -> set[int]:
    """The process and all that descend from it."""
    family = {process}
    everyone = processes()
    while more := {pid for pid, (parent, _) in everyone.items() if parent in family} - family:
        family |= more
    return family


def alive(family: set[int]) -> set[int]:
    return family & set(processes())


def test_visits_share_a_chromium_and_nothing_else(run: Run, site: Website) -> None:
    site.pages["/"] = "<h1>Hello</h1><script>document.cookie = 'who=me; path=/'</script>"

    async def body() -> None:
        async with open_browser(SETTINGS) as browser:
            assert browser._current is None  # nothing is started before it is needed
            async with browser.visit(site.url, LOGIN, run="a") as one:
                await one.goto(site.url)
                async with browser.visit(site.url, LOGIN, run="b") as two:
                    assert len(await one.context.cookies()) == 1
                    assert await two.context.cookies() == []
                    assert one.context.browser is two.context.browser

    run(body())


def test_a_chromium_that_died_is_replaced(run: Run, site: Website) -> None:
    site.pages["/"] = "<h1>Hello</h1>"

    async def killed_in(browser: Browser) -> None:
        async with browser.visit(site.url, LOGIN, run="a") as visit, visit.step("look"):
            await visit.goto(site.url)
            os.kill(process_of(browser), signal.SIGKILL)
            await visit.page.get_by_role("button").click(timeout=60_000)

    async def body() -> None:
        async with open_browser(SETTINGS) as browser:
            with pytest.raises(BrowserCrashed):
                await killed_in(browser)
            async with browser.visit(site.url, LOGIN, run="b") as visit:
                await visit.goto(site.url)

    run(body())


def test_a_chromium_is_renewed_after_its_share_of_visits(
    run: Run, site: Website, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chromium_process, "VISITS_PER_CHROMIUM", 2)
    used = []

    async def body() -> None:
        async with open_browser(SETTINGS) as browser:
            for _ in range(3):
                async with browser.visit(site.url, LOGIN, run="a"):
                    used.append(process_of(browser))

    run(body())
    assert len(set(used)) == 2
    assert until(lambda: not alive(set(used)))


def test_closing_leaves_no_process_and_no_file(run: Run, site: Website) -> None:
    family: set[int] = set()
    folder = Path(f"/tmp/robot-test-{os.getpid()}")

    async def body() -> None:
        async with open_browser(SETTINGS, folder=folder) as browser, browser.visit(site.url, LOGIN, run="a"):
            main = process_of(browser)
            family.update(family_of(processes()[main][0]))  # its parent is Playwright's driver
            assert main in family
            assert list(folder.iterdir())

    try:
        run(body())
        assert until(lambda: not alive(family))
        assert list(folder.iterdir()) == []
    finally:
        folder.rmdir()


def test_a_chromium_that_hangs_is_killed_after_the_deadline(
    run: Run, site: Website, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chromium_process, "CLOSE", 1.0)
    family: set[int] = set()

    async def body() -> None:
        async with open_browser(SETTINGS) as browser, browser.visit(site.url, LOGIN, run="a"):
            family.update(family_of(process_of(browser)))
            for process in family:
                os.kill(process, signal.SIGSTOP)

    run(asyncio.wait_for(body(), 30))
    assert until(lambda: not alive(family))


@pytest.mark.parametrize(
    ("kind", "whole_group"),
    [(signal.SIGKILL, False), (signal.SIGKILL, True), (signal.SIGTERM, False), (signal.SIGINT, True)],
)
def test_nothing_outlives_the_process_that_started_it(
    site: Website, tmp_path: Path, kind: signal.Signals, whole_group: bool
) -> None:
    site.pages["/"] = "<h1>Hello</h1>"
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, program, site.url, tmp_path / "b"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as started:
        assert started.stdout
        assert started.stdout.readline() == b"ready\n"
        family = family_of(started.pid)
        assert len(family) > 3
        if whole_group:
            os.killpg(started.pid, kind)
        else:
            started.send_signal(kind)
        assert started.wait(30) == (130 if kind is signal.SIGINT else -kind)
    assert until(lambda: not alive(family), 20), alive(family)


def test_what_a_killed_process_left_is_swept_up_by_the_next(run: Run, site: Website) -> None:
    folder = Path(f"/tmp/robot-sweep-{os.getpid()}")
    left = folder / "export-robots-left"
    left.mkdir(parents=True)
    (left / "in-use").touch()
    (left / "profile").mkdir()

    async def body() -> None:
        async with open_browser(SETTINGS, folder=folder) as browser:
            await browser.version()
            assert not left.exists()
            async with open_browser(SETTINGS, folder=folder) as second:
                await second.version()
                assert len(list(folder.iterdir())) == 2  # what is in use stays

    try:
        run(body())
    finally:
        folder.rmdir()


def test_a_long_path_takes_the_files_all_the_same(run: Run, site: Website, tmp_path: Path) -> None:
    """Chromium's socket has no room for one, so it is given a short name that leads there."""
    folder = tmp_path / ("long" * 20)
    short = Path(tempfile.gettempdir())

    async def body() -> None:
        async with open_browser(SETTINGS, folder=folder) as browser, browser.visit(site.url, LOGIN, run="a"):
            (made,) = folder.iterdir()
            assert any(path.name.startswith("playwright") for path in made.iterdir())
            assert (short / made.name).is_symlink()
            names.append(made.name)

    names: list[str] = []
    run(body())
    assert list(folder.iterdir()) == []
    assert not (short / names[0]).is_symlink()


def test_a_window_is_refused_where_there_is_no_display(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)

    async def body() -> None:
        async with open_browser(SETTINGS, headed=True):
            pass

    with pytest.raises(UsageWrong, match="no display"):
        run(body())


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("#!/bin/sh\necho 'error while loading shared libraries: libnss3.so' >&2\nexit 127\n", "libnss3.so"),
        ("#!/bin/sh\nkill -SEGV $$\n", "could not be started"),
        ("not a program at all", "could not be started"),
    ],
)
def test_a_browser_that_does_not_start_is_a_matter_of_the_set_up(
    run: Run, tmp_path: Path, script: str, words: str
) -> None:
    program = tmp_path / "chromium"
    program.write_text(script)
    program.chmod(0o755)

    async def body() -> None:
        async with open_browser(BrowserSettings.model_validate({"executable": str(program)})) as browser:
            await browser.version()

    with pytest.raises(UsageWrong, match=words) as caught:
        run(body())
    assert f"{program} --version" in caught.value.hint


def settings(executable: Path | None = None, channel: str | None = None) -> BrowserSettings:
    return SimpleNamespace(executable=executable, channel=channel)  # type: ignore[return-value]  # what is read of it


def test_the_configured_browser_comes_first(tmp_path: Path) -> None:
    program = tmp_path / "mine"
    with pytest.raises(UsageWrong, match="is not there"):
        find_chromium(settings(program))
    program.touch()
    if os.geteuid():
        with pytest.raises(UsageWrong, match="may not be executed"):
            find_chromium(settings(program))
    program.chmod(0o755)
    assert find_chromium(settings(program)) == program


def test_an_installed_browser_comes_before_playwrights_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = tmp_path / "bundled"
    bundled.touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(UsageWrong, match="no Chrome, Chromium or Edge") as caught:
        find_chromium(settings())
    assert "playwright install chromium" in caught.value.hint
    assert find_chromium(settings(), bundled=str(bundled)) == bundled
    edge = tmp_path / "microsoft-edge"
    edge.touch()
    edge.chmod(0o755)
    assert find_chromium(settings(), bundled=str(bundled)) == edge
    assert find_chromium(settings(channel="msedge")) == edge
    with pytest.raises(UsageWrong, match="“chrome” is installed"):
        find_chromium(settings(channel="chrome"))
    with pytest.raises(UsageWrong, match="is not a browser channel"):
        find_chromium(settings(channel="netscape"))
