import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # publishes no types
import pytest

import export_robots.crm
from emulated_world import world as world_module
from emulated_world.world import EmulatedWorld, running_world
from export_robots import cli
from tests.runs.databases import emptied, server, url  # noqa: F401 - fixtures
from tests.runs.days import days  # noqa: F401 - a fixture
from tests.runs.quick_crm import QuickCrm

ROOT = Path(__file__).parents[2]
PATIENCE = 120  # seconds, for a busy machine


@dataclass(frozen=True)
class Answer:
    """How a command ended: `json` is its one object, `said` what stood on standard error."""

    code: int
    json: dict[str, Any]
    said: str


@dataclass
class Place:
    """A world with its configuration and a home for the robot."""

    world: EmulatedWorld
    config: Path
    home: Path

    @property
    def received(self) -> list[Path]:
        """Every file that the portal has taken."""
        return sorted(self.world.received.iterdir())

    @property
    def requests(self) -> list[dict[str, Any]]:
        return self.world.journal.of("report_requested")

    def configure(self, **overrides: Any) -> None:
        self.world.write_credentials(self.config, **overrides)

    def command(self, *words: str) -> list[str]:
        return ["--config", str(self.config), "--home", str(self.home), *words]

    @contextmanager
    def process(self, *words: str, dies_at: str = "", terminal: int | None = None) -> Iterator[subprocess.Popen[str]]:
        """The command as a process with a group of its own, with the quick CRM's robot, typed at `terminal`."""
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "ROBOT_TEST_DIES_AT": dies_at,
        }
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "runs" / "robot_process.py"), *self.command(*words)],
            stdout=subprocess.PIPE,
            stdin=terminal,
            stderr=subprocess.PIPE if terminal is None else terminal,
            text=True,
            env=environment,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def run(self, *words: str, dies_at: str = "") -> Answer:
        with self.process(*words, dies_at=dies_at) as process:
            out, said = process.communicate(timeout=PATIENCE)
            return Answer(process.returncode, json.loads(out) if out.startswith("{") else {}, said)

    def robots_left(self) -> list[str]:
        """Processes that still work for this home: the robot's own, the driver's, the browser's."""
        left = []
        for process in psutil.process_iter():
            try:
                if str(self.home) in " ".join(process.cmdline()) or str(self.home) in process.environ().get(
                    "TMPDIR", ""
                ):
                    left.append(f"{process.pid} {process.name()}")
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
        return left


def wait_until(true: Callable[[], object], what: str) -> None:
    ends = time.monotonic() + PATIENCE
    never = threading.Event()
    while not true():
        assert time.monotonic() < ends, f"in vain: {what}"
        never.wait(0.05)


@contextmanager
def place_in(
    folder: Path, *, site: str, portal: str = "plain", mail: str = "embedded", **overrides: Any
) -> Iterator[Place]:
    with running_world(site=site, portal=portal, mail=mail, folder=folder / "world") as world:
        config = world.write_credentials(folder / "credentials.toml", **overrides)
        yield Place(world, config, folder / "home")


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """The quick CRM; `robot` below and `Place.run` use its robot."""
    monkeypatch.setitem(world_module.SITES, "quick", "tests.runs.quick_crm")
    monkeypatch.setattr(export_robots.crm, "robots", lambda: {"activix": QuickCrm})
    with place_in(tmp_path, site="quick") as place:
        yield place


Robot = Callable[..., Answer]


@pytest.fixture
def robot(capfd: pytest.CaptureFixture[str]) -> Iterator[Robot]:
    """Carries out a command in this process."""
    before = os.umask(0o022)  # a command takes on another one for its whole process

    def run(place: Place, *words: str) -> Answer:
        code = cli.run(place.command(*words))
        out, said = capfd.readouterr()
        return Answer(code, json.loads(out) if out.startswith("{") else {"text": out}, said)

    yield run
    os.umask(before)
