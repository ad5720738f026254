"""Rounds over a real ledger, mailbox and queues. What a run would do is written into the ledger, without a browser."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from dbos import DBOS, SetWorkflowID
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from export_robots import clock
from export_robots.home import prepare_home
from export_robots.outcomes import Outcome, UsageWrong
from export_robots.robot import ReportRequest
from export_robots.runs import queues, standings, workflow
from export_robots.runs.database import open_database, sqlite_url
from export_robots.runs.engine import engine
from export_robots.runs.ledger import Ending, Ledger, period_of, run_id
from export_robots.runs.operating_tables import NoticeRow, QuestionRow, SignInRow
from export_robots.runs.questions import Questions
from export_robots.runs.rounds import Rounds
from export_robots.runs.serving import Serving
from export_robots.runs.tables import DeliveryRow, How, State
from export_robots.runs.waves import Waves
from export_robots.runs.workplace import Workplace, open_workplace
from export_robots.settings import load_settings
from report_mailbox.errors import MailboxSignInRefused
from tests.runs.conftest import Place, wait_until
from tests.runs.serving import with_clients

Run = Callable[[Coroutine[Any, Any, Any]], Any]

DEADLINE = timedelta(minutes=30)


class Silent:
    """Neither a browser nor a screen."""

    async def close(self) -> None:
        pass

    def started(self, step: str) -> None:
        pass

    def finished(self, step: str, seconds: float) -> None:
        pass

    def note(self, text: str) -> None:
        pass


class Days:
    def __init__(self) -> None:
        self.now = clock.now()


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Days:
    made = Days()
    monkeypatch.setattr(clock, "now", lambda: made.now)
    return made


@dataclass
class Office:
    """One machine's rounds, and what its runs would write."""

    work: Workplace
    rounds: Rounds
    waves: Waves

    @property
    def ledger(self) -> Ledger:
        return self.work.ledger

    async def round(self) -> list[str]:
        """Make one round; the clients whose accounts are on the CRM's queue then."""
        await self.rounds.make()
        return sorted(each.id.partition("/")[0] for each in await self.queued(queues.crm_queue("activix")))

    async def queued(self, queue: str) -> list[queues.Run]:
        return [each for each in (await queues.unfinished()).values() if each.queue == queue]

    def row(self, client: str) -> DeliveryRow:
        return next(row for row in self.ledger.deliveries() if row.client == client)

    async def asks(self, client: str, *, how: How = How.EXPORT) -> DeliveryRow:
        """The run that is queued asks the CRM, which accepts, and ends."""
        row = self.row(client)
        await DBOS.cancel_workflow_async(run_id(row.id, row.attempt))
        number = self.ledger.intend_request(row.id, row.attempt, how)
        period, now = period_of(row), clock.now()
        accepted = ReportRequest(now, None, period.first, period.last, 1, False, "accepted", {})
        self.ledger.end_request(number, accepted, now + DEADLINE)
        self.ledger.end_attempt(row.id, Ending(Outcome.REQUESTED))
        return self.row(client)

    async def fails(self, client: str, ending: Ending) -> None:
        row = self.row(client)
        await DBOS.cancel_workflow_async(run_id(row.id, row.attempt))
        self.ledger.end_attempt(row.id, ending)

    def receives(self, client: str, *, source: str = "mail", named: bool = True, **mail: object) -> DeliveryRow:
        row = self.row(client)
        file = self.ledger.add_file(row.id, source=source, path="/nowhere", sha256=client, mail=mail)
        if named:
            self.ledger.update_file(file.id, checked=True, name="report.csv", sha256=client)
        return self.row(client)

    def told(self, word: str) -> list[NoticeRow]:
        with Session(self.ledger.engine, expire_on_commit=False) as session:
            return [each for each in session.scalars(select(NoticeRow)) if each.key.startswith(f"{word}/")]


@asynccontextmanager
async def office(place: Place) -> AsyncIterator[Office]:
    home = prepare_home(place.home)
    url = sqlite_url(home.root / "robot.sqlite")
    ledger = Ledger(open_database(url))
    settings = load_settings(place.config, place.home)
    nobody: Any = Silent()
    work = Workplace(settings, home, ledger, nobody, nobody)
    try:
        async with open_workplace(work), engine(url, executor="serve-here", queues=[]):
            await queues.declare(["activix"], settings.schedule, 1)
            rounds = Rounds(work)
            yield Office(work, rounds, Waves(ledger.engine))
            if rounds._sending:
                await asyncio.wait([rounds._sending])
    finally:
        ledger.engine.dispose()


