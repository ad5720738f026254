"""The emulated world in a process of its own, and what the benches ask of it."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imapclient import IMAPClient


@dataclass(frozen=True)
class World:
    folder: Path
    credentials: Path
    received: Path
    process: int

    @property
    def settings(self) -> dict[str, Any]:
        return tomllib.loads(self.credentials.read_text("utf-8"))

    def empty_mailbox(self) -> None:
        """The same report from an earlier round would be taken for the answer of the next one."""
        mailbox = self.settings["mailbox"]
        with IMAPClient(mailbox["host"], mailbox["port"], ssl=False) as imap:
            imap.login(mailbox["username"], mailbox["password"])
            imap.select_folder("INBOX")
            if uids := imap.search():
                imap.delete_messages(uids)
                imap.expunge()


@contextmanager
def emulated_world(folder: Path) -> Iterator[World]:
    ready = folder / "ready.json"
    command = [sys.executable, "-m", "emulated_world", "--site", "classic", "--portal", "plain", "--mail", "embedded"]
    command += ["--folder", str(folder / "world"), "--ready-file", str(ready)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            process.stdout.readline()  # it greets when everything answers
            if not ready.exists():
                raise SystemExit("the emulated world did not start")
            addresses = json.loads(ready.read_text("utf-8"))
            yield World(folder / "world", Path(addresses["credentials"]), Path(addresses["received"]), process.pid)
        finally:
            process.terminate()
            process.communicate()
