"""One connection to one folder.

IMAPClient does the protocol; this keeps its known traps (4.1) away from everything else: no time-out by default; a
time-out per read and none per command; UID ranges that it refuses and long lists that servers refuse; a search answer
above 1,000,000 bytes; an IDLE that loses notices and cannot tell a dead connection from a quiet mailbox. After any
error but a refused command the connection is finished and a new one is made: they are cheap, and a connection that is
out of step is not.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from imaplib import IMAP4
from types import TracebackType
from typing import Self

from report_mailbox.asking import Refused
from report_mailbox.errors import (
    MailboxConsentNeeded,
    MailboxError,
    MailboxFolderMissing,
    MailboxLost,
    MailboxProtocol,
    MailboxThrottled,
)
from report_mailbox.idling import Woke, begin_idle, pause, until_readable
from report_mailbox.mailbox import Mailbox, Pace
from report_mailbox.reading import LIST, MailGone, MailNotGiven, Reading, ServerHead
from report_mailbox.signing_in import present, refusal, secret_for, without_mailbox

__all__ = ["Connection", "MailGone", "MailNotGiven", "MailboxIdleRefused", "ServerHead"]

logger = logging.getLogger(__name__)

_SIGN_OUT = timedelta(seconds=5)


class Connection(Reading):
    """A signed-in connection with the folder selected. Use as a context manager; not from two threads."""

    def __init__(self, mailbox: Mailbox, pace: Pace | None = None) -> None:
        secret = secret_for(mailbox)
        super().__init__(mailbox, pace or Pace())
        self._idle_refusals = 0
        try:
            self._sign_in(secret)
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
                with self._asking("signing out", seconds=_SIGN_OUT):
                    self._client.socket().settimeout(_SIGN_OUT.total_seconds())
                    self._client.logout()
            except MailboxError:
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

    def mark_done(self, uids: Iterable[int]) -> None:
        """Mark as seen, and move if the settings say so.

        Raises:
            MailboxProtocol: The server does not do it; the connection is fine.
        """
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
                news = begin_idle(self._client)
        except MailboxProtocol as refused:
            # The connection is out of step now: whatever follows `+` would be taken for the answer to the next command.
            self._idle_refusals += 1
            self._finished = True
            raise MailboxIdleRefused(f"{self._mailbox.place} does not take IDLE: {refused}") from refused
        woke = news or until_readable(self._client, cycle, self._pace.glance, asked)
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

    def _sign_in(self, secret: str, *, again: bool = True) -> None:
        try:
            with self._asking("signing in"):
                present(self._client, self._mailbox, secret)
        except Refused as refused:
            error = refusal(self._mailbox, secret, refused)
        else:
            return
        if not again or not isinstance(error, MailboxConsentNeeded):
            raise error
        # The token may have been taken back before its time; some servers end a connection with a refused one.
        self._drop()
        secret = secret_for(self._mailbox, refused=secret)
        self._open()
        self._sign_in(secret, again=False)

    def _select(self) -> None:
        try:
            with self._asking("opening the folder"):
                try:
                    facts = self._client.select_folder(self._mailbox.folder)
                except IMAP4.readonly:
                    # So imaplib takes a folder that this account may only read; nothing is wrong with the connection.
                    facts = self._client.select_folder(self._mailbox.folder, readonly=True)
        except Refused as refused:
            raise self._not_opened(refused) from None
        self.read_only = b"READ-ONLY" in facts
        self.uidvalidity = int(facts.get(b"UIDVALIDITY", 0))
        self.exists = int(facts.get(b"EXISTS", 0))
        self.newest_at_start = int(facts[b"UIDNEXT"]) - 1 if b"UIDNEXT" in facts else None

    def _not_opened(self, refused: Refused) -> MailboxError:
        """Only a folder that is not there needs a person; a server that cannot open it now may do so later."""
        saw = f"{self._mailbox.place} does not open the folder {self._mailbox.folder}: {refused}"
        if not_connected := without_mailbox(self._mailbox, refused):
            return not_connected
        if refused.asks_for_patience(at_the_door=True):
            return MailboxThrottled(saw)
        try:
            with self._asking("looking for the folder"):
                found = self._client.list_folders("", self._mailbox.folder)
        except Refused:
            return MailboxProtocol(saw)
        openable = [
            flags for flags, _, _ in found if not {b"\\NOSELECT", b"\\NONEXISTENT"} & {f.upper() for f in flags}
        ]
        return MailboxProtocol(saw) if openable else MailboxFolderMissing(saw)

    def _has(self, capability: str) -> bool:
        with self._asking("asking what the server can do"):
            return bool(self._client.has_capability(capability))


class MailboxIdleRefused(MailboxLost):
    """The connection is finished because IDLE was refused; the next one had better not try it again and again."""


def _chunks(uids: Iterable[int]) -> Iterator[list[int]]:
    ordered = sorted(uids)
    for start in range(0, len(ordered), LIST):
        yield ordered[start : start + LIST]
