"""One connection to one folder.

IMAPClient does the protocol; this keeps its known traps (4.1) away from everything else: no time-out by default; a
time-out per read and none per command; UID ranges that it refuses and long lists that servers refuse; a search answer
above 1,000,000 bytes; an IDLE that loses notices and cannot tell a dead connection from a quiet mailbox. After any
error but a refused command the connection is finished and a new one is made: they are cheap, and a connection that is
out of step is not.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import TracebackType
from typing import Any, Protocol, Self

from imapclient.exceptions import CapabilityError, IMAPClientAbortError, IMAPClientError, LoginError, ProtocolError

from report_mailbox.errors import (
    MailboxError,
    MailboxFolderMissing,
    MailboxLost,
    MailboxMisconfigured,
    MailboxProtocol,
    MailboxSignInRefused,
    MailboxThrottled,
)
from report_mailbox.idling import Woke, pause, until_readable
from report_mailbox.mailbox import Mailbox, Pace
from report_mailbox.opening import cause_of, close, hang_up, open_client

logger = logging.getLogger(__name__)

_SEARCH_WINDOW = 50_000  # UIDs; ten digits and a space each stay well below the line imaplib takes
_LIST = 500  # UIDs in one command; Dovecot refuses lines of 64 KB
_HEADS = 100  # headers in one answer, each at most _HEAD_BYTES
_HEAD_BYTES = 65_536
_BODY_BYTES = 2_000_000
_HEAD_FIELDS = (
    "FROM TO CC DATE MESSAGE-ID RECEIVED DELIVERED-TO X-ORIGINAL-TO ENVELOPE-TO X-ENVELOPE-TO X-FORWARDED-TO "
    "AUTHENTICATION-RESULTS"
)
_THROTTLED = ("OVERQUOTA", "UNAVAILABLE", "THROTTL", "TOO MANY", "INUSE", "LIMIT", "TRY AGAIN LATER", "NOT CONNECTED")


@dataclass(frozen=True)
class ServerHead:
    """What the server says of one mail before it is downloaded; `received` is aware."""

    uid: int
    size: int
    received: datetime | None
    headers: bytes


class Target(Protocol):
    def write(self, piece: bytes, /) -> int: ...


class MailGone(Exception):
    """The mail has been moved or deleted meanwhile."""


class MailNotGiven(Exception):
    """The server has the mail and does not hand it out."""


class Connection:
    """A signed-in connection with the folder selected. Use as a context manager; not from two threads."""

    def __init__(self, mailbox: Mailbox, pace: Pace | None = None) -> None:
        self._mailbox = mailbox
        self._pace = pace or Pace()
        self._finished = False
        self._idle_refusals = 0
        self._client = open_client(mailbox, self._pace)
        try:
            self._sign_in()
            self._select()
        except MailboxError:
            self._drop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._finished:
            try:
                self._client.socket().settimeout(5)
                self._client.logout()
            except (IMAPClientError, OSError, ValueError):
                logger.debug("the connection to %s was gone before signing out", self._mailbox.place)
        self._drop()

    @property
    def has_idle(self) -> bool:
        return self._has("IDLE") and self._idle_refusals < 2

    @property
    def has_move(self) -> bool:
        return self._has("MOVE")

    @property
    def has_uidplus(self) -> bool:
        return self._has("UIDPLUS")

    def next_uid(self) -> int:
        """The UID that the next mail to arrive will at least have."""
        with self._asking("asking for the number of the next mail"):
            status = self._client.folder_status(self._mailbox.folder, ["UIDNEXT", "UIDVALIDITY"])
        if status.get(b"UIDVALIDITY", self.uidvalidity) != self.uidvalidity:
            self._finished = True
            raise MailboxLost(f"the folder {self._mailbox.folder} was made anew while it was read")
        return int(status.get(b"UIDNEXT", self._newest_uid() + 1))

    def search(self, first: int, since: date | None) -> Iterator[list[int]]:
        """The UIDs from `first` on, ascending, in lists of at most 500, of mails that came on or after the day `since`.

        The server's day is in a zone of its own choice: ask for the day before.
        """
        for low, high in self._windows(first):
            criteria: list[Any] = ["UID", f"{low}:{high}"]
            if since is not None:
                criteria += ["SINCE", since]
            with self._asking("searching for mails"):
                found = self._client.search(criteria)
            # A range beyond the newest mail gives the newest mail, by IMAP's rules.
            uids = sorted({int(uid) for uid in found if int(uid) >= low})
            for start in range(0, len(uids), _LIST):
                yield uids[start : start + _LIST]

    def still_there(self, uid: int) -> bool:
        with self._asking("searching for a mail"):
            return uid in {int(each) for each in self._client.search(["UID", str(uid)])}

    def heads(self, uids: Sequence[int]) -> Iterator[tuple[int, ServerHead | None]]:
        """Size, time and the headers that matter. None: gone, or not given by the server."""
        for start in range(0, len(uids), _HEADS):
            chunk = list(uids[start : start + _HEADS])
            try:
                answers = self._fetch_heads(chunk)
            except _Refused:
                # One expunged or damaged mail can make the server refuse the whole list.
                answers = {}
                for uid in chunk:
                    try:
                        answers |= self._fetch_heads([uid])
                    except _Refused as refused:
                        logger.warning("the server refuses the headers of mail %d: %s", uid, refused)
            for uid in chunk:
                yield uid, answers.get(uid)

    def download(self, uid: int, target: Target, *, limit: int) -> int:
        """Write the mail, byte for byte, and return its size; at most `limit` bytes and some are taken.

        Raises:
            MailGone, MailNotGiven: this one mail; the connection is fine.
        """
        size = 0
        while size <= limit:
            asked = f"BODY.PEEK[]<{size}.{_BODY_BYTES}>"
            try:
                with self._asking("downloading a mail", extra=timedelta(seconds=_BODY_BYTES / 50_000)):
                    answer = self._client.fetch([uid], [asked]).get(uid)
            except _Refused as refused:
                raise MailNotGiven(str(refused)) from refused
            if answer is None:
                raise MailGone(f"mail {uid}")
            piece = next((value for key, value in answer.items() if key.startswith(b"BODY[]")), None)
            if piece is None and size == 0:
                raise MailNotGiven("the answer was empty")
            if not piece:
                break
            target.write(piece)
            size += len(piece)
            if len(piece) < _BODY_BYTES:
                break
        if size == 0:
            raise MailNotGiven("the mail was empty")
        return size

    def mark_done(self, uids: Iterable[int]) -> None:
        """Mark as seen, and move if the settings say so."""
        for chunk in _chunks(uids):
            with self._asking("marking mails as seen"):
                self._client.add_flags(chunk, [b"\\Seen"], silent=True)
            if self._mailbox.done_folder is not None:
                self._move(chunk, self._mailbox.done_folder)

    def _move(self, uids: list[int], folder: str) -> None:
        if not self.has_move and not self.has_uidplus:
            return  # a plain EXPUNGE would also remove what other people have marked for deletion
        with self._asking(f"moving mails to {folder}"):
            if not self._client.folder_exists(folder):
                self._client.create_folder(folder)
            if self.has_move:
                self._client.move(uids, folder)
            else:
                self._client.copy(uids, folder)
                self._client.add_flags(uids, [b"\\Deleted"], silent=True)
                self._client.uid_expunge(uids)

    def wait(self, cycle: timedelta, asked: Callable[[], bool]) -> Woke:
        """Wait for mail: by IDLE, or where that is not to be had for `pace.poll`. Search after it in any case.

        Args:
            cycle: The longest that one IDLE may last.
            asked: Looked at about twice a second; True ends the wait.
        """
        if not self.has_idle:
            return pause(self._pace.poll, self._pace.glance, asked)
        try:
            with self._asking("starting to wait for mail"):
                self._client.idle()
        except MailboxProtocol as refused:
            # The connection is out of step now: whatever follows `+` would be taken for the answer to the next command.
            self._idle_refusals += 1
            self._finished = True
            raise MailboxIdleRefused(f"{self._mailbox.place} does not take IDLE: {refused}") from refused
        woke = until_readable(self._client, cycle, self._pace.glance, asked)
        with self._asking("ending the wait for mail", seconds=self._pace.end_idle):
            self._client.socket().settimeout(self._pace.end_idle.total_seconds())
            _, notices = self._client.idle_done()
            self._client.socket().settimeout(self._pace.read.total_seconds())
        if any(len(notice) > 1 and notice[1] in (b"EXISTS", b"RECENT") for notice in notices):
            return Woke.NOTICE
        return woke

    def give_up_idle(self) -> None:
        """Poll from now on: this server has refused IDLE more than once."""
        self._idle_refusals = 2

    def _sign_in(self) -> None:
        password = self._mailbox.password() if self._mailbox.password else ""
        if any(ord(character) < 32 for character in self._mailbox.username + password):
            raise MailboxMisconfigured("the mailbox's user name or password holds a line break or control character")
        try:
            with self._asking("signing in"):
                if (self._mailbox.username + password).isascii():
                    self._client.login(self._mailbox.username, password)
                else:
                    self._client.plain_login(self._mailbox.username, password)  # LOGIN takes ASCII only
        except _Refused as refused:
            answer = str(refused).replace(password, "…") if password else str(refused)
            if any(word in answer.upper() for word in _THROTTLED):
                raise MailboxThrottled(
                    f"{self._mailbox.place} does not let {self._mailbox.username} in now: {answer}"
                ) from None
            raise MailboxSignInRefused(
                f"{self._mailbox.place} refuses the user name or password of {self._mailbox.username}: {answer}"
            ) from None

    def _select(self) -> None:
        try:
            with self._asking("opening the folder"):
                facts = self._client.select_folder(self._mailbox.folder)
        except _Refused as refused:
            raise MailboxFolderMissing(
                f"{self._mailbox.place} does not open the folder {self._mailbox.folder}: {refused}"
            ) from None
        self.uidvalidity = int(facts.get(b"UIDVALIDITY", 0))
        self.exists = int(facts.get(b"EXISTS", 0))
        self.newest_at_start = int(facts.get(b"UIDNEXT", 1)) - 1

    def _windows(self, first: int) -> Iterator[tuple[int, int | str]]:
        if self.exists < _SEARCH_WINDOW // 2:
            yield first, "*"  # whatever the numbers are, the answer is short
            return
        last = self.next_uid() - 1
        for low in range(first, last + 1, _SEARCH_WINDOW):
            yield low, min(low + _SEARCH_WINDOW - 1, last)

    def _newest_uid(self) -> int:
        with self._asking("searching for the newest mail"):
            return max((int(uid) for uid in self._client.search(["UID", "*:*"])), default=0)

    def _fetch_heads(self, uids: list[int]) -> dict[int, ServerHead]:
        wanted = ["RFC822.SIZE", "INTERNALDATE", f"BODY.PEEK[HEADER.FIELDS ({_HEAD_FIELDS})]<0.{_HEAD_BYTES}>"]
        with self._asking("reading the headers of mails"):
            answers = self._client.fetch(uids, wanted)
        heads = {}
        for uid, answer in answers.items():
            headers = next((value for key, value in answer.items() if key.startswith(b"BODY[HEADER")), None)
            if not headers:
                continue  # so Dovecot answers for a mail that has just been removed
            received, size = answer.get(b"INTERNALDATE"), answer.get(b"RFC822.SIZE")
            heads[uid] = ServerHead(
                uid=uid,
                size=size if isinstance(size, int) else 0,
                received=received.astimezone(UTC) if isinstance(received, datetime) and received.tzinfo else None,
                headers=headers,
            )
        return heads

    def _has(self, capability: str) -> bool:
        with self._asking("asking what the server can do"):
            return bool(self._client.has_capability(capability))

    def _drop(self) -> None:
        self._finished = True
        close(self._client)

    @contextmanager
    def _asking(
        self, doing: str, *, seconds: timedelta | None = None, extra: timedelta = timedelta()
    ) -> Iterator[None]:
        """One command: with a deadline over all, and IMAPClient's and the socket's errors in our words."""
        if self._finished:
            raise MailboxLost(f"the connection to {self._mailbox.place} is finished already ({doing})")
        cut = threading.Event()

        def cut_it() -> None:
            cut.set()
            hang_up(self._client)

        watchdog = threading.Timer(((seconds or self._pace.command) + extra).total_seconds(), cut_it)
        watchdog.daemon = True
        watchdog.start()
        where = f"{doing} at {self._mailbox.place}"
        try:
            yield
        except (IMAPClientAbortError, OSError, EOFError) as error:
            self._finished = True
            why = "no answer in time" if cut.is_set() or isinstance(error, TimeoutError) else cause_of(error)
            raise MailboxLost(f"the connection was lost while {where}: {why}") from error
        except LoginError as error:
            # IMAPClient wraps a connection that dies during sign-in as a refusal too.
            if isinstance(error.__context__, IMAPClientAbortError):
                self._finished = True
                raise MailboxLost(f"the connection was lost while {where}: {cause_of(error)}") from error
            raise _Refused(cause_of(error)) from error
        except CapabilityError as error:
            raise _Refused(cause_of(error)) from error
        except (ProtocolError, ValueError, LookupError, TypeError, AttributeError) as error:
            # IMAPClient's parser raises these on answers that are not IMAP.
            self._finished = True
            raise MailboxProtocol(
                f"an answer that cannot be understood came while {where} ({type(error).__name__})"
            ) from error
        except IMAPClientError as error:
            answer = cause_of(error)
            if "got more than" in answer:
                self._finished = True
                raise MailboxProtocol(f"an answer that cannot be understood came while {where}") from error
            raise _Refused(answer) from error
        finally:
            watchdog.cancel()


class _Refused(MailboxProtocol):
    """NO or BAD to one command; the connection is as good as before."""


class MailboxIdleRefused(MailboxLost):
    """The connection is finished because IDLE was refused; the next one had better not try it again and again."""


def _chunks(uids: Iterable[int]) -> Iterator[list[int]]:
    ordered = sorted(uids)
    for start in range(0, len(ordered), _LIST):
        yield ordered[start : start + _LIST]
