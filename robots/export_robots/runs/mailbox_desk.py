"""What a person at the mailbox has at hand: both ledgers and the mails, without workflow engine and browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from export_robots.catalogue import robot_class
from export_robots.credentials import Secrets
from export_robots.home import Home
from export_robots.outcomes import UsageWrong
from export_robots.reports.checks import check_report
from export_robots.runs.answers import delivery_of, expectation_id
from export_robots.runs.collecting import FOLDER
from export_robots.runs.database import database_url, open_database
from export_robots.runs.finishing import examine
from export_robots.runs.ledger import CLOSED, Ledger, months_option
from export_robots.runs.mailbox_access import limits_of, mailbox_of, refused_of
from export_robots.runs.tables import DeliveryRow, State
from export_robots.settings import Settings
from export_robots.spelling import nearest
from report_mailbox.errors import MailboxError
from report_mailbox.health import MailboxHealth, probe
from report_mailbox.inspecting import Inspection, MailNotHere, OpenedMail, why_not
from report_mailbox.mails import numbered
from report_mailbox.matching import Expectation
from report_mailbox.records import KeptPart, KnownMail
from report_mailbox.releasing import NotReleased, Releasing

_MOST = 5  # deliveries that a mail of no known address is held against


@dataclass(frozen=True)
class ExpectedNow:
    """A report that is waited for; `deadline` None: the CRM has not accepted yet, or the run was interrupted."""

    delivery: str
    address: str
    since: datetime
    deadline: datetime | None


@dataclass(frozen=True)
class FileSeen:
    """A file of a mail, and what the checks say of it whatever the period. `why_none`: why it is no report."""

    part: KeptPart
    rows: int
    first: date | None
    last: date | None
    why_none: tuple[str, ...]


@dataclass(frozen=True)
class Prospect:
    """An expected delivery that a mail could answer, and all that speaks against it; sentences without a full stop."""

    delivery: str
    against: tuple[str, ...]


class MailboxDesk:
    def __init__(self, settings: Settings, home: Home, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        chosen = settings.require_mailbox()
        self.limits = limits_of(chosen)
        self.mailbox = mailbox_of(chosen, Secrets(settings), refused=refused_of(chosen, home.root))
        self.mails = Releasing(ledger.engine, self.mailbox, home.downloads / FOLDER)
        self._inspection = Inspection(self.mailbox, ledger.engine, self.mails, limits=self.limits)

    def health(self) -> MailboxHealth | MailboxError:
        """What a sign-in shows now, or why there is none."""
        try:
            return probe(self.mailbox)
        except MailboxError as error:
            return error

    def expected(self) -> list[ExpectedNow]:
        found = []
        for each in self.mails.expected():
            delivery = delivery_of(each.id)
            ends = [request.deadline_at for request in self._ledger.requests(delivery) if request.deadline_at]
            found.append(ExpectedNow(delivery, each.address, each.newer_than, ends[-1] if ends else None))
        return found

    def mail(self, name: str) -> KnownMail:
        """The one mail of that UID, or `UsageWrong`."""
        found = self.mails.named(name)
        if not found:
            raise UsageWrong(
                f"no mail {name} is known in {self.mailbox.folder}",
                "`robot mailbox status` lists the mails that are held; a mail is known once `robot collect` has "
                "looked at the mailbox.",
            )
        if len(found) > 1:
            raise UsageWrong(
                f"UID {name} has meant {len(found)} mails, because the server has numbered the folder anew",
                "Name one of them with its numbering: " + "; ".join(_one_of(mail) for mail in found),
            )
        return found[0]

    def delivery(self, word: str) -> DeliveryRow:
        """The delivery of that id, or of the only one that begins so; else `UsageWrong`."""
        wanted = word.strip().partition("#")[0].casefold()
        rows = {row.id: row for row in self._ledger.deliveries()}
        exact = [key for key in rows if key.casefold() == wanted]
        found = exact or [key for key in rows if wanted and key.casefold().startswith(wanted)]
        if len(found) == 1:
            return rows[found[0]]
        if found:
            raise UsageWrong(f"{len(found)} deliveries begin with “{word}”", f"Name one: {_some(found)}")
        waiting = [each.delivery for each in self.expected()]
        near = [key for key in rows if nearest(wanted, [key[: len(wanted)]])]
        meant = near or waiting or list(rows)
        hint = f"Nearest: {_some(meant)}" if near else f"Waited for: {_some(meant)}" if meant else ""
        raise UsageWrong(f"there is no delivery “{word}”", hint or "Nothing was ever asked of a CRM from this home.")

    def open(self, mail: KnownMail) -> OpenedMail:
        try:
            return self._inspection.open(mail)
        except MailNotHere as error:
            raise UsageWrong(error.saw, error.hint) from error
        except MailboxError as error:
            raise UsageWrong(
                f"mail {mail.name} is not on disk, and the mailbox cannot be read: {error.saw}", error.hint
            ) from error

    def files(self, opened: OpenedMail) -> list[FileSeen]:
        """The mail's files, each with the checks of `robot check` in the time zone of whom the mail was sent to."""
        accounts = [each for each in self._settings.accounts if each.username.casefold() == opened.known.address]
        zone = accounts[0].zone if accounts else ZoneInfo("UTC")
        robot = robot_class(accounts[0].crm) if accounts else None
        seen = []
        for part in opened.known.parts:
            result = check_report(part.path, zone=zone, period=None, aliases=robot.column_aliases if robot else {})
            seen.append(FileSeen(part, result.rows, result.first, result.last, result.reasons))
        return seen

    def prospects(self, opened: OpenedMail) -> list[Prospect]:
        """What is expected now and could be meant; at the mail's own address, if anything is expected there."""
        expected = self.mails.expected()
        here = [each for each in expected if each.address == opened.known.address]
        return [self._prospect(opened, each) for each in (here or expected)[:_MOST]]

    def open_expectation(self, row: DeliveryRow) -> Expectation:
        """What the mailbox expects for the delivery; `UsageWrong` where that is nothing."""
        if row.state in CLOSED:
            raise UsageWrong(
                f"{row.id} is closed already ({row.state}); nothing was released",
                "`robot status` shows what was delivered.",
            )
        if row.state in (State.COLLECTED, State.POSTED):
            raise UsageWrong(
                f"{row.id} has its report already; nothing was released",
                f"`{_export(row)}` brings it further, `robot status` shows how it stands.",
            )
        requests = self._ledger.requests(row.id)
        wanted = expectation_id(row, requests[0].id) if requests else None
        for each in self.mails.expected():
            if each.id == wanted:
                return each
        if wanted and (handed := self.mails.handed_for(wanted)):
            raise UsageWrong(
                f"{row.id} has its answer already, mail {handed.uid}; nothing was released",
                f"`{_export(row)}` goes on with it.",
            )
        raise UsageWrong(
            f"no report is asked for at present for {row.id}; nothing was released",
            f"`{_export(row)}` asks for one; or bring the mail's file to the portal with `robot deliver`.",
        )

    def why_refused(self, row: DeliveryRow, part: KeptPart) -> tuple[str, ...]:
        """Every reason why this file must not be sent on as the delivery's report."""
        if row.client not in self._settings.clients:
            return (f"the client of {row.id} is not in the configuration any more",)
        requests = self._ledger.requests(row.id)
        zone = self._settings.client(row.client).timezone
        return examine(self._ledger, row, part.path, requests[-1] if requests else None, zone).reasons

    def release(
        self, mail: KnownMail, expectation: str, content: KeptPart | str, *, by: str, note: str, any_address: bool
    ) -> None:
        try:
            self.mails.release(mail, expectation, content, by=by, note=note, any_address=any_address)
        except NotReleased as error:
            raise UsageWrong(f"{error.saw}; nothing was released", error.hint) from error

    def ignore(self, mail: KnownMail, *, by: str, note: str) -> KnownMail:
        try:
            return self.mails.ignore(mail, by=by, note=note)
        except NotReleased as error:
            raise UsageWrong(error.saw, f"`robot mailbox show {mail.name}` says what is known of it.") from error

    def _prospect(self, opened: OpenedMail, expectation: Expectation) -> Prospect:
        delivery = delivery_of(expectation.id)
        against = why_not(opened, expectation)
        row = self._ledger.find(delivery)
        if row is None:
            against.append("nothing is known here of this delivery")
        elif opened.known.parts:
            refused = [self.why_refused(row, part) for part in opened.known.parts]
            if all(refused):
                against += [f"{part.name or 'its file'}: {why[0]}{_more(why)}" for part, why in _pairs(opened, refused)]
        elif opened.link(expectation) is None:
            against.append(opened.odd or "it holds no report")
        return Prospect(delivery, tuple(against))


@contextmanager
def open_desk(settings: Settings, home: Home) -> Iterator[MailboxDesk]:
    ledger = Ledger(open_database(database_url(settings, home)))
    try:
        yield MailboxDesk(settings, home, ledger)
    finally:
        ledger.engine.dispose()


def _pairs(opened: OpenedMail, refused: list[tuple[str, ...]]) -> Iterator[tuple[KeptPart, tuple[str, ...]]]:
    return zip(opened.known.parts, refused, strict=True)


def _more(reasons: tuple[str, ...]) -> str:
    return f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""


def _one_of(mail: KnownMail) -> str:
    came = f", came {mail.received.astimezone():%Y-%m-%d %H:%M}" if mail.received else ""
    return f"{numbered(mail.uidvalidity, mail.uid)}{came}{f' from {mail.sender_domain}' if mail.sender_domain else ''}"


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:8]) + (f" and {len(keys) - 8} more" if len(keys) > 8 else "")


def _export(row: DeliveryRow) -> str:
    again = " --again" if row.again > 1 else ""
    return f"robot export {row.crm} --client {row.client} {months_option(row)}{again}"
