"""Sign-in codes that a CRM mails. A code goes to whoever waits for it: not to the log, not to a disk."""

import io
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

from sqlalchemy import Engine

from report_mailbox.attachments import UNREADABLE, MailTooOdd
from report_mailbox.authenticity import why_not_authentic
from report_mailbox.connection import Connection, MailboxIdleRefused, MailGone, MailNotGiven, ServerHead
from report_mailbox.errors import MailboxUnreachable
from report_mailbox.mailbox import Limits, Mailbox, Pace
from report_mailbox.matching import sender_allowed
from report_mailbox.message import base_of, delivered_to, domain_of, read_headers, sender_of, sent_at
from report_mailbox.parsing import parse
from report_mailbox.register import MailRegister

logger = logging.getLogger(__name__)

WHOLE_SECONDS = timedelta(seconds=2)
"""IMAP and mail dates have whole seconds."""

SENDER_CLOCK = timedelta(seconds=30)
"""With a mark the order of arrival is certain; only the sender's own clock is left to doubt."""

_CODE_MAIL_BYTES = 2_000_000


@dataclass(frozen=True)
class CodeMark:
    """What was in the mailbox already when a code was asked for."""

    uidvalidity: int
    next_uid: int


class CodeReader:
    """Reads sign-in codes, each once. Keeps a connection of its own while it waits; synchronous.

    Args:
        folder: The collector's folder.
    """

    def __init__(self, mailbox: Mailbox, engine: Engine, folder: Path, *, pace: Pace | None = None) -> None:
        self._mailbox = mailbox
        self._register = MailRegister(engine, mailbox, folder)
        self._pace = pace or Pace()

    def mark(self) -> CodeMark:
        """To be called before the code is asked for: then no mail that is there already can be taken for it."""
        with Connection(self._mailbox, self._pace) as connection:
            return CodeMark(connection.uidvalidity, connection.next_uid())

    def wait_for_code(
        self,
        address: str,
        senders: Sequence[str],
        newer_than: datetime,
        deadline: datetime,
        *,
        mark: CodeMark | None = None,
        stop: threading.Event | None = None,
    ) -> str | None:
        """The code mailed to `address` after it was asked for, or None when none came by the deadline.

        Args:
            address: Compared whole, without regard to case.
            senders: Domains or addresses, as in `Expectation`.
            newer_than: When the code was asked for, aware. The mail's Date must not be older, nor, without a mark, the
                time at which the server received it.
            deadline: Aware.
            mark: From `mark`, taken before the code was asked for. Without it the clocks decide.
            stop: Ends the wait early.

        Raises:
            MailboxError: See `errors`; MailboxUnreachable only when it stays so until the deadline.
        """
        ends = monotonic() + (deadline - datetime.now(UTC)).total_seconds()
        wanted = _Wanted(address.casefold(), tuple(senders), newer_than, mark, self._mailbox.delivery_headers)
        refusals = 0
        trouble: MailboxUnreachable | None = None

        def ended() -> bool:
            return monotonic() >= ends or (stop is not None and stop.is_set())

        while True:
            try:
                with Connection(self._mailbox, self._pace) as connection:
                    if refusals >= 2:
                        connection.give_up_idle()
                    looked_at: set[int] = set()
                    while True:
                        code = self._look(connection, wanted, looked_at)
                        trouble = None
                        if code is not None or ended():
                            return code
                        left = timedelta(seconds=max(ends - monotonic(), 0.01))
                        connection.wait(min(self._pace.idle_cycles[0], left), ended)
            except MailboxIdleRefused:
                refusals += 1
            except MailboxUnreachable as error:
                logger.info("%s", error)
                trouble = error
                threading.Event().wait(min(self._pace.pauses[0].total_seconds(), max(ends - monotonic(), 0.0)))
            if ended():
                if trouble is not None:
                    raise trouble
                return None

    def _look(self, connection: Connection, wanted: "_Wanted", looked_at: set[int]) -> str | None:
        first = 1
        if wanted.mark is not None and wanted.mark.uidvalidity == connection.uidvalidity:
            first = wanted.mark.next_uid
        day_before = (wanted.newer_than.astimezone(UTC) - timedelta(days=1)).date()
        found = [uid for uids in connection.search(first, day_before) for uid in uids if uid not in looked_at]
        candidates = [(uid, head) for uid, head in connection.heads(found) if head is not None]
        looked_at.update(uid for uid, _ in candidates)
        # Newest first: of two codes the later one is good.
        for uid, head in sorted(candidates, reverse=True, key=lambda candidate: candidate[0]):
            if wanted.by(head, certain=first > 1):
                code = self._code_of(connection, uid, head, wanted)
                if code is not None:
                    return code
        return None

    def _code_of(self, connection: Connection, uid: int, head: ServerHead, wanted: "_Wanted") -> str | None:
        raw = io.BytesIO()
        try:
            connection.download(uid, raw, limit=_CODE_MAIL_BYTES)
            code = parse(raw.getvalue(), Limits(mail_bytes=_CODE_MAIL_BYTES)).code
        except (MailGone, MailNotGiven, MailTooOdd, *UNREADABLE) as error:
            logger.warning("mail %d cannot be read for a code (%s)", uid, type(error).__name__)
            return None
        headers = read_headers(head.headers)
        sender = sender_of(headers) or ""
        if code is None:
            return None
        if self._mailbox.authserv_id and (doubt := why_not_authentic(headers, self._mailbox.authserv_id, sender)):
            logger.warning("mail %d holds a code and may not be from %s: %s", uid, domain_of(sender), doubt)
            return None
        received = head.received or datetime.now(UTC)
        if not self._register.use_code(
            connection.uidvalidity, uid, received=received, address=wanted.address, sender_domain=domain_of(sender)
        ):
            return None
        self._mark_done(connection, uid)
        return code

    def _mark_done(self, connection: Connection, uid: int) -> None:
        try:
            connection.mark_done([uid])
        except MailboxUnreachable as refusal:
            logger.info(
                "the mail with the code stays unmarked for now: %s", refusal
            )  # the collector's next pass does it
            return
        self._register.marking(connection.uidvalidity, [uid], done=True)


@dataclass(frozen=True)
class _Wanted:
    address: str
    senders: tuple[str, ...]
    newer_than: datetime
    mark: CodeMark | None
    believed: tuple[str, ...]

    def by(self, head: ServerHead, *, certain: bool) -> bool:
        """Whether it may be the mail. `certain`: that it arrived after the code was asked for."""
        headers = read_headers(head.headers)
        sender, sent = sender_of(headers), sent_at(headers)
        if delivered_to(headers, {base_of(self.address)}, self.believed).address != self.address:
            return False
        if sender is None or not sender_allowed(sender, self.senders):
            return False
        tolerance = SENDER_CLOCK if certain else WHOLE_SECONDS
        if sent is None or sent < self.newer_than - tolerance:
            return False
        return certain or (head.received is not None and head.received >= self.newer_than - WHOLE_SECONDS)
