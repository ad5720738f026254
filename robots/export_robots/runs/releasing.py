"""`robot mailbox release`: a person's word that a held mail is the report, then the usual way to the portal."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from export_robots import clock
from export_robots.home import Home
from export_robots.outcomes import AccountBusy, Outcome, ReportRejected, RobotError, UsageWrong
from export_robots.progress import Showing
from export_robots.runs.answers import delivery_of, expectation_id
from export_robots.runs.asking import standing
from export_robots.runs.exporting import at_work
from export_robots.runs.ledger import CLOSED
from export_robots.runs.mailbox_desk import MailboxDesk
from export_robots.runs.results import Result
from export_robots.runs.running import BEFORE, Runner, Wanted
from export_robots.runs.standing import failed_result, result_of
from export_robots.runs.tables import DeliveryRow, State
from export_robots.runs.workplace import Workplace
from export_robots.settings import Settings
from report_mailbox.inspecting import OpenedMail
from report_mailbox.matching import Expectation
from report_mailbox.records import KeptPart

if TYPE_CHECKING:
    from export_robots.browser import Browser

_PATIENCE = timedelta(minutes=2)  # with a run of another process that has taken the report over
_GLANCE = timedelta(seconds=0.5)


@dataclass(frozen=True)
class Word:
    """What the person said. `file`: a name or the beginning of a hash, where the mail brought several."""

    mail: str
    delivery: str
    by: str
    file: str | None = None
    note: str = ""
    any_address: bool = False


async def release(settings: Settings, home: Home, word: Word, *, browser: "Browser", progress: Showing) -> Result:
    """Record the word unless the checks refuse the file, and bring the delivery to its end."""
    async with at_work(settings, home, browser, progress) as (work, runner):
        desk = MailboxDesk(settings, home, work.ledger)
        row = desk.delivery(word.delivery)
        try:
            refusal = await asyncio.to_thread(_record, desk, row, word, progress)
            return refusal or await _go_on(work, runner, desk, row)
        except RobotError as error:
            return failed_result(row, error.outcome, error.reasons or (error.saw,), error.hint)


def _record(desk: MailboxDesk, row: DeliveryRow, word: Word, progress: Showing) -> Result | None:
    mail = desk.mail(word.mail)
    if any(delivery_of(each) == row.id for each in mail.answered):
        progress.note(f"mail {mail.name} is what has answered {row.id}")
        return None
    expectation = desk.open_expectation(row)
    opened = desk.open(mail)
    content = _chosen(opened, word, expectation)
    if isinstance(content, KeptPart) and (reasons := desk.why_refused(row, content)):
        return failed_result(
            row,
            Outcome.REPORT_REJECTED,
            reasons,
            f"{ReportRejected.remedy.rstrip('.')}: {content.path}. Mail {mail.name} is held as before.",
        )
    desk.release(mail, expectation.id, content, by=word.by, note=word.note, any_address=word.any_address)
    progress.note(f"mail {mail.name} is released for {row.id}")
    return None


def _chosen(opened: OpenedMail, word: Word, expectation: Expectation) -> KeptPart | str:
    """The file that is meant, or the link to it."""
    name, parts = opened.known.name, opened.known.parts
    if word.file is not None:
        wanted = word.file.casefold()
        found = [each for each in parts if each.name.casefold() == wanted] or [
            each for each in parts if len(wanted) >= 4 and each.sha256.startswith(wanted)
        ]
        if len(found) == 1:
            return found[0]
        what = f"{len(found)} files" if found else "no file"
        raise UsageWrong(f"mail {name} brought {what} “{word.file}”", f"Its files: {_listed(parts)}")
    if len(parts) > 1:
        raise UsageWrong(
            f"mail {name} brought {len(parts)} files; nothing was released",
            f"Say which one is meant with --file: {_listed(parts)}",
        )
    if parts:
        return parts[0]
    if link := opened.link(expectation):
        return link.url
    why = opened.odd or "; ".join(opened.contents.obstacles if opened.contents else ()) or "it holds no report"
    raise UsageWrong(
        f"mail {name} has nothing to release: {why}",
        "If somebody can open it, bring its file to the portal with `robot deliver`.",
    )


def _listed(parts: tuple[KeptPart, ...]) -> str:
    return ", ".join(f"{each.name or 'without a name'} ({each.sha256[:8]})" for each in parts) or "none"


async def _go_on(work: Workplace, runner: Runner, desk: MailboxDesk, row: DeliveryRow) -> Result:
    """As `robot collect` does; where another process has taken the report over, that one's result is waited for."""
    until = clock.now() + _PATIENCE
    place = work.client_of(row).rooftop(row.rooftop)
    account = place.accounts.get(row.crm)
    waited = False
    while True:
        try:
            with work.hold(account.id if account else row.id, row.id):
                row = work.ledger.delivery(row.id)
                if _is_here(work, desk, row):
                    return await runner.bring(row.id, Wanted(upload=row.upload))
                return result_of(work.ledger, row, note=None if waited or row.state not in CLOSED else BEFORE)
        except AccountBusy as busy:
            if clock.now() > until:
                saw = f"the release is recorded, and {busy.saw}: that run goes on with it"
                raise AccountBusy(saw, "`robot status` shows how it ends.") from busy
            waited = True
            await asyncio.sleep(_GLANCE.total_seconds())


def _is_here(work: Workplace, desk: MailboxDesk, row: DeliveryRow) -> bool:
    """Whether there is something to go on with. Otherwise a run would ask the CRM for another report."""
    if row.state in CLOSED or row.state == State.POSTED:
        return False
    requests = work.ledger.requests(row.id)
    answered = bool(requests) and desk.mails.handed_for(expectation_id(row, requests[0].id)) is not None
    return answered or standing(row.id) == State.COLLECTED
