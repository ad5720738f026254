"""One command at a time, with a deadline over all, and with what may go wrong in our words."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from imapclient.exceptions import CapabilityError, IMAPClientAbortError, IMAPClientError, LoginError, ProtocolError

from report_mailbox.errors import MailboxLost, MailboxProtocol, MailboxThrottled
from report_mailbox.mailbox import Mailbox, Pace
from report_mailbox.opening import cause_of, close, hang_up, open_client

_AT_THE_DOOR = ("OVERQUOTA", "UNAVAILABLE", "THROTTL", "TOO MANY", "INUSE", "LIMIT", "TRY AGAIN LATER", "NOT CONNECTED")

# Of the account as a whole. Narrower than at the door: what is said of one mail must not stop all others.
_INSIDE = ("[OVERQUOTA]", "THROTTL", "BANDWIDTH", "TOO MANY", "NOT CONNECTED")

# Microsoft's words when the access token with which the session began has expired. A new session is all it takes.
_SESSION_OVER = ("ACCESSTOKENEXPIRED", "SESSION INVALIDATED")


class Refused(MailboxProtocol):
    """NO or BAD to one command; the connection is as good as before."""

    def asks_for_patience(self, *, at_the_door: bool = False) -> bool:
        """Whether the server means the account and not what it was asked for: it is being read too much."""
        return any(word in str(self).upper() for word in (_AT_THE_DOOR if at_the_door else _INSIDE))


class Asking:
    """A connection, and how commands are given on it. After any error but `Refused` it is finished."""

    def __init__(self, mailbox: Mailbox, pace: Pace) -> None:
        self._mailbox = mailbox
        self._pace = pace
        self._open()

    def _open(self) -> None:
        self._client = open_client(self._mailbox, self._pace)
        self._finished = False

    def _drop(self) -> None:
        self._finished = True
        close(self._client)

    @contextmanager
    def _reading(self, doing: str, *, extra: timedelta = timedelta()) -> Iterator[None]:
        """A command that only reads: a refusal that asks for patience is `MailboxThrottled`.

        For a command that writes, [OVERQUOTA] says that the mailbox is full.
        """
        try:
            with self._asking(doing, extra=extra):
                yield
        except Refused as refused:
            if refused.asks_for_patience():
                raise MailboxThrottled(f"{self._mailbox.place} asks for patience while {doing}: {refused}") from refused
            raise

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
            raise Refused(cause_of(error)) from error
        except CapabilityError as error:
            raise Refused(cause_of(error)) from error
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
            if any(word in answer.upper() for word in _SESSION_OVER):
                self._finished = True
                raise MailboxLost(f"the access token of the connection expired while {where}") from error
            raise Refused(answer) from error
        finally:
            watchdog.cancel()
