"""Saved views and their subscriptions on the emulations. Asserted is what the site kept and was asked for."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from emulated_world.contract import SAVED_TITLE
from emulated_world.world import EmulatedWorld, running_world
from export_robots.browser import Browser
from export_robots.crm.activix import Activix
from export_robots.outcomes import SiteChanged
from export_robots.periods import Month, Period
from export_robots.robot import (
    AccountShown,
    RangeLimited,
    ReportRequest,
    SavedReport,
    SavedReportMissing,
    SubscriptionPlan,
)
from export_robots.visit import Login
from tests.conftest import Run
from tests.crm.conftest import OCTOBER

pytestmark = pytest.mark.browser

SITES = ["classic", "vue", "antd", "components"]
every_site = pytest.mark.parametrize("site", SITES)
two_sites = pytest.mark.parametrize("site", ["classic", "vue"])
# The client's key chooses the language of the pages: lmn's are French.
FIRST = datetime(2026, 12, 1, 3, 17)  # noqa: DTZ001 - local to the account


class Account:
    """One account of an emulation, signed in to anew for each thing that is done."""

    def __init__(self, run: Run, chromium: Browser, world: EmulatedWorld, client: str) -> None:
        self._run = run
        self._chromium = chromium
        self._world = world
        self._account = world.clients[client].account
        self._state: Any = None
        self.title = SAVED_TITLE.format(dealership=self._account.dealership)

    def subscribe(self, date_field: str = "") -> SavedReport:
        report: SavedReport = self._do(
            lambda robot: robot.subscribe(SubscriptionPlan(self.title, FIRST, date_field=date_field))
        )
        return report

    def rerun(self, period: Period = OCTOBER) -> ReportRequest:
        request: ReportRequest = self._do(lambda robot: robot.rerun(self.title, period, period == OCTOBER))
        return request

    def export(self, period: Period) -> ReportRequest:
        request: ReportRequest = self._do(lambda robot: robot.request_report(period))
        return request

    def look(self) -> AccountShown:
        shown: AccountShown = self._do(lambda robot: robot.look_at_account())
        return shown

    def misbehave(self, *names: str) -> None:
        self._world.misbehaviours.clear()
        self._world.misbehaviours.update(names)

    def saved(self) -> list[dict[str, Any]]:
        return self._world.journal.of("view_saved")

    def kept(self) -> dict[str, Any]:
        """The view of our title as it was kept last, proven to be what the help page asks for."""
        kept = [view for view in self.saved() if view["title"] == self.title][-1]
        assert kept["date_range"] == "last_month"
        assert kept["date_fields"] == ["Creation Date"]
        assert "Date of Birth" not in kept["columns"]
        assert len(kept["columns"]) > 20
        assert kept["view"] in {"My Clients", "Mes clients"}
        subscription = kept["subscription"]
        assert (subscription["frequency"], subscription["export_type"]) == ("monthly", "CSV")
        assert subscription["first_execution"] in {"2026-12-01T03:17", "2026-12-01T03:15"}
        return kept

    def asked(self) -> dict[str, Any]:
        (asked,) = self._world.journal.of("report_requested")
        assert asked["date_fields"] == ["Creation Date"]
        assert "Date of Birth" not in asked["columns"]
        return asked

    def sign_in_by(self, *logins: str) -> list[str]:
        """Signs in with each client's login in turn, in one browser context; who was then signed in anew."""
        for client in logins:
            self._account = self._world.clients[client].account
            self._state = self._do(lambda robot: robot.visit.context.storage_state(), self._state)
        return [entry["username"] for entry in self._world.journal.of("sign_in")]

    def _do(self, act: Callable[[Activix], Any], state: Any = None) -> Any:
        login = Login(self._account.username, SecretStr(self._account.password))

        async def visit() -> Any:
            async with self._chromium.visit(
                self._world.site_url, login, run="test", zone=ZoneInfo(self._account.zone)
            ) as visited:
                await visited.context.add_cookies(state["cookies"] if state else [])
                robot = Activix(visited)
                await robot.sign_in()
                return await act(robot)

        return self._run(visit())


Sign = Callable[..., Account]


@pytest.fixture
def account(run: Run, chromium: Browser) -> Iterator[Sign]:
    """`account(site, *misbehaviours, client="abc")` in a world of its own: views that were saved are kept there."""
    with ExitStack() as stack:

        def signed(site: str, *misbehaviours: str, client: str = "abc") -> Account:
            world = stack.enter_context(running_world(site=site, portal=None, misbehaviours=misbehaviours))
            return Account(run, chromium, world, client)

        yield signed


