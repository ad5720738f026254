import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from export_robots import cli

CONFIGURATION = """
[mailbox]
host = "127.0.0.1"
port = 1
security = "none"
username = "datateam@example.com"
password = "letters"

[clients.abc]
dealership = "ABC Autos"
starts = "2026-05"
timezone = "America/Toronto"

[clients.abc.activix]
username = "datateam+abcautos@example.com"
password = "canary-password"
"""


@dataclass(frozen=True)
class Answer:
    """What a command left: its exit code, and the two streams."""

    code: int
    out: str
    said: str

    @property
    def json(self) -> Any:
        """The one JSON object on standard output, and nothing beside it."""
        return json.loads(self.out)


Robot = Callable[..., Answer]


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ROBOT_CONFIG", "ROBOT_HOME", "ROBOT_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "no-data"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def robot(capfd: pytest.CaptureFixture[str]) -> Iterator[Robot]:
    before = os.umask(0o022)  # a command takes on another one for its whole process

    def run(*words: str) -> Answer:
        code = cli.run(words)
        out, said = capfd.readouterr()
        return Answer(code, out, said)

    yield run
    os.umask(before)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration file with its secrets, closed to others."""
    path = tmp_path / "credentials.toml"
    path.touch(mode=0o600)
    path.write_text(CONFIGURATION, "utf-8")
    return path
