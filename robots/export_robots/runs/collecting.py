"""The mailbox of this process: what deliveries expect from it, and the collector in a thread of its own.

Several processes may collect from one mailbox. Whichever takes a mail, the mailbox's ledger knows, and the run that
waits for it is told through the database.
"""

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from dbos import DBOS
from dbos import error as dbos_error
from sqlalchemy.exc import SQLAlchemyError

from export_robots import clock
from export_robots.clients import Account
from export_robots.config_mailbox import MailboxSettings
from export_robots.outcomes import UsageWrong
from export_robots.runs.again import delivered_before
from export_robots.runs.answers import acceptance, delivery_of, expectation_id
from export_robots.runs.database import DatabaseUnusable
from export_robots.runs.defects import as_robot_error
from export_robots.runs.ledger import run_id
from export_robots.runs.mailbox_access import limits_of, mailbox_of, refused_of
from export_robots.runs.stored_files import StoredFiles, keep
from export_robots.runs.subscriptions import names_another, title_for
from export_robots.runs.tables import DeliveryRow, How, RequestRow
from export_robots.runs.waves import Asked, Waves
from export_robots.runs.workplace import Workplace
from report_mailbox.codes import CodeReader
from report_mailbox.collector import Collector
from report_mailbox.errors import MailboxError, MailboxUnreachable
from report_mailbox.files import sha256_of, spooled
from report_mailbox.matching import CLOCK_TOLERANCE, Expectation, Fate
from report_mailbox.message import decode_words, first, read_headers, split_header_block
from report_mailbox.records import Handed, HandedKind
from report_mailbox.store import headers_name

REPORT = "report"
"""The topic on which a run is told that something has come for it."""

FOLDER = "mail"
_CLOSE = timedelta(seconds=10)
_LOOK_UP = timedelta(seconds=5)  # another process may have collected what this one waits for

_log = logging.getLogger(__name__)


