"""Sign-in codes for one account: of its authenticator secret, or mailed to its address."""

import asyncio
import logging
import threading
from datetime import datetime, timedelta

import pyotp
from sqlalchemy.exc import SQLAlchemyError

from export_robots import clock
from export_robots.clients import Account
from export_robots.runs.workplace import Workplace
from report_mailbox.codes import CodeMark
from report_mailbox.errors import MailboxError

MAILED_CODE_DEADLINE = timedelta(minutes=2)
# A code that expires while it is typed and sent would count as a wrong one.
_TOO_SHORT = timedelta(seconds=5)

_log = logging.getLogger(__name__)


class AccountCodes:
    """Satisfies `visit.SignInCodes`."""

    def __init__(self, work: Workplace, account: Account, run: str) -> None:
        self._work = work
        self._account = account
        self._run = run
        self._mark: tuple[datetime, CodeMark] | None = None
        if work.settings.mailbox is not None and work.senders_of(account):
            # Beside the page that loads: what is in the mailbox by now is no answer to what is asked for later.
            threading.Thread(target=self._take_mark, name="mark for sign-in codes", daemon=True).start()

    def _take_mark(self) -> None:
        try:
            mark = self._work.mail.code_reader().mark()
        except (MailboxError, SQLAlchemyError) as error:
            _log.info("codes will be told apart by clocks: %s", error)
            return
        self._mark = (clock.now(), mark)

    async def totp(self) -> str | None:
        secret = self._work.secrets.totp_secret(self._account)
        if secret is None:
            return None
        generator = pyotp.TOTP(secret.get_secret_value())
        while True:
            now = clock.now()
            count, since = divmod(now.timestamp(), generator.interval)
            left = generator.interval - since
            # A CRM takes each code once, and another run may have used this one.
            if left >= _TOO_SHORT.total_seconds() and await asyncio.to_thread(self._unused, int(count)):
                return generator.at(now)
            self._work.progress.note("waiting for the next authenticator code")
            await asyncio.sleep(left + 0.05)

    def _unused(self, count: int) -> bool:
        return self._work.ledger.use_code(self._account, count)

    async def mailed(self, newer_than: datetime) -> str | None:
        """The code in a mail from the CRM to the account's own address, asked for at `newer_than` (aware)."""
        if self._work.settings.mailbox is None:
            return None
        senders = self._work.senders_of(self._account)
        if not senders:
            return None
        # One that was not taken before the code was asked for might come after its mail.
        mark = self._mark[1] if self._mark is not None and self._mark[0] <= newer_than else None
        stop = threading.Event()
        reader = self._work.mail.code_reader()
        with self._work.step("wait for the sign-in code's e-mail"):
            try:
                return await asyncio.to_thread(
                    reader.wait_for_code,
                    self._account.username,
                    senders,
                    newer_than,
                    clock.now() + MAILED_CODE_DEADLINE,
                    mark=mark,
                    stop=stop,
                )
            except MailboxError as error:
                self._work.progress.note(f"the mailbox gave no code: {error}")
                return None
            finally:
                stop.set()

    async def told(self, saw: str) -> str | None:
        """The code that a person tells with `robot answer`; only a process that serves waits for that."""
        duty = self._work.duty
        return await duty.code_of(self._account, self._run, saw) if duty else None
