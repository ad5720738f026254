"""A person's word about expected deliveries: not wanted, try again, the portal has it; under the account's lock."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from export_robots import catalogue
from export_robots.home import Home
from export_robots.outcomes import Outcome, RobotError, UsageWrong
from export_robots.periods import Period
from export_robots.progress import Showing
from export_robots.runs import finishing
from export_robots.runs.exporting import at_work
from export_robots.runs.ledger import CLOSED, Ending, Ledger, months_option, run_id
from export_robots.runs.month import due_when_asked
from export_robots.runs.month_view import Entry, view_month
from export_robots.runs.owners import confirm_hint
from export_robots.runs.results import Result
from export_robots.runs.running import Runner
from export_robots.runs.standing import failed, result_of
from export_robots.runs.stored_files import ReportLost
from export_robots.runs.tables import DeliveryRow, State
from export_robots.runs.workplace import Workplace
from export_robots.settings import Settings

if TYPE_CHECKING:
    from export_robots.browser import Browser

WAIVE, RETRY, CONFIRM = "waive", "retry", "confirm"


@dataclass(frozen=True)
class Word:
    """What was said, by whom, and about what; `crm` and `client` are keys, `rooftop` None means all of them."""

    what: str
    who: str
    why: str | None
    crm: str
    client: str
    rooftop: str | None
    period: Period


@dataclass(frozen=True)
class Decided:
    """`failed`: those that it could not be done for; `entries`: how the others stand now."""

    done: Sequence[Result]
    failed: Sequence[Result]
    entries: Sequence[Entry] = ()

    @property
    def failures(self) -> list[Result]:
        """Of several rooftops, those that there was nothing to decide about are left out, unless that is all."""
        return [each for each in self.failed if not self.done or each.outcome is not Outcome.USAGE]

    @property
    def results(self) -> list[Result]:
        return [*self.done, *self.failures]


async def decide(settings: Settings, home: Home, word: Word, *, browser: "Browser", progress: Showing) -> Decided:
    """Carry the word out for every delivery that it is about; none is `UsageWrong`."""
    async with at_work(settings, home, browser, progress) as (work, runner):
        done, undone, keys = [], [], []
        for row in _meant(work.ledger, settings, word):
            try:
                with work.hold(_account_of(settings, row) or row.id, row.id):
                    await _carry_out(work, runner, word, row.id)
            except RobotError as error:
                undone.append(failed(row, error))
            else:
                keys.append(row.id)
                done.append(result_of(work.ledger, work.ledger.delivery(row.id)))
        entries = _entries(work.ledger, settings, word, keys) if word.what == RETRY else []
        return Decided(done, undone, entries)


def _meant(ledger: Ledger, settings: Settings, word: Word) -> list[DeliveryRow]:
    """The rooftops' deliveries of that period, the last time of each. What is to be waived is expected first."""
    if word.what == WAIVE and word.client in settings.clients:
        client = settings.client(word.client)
        accounts = [client.account(word.crm, word.rooftop)] if word.rooftop else client.accounts(word.crm)
        for account in accounts:
            label, due = catalogue.BY_KEY[word.crm].label, due_when_asked(settings, account.zone, word.period)
            ledger.expect(client.key, word.crm, label, account.rooftop, word.period, due_at=due)
    last: dict[tuple[str | None, str, str], DeliveryRow] = {}
    for row in ledger.deliveries_of(word.client, word.crm, word.period):
        if _is_of(settings, row, word.rooftop):
            last[row.rooftop, row.period_start, row.period_end] = row
    whole = [row for row in last.values() if (row.period_start, row.period_end) == _ends(word.period)]
    meant = [row for row in whole if not row.split]
    split = {row.rooftop for row in whole if row.split}
    meant += [row for row in last.values() if row not in whole and row.rooftop in split]
    if meant:
        return meant
    settings.client(word.client)  # which says so, if there is no such client
    place = f" of rooftop “{word.rooftop}”" if word.rooftop else ""
    raise UsageWrong(
        f"nothing is expected of {word.client} at {word.crm} for {word.period}{place}",
        f"`robot status --client {word.client} --month {word.period.start}` shows what is.",
    )


