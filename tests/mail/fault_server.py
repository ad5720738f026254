"""A small IMAP server that does what real ones do on bad days. Dovecot and pymap cannot be made to.

It knows just enough IMAP for one client that signs in with any password and reads INBOX.
"""

import base64
import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic

FAULTS = {
    "notice_with_plus": "a mail that came before IDLE is announced in the same segment as the answer to IDLE",
    "notice_before_plus": "a mail that came before IDLE is announced just before the answer to IDLE",
    "notice_after_done": "a mail that came before IDLE is announced only when IDLE ends",
    "refuses_idle": "IDLE is answered NO",
    "dies_in_idle": "the connection is closed without a word during the first IDLE",
    "bye_before_idle": "the server says BYE instead of answering IDLE, three times",
    "bye_in_idle": "the server says BYE during the first IDLE",
    "frozen_in_idle": "during the first IDLE the server stops answering, with the connection open",
    "cuts_literal": "the first body stops in the middle, and the connection with it",
    "omits_from_lists": "headers asked for in a list of several come without the last one",
    "expunge_issued": "headers asked for in a list of several are refused",
    "nil_body": "the first mail's body is NIL",
    "refuses_flags": "STORE is answered NO",
    "drips": "answers to SEARCH come one byte in 0.05 s",
    "throttles": "signing in is answered NO [OVERQUOTA]",
    "throttles_bodies": "bodies are answered NO [OVERQUOTA] six times",
    "opens_later": "the first SELECT is answered NO [SERVERBUG], though the folder is listed",
    "read_only": "the folder is opened [READ-ONLY], and STORE refused",
    "full": "MOVE and COPY are answered NO [OVERQUOTA]",
    "bye_in_fetch": "the server says BYE in the middle of the first answer to FETCH",
    "bye_at_sign_in": "the server says BYE instead of answering LOGIN",
    "no_idle": "IDLE is not offered",
    "plain_server": "neither MOVE nor UIDPLUS is offered",
    "not_imap": "the answer to SEARCH is not IMAP",
    "not_connected": "Microsoft's words for a sign-in that is right and opens no mailbox, in answer to SELECT",
    "token_expires": "the first SEARCH is answered with Microsoft's words for an access token that has expired",
    "bye_token_expires": "the same with a BYE",
    "closes_after_refusal": "the connection is closed after a token was refused",
    "notice_in_search": "mail comes while SEARCH is answered: announced there, not found by it, not repeated by IDLE",
}