def test_the_others_follow_when_the_first_ones_report_has_passed_and_not_when_it_was_accepted(
    quick: Place, days: Days, run: Run
) -> None:
    with_clients(quick, 4)

    async def story() -> None:
        async with office(quick) as here:
            assert await here.round() == ["d00"]
            assert await here.round() == ["d00"]
            await here.asks("d00")
            assert await here.round() == [], "its report is not here"
            here.receives("d00", named=False)
            assert await here.round() == [], "it is not checked"
            here.receives("d00")
            assert await here.round() == ["d01", "d02", "d03"]

    run(story())


def test_neither_a_subscriptions_report_nor_a_persons_file_nor_a_released_mail_lets_the_others_follow(
    quick: Place, days: Days, run: Run
) -> None:
    with_clients(quick, 6)

    async def story() -> None:
        async with office(quick) as here:
            assert await here.round() == ["d00"]
            began = days.now
            await here.asks("d00")
            await here.asks("d01", how=How.SUBSCRIPTION)
            await here.asks("d02")
            await here.asks("d03")
            here.receives("d01")
            here.receives("d02", source="by hand")
            here.receives("d03", released_by="ann")
            assert here.waves.passed_since("activix", began) is None
            here.receives("d00", received=days.now.isoformat(), released_by=None)
            assert here.waves.passed_since("activix", began) == days.now

    run(story())


def test_a_crm_that_mails_nothing_is_stopped_when_three_have_waited_one_after_the_other(
    quick: Place, days: Days, run: Run
) -> None:
    with_clients(quick, 6)

    async def story() -> None:
        async with office(quick) as here:
            for client in ("d00", "d01", "d02"):
                assert await here.round() == [client]
                await here.asks(client)
                days.now += DEADLINE
            assert await here.round() == []
            [crm] = here.waves.stopped()
            assert (crm.signature, len(crm.accounts)) == ("report_late", 3)
            assert "no report has come" in (crm.saw or "")
            assert [here.row(each).attempt for each in ("d03", "d04", "d05")] == [0, 0, 0]
            days.now += timedelta(minutes=1)
            here.waves.resume("activix", "ann", "they mail again")
            assert await here.round() == ["d03"]
            assert not here.waves.stopped(), "what had failed before does not count any more"

    run(story())


def test_after_a_resume_what_was_late_is_asked_for_anew(quick: Place, days: Days, run: Run) -> None:
    with_clients(quick, 1, schedule__same_failure=1)

    async def story() -> None:
        async with office(quick) as here:
            await here.round()
            await here.asks("d00")
            days.now += DEADLINE
            await here.round()
            assert here.waves.stopped()
            days.now += timedelta(minutes=1)
            here.waves.resume("activix", "ann", None)
            assert await here.round() == ["d00"]

    run(story())


def test_a_run_that_decided_on_old_news_does_not_stop_what_was_resumed_since(
    quick: Place, days: Days, run: Run
) -> None:
    with_clients(quick, 1)

    async def story() -> None:
        async with office(quick) as here:
            await here.round()
            seen = here.waves.crm("activix", timedelta(hours=24)).wave_from
            assert here.waves.stop("activix", "site_changed", [here.row("d00").id], seen)
            days.now += timedelta(seconds=1)
            here.waves.resume("activix", "ann", None)
            assert not here.waves.stop("activix", "site_changed", [here.row("d00").id], seen)
            assert not here.waves.stopped()

    run(story())


def test_a_clock_that_was_set_back_begins_a_new_wave(quick: Place, days: Days, run: Run) -> None:
    with_clients(quick, 3)

    async def story() -> None:
        async with office(quick) as here:
            assert await here.round() == ["d00"]
            days.now -= timedelta(hours=1)
            await here.asks("d00")
            assert await here.round() == []
            here.receives("d00")
            await here.round()
            await here.asks("d01")
            here.receives("d01")
            assert await here.round() == ["d02"]

    run(story())


def test_one_broken_delivery_does_not_keep_the_others_waiting_and_people_are_told(
    quick: Place, days: Days, run: Run
) -> None:
    with_clients(quick, 3)

    async def story() -> None:
        async with office(quick) as here:
            await here.round()
            await here.asks("d00")
            here.receives("d00")
            with here.ledger.engine.begin() as connection:
                connection.execute(text("UPDATE deliveries SET reasons = '{broken' WHERE client = 'd01'"))
            assert await here.round() == ["d02"]
            assert await here.round() == ["d02"]
            [notice] = here.told("failed")
            assert notice.title == f"the robot cannot go on with d01/activix/{month_of(days.now)}"
            assert len(list(here.work.home.evidence.glob("defect-*"))) == 1, "not one each minute"

    run(story())


