"""Other collectors, each doing what ours does and no more: fetch every mail, write its attachments into a folder.

Runs in an environment with the packages of scripts/locks/mail_bench.txt:
`python mail_others.py imap-tools|imap-tools-bulk|mailsuite PORT USERNAME PASSWORD FOLDER`
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import count
from pathlib import Path

Found = Iterator[tuple[str, bytes]]


def imap_tools(port: int, username: str, password: str, bulk: "int | bool" = False) -> Found:
    from imap_tools import MailBoxUnencrypted  # type: ignore[import-not-found]

    with MailBoxUnencrypted("127.0.0.1", port).login(username, password) as mailbox:
        for message in mailbox.fetch(bulk=bulk):
            for attachment in message.attachments:
                yield attachment.filename, attachment.payload


def imap_tools_bulk(port: int, username: str, password: str) -> Found:
    return imap_tools(port, username, password, bulk=50)


def mailsuite(port: int, username: str, password: str) -> Found:
    from mailsuite.mailbox import IMAPConnection  # type: ignore[import-not-found]
    from mailsuite.utils import decode_base64, parse_email  # type: ignore[import-not-found]

    connection = IMAPConnection("127.0.0.1", username, password, port=port, ssl=False, starttls=False)
    for uid in connection.fetch_messages("INBOX"):
        for attachment in parse_email(connection.fetch_message(uid))["attachments"]:
            payload = attachment["payload"]
            yield attachment["filename"], decode_base64(payload) if attachment["binary"] else payload.encode()


WAYS: dict[str, Callable[[int, str, str], Found]] = {
    "imap-tools": imap_tools,
    "imap-tools-bulk": imap_tools_bulk,
    "mailsuite": mailsuite,
}


def main() -> None:
    way, port, username, password, folder = sys.argv[1:]
    import_module("mailsuite.mailbox" if way == "mailsuite" else "imap_tools")
    began, cpu, number = time.perf_counter(), time.process_time(), count()
    for name, content in WAYS[way](int(port), username, password):
        (Path(folder) / f"{next(number)}-{Path(name).name}").write_bytes(content)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu": cpu, "files": [str(f) for f in Path(folder).iterdir()]}))


if __name__ == "__main__":
    main()
