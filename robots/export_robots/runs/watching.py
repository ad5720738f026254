"""`robot mailbox watch`: the mailbox as it happens, a line for each mail and for each change of the connection.

It collects like any other collector and takes nothing: what it hands over waits for `robot collect` or for the run that
asked for it. Decisions are read from the ledger, so that those of other processes show as well.
"""

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from export_robots import clock
from export_robots.home import Home
from export_robots.outcomes import UsageWrong
from export_robots.runs.answers import acceptance, delivery_of
from export_robots.runs.database import database_url, open_database
from export_robots.runs.ledger import Ledger
from export_robots.runs.mailbox_desk import MailboxDesk
from export_robots.runs.stored_files import StoredFiles
from export_robots.settings import Settings
from report_mailbox.collector import Collector
from report_mailbox.errors import MailboxError
from report_mailbox.matching import Fate
from report_mailbox.records import KnownMail

_GLANCE = timedelta(seconds=0.5)
_LONG = timedelta(days=36_500)

Tell = Callable[[str], None]


async def watch_mailbox(settings: Settings, home: Home, tell: Tell) -> None:
    """Until cancelled. A mailbox that wants a person is `UsageWrong`."""
    ledger = Ledger(open_database(database_url(settings, home)))
    try:
        desk = MailboxDesk(settings, home, ledger)
        await _Watch(desk, ledger, settings, tell).run()
    finally:
        ledger.engine.dispose()


class _Watch:
    def __init__(self, desk: MailboxDesk, ledger: Ledger, settings: Settings, tell: Tell) -> None:
        self._desk = desk
        self._say = tell
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._connected: bool | None = None
        self._collector = Collector(
            desk.mailbox,
            ledger.engine,
            desk.mails.folder,
            acceptance(settings, ledger),
            limits=desk.limits,
            on_step=self._step,
            store=StoredFiles(ledger.engine),
        )

    async def run(self) -> None:
        since = clock.now()
        shown: set[tuple[int, datetime | None]] = set()
        held = len(self._desk.mails.held())
        if held:
            self._tell(f"{held} mail{'' if held == 1 else 's'} held from before: `robot mailbox status` lists them")
        collecting = asyncio.create_task(asyncio.to_thread(self._collect))
        try:
            while not collecting.done():
                await asyncio.wait([collecting], timeout=_GLANCE.total_seconds())
                for mail in await asyncio.to_thread(self._desk.mails.decided_since, since):
                    if (mail.id, mail.decided_at) not in shown:
                        shown.add((mail.id, mail.decided_at))
                        self._tell(_line(mail), mail.decided_at)
                        since = mail.decided_at or since
                shown = {each for each in shown if each[1] and each[1] >= since}
            collecting.result()
        finally:
            self._stop.set()
            await asyncio.gather(collecting, return_exceptions=True)

    def _collect(self) -> None:
        try:
            # Of what comes, nothing is for us: it stays untaken, for whoever waits for it.
            self._collector.wait(clock.now() + _LONG, expected=(), stop=self._stop, trouble=self._trouble)
        except MailboxError as error:
            raise UsageWrong(f"the mailbox cannot be read: {error.saw}", error.hint) from error

    # --- in the collector's thread

    def _step(self, step: str) -> None:
        if step == "waiting":
            self._loop.call_soon_threadsafe(self._connection, True, "")

    def _trouble(self, error: MailboxError) -> None:
        self._loop.call_soon_threadsafe(self._connection, False, error.saw)

    # --- on the loop

    def _connection(self, connected: bool, saw: str) -> None:
        if connected == self._connected:
            return
        again = self._connected is False
        self._connected = connected
        mailbox = self._desk.mailbox
        if connected:
            word = "again connected" if again else "connected"
            self._tell(f"{word} to {mailbox.place} as {mailbox.username}, waiting for mail in {mailbox.folder}")
        else:
            self._tell(f"no connection, tried again until there is one: {saw}")

    def _tell(self, text: str, time: datetime | None = None) -> None:
        self._say(f"{(time or clock.now()).astimezone():%H:%M:%S}  {text}")


def _line(mail: KnownMail) -> str:
    to = f" to {mail.address}" if mail.address else ""
    whose = ", ".join(delivery_of(each) for each in mail.answered)
    reason = mail.reason
    if mail.decision is Fate.REPORT and whose and not mail.words:
        reason = f"for {whose}; `robot collect` brings it to the portal"
    came = f"UID {mail.name} from {mail.sender_domain or 'nobody known'}{to}"
    return f"{came}  {str(mail.decision).upper()}: {reason}"
