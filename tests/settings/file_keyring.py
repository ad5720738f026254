"""A keyring in a file that several processes share: PYTHON_KEYRING_BACKEND names it, KEYRING_FILE its file."""

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError


class FileKeyring(KeyringBackend):
    priority = 1

    @property
    def _file(self) -> Path:
        return Path(os.environ["KEYRING_FILE"])

    def _kept(self) -> dict[str, str]:
        kept: dict[str, str] = json.loads(self._file.read_text("utf-8")) if self._file.exists() else {}
        return kept

    def _keep(self, kept: dict[str, str]) -> None:
        whole = self._file.with_suffix(f".{os.getpid()}")
        whole.write_text(json.dumps(kept), "utf-8")
        whole.replace(self._file)

    def get_password(self, service: str, username: str) -> str | None:
        return self._kept().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._keep(self._kept() | {f"{service} {username}": password})

    def delete_password(self, service: str, username: str) -> None:
        kept = self._kept()
        if kept.pop(f"{service} {username}", None) is None:
            raise PasswordDeleteError("No such password!")
        self._keep(kept)


# Every class of a keyring is registered, and the best one is taken where none is named: this one only where it is.
KeyringBackend._classes.discard(FileKeyring)
