"""A Dovecot with several mailboxes, which are filled faster than mail can be sent to them."""

import asyncio
import base64
import smtplib
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from emulated_world.dovecot import Dovecot
from emulated_world.mail_server import HOST, PASSWORD

SENDER = "reports@activix.ca"
_PROGRAMS = [Path(prefix) / "dovecot" / "imap" for prefix in ("/usr/lib", "/usr/libexec", "/usr/local/libexec")]
_AT_ONCE = 5_000  # mails in one APPEND


class Postbox(Dovecot):
    def __init__(self, usernames: Sequence[str]) -> None:
        super().__init__()
        self._usernames = usernames

    def _prepare(self) -> None:
        super()._prepare()
        lines = [f"{username}:{{PLAIN}}{PASSWORD}::::::\n" for username in self._usernames]
        self.passwd_file.write_text("".join(lines), "utf-8")

    def fill(self, username: str, mails: Iterable[tuple[datetime, bytes]]) -> None:
        """Append mails with the times at which they came: by Dovecot itself, which for once need not wait for the disk.

        What it serves later is what it would have written otherwise.
        """
        left = iter(mails)
        while some := list(islice(left, _AT_ONCE)):
            self._append_all(username, some)

    def _append_all(self, username: str, mails: list[tuple[datetime, bytes]]) -> None:
        program = next(path for path in _PROGRAMS if path.exists())
        configuration = self.log_file.with_name("dovecot.conf")
        command = [str(program), "-u", username, "-c", str(configuration), "-o", "mail_fsync=never"]
        with (
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process,
            ThreadPoolExecutor(1) as reader,
        ):
            assert process.stdin
            assert process.stdout
            answer = reader.submit(process.stdout.read)
            with suppress(BrokenPipeError):  # it says why
                process.stdin.write(b"a APPEND INBOX")
                for came, raw in mails:
                    process.stdin.write(f' "{came:%d-%b-%Y %H:%M:%S} +0000" {{{len(raw)}+}}\r\n'.encode() + raw)
                process.stdin.write(b"\r\nb LOGOUT\r\n")
                process.stdin.flush()
            with suppress(BrokenPipeError):
                process.stdin.close()
            if b"a OK [APPENDUID" not in answer.result():
                said = process.stderr.read().decode() if process.stderr else ""
                raise SystemExit(f"Dovecot did not take the mails: {said}")

    def arrive(self, recipient: str, raw: bytes) -> float:
        """By LMTP. Returns the moment at which the server had accepted the mail, by `time.monotonic`."""
        with smtplib.LMTP(HOST, self.lmtp_port, local_hostname="mx.example.com") as lmtp:
            lmtp.sendmail(SENDER, [recipient], raw)
            return time.monotonic()


@contextmanager
def postbox(usernames: Sequence[str]) -> Iterator[Postbox]:
    with asyncio.Runner() as runner:
        server = Postbox(usernames)
        runner.run(server.__aenter__())
        try:
            yield server
        finally:
            runner.run(server.__aexit__())


def report(number: int, recipient: str, size: int) -> tuple[bytes, bytes]:
    """A mail of about `size` bytes as it lies in a mailbox, and the CSV file that it brings."""
    name = f"{number:06}"
    line = b"2026-10-%02d 10:00:00,Web,Zo\xc3\xa9,Tremblay,ann%d@example.net,514 555-0100,2024 Civic,Rappeler\r\n"
    rows = max((size - 1_200) * 100 // 137 // len(line % (1, 10_000)), 1)
    content = f"Created On,Source,First,Last,Email,Phone,Vehicle,Report {name}\r\n".encode()
    content += b"".join(line % (1 + row % 31, 10_000 + row) for row in range(rows))
    boundary = f"=_{name}_report"
    head = (
        f"Return-Path: <{SENDER}>\r\nDelivered-To: {recipient}\r\n"
        f"Received: from crm.example.net by mx.example.com with ESMTP id {name}\r\n\tfor <{recipient}>; "
        f"{datetime.now(UTC):%a, %d %b %Y %H:%M:%S} +0000\r\n"
        f"From: Activix <{SENDER}>\r\nTo: {recipient}\r\nSubject: Your report {name}\r\n"
        f"Date: {datetime.now(UTC):%a, %d %b %Y %H:%M:%S} +0000\r\nMessage-ID: <{name}@activix.ca>\r\n"
        f'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n'
        f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello, your report is attached.\r\n"
        f'--{boundary}\r\nContent-Type: text/csv; name="leads.csv"\r\nContent-Transfer-Encoding: base64\r\n'
        f'Content-Disposition: attachment; filename="leads.csv"\r\n\r\n'
    ).encode()
    body = base64.encodebytes(content).replace(b"\n", b"\r\n")
    return head + body + f"--{boundary}--\r\n".encode(), content


def letters(count: int, username: str) -> Iterator[tuple[datetime, bytes]]:
    """What else is in a mailbox: `count` small mails of the three years before last month."""
    first = datetime.now(UTC) - timedelta(days=3 * 365 + 30)
    step = timedelta(days=3 * 365) / count
    for number in range(count):
        came = first + step * number
        yield (
            came,
            (
                f"Return-Path: <person{number % 97}@example.org>\r\nDelivered-To: {username}\r\n"
                f"Received: from mail.example.org by mx.example.com with ESMTPS id {number:08x}\r\n\tfor <{username}>; "
                f"{came:%a, %d %b %Y %H:%M:%S} +0000\r\nFrom: Person <person{number % 97}@example.org>\r\n"
                f"To: {username}\r\nSubject: About the {number}th thing\r\nDate: {came:%a, %d %b %Y %H:%M:%S} +0000\r\n"
                f"Message-ID: <{number}@example.org>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
                f"{'It went well, and here is what we said. ' * 12}\r\n"
            ).encode(),
        )
