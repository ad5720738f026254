from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from export_robots.settings import Settings, load_settings

MODEL = """
[mailbox]
host = "imap.example.com"
username = "datateam@example.com"

[clients.abc]
dealership = "ABC Autos"
starts = "2026-05"
timezone = "America/Toronto"

[clients.abc.activix]
username = "datateam+abcautos@example.com"

[[clients.abc.rooftops]]
name = "ABC Autos North"
  [clients.abc.rooftops.activix]
  username = "datateam+abcautosnorth@example.com"
"""

Write = Callable[[str], Path]
Load = Callable[..., Settings]


class UseKeyring(Protocol):
    def __call__(self, *, locked: bool = False, forgetful: bool = False) -> "MemoryKeyring": ...


class MemoryKeyring(KeyringBackend):
    """A keyring that works, kept in memory. `locked` and `forgetful` are what real ones do to robots."""

    priority = 1

    def __init__(self, *, locked: bool = False, forgetful: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring types its methods only
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = locked
        self.forgetful = forgetful
        self.asked: list[str] = []

    def get_password(self, service: str, username: str) -> str | None:
        self.asked.append(username)
        if self.locked:
            raise KeyringLocked("Failed to unlock the collection!")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.locked:
            raise KeyringLocked("Failed to unlock the collection!")
        if not self.forgetful:
            self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in self.kept:
            raise PasswordDeleteError("No such password!")
        del self.kept[service, username]


# Every class of a keyring is registered, and the best one is taken where none is named: this one only where it is.
KeyringBackend._classes.discard(MemoryKeyring)


@pytest.fixture
def use_keyring() -> Iterator[UseKeyring]:
    before = keyring.get_keyring()

    def use(*, locked: bool = False, forgetful: bool = False) -> MemoryKeyring:
        backend = MemoryKeyring(locked=locked, forgetful=forgetful)
        keyring.set_keyring(backend)
        return backend

    yield use
    keyring.set_keyring(before)


@pytest.fixture
def memory_keyring(use_keyring: UseKeyring) -> MemoryKeyring:
    return use_keyring()


@pytest.fixture
def model() -> str:
    return MODEL


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(text: str) -> Path:
        path = tmp_path / "credentials.toml"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    return write_file


@pytest.fixture
def load(write: Write, tmp_path: Path) -> Load:
    """Load settings from a text, with nothing in the environment but what is given."""

    def load_text(text: str = MODEL, **env: str) -> Settings:
        return load_settings(write(text), tmp_path / "home", env)

    return load_text
