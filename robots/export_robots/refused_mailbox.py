"""The mailbox's password that was refused, remembered beyond this process: it is not sent again until it is changed.

It lies under the home as a salted digest. `robot doctor`, which a person runs, does not look at it.
"""

import json
from pathlib import Path

from pydantic import SecretStr

from export_robots import clock
from export_robots.credentials import fingerprint, matches
from export_robots.reports.receipt import write_whole

NAME = "mailbox-refused.json"


class RefusedMailboxPassword:
    """Satisfies `report_mailbox.mailbox.Refusals`. A home that is not there remembers nothing."""

    def __init__(self, home: Path, place: str, username: str) -> None:
        self._path = home / NAME
        self._whose = f"{username} at {place}"

    def __contains__(self, password: object) -> bool:
        known = self._read().get(self._whose)
        return known is not None and matches(known["fingerprint"], SecretStr(str(password)))

    def add(self, password: str) -> None:
        if self._path.parent.is_dir():
            entry = {"fingerprint": fingerprint(SecretStr(password)), "refused_at": clock.now().isoformat()}
            self._write({**self._read(), self._whose: entry})

    def forget(self) -> None:
        """The server has let this mailbox in."""
        known = self._read()
        if known.pop(self._whose, None):
            self._write(known)

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, entries: dict[str, dict[str, str]]) -> None:
        write_whole(self._path, json.dumps(entries).encode())