def month_of(now: datetime) -> str:
    return f"{now.replace(day=1) - timedelta(days=1):%Y-%m}"


def test_deliveries_of_clients_that_left_the_configuration_are_told_and_keep_nobody_waiting(
    quick: Place, days: Days, run: Run
) -> None:
    with_clients(quick, 3)

    async def story() -> None:
        async with office(quick) as here:
            assert await here.round() == ["d00"]
        with_clients(quick, 2)
        quick.config.write_text(quick.config.read_text().replace("[clients.d00", "[clients.e00"))
        async with office(quick) as here:
            await DBOS.cancel_workflow_async(run_id(here.row("d00").id, 1))
            assert await here.round() == ["d01"]
            [notice] = here.told("stranger")
            assert notice.title == "2 deliveries of accounts that the configuration does not name"
            assert f"robot waive activix --client d00 --month {month_of(days.now)} --reason TEXT" in notice.text

    run(story())


def test_what_a_command_was_posting_when_it_died_is_looked_into_and_not_left_as_under_way(
    quick: Place, days: Days, run: Run
) -> None:
    with_clients(quick, 1)

    async def story() -> None:
        async with office(quick) as here:
            await here.round()
            await here.asks("d00")
            row = here.receives("d00")
            here.ledger.begin_attempt(row.id, upload=True)
            file = here.ledger.file(row.id)
            assert file
            here.ledger.intend_upload(row.id, file)
            await here.round()
            [finishing] = await here.queued(queues.FINISH)
            assert finishing.id == f"{row.id}#3"

    run(story())


def test_a_round_that_was_frozen_notes_nothing_as_late_that_has_gone_on_since(
    quick: Place, days: Days, run: Run
) -> None:
    with_clients(quick, 1)

    async def story() -> None:
        async with office(quick) as here:
            await here.round()
            row = await here.asks("d00")
            days.now += DEADLINE
            seen = standings.look(here.work, {}, here.rounds._apart)
            here.ledger.close(row.id, State.DELIVERED, How.EXPORT)
            here.ledger.end_attempt(row.id, Ending(Outcome.DELIVERED))
            await here.rounds._note_late(seen.standings[0])
            assert here.row("d00").outcome == Outcome.DELIVERED

    run(story())


def test_while_the_mailbox_cannot_be_read_nothing_is_late_and_nobody_is_asked(
    quick: Place, days: Days, run: Run
) -> None:
    with_clients(quick, 3)

    async def story() -> None:
        async with office(quick) as here:
            await here.round()
            await here.asks("d00")
            here.receives("d00")
            await here.round()
            await here.asks("d01")
            await here.fails("d02", Ending(Outcome.SITE_DOWN, ("down",), None, retry_at=days.now))
            here.work.mail._trouble = (days.now, "it does not answer")
            here.work.mail.look = nothing  # type: ignore[method-assign]
            days.now += DEADLINE
            assert await here.round() == []
            assert here.row("d01").outcome == Outcome.REQUESTED
            here.work.mail._trouble = None
            assert await here.round() == ["d02"]
            assert here.row("d01").outcome == Outcome.REPORT_LATE

    run(story())


async def nothing() -> None:
    pass


def test_what_has_begun_is_not_taken_off_the_queue_of_a_crm_that_stops(quick: Place, days: Days, run: Run) -> None:
    with_clients(quick, 2)

    async def story() -> None:
        async with office(quick) as here:
            await here.round()
            [waiting] = await here.queued(queues.crm_queue("activix"))
            with here.work.hold("activix:datateam+d00@example.com", "another"):
                await here.rounds._withdraw([waiting])
            assert await here.queued(queues.crm_queue("activix")), "somebody is at its account"
            await here.rounds._withdraw([waiting])
            assert not await here.queued(queues.crm_queue("activix"))

    run(story())


def test_a_report_behind_a_link_is_not_fetched_beyond_the_days_sign_ins(quick: Place, days: Days, run: Run) -> None:
    with_clients(quick, 1)

    async def story() -> None:
        async with office(quick) as here:
            await here.round()
            row = await here.asks("d00")
            seen = standings.look(here.work, {}, here.rounds._apart).standings[0]
            linked = type(seen)(row, seen.account, seen.zone, handed_at=days.now, needs_visit=True)
            await here.rounds._finish([linked], {seen.account}, mail=True)
            assert not await here.queued(queues.FINISH)

    run(story())


