"""What rounds put on the queues, stop and tell, from what the ledger says."""

from datetime import datetime, timedelta

from dbos import DBOS
from sqlalchemy import text

from export_robots.outcomes import Outcome, UsageWrong
from export_robots.runs import queues, standings, workflow
from export_robots.runs.ledger import Ending, run_id
from export_robots.runs.tables import How
from report_mailbox.errors import MailboxSignInRefused
from tests.runs.conftest import Place
from tests.runs.days import Days
from tests.runs.office import DEADLINE, Run, office
from tests.runs.serving import with_clients


def month_of(now: datetime) -> str:
    return f"{now.replace(day=1) - timedelta(days=1):%Y-%m}"


async def nothing() -> None:
    pass


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


def test_what_waits_for_the_mailbox_to_be_mended_is_tried_again_by_itself() -> None:
    wrong = UsageWrong("the mailbox cannot be read")
    wrong.__cause__ = MailboxSignInRefused("refused")
    assert workflow.may_pass(wrong, wrong)
    assert not workflow.may_pass(UsageWrong("no such client"), UsageWrong("no such client"))