@dataclass
class FaultServer:
    faults: set[str] = field(default_factory=set)
    mails: dict[int, bytes] = field(default_factory=dict)
    flags: dict[int, set[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    coming: list[bytes] = field(default_factory=list)  # with notice_in_search
    good_tokens: set[str] = field(default_factory=set)
    presented: list[str] = field(default_factory=list)  # tokens
    port: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)
    done_once: set[str] = field(default_factory=set)
    throttled: int = 0

    def add(self, raw: bytes) -> int:
        with self.changed:
            uid = max(self.mails, default=100) + 1
            self.mails[uid] = raw
            self.changed.notify_all()
            return uid

    def wait_for(self, command: str, times: int = 1, seconds: float = 10) -> None:
        """Until the client has sent a command that begins so."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.count(command) >= times, seconds), f"no {command} came"

    def count(self, command: str) -> int:
        return sum(1 for each in self.asked if each.startswith(command))

    def once(self, fault: str) -> bool:
        if fault not in self.faults or fault in self.done_once:
            return False
        self.done_once.add(fault)
        return True


class _Session(socketserver.StreamRequestHandler):
    world: FaultServer
    announced = 0

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.say("* OK ready")
        try:
            while line := self.rfile.readline():
                tag, _, rest = line.decode("latin-1").strip().partition(" ")
                with self.world.changed:
                    self.world.asked.append(rest.upper())
                    self.world.changed.notify_all()
                words = rest.upper().split()
                name = words[1] if words and words[0] == "UID" else words[0] if words else ""
                if not getattr(self, f"do_{name.lower()}", self.unknown)(tag, rest):
                    return
        except (ConnectionError, TimeoutError):
            return

    def say(self, text: str) -> None:
        self.send(text.encode("latin-1") + b"\r\n")

    def send(self, data: bytes) -> None:
        self.wfile.write(data)
        self.wfile.flush()

    def ok(self, tag: str) -> bool:
        self.say(f"{tag} OK done")
        return True

    def unknown(self, tag: str, rest: str) -> bool:
        self.say(f"{tag} BAD what")
        return True

    def do_capability(self, tag: str, rest: str) -> bool:
        offered = ["IMAP4rev1", "AUTH=XOAUTH2"]
        if "no_idle" not in self.world.faults:
            offered.append("IDLE")
        if "plain_server" not in self.world.faults:
            offered += ["MOVE", "UIDPLUS"]
        self.say(f"* CAPABILITY {' '.join(offered)}")
        return self.ok(tag)

    def do_login(self, tag: str, rest: str) -> bool:
        if "throttles" in self.world.faults:
            self.say(f"{tag} NO [OVERQUOTA] Account exceeded command or bandwidth limits.")
            return True
        if "bye_at_sign_in" in self.world.faults:
            self.say("* BYE too many connections")
            return False
        return self.ok(tag)

    def do_authenticate(self, tag: str, rest: str) -> bool:
        self.say("+ ")
        token = base64.b64decode(self.rfile.readline()).partition(b"Bearer ")[2].rstrip(b"\1").decode()
        self.world.presented.append(token)
        if token in self.world.good_tokens:
            return self.ok(tag)
        self.say("+ " + base64.b64encode(b'{"status":"400","schemes":"Bearer"}').decode())
        assert self.rfile.readline() == b"\r\n"  # which is how the client has to take note of it
        self.say(f"{tag} NO AUTHENTICATE failed.")
        return "closes_after_refusal" not in self.world.faults

    def do_select(self, tag: str, rest: str) -> bool:
        if "not_connected" in self.world.faults:
            self.say(f"{tag} BAD User is authenticated but not connected.")
            return True
        if self.world.once("opens_later"):
            self.say(f"{tag} NO [SERVERBUG] Internal error occurred.")
            return True
        self.announced = len(self.world.mails)
        self.say(f"* {self.announced} EXISTS")
        self.say("* OK [UIDVALIDITY 7] fine")
        self.say(f"* OK [UIDNEXT {max(self.world.mails, default=100) + 1}] next")
        if "read_only" in self.world.faults:
            self.say(f"{tag} OK [READ-ONLY] done")
            return True
        return self.ok(tag)

    def do_examine(self, tag: str, rest: str) -> bool:
        return self.do_select(tag, rest)

    def do_status(self, tag: str, rest: str) -> bool:
        self.say(f"* STATUS INBOX (UIDNEXT {max(self.world.mails, default=100) + 1} UIDVALIDITY 7)")
        return self.ok(tag)

    def do_list(self, tag: str, rest: str) -> bool:
        self.say(f'* LIST () "/" {rest.split()[-1]}')
        return self.ok(tag)

    def do_move(self, tag: str, rest: str) -> bool:
        if "full" in self.world.faults:
            self.say(f"{tag} NO [OVERQUOTA] Quota exceeded")
            return True
        return self.ok(tag)

    def do_noop(self, tag: str, rest: str) -> bool:
        return self.ok(tag)

    def do_logout(self, tag: str, rest: str) -> bool:
        self.say("* BYE")
        self.ok(tag)
        return False

    def do_search(self, tag: str, rest: str) -> bool:
        if self.world.once("token_expires"):
            self.say(f"{tag} NO AccessTokenExpired")
            return True
        if self.world.once("bye_token_expires"):
            self.say("* BYE Session invalidated - AccessTokenExpired")
            return False
        low, high = re.search(r"UID (\d+)(?::(\d+|\*))?", rest.removeprefix("UID ")).groups()  # type: ignore[union-attr]
        last = int(low) if high is None else 10**9 if high == "*" else int(high)
        found = [uid for uid in sorted(self.world.mails) if int(low) <= uid <= last]
        answer = f"* SEARCH {' '.join(map(str, found))}".encode()
        if "not_imap" in self.world.faults:
            answer = b"* SEARCH <html>"
        if "drips" in self.world.faults:
            for byte in answer:
                self.send(bytes([byte]))
                threading.Event().wait(0.05)
            answer = b""
        self.send(answer + b"\r\n")
        if self.world.once("notice_in_search"):
            for raw in self.world.coming:
                self.world.add(raw)
            self.say(f"* {len(self.world.mails)} EXISTS")
        self.announced = len(self.world.mails)
        return self.ok(tag)

    def do_fetch(self, tag: str, rest: str) -> bool:
        match = re.match(r"UID FETCH ([\d,]+) \((.*)\)$", rest, re.IGNORECASE)
        assert match, rest
        uids = [int(uid) for uid in match[1].split(",")]
        whole = "BODY.PEEK[]" in match[2].upper()
        if whole and "throttles_bodies" in self.world.faults and self.world.throttled < 6:
            self.world.throttled += 1
            self.say(f"{tag} NO [OVERQUOTA] Account exceeded command or bandwidth limits.")
            return True
        if not whole and len(uids) > 1:
            if "expunge_issued" in self.world.faults:
                self.say(f"{tag} NO [EXPUNGEISSUED] some of them are gone")
                return True
            if "omits_from_lists" in self.world.faults:
                uids.pop()
        for uid in uids:
            if uid in self.world.mails and not self._fetch_one(uid, match[2], whole=whole):
                return False
        return self.ok(tag)

    def _fetch_one(self, uid: int, items: str, *, whole: bool) -> bool:
        number = sorted(self.world.mails).index(uid) + 1
        raw = self.world.mails[uid]
        span = re.search(r"<(\d+)\.(\d+)>", items)
        assert span
        start, length = int(span[1]), int(span[2])
        if not whole:
            headers = raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            received = datetime.now(UTC).strftime("%d-%b-%Y %H:%M:%S +0000")
            fields = re.search(r"HEADER\.FIELDS \([^)]*\)", items)
            assert fields
            self.send(
                f'* {number} FETCH (UID {uid} RFC822.SIZE {len(raw)} INTERNALDATE "{received}" '
                f"BODY[{fields[0]}]<0> {{{len(headers)}}}\r\n".encode()
                + headers
                + b")\r\n"
            )
            return True
        if "nil_body" in self.world.faults and uid == min(self.world.mails):
            self.say(f"* {number} FETCH (UID {uid} BODY[]<{start}> NIL)")
            return True
        piece = raw[start : start + length]
        opening = f"* {number} FETCH (UID {uid} BODY[]<{start}> {{{len(piece)}}}\r\n".encode()
        if self.world.once("bye_in_fetch"):
            self.say("* BYE Logging out")
            return False
        if self.world.once("cuts_literal"):
            self.send(opening + piece[: len(piece) // 2])
            return False
        self.send(opening + piece + b")\r\n")
        return True

    def do_store(self, tag: str, rest: str) -> bool:
        if self.world.faults & {"refuses_flags", "read_only"}:
            self.say(f"{tag} NO read-only for you")
            return True
        for uid in re.findall(r"\d+", rest.split("FLAGS", 1)[0]):
            self.world.flags.setdefault(int(uid), set()).update(re.findall(r"\\\w+", rest))
        return self.ok(tag)

    def do_idle(self, tag: str, rest: str) -> bool:
        if "refuses_idle" in self.world.faults:
            self.say(f"{tag} NO not now")
            return True
        if "bye_before_idle" in self.world.faults and self.world.count("IDLE") <= 3:
            self.say("* BYE Server shutting down.")
            return False
        notice = f"* {len(self.world.mails)} EXISTS\r\n".encode()
        late = len(self.world.mails) > self.announced
        if late and "notice_with_plus" in self.world.faults:
            self.send(b"+ idling\r\n" + notice)
        elif late and "notice_before_plus" in self.world.faults:
            self.send(notice + b"+ idling\r\n")
        else:
            self.send(b"+ idling\r\n")
        if self.world.once("dies_in_idle"):
            return False
        if self.world.once("bye_in_idle"):
            self.say("* BYE restarting")
            return False
        if self.world.once("frozen_in_idle"):
            self.rfile.readline()
            threading.Event().wait(4)
            return False
        if not late:
            self._announce_when_it_comes()
        line = self.rfile.readline()
        assert line in (b"DONE\r\n", b""), line
        if late and "notice_after_done" in self.world.faults:
            self.send(notice)
        self.announced = len(self.world.mails)
        return bool(line) and self.ok(tag)

    def _announce_when_it_comes(self) -> None:
        """Until mail comes or the client says something."""
        before, ends = len(self.world.mails), monotonic() + 60
        self.request.settimeout(0.02)
        try:
            while monotonic() < ends and len(self.world.mails) == before:
                try:
                    if self.request.recv(1, socket.MSG_PEEK) is not None:
                        return
                except TimeoutError:
                    continue
        finally:
            self.request.settimeout(None)
        self.say(f"* {len(self.world.mails)} EXISTS")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def fault_server(*faults: str) -> Iterator[FaultServer]:
    unknown = set(faults) - FAULTS.keys()
    assert not unknown, f"no such fault: {unknown}"
    world = FaultServer(set(faults))
    session = type("Session", (_Session,), {"world": world})
    with _Server(("127.0.0.1", 0), session) as server:
        world.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield world
        server.shutdown()