def test_of_two_questions_for_one_account_the_answer_wakes_both(quick: Place, days: Days, run: Run) -> None:
    with_clients(quick, 1)

    async def story() -> None:
        async with office(quick) as here:
            questions = Questions(here.ledger.engine)
            for month in ("2026-01", "2026-02"):
                questions.ask(f"d00/activix/{month}#1", f"d00/activix/{month}", "activix:d00", "a code", None)
            assert questions.answer("d00/activix/2026-02#1", "424242", "ann")
            assert questions.told() == {"d00/activix/2026-01#1", "d00/activix/2026-02#1"}
            questions.ask("d00/activix/2026-02#2", "d00/activix/2026-02", "activix:d00", "a code", DEADLINE)
            assert questions.take_answer("d00/activix/2026-02#2") == "424242"
            questions.ask("d00/activix/2026-01#2", "d00/activix/2026-01", "activix:d00", "a code", DEADLINE)
            assert questions.take_answer("d00/activix/2026-01#2") is None, "a code is used once"
            with Session(here.ledger.engine) as session:
                assert not [each for each in session.scalars(select(QuestionRow)) if each.answer]
                assert session.scalars(select(SignInRow)).all() == []

    run(story())


def test_a_run_whose_account_has_left_the_configuration_ends_and_says_so(quick: Place, days: Days, run: Run) -> None:
    with_clients(quick, 2)

    async def story() -> None:
        async with office(quick) as here:
            await here.round()
            delivery = here.row("d00").id
            await DBOS.cancel_workflow_async(f"{delivery}#1")
            here.ledger.begin_attempt(delivery, upload=True)
            here.work.settings.clients.pop("d00")  # type: ignore[attr-defined]
            here.work.duty = Serving(here.work, "serve-here", 1)
            with SetWorkflowID(f"{delivery}#2"):
                handle = await DBOS.start_workflow_async(workflow.export, delivery, f"{delivery}#2", True, False)
            assert await handle.get_result() == Outcome.USAGE
            assert here.row("d00").outcome == Outcome.USAGE

    run(story())


def test_a_process_that_was_frozen_says_nothing_of_what_others_have_gone_on_with(
    quick: Place, days: Days, run: Run
) -> None:
    with_clients(quick, 1)

    async def story() -> None:
        async with office(quick) as here:
            await here.round()
            row = await here.asks("d00")
            here.ledger.begin_attempt(row.id, upload=True)
            workflow._end(row.id, f"{row.id}#1", Ending(Outcome.SITE_DOWN))
            assert here.row("d00").outcome is None, "another attempt is at it"
            here.ledger.close(row.id, State.DELIVERED, How.EXPORT)
            workflow._end(row.id, f"{row.id}#2", Ending(Outcome.DELIVERED))
            workflow._end(row.id, f"{row.id}#2", Ending(Outcome.SITE_DOWN))
            assert here.row("d00").outcome == Outcome.DELIVERED

    run(story())


def test_what_waits_for_the_mailbox_to_be_mended_is_tried_again_by_itself() -> None:
    wrong = UsageWrong("the mailbox cannot be read")
    wrong.__cause__ = MailboxSignInRefused("refused")
    assert workflow.may_pass(wrong, wrong)
    assert not workflow.may_pass(UsageWrong("no such client"), UsageWrong("no such client"))


def test_at_the_end_of_serve_an_open_question_is_parked_though_no_place_becomes_free(
    quick: Place, days: Days, run: Run
) -> None:
    with_clients(quick, 1)

    async def story() -> None:
        async with office(quick) as here:
            await here.round()
            duty = Serving(here.work, "serve-here", 1)
            name = f"{here.row('d00').id}#1"
            await duty._places.acquire()
            asking = asyncio.create_task(duty.code_of(here.work.settings.accounts[0], name, "a code"))
            questions = Questions(here.ledger.engine)
            await asyncio.to_thread(wait_until, questions.open_questions, "the question is put")
            await duty._places.acquire()  # one more run, which waits for the end
            await asyncio.wait_for(duty.wind_up(), 5)
            await asyncio.to_thread(wait_until, lambda: not questions.open_questions()[0].open_until, "it is parked")
            assert not asking.done()
            asking.cancel()
            duty._places.release()
            await asyncio.gather(asking, return_exceptions=True)

    run(story())