class Collecting:
    def __init__(self, work: Workplace, settings: MailboxSettings) -> None:
        self._work = work
        self._mailbox = mailbox_of(settings, work.secrets, refused=refused_of(settings, work.home.root))
        self._folder = work.home.downloads / FOLDER
        accept = acceptance(work.settings, work.ledger)
        self._stored = StoredFiles(work.ledger.engine)
        self._collector = Collector(
            self._mailbox,
            work.ledger.engine,
            self._folder,
            accept,
            limits=limits_of(settings),
            store=self._stored,
        )
        self._answers = self._collector.ledger
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="collector", daemon=True)
        self._news = asyncio.Event()
        self._trouble: tuple[datetime, str] | None = None

    @classmethod
    async def open(cls, work: Workplace) -> "Collecting":
        """Sign in, make one pass, and keep collecting. A mailbox that cannot be read is `UsageWrong`."""
        made = cls(work, work.settings.require_mailbox())
        with work.step("sign in to the mailbox"):
            try:
                await asyncio.to_thread(made._collector.collect_once)
            except MailboxError as error:
                raise UsageWrong(f"the mailbox cannot be read: {error.saw}", error.hint) from error
        made._thread.start()
        return made

    # --- for runs

    def expect(self, row: DeliveryRow) -> None:
        """Expect the report of the delivery's open request. More requests for one delivery expect one report."""
        self._withdraw_settled()
        self._answers.expect(self._expectation(row, self._work.ledger.requests(row.id)[0]))

    def expect_all(self, rows: Sequence[DeliveryRow]) -> None:
        """The same for many. Those whose account is not in the configuration any more are left out."""
        self._withdraw_settled()
        there = {each.id for each in self._answers.expected()}
        requests = Waves(self._work.ledger.engine).open_requests()
        wanted = []
        for row in rows:
            with suppress(UsageWrong):
                if row.id in requests and expectation_id(row, requests[row.id][0].id) not in there:
                    wanted.append(self._expectation(row, requests[row.id][0]))
        self._answers.expect(*wanted)

    def _expectation(self, row: DeliveryRow, request: RequestRow | Asked) -> Expectation:
        account = self._work.account_of(row)
        robot = self._work.robot_of(row)
        return Expectation(
            id=expectation_id(row, request.id),
            address=account.username,
            senders=self._work.senders_of(account),
            newer_than=request.intended_at,
            link_hosts=(urlsplit(account.url or robot.url).netloc,),
        )

    def _withdraw_settled(self) -> None:
        """What was delivered by hand meanwhile, or is pursued month by month, must not compete for what comes now."""
        expected = {each.id: delivery_of(each.id) for each in self._answers.expected()}
        settled = Waves(self._work.ledger.engine).settled_among(sorted(set(expected.values())))
        for each, delivery in expected.items():
            if delivery in settled:
                self._answers.withdraw(each)

    def handed_to(self, requests: Mapping[str, int]) -> dict[str, Handed]:
        """What the mailbox has handed over for these deliveries, each with its oldest open request, by a few queries.

        To be looked at once more by `handed` before it is taken: it may turn out to be another one's.
        """
        ids = [f"{delivery}#{request}" for delivery, request in requests.items()]
        return {delivery_of(each.expectation_id): each for each in self._answers.handed_to(ids)}

    def handed(self, row: DeliveryRow) -> Handed | None:
        """What has come in answer to the delivery's open request."""
        requests = self._work.ledger.requests(row.id)
        if not requests:
            return None
        handed = self._answers.handed_for(expectation_id(row, requests[0].id))
        if handed is None:
            return self._same_as_before(row, requests[0])
        if requests[0].how == How.SUBSCRIPTION and not handed.released_by and self._names_another(row, handed):
            self._answers.give_back(
                handed.id, "its subject names another saved report than this account's subscription"
            )
            return None
        return handed

    def _same_as_before(self, row: DeliveryRow, request: RequestRow) -> Handed | None:
        """What was asked for again and is the file delivered, or lost, byte for byte: to the mailbox, a copy."""
        present = self._work.ledger.file(row.id)
        lost = present if present and present.refused and not present.checked else None
        before = delivered_before(self._work.ledger, row) or lost
        if before is None:
            return None
        address = self._work.account_of(row).username.casefold()
        for mail in self._answers.decided_since(request.intended_at):
            if mail.decision is not Fate.DUPLICATE or mail.address != address or mail.received is None:
                continue
            for part in mail.parts:
                if part.sha256 == before.received_sha256 and mail.received >= request.intended_at - CLOCK_TOLERANCE:
                    return Handed(
                        id=0,
                        expectation_id=expectation_id(row, request.id),
                        kind=HandedKind.REPORT,
                        file=part.path,
                        name=part.name,
                        sha256=part.sha256,
                        link=None,
                        reason="",
                        mail=mail.id,
                        uid=mail.uid,
                        message_id=mail.message_id,
                        received=mail.received,
                        sender_domain=mail.sender_domain,
                    )
        return None

    def _names_another(self, row: DeliveryRow, handed: Handed) -> bool:
        account = self._work.account_of(row)
        own = title_for(account.dealership, row.crm_label)
        others = [each.title for each in self._work.ledger.subscriptions()]
        return names_another(self._subject(handed), own, others, row.crm_label)

    def _subject(self, handed: Handed) -> str:
        """Empty where neither the mail nor its headers are kept. It is looked at, and kept nowhere else."""
        known = self._answers.mail(handed.mail)
        path = spooled(self._folder, known.raw_sha256) if known.raw_sha256 else None
        if path is None:
            return ""
        raw = path.read_bytes() if path.is_file() else self._stored.content(headers_name(known.raw_sha256 or ""))
        return decode_words(first(read_headers(split_header_block(raw)), "subject")) if raw else ""

    def withdraw(self, row: DeliveryRow) -> None:
        """The delivery is settled in another way."""
        for request in self._work.ledger.requests(row.id):
            self._answers.withdraw(expectation_id(row, request.id))

    def fetched(self, handed: Handed, file: Path, name: str) -> Handed:
        """The link of the mail has been followed. The file is kept beside what mails brought."""
        keep(self._work.ledger.engine, file, sha256_of(file))
        kept = self._answers.fetched(handed.id, file, name)
        file.unlink(missing_ok=True)
        return kept

    def held(self, account: Account, *, since: datetime) -> list[str]:
        """Why mails to this account are held back for a person."""
        return [
            f"from {mail.sender_domain or 'nobody'}: {mail.reason}"
            for mail in self._answers.held()
            if mail.address in ("", account.username.casefold()) and (mail.received is None or mail.received >= since)
        ]

    @property
    def trouble(self) -> str | None:
        """Since when and why the mailbox cannot be reached, if that is so now."""
        if self._trouble is None:
            return None
        since, saw = self._trouble
        return f"no mail could be collected since {since.astimezone():%H:%M:%S}: {saw}"

    @property
    def is_watching(self) -> bool:
        """False: the mailbox or the disk wanted a person, and nothing is collected any more."""
        return self._thread.is_alive()

    def code_reader(self) -> CodeReader:
        return CodeReader(self._mailbox, self._work.ledger.engine, self._folder)

    async def look(self) -> None:
        """One whole pass that begins now. A mailbox that cannot be reached is left to the watching thread."""
        try:
            await asyncio.to_thread(self._collector.collect_once)
            self._trouble = None
        except MailboxUnreachable as error:
            self._note(error)

    async def wait_for(self, row: DeliveryRow, grace: timedelta) -> bool:
        """Whether something comes for the delivery within `grace`."""
        try:
            async with asyncio.timeout(grace.total_seconds()):
                while not await asyncio.to_thread(self.handed, row):
                    await self.something_new()
        except TimeoutError:
            return False
        return True

    async def something_new(self) -> None:
        """Return when something was handed over, and at the latest after some seconds.

        Raises `UsageWrong` when nothing can come any more: the mailbox wants a person.
        """
        if not self._thread.is_alive():
            raise UsageWrong(self.trouble or "the mailbox is not read any more", "Run `robot doctor` for the mend.")
        try:
            async with asyncio.timeout(_LOOK_UP.total_seconds()):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()

    async def close(self) -> None:
        self._stop.set()
        await asyncio.to_thread(self._thread.join, _CLOSE.total_seconds())

    # --- in the collector's thread

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                self._collector.watch(self._stop, self._hand_over, trouble=self._note)
            except (SQLAlchemyError, DatabaseUnusable) as error:
                self._note(error)
                self._stop.wait(_LOOK_UP.total_seconds())  # a server may be back by then, or a disk have room
            except (MailboxError, OSError) as error:
                self._note(error)  # a person is needed. Those who wait say so at their deadline
                return

    def _hand_over(self, handed: Handed) -> None:
        self._trouble = None
        self._loop.call_soon_threadsafe(self._news.set)
        self._loop.call_soon_threadsafe(self._work.stir)
        delivery = delivery_of(handed.expectation_id)
        row = self._work.ledger.find(delivery)
        if row is None or not row.attempt:
            return
        try:
            DBOS.send(run_id(row.id, row.attempt), handed.id, REPORT)
        except dbos_error.DBOSNonExistentWorkflowError:
            _log.debug("nobody waits for %s", delivery)

    def _note(self, error: MailboxError | SQLAlchemyError | DatabaseUnusable | OSError) -> None:
        if self._trouble is None and not self._stop.is_set():
            saw = error.saw if isinstance(error, MailboxError) else as_robot_error(error).saw
            self._trouble = (clock.now(), saw)
            self._work.progress.note(f"no mail can be collected: {saw}")