def _ends(period: Period) -> tuple[str, str]:
    return str(period.start), str(period.end)


def _is_of(settings: Settings, row: DeliveryRow, rooftop: str | None) -> bool:
    if rooftop is None:
        return True
    main = settings.clients[row.client].dealership if row.client in settings.clients else ""
    return (row.rooftop or main).casefold() == rooftop.strip().casefold()


def _account_of(settings: Settings, row: DeliveryRow) -> str | None:
    """The account's id; None where the configuration does not know it (any more)."""
    client = settings.clients.get(row.client)
    places = [each for each in client.rooftops if each.name == row.rooftop] if client else []
    account = places[0].accounts.get(row.crm) if places else None
    return account.id if account else None


async def _carry_out(work: Workplace, runner: Runner, word: Word, key: str) -> None:
    row = work.ledger.delivery(key)
    if word.what == WAIVE:
        await _waive(work, runner, word, row)
    elif word.what == RETRY:
        await asyncio.to_thread(_retry, work, word, row)
    else:
        await _confirm(work, runner, word, row)


async def _waive(work: Workplace, runner: Runner, word: Word, row: DeliveryRow) -> None:
    if row.state in (State.DELIVERED, State.VERIFIED_EMPTY):
        raise UsageWrong(f"{row.id} is closed already ({row.state}); nothing was waived", _STATUS)
    if row.state != State.WAIVED:
        await runner.give_up_interrupted(row)
        await asyncio.to_thread(work.ledger.waive, row.id, word.who, word.why or "")


def _retry(work: Workplace, word: Word, row: DeliveryRow) -> None:
    if row.state == State.POSTED:
        raise UsageWrong(
            f"the portal may have the file of {row.id}, so it is not posted again by itself", confirm_hint(row)
        )
    if row.state in CLOSED and row.state != State.WAIVED:
        again = f"robot export {row.crm} --client {row.client} {months_option(row)} --again"
        raise UsageWrong(f"{row.id} is closed already ({row.state})", f"`{again}` asks for it once more.")
    work.ledger.retry(row.id, _account_of(work.settings, row), word.who, word.why)


async def _confirm(work: Workplace, runner: Runner, word: Word, row: DeliveryRow) -> None:
    said = [each for each in work.ledger.decisions(row.id) if each.what == CONFIRM]
    if row.state == State.DELIVERED and said:
        return
    if row.state != State.POSTED:
        raise UsageWrong(
            f"{row.id} has no file that waits for the portal's confirmation ({row.state}); nothing was confirmed",
            f"{_STATUS} `robot deliver` brings a file to the portal, `robot waive` closes what is not wanted.",
        )
    try:
        await asyncio.to_thread(finishing.named_file, work, row.id)
    except ReportLost as lost:
        raise UsageWrong(
            f"{lost.saw}, so no receipt can be written; nothing was confirmed",
            f"`robot waive {row.crm} --client {row.client} {months_option(row)} --reason TEXT` closes it: say in the "
            "reason that the portal has it.",
        ) from lost
    await runner.give_up_interrupted(row)
    await asyncio.to_thread(work.ledger.confirm, row.id, word.who, word.why or "")
    await asyncio.to_thread(_close, work, row, f"{word.who} saw that the portal has it: {word.why}")


def _close(work: Workplace, row: DeliveryRow, saw: str) -> None:
    finishing.close(row.id, run_id(row.id, row.attempt), State.DELIVERED)
    work.ledger.end_attempt(row.id, Ending(Outcome.DELIVERED, (saw,)))


_STATUS = "`robot status` shows how it stands."


def _entries(ledger: Ledger, settings: Settings, word: Word, keys: Sequence[str]) -> list[Entry]:
    found: dict[str, Entry] = {}
    for month in word.period.months:
        view = view_month(ledger, settings, month, client=word.client, crm=word.crm)
        found |= {entry.line.id: entry for entry in view.entries if entry.line.id in keys}
    return [found[key] for key in keys if key in found]