@pytest.mark.parametrize(("site", "client"), [*((site, "abc") for site in SITES), ("classic", "lmn"), ("vue", "lmn")])
def test_a_subscription_is_saved_once_and_the_saved_view_asked_for_again(account: Sign, site: str, client: str) -> None:
    here = account(site, client=client)
    made = here.subscribe()
    assert made.how == "made"
    assert here.kept()["how"] == "new"
    assert made.first_execution.isoformat("T", "minutes") == here.kept()["subscription"]["first_execution"]
    assert here.subscribe().how == "as it was"
    assert len(here.saved()) == 1
    request = here.rerun()
    asked = here.asked()
    assert asked["view"] == here.title
    assert (asked["first"], asked["last"], asked["export_type"]) == ("2026-10-01", "2026-10-31", "CSV")
    assert request.rows_shown == asked["rows"]


@two_sites
def test_the_date_field_can_be_overridden(account: Sign, site: str) -> None:
    here = account(site)
    assert here.subscribe("Created By").date_field == "Created By"
    assert [view["date_fields"] for view in here.saved()] == [["Created By"]]


@two_sites
def test_saves_slowly(account: Sign, site: str) -> None:
    here = account(site, "saves_slowly")
    assert here.subscribe().how == "made"
    assert here.kept()["how"] == "new"


@pytest.mark.parametrize(
    ("site", "misbehaviour", "said", "saved"),
    [
        (site, *case)
        for site, case in product(
            ["classic", "vue"],
            [
                ("save_fails", "asked to save the view and answered", 0),
                ("save_unconfirmed", "not among one's own views", 0),
                ("save_forgets_subscription", "it has no subscription", 2),
                ("save_changes_date_range", "its date range is", 2),
            ],
        )
    ],
)
def test_what_is_not_kept_is_not_subscribed(account: Sign, site: str, misbehaviour: str, said: str, saved: int) -> None:
    here = account(site, misbehaviour)
    with pytest.raises(SiteChanged, match=said):
        here.subscribe()
    assert [view["how"] for view in here.saved()] == ["new", "edit"][:saved]


@two_sites
def test_title_taken(account: Sign, site: str) -> None:
    here = account(site, "title_taken")
    repaired = here.subscribe()
    assert repaired.how in {"repaired", "made"}
    assert repaired.notes
    here.kept()
    assert here.subscribe().how == "as it was"


@two_sites
def test_other_users_view(account: Sign, site: str) -> None:
    here = account(site, "other_users_view")
    made = here.subscribe()
    assert made.how == "made"
    assert any("another user" in note for note in made.notes)
    here.kept()
    here.rerun()
    assert here.asked()["view"] == here.title


@two_sites
def test_view_gone(account: Sign, site: str) -> None:
    here = account(site)
    here.subscribe()
    here.misbehave("view_gone")
    with pytest.raises(SavedReportMissing):
        here.rerun()


@two_sites
@pytest.mark.parametrize("misbehaviour", ["view_forgets_dates", "view_forgets_columns"])
def test_what_an_opened_view_forgets_is_set_right_for_the_report(account: Sign, site: str, misbehaviour: str) -> None:
    here = account(site)
    here.subscribe()
    here.misbehave(misbehaviour)
    assert here.rerun().settings["set right"]
    asked = here.asked()
    assert (asked["first"], asked["last"]) == ("2026-10-01", "2026-10-31")


@two_sites
def test_another_month_than_the_last_is_set(account: Sign, site: str) -> None:
    here = account(site)
    here.subscribe()
    here.rerun(Period.month(Month(2026, 8)))
    assert (here.asked()["first"], here.asked()["last"]) == ("2026-08-01", "2026-08-31")


@two_sites
@pytest.mark.parametrize("misbehaviour", ["limits_range", "limits_range_silently"])
def test_a_limit_of_the_range_is_told(account: Sign, site: str, misbehaviour: str) -> None:
    with pytest.raises(RangeLimited):
        account(site, misbehaviour).export(Period(Month(2026, 8), Month(2026, 9)))


@two_sites
def test_ignored_dates_are_no_limit(account: Sign, site: str) -> None:
    with pytest.raises(SiteChanged) as raised:
        account(site, "ignores_dates").export(Period(Month(2026, 8), Month(2026, 9)))
    assert not isinstance(raised.value, RangeLimited)


@two_sites
def test_the_account_is_shown(account: Sign, site: str) -> None:
    shown = account(site, client="lmn").look()
    assert (shown.role_fits, shown.title_fits, shown.may_export) == (True, True, True)


@two_sites
def test_wrong_role(account: Sign, site: str) -> None:
    shown = account(site, "wrong_role", "no_export_permission").look()
    assert (shown.role, shown.title, shown.may_export) == ("Advisor", "Salesperson", False)
    assert (shown.role_fits, shown.title_fits) == (False, False)


def test_an_account_without_a_profile_page_is_not_guessed(account: Sign) -> None:
    shown = account("antd").look()
    assert (shown.role, shown.title, shown.role_fits, shown.may_export) == (None, None, None, True)


@pytest.mark.parametrize("site", ["classic", "antd"])
def test_a_stored_sign_in_is_gone_on_with_by_its_own_account_alone(account: Sign, site: str) -> None:
    here = account(site)
    names = here.sign_in_by("abc", "abc", "lmn", "lmn")
    assert len(names) == len(set(names)) == 2
