"""A proxy between the collector and a real IMAP server that cuts the connection at a chosen step of the conversation.

Steps are what one side may have seen and the other not: a command that reached the server or did not, each line of an
answer that reached the client or did not, the first half of a literal. It knows of IMAP only its lines and literals.
"""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_LITERAL = re.compile(rb"\{(\d+)\+?\}\r\n$")
_UNTAGGED = (b"* ", b"+ ")


@dataclass
class Proxy:
    """`steps` are named by the command, `GREETING` at first: "UID FETCH: line 2". Cut once, where it is `cut_at`."""

    server_port: int
    cut_at: str = ""
    without: tuple[str, ...] = ()  # capabilities that are hidden from the client
    port: int = 0
    steps: list[str] = field(default_factory=list)
    cut: threading.Event = field(default_factory=threading.Event)
    passed: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, step: str, seconds: float = 10) -> None:
        with self.passed:
            assert self.passed.wait_for(lambda: step in self.steps or self.cut.is_set(), seconds), f"no {step}"


class _Cut(Exception):
    """Here the connection ends, for both sides."""


class _Conversation:
    def __init__(self, proxy: Proxy, client: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = socket.create_connection(("127.0.0.1", proxy.server_port))
        for end in (client, self._server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._command = "GREETING"
        self._lines = 0

    def run(self) -> None:
        upwards = threading.Thread(target=self._carry, args=(self._from_client,), daemon=True)
        upwards.start()
        self._carry(self._from_server)
        upwards.join(10)
        self._client.close()
        self._server.close()

    def _carry(self, direction: Callable[[], None]) -> None:
        try:
            direction()
        except (_Cut, OSError):
            pass
        finally:
            for end in (self._client, self._server):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue

    def _step(self, what: str) -> None:
        """The step is about to be done; the first time it may be the last thing that happens here."""
        step = f"{self._command}: {what}"
        with self._proxy.passed:
            self._proxy.steps.append(step)
            if step == self._proxy.cut_at and not self._proxy.cut.is_set():
                self._proxy.cut.set()
                self._proxy.passed.notify_all()
                raise _Cut
            self._proxy.passed.notify_all()

    def _from_client(self) -> None:
        with self._client.makefile("rb") as lines:
            while line := lines.readline():
                self._command = _name(line.decode("latin-1"))
                self._lines = 0
                self._step("not sent")
                self._server.sendall(line)
                while literal := _LITERAL.search(line):
                    self._server.sendall(lines.read(int(literal[1])))
                    line = lines.readline()
                    self._server.sendall(line)

    def _from_server(self) -> None:
        with self._server.makefile("rb") as lines:
            while line := lines.readline():
                self._lines += 1
                self._step(f"line {self._lines}")
                for word in self._proxy.without:
                    line = re.sub(rf" {word}(?=[ \]\r])".encode(), b"", line)
                self._client.sendall(line)
                while literal := _LITERAL.search(line):
                    content = lines.read(int(literal[1]))
                    self._client.sendall(content[: len(content) // 2])
                    self._step("middle of a literal")
                    self._client.sendall(content[len(content) // 2 :])
                    line = lines.readline()
                    self._step("end of a literal")
                    self._client.sendall(line)
                if not line.startswith(_UNTAGGED):
                    self._step("all said")


def _name(line: str) -> str:
    words = line.split()
    if len(words) == 1:
        return words[0]  # DONE
    if words[1] != "UID":
        return words[1]
    what = {"BODY.PEEK[HEADER.": "headers", "BODY.PEEK[]": "mail"} if words[2] == "FETCH" else {}
    return f"UID {words[2]}{''.join(f' of {name}' for item, name in what.items() if item in line)}"


@contextmanager
def proxy(server_port: int, *, cut_at: str = "", without: tuple[str, ...] = ()) -> Iterator[Proxy]:
    made = Proxy(server_port, cut_at, without)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made.port = listener.getsockname()[1]
        ended = threading.Event()

        def accept() -> None:
            while not ended.is_set():
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=_Conversation(made, client).run, daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield made
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)
