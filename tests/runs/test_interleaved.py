"""What rounds, runs, people and machines do at the same moment, or long after they were to do it."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dbos import DBOS, SetWorkflowID
from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.orm import Session

from export_robots.credentials import fingerprint
from export_robots.outcomes import Outcome, ReportRejected, SignInRefused
from export_robots.runs import asking, fleet, queues, signing_in, standings, workflow
from export_robots.runs.ledger import Ending, period_of
from export_robots.runs.machines import Machines
from export_robots.runs.operating_tables import QuestionRow, SignInRow
from export_robots.runs.questions import Questions
from export_robots.runs.serving import Serving
from export_robots.runs.tables import How, State
from tests.runs import mailed_reports
from tests.runs.conftest import Place, wait_until
from tests.runs.days import Days
from tests.runs.office import DEADLINE, Run, Silent, office
from tests.runs.quick_crm import QuickCrm, csv_of
from tests.runs.serving import with_clients


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


def test_ended_runs_are_forgotten_after_a_week_and_what_is_queued_never(quick: Place, days: Days, run: Run) -> None:
    with_clients(quick, 2)

    async def story() -> None:
        async with office(quick) as here:
            await here.round()
            row = await here.asks("d00")
            here.receives("d00")
            assert await here.round() == ["d01"]
            await queues.forget_ended(days.now + timedelta(days=6))
            assert await DBOS.get_workflow_status_async(f"{row.id}#1")
            await queues.forget_ended(days.now + timedelta(days=8))
            assert await DBOS.get_workflow_status_async(f"{row.id}#1") is None
            assert await here.round() == ["d01"]

    run(story())


def test_a_process_that_was_declared_dead_posts_nothing(quick: Place, days: Days, run: Run) -> None:
    with_clients(quick, 1)

    async def story() -> None:
        async with office(quick) as here:
            await here.round()
            row = here.row("d00")
            machines = Machines(here.ledger.engine)
            machines.join("serve-here", "host", 1)
            here.work.duty = Serving(here.work, "serve-here", 1)
            with here.work.hold("activix:datateam+d00@example.com", f"{row.id}#1"):
                await here.work.require_ours(row)
                assert machines.declare_dead("serve-here", machines.alive()["serve-here"])
                with pytest.raises(asyncio.CancelledError):
                    await here.work.require_ours(row)

    run(story())


def test_a_refusal_is_noted_although_the_run_is_interrupted_at_that_moment(
    quick: Place, days: Days, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_clients(quick, 1)
    noting, may_go_on = threading.Event(), threading.Event()

    def slowly(password: SecretStr) -> str:
        noting.set()
        may_go_on.wait(5)
        return fingerprint(password)

    class Refused(QuickCrm):
        def __init__(self, visit: object) -> None:
            pass

        async def sign_in(self) -> None:
            raise SignInRefused("it says no")

    class NoPage(Silent):
        @asynccontextmanager
        async def visit(self, *_: object, **__: object) -> AsyncIterator[Any]:
            yield None

    async def story() -> None:
        async with office(quick) as here:
            account = here.work.settings.accounts[0]
            here.work._browser = NoPage()  # type: ignore[assignment]

            async def visit() -> None:
                async with signing_in.signed_in(here.work, account, Refused, "a run"):
                    pass

            await here.work.open_mailbox()
            visiting = asyncio.create_task(visit())
            assert await asyncio.to_thread(noting.wait, 5), visiting.exception()
            visiting.cancel()
            await asyncio.gather(visiting, return_exceptions=True)
            may_go_on.set()
            await asyncio.to_thread(wait_until, lambda: here.ledger.refused_password(account), "it is noted")
            assert len(here.waves.sign_ins(days.now - timedelta(hours=1))[account.id]) == 1, "it counts as a sign-in"

    monkeypatch.setattr("export_robots.runs.signing_in.fingerprint", slowly)
    run(story())


def test_a_run_that_died_before_it_said_why_its_mail_was_no_report_says_so(quick: Place, days: Days, run: Run) -> None:
    with_clients(quick, 1)

    async def story() -> None:
        async with office(quick) as here:
            await here.round()
            row = await here.asks("d00")
            here.ledger.answer_requests(row.id)
            with pytest.raises(ReportRejected):
                await asking.time_left(row.id)

    run(story())


def test_a_mail_that_came_while_another_attempt_was_failing_is_news_after_it(
    quick: Place, days: Days, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_clients(quick, 1)
    account = quick.world.accounts["datateam+d00@example.com"]
    monkeypatch.setattr(mailed_reports, "ADDRESS", account.username)

    async def story() -> None:
        async with office(quick) as here:
            await here.round()
            row = await here.asks("d00")
            await asyncio.to_thread(here.work.mail.expect, row)
            await here.work.mail.close()  # else it would be collected at once
            period = period_of(row)
            report, _ = csv_of(quick.world, account, period.first, period.last)
            file, whose = ("report.csv", report), {"sender": "reports@activix.ca", "to": account.username}
            await asyncio.to_thread(mailed_reports.mail, quick, file, **whose)
            days.now = datetime.now(UTC)
            await here.fails("d00", Ending(Outcome.SITE_CHANGED))
            await here.work.mail.look()
            [seen] = standings.look(here.work, {}, here.rounds._apart).standings
            assert fleet.move_of(seen, here.work.settings.schedule, days.now) is fleet.Move.FINISH

    run(story())
