"""Saved views of the emulated Activix with Vue, by its API: what is kept, and what is mailed on the clock."""

import json
from typing import Any

import pytest
from playwright.sync_api import APIRequestContext, APIResponse

from emulated_world.contract import ACTIVIX_VIEW_MISBEHAVIOURS
from emulated_world.sites.activix_vue import views
from emulated_world.sites.activix_vue.columns import COLUMNS
from tests.world.conftest import ENGLISH, FRENCH, PASSWORD, TITLE, Emulation, Start

SETTINGS = {
    "view": "mine",
    "first": "2026-10-01",
    "last": "2026-10-31",
    "date_fields": ["created_at"],
    "columns": [column.key for column in COLUMNS if column.key != "birth_date"],
}
MONTHLY = {"frequency": "monthly", "format": "csv", "first_execution": "2026-12-01T03:15"}
SAVED = {
    "username": ENGLISH,
    "title": TITLE,
    "how": "new",
    "date_range": "last_month",
    "date_fields": ["Creation Date"],
    "columns": [column.en for column in COLUMNS if column.key != "birth_date"],
    "view": "My Clients",
    "subscription": {"frequency": "monthly", "export_type": "CSV", "first_execution": "2026-12-01T03:15"},
}


class Api:
    """Posts what the page's script would."""

    def __init__(self, emulation: Emulation, visitor: APIRequestContext) -> None:
        self.emulation, self.visitor = emulation, visitor

    def sign_in(self, username: str = ENGLISH) -> None:
        self.visitor.get(f"{self.emulation.url}/login")
        assert self.send("auth/login", email=username, password=PASSWORD).ok

    def send(self, path: str, method: str = "POST", **body: Any) -> APIResponse:
        cookies = {cookie["name"]: cookie["value"] for cookie in self.visitor.storage_state()["cookies"]}
        headers = {"X-XSRF-TOKEN": cookies["XSRF-TOKEN"], "Content-Type": "application/json"}
        return self.visitor.fetch(
            f"{self.emulation.url}/api/{path}", method=method, data=json.dumps(body), headers=headers
        )

    def get(self, path: str) -> Any:
        return self.visitor.get(f"{self.emulation.url}/api/{path}").json()

    def save(self, **changed: Any) -> APIResponse:
        body = {"title": TITLE, "date_range": "last_month", "subscription": MONTHLY, "settings": SETTINGS}
        return self.send("views", **body | changed)

    def saved(self) -> int:
        """Saves a view, and returns its number."""
        number: int = self.save().json()["view"]["id"]
        return number

    def listed(self) -> list[str]:
        return [view["title"] for view in self.get("clients/setup")["saved_views"]]


@pytest.fixture
def site(start: Start) -> Emulation:
    return start("activix_vue")


@pytest.fixture
def api(site: Emulation, visitor: APIRequestContext) -> Api:
    api = Api(site, visitor)
    api.sign_in()
    return api


def fired(site: Emulation) -> list[tuple[str, str]]:
    return [(entry["first"], entry["last"]) for entry in site.world.journal.of("subscription_fired")]


def test_the_journal_says_what_was_kept(site: Emulation, api: Api) -> None:
    api.save()
    assert site.the("view_saved") == SAVED
    assert api.listed() == [TITLE]


def test_a_subscription_mails_the_last_month_at_its_hour_of_each_month(site: Emulation, api: Api) -> None:
    api.save()
    site.move_clock(2026, 12, 1, 3, 14)
    assert site.mails == []
    site.move_clock(2026, 12, 1, 3, 15)
    header, *rows = site.rows()
    assert header == SAVED["columns"]
    assert {row[1][:7] for row in rows} == {"2026-11"}
    assert site.the("subscription_fired") == {
        "username": ENGLISH,
        "recipient": ENGLISH,
        "title": TITLE,
        "first": "2026-11-01",
        "last": "2026-11-30",
        "rows": len(rows),
    }
    assert TITLE in site.mails[0]["Subject"]
    site.move_clock(2027, 2, 1, 3, 15)
    assert fired(site)[1:] == [("2026-12-01", "2026-12-31"), ("2027-01-01", "2027-01-31")]
    site.move_clock(2026, 12, 1, 4)
    site.move_clock(2027, 2, 28)
    assert len(site.mails) == 3


@pytest.mark.parametrize(
    ("frequency", "first", "days"),
    [
        ("daily", "2026-11-29T05:00", ["2026-11-29", "2026-11-30", "2026-12-01"]),
        ("weekly", "2026-11-20T05:00", ["2026-11-20", "2026-11-27"]),
        ("monthly", "2026-10-31T05:00", None),
        ("none", "2026-11-20T05:00", []),
    ],
)
def test_other_frequencies(site: Emulation, api: Api, frequency: str, first: str, days: list[str] | None) -> None:
    subscription = MONTHLY | {"frequency": frequency, "first_execution": first}
    answer = api.save(subscription=subscription, date_range="today")
    assert answer.ok == (days is not None)
    site.move_clock(2026, 12, 1, 12)
    assert fired(site) == [(day, day) for day in days or []]


def test_a_month_without_the_day_has_its_last_day_instead(site: Emulation, api: Api) -> None:
    api.save(subscription=MONTHLY | {"first_execution": "2026-12-31T05:00"}, date_range="today")
    site.move_clock(2027, 4, 1)
    assert [last for _, last in fired(site)] == ["2026-12-31", "2027-01-31", "2027-02-28", "2027-03-31"]


def test_a_french_subscription_is_french(site: Emulation, visitor: APIRequestContext) -> None:
    api = Api(site, visitor)
    api.sign_in(FRENCH)
    api.save()
    site.move_clock(2026, 12, 2)
    assert site.mails[0]["Subject"] == f"Activix CRM - Votre rapport programmé {TITLE}"
    assert site.rows(separator=";")[0][:2] == ["Nº client", "Date de création"]


def test_without_the_pages_settings_a_view_keeps_its_own(site: Emulation, api: Api) -> None:
    number = api.saved()
    later = MONTHLY | {"first_execution": "2027-01-01T05:45"}
    api.save(id=number, settings=None, subscription=later, date_range="this_month")
    _, edited = site.world.journal.of("view_saved")
    changed = {"how": "edit", "date_range": "this_month", "subscription": edited["subscription"]}
    assert edited == SAVED | changed | {"event": "view_saved"}
    assert edited["subscription"]["first_execution"] == "2027-01-01T05:45"
    site.move_clock(2027, 1, 3)
    assert api.save(id=number, subscription=later, settings=SETTINGS | {"columns": ["email"], "view": "all"}).ok
    *_, edited = site.world.journal.of("view_saved")
    assert (edited["columns"], edited["view"]) == (["Email"], "All Clients")
    assert api.save(id=number, subscription=later | {"first_execution": "2027-01-02T05:45"}).status == 422
    assert api.listed() == [TITLE]


def test_a_title_may_be_given_twice_and_a_view_may_be_deleted(site: Emulation, api: Api) -> None:
    number = api.saved()
    api.save()
    assert api.listed() == [TITLE, TITLE]
    assert api.send(f"views/{number}", "DELETE").ok
    assert api.listed() == [TITLE]
    assert site.the("view_deleted") == {"username": ENGLISH, "title": TITLE}
    assert api.save(id=number).status == 404


@pytest.mark.parametrize(
    "wrong",
    [{"title": " "}, {"subscription": MONTHLY | {"first_execution": ""}}, {"date_range": "ever"}, {"settings": {}}],
)
def test_what_a_dialog_lacks_is_asked_for(site: Emulation, api: Api, wrong: dict[str, Any]) -> None:
    answer = api.save(**wrong)
    assert answer.status == 422
    assert answer.json()["message"]
    assert api.listed() == []


def test_saves_slowly(site: Emulation, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    assert views.SLOW_SAVE_SECONDS == 8
    monkeypatch.setattr(views, "SLOW_SAVE_SECONDS", 0.2)
    site.misbehave("saves_slowly")
    api.save()
    assert api.listed() == [TITLE]


def test_save_fails(site: Emulation, api: Api) -> None:
    site.misbehave("save_fails")
    answer = api.save()
    assert (answer.status, answer.json()["message"][:29]) == (500, "Your view could not be saved.")
    assert api.listed() == []


def test_save_unconfirmed(site: Emulation, api: Api) -> None:
    site.misbehave("save_unconfirmed")
    assert api.save().status == 204
    assert api.listed() == []
    assert not site.world.journal.of("view_saved")


def test_save_forgets_subscription(site: Emulation, api: Api) -> None:
    site.misbehave("save_forgets_subscription")
    api.save()
    assert site.the("view_saved") == SAVED | {"subscription": None}
    site.move_clock(2027, 1, 5)
    assert site.mails == []


def test_save_changes_date_range(site: Emulation, api: Api) -> None:
    site.misbehave("save_changes_date_range")
    api.save()
    assert site.the("view_saved") == SAVED | {"date_range": "today"}
    site.move_clock(2026, 12, 5)
    assert fired(site) == [("2026-12-01", "2026-12-01")]


def test_title_taken(site: Emulation, api: Api) -> None:
    site.misbehave("title_taken")
    assert api.listed() == api.listed() == [TITLE]
    assert not site.world.journal.of("view_saved")
    (view,) = api.get("clients/setup")["saved_views"]
    assert api.get(f"views/{view['id']}")["view"] == "all"


def test_other_users_view(site: Emulation, api: Api) -> None:
    site.misbehave("other_users_view")
    assert api.listed() == []
    (view,) = api.get("clients/setup")["shared_views"]
    assert view["title"] == TITLE
    opened = api.get(f"views/{view['id']}")
    assert (opened["first"], opened["view"]) == ("2026-11-11", "team")
    assert site.the("view_opened") == {"username": ENGLISH, "title": TITLE}
    assert api.send(f"views/{view['id']}", "DELETE").status == api.save(id=view["id"]).status == 404


def test_view_gone(site: Emulation, api: Api) -> None:
    number = api.saved()
    site.misbehave("view_gone")
    assert api.listed() == []
    assert api.get(f"views/{number}") == {"message": "This view does not exist anymore."}


def test_view_forgets_dates(site: Emulation, api: Api) -> None:
    number = api.saved()
    opened = api.get(f"views/{number}")
    assert opened == SETTINGS | {"title": TITLE}
    site.misbehave("view_forgets_dates")
    assert api.get(f"views/{number}") == opened | {"first": "2026-11-01", "last": "2026-11-30"}


def test_view_forgets_columns(site: Emulation, api: Api) -> None:
    number = api.saved()
    site.misbehave("view_forgets_columns")
    assert set(api.get(f"views/{number}")["columns"]) == {column.key for column in COLUMNS}


def test_subscription_fires_twice(site: Emulation, api: Api) -> None:
    api.save()
    site.misbehave("subscription_fires_twice")
    site.move_clock(2026, 12, 2)
    assert len({mail["Message-ID"] for mail in site.mails}) == len(fired(site)) == 2
    assert site.rows(0) == site.rows(1)


def test_subscription_stops(site: Emulation, api: Api) -> None:
    api.save()
    site.misbehave("subscription_stops")
    site.move_clock(2027, 1, 5)
    assert not site.mails
    assert not fired(site)


def test_subscription_wrong_columns(site: Emulation, api: Api) -> None:
    api.save()
    site.misbehave("subscription_wrong_columns")
    site.move_clock(2026, 12, 2)
    assert [name for name in SAVED["columns"] if name not in site.rows()[0]] == [
        "Email", "Work Email", "Home Phone", "Mobile Phone", "Work Phone"
    ]  # fmt: skip


def test_subscription_wrong_dates(site: Emulation, api: Api) -> None:
    api.save()
    site.misbehave("subscription_wrong_dates")
    site.move_clock(2026, 12, 2)
    assert fired(site) == [("2026-10-01", "2026-10-31")]


def test_limits_range(site: Emulation, api: Api) -> None:
    site.misbehave("limits_range")
    assert api.send("clients/period", first="2026-10-01", last="2026-10-31").ok
    answer = api.send("clients/period", first="2026-09-30", last="2026-10-31")
    assert (answer.status, answer.json()["message"][:32]) == (422, "The selected period is too long:")


def test_limits_range_silently(site: Emulation, api: Api) -> None:
    site.misbehave("limits_range_silently")
    assert api.send("clients/period", first="2026-09-01", last="2026-10-31").json()["last"] == "2026-10-01"


def test_wrong_role(site: Emulation, api: Api) -> None:
    assert [api.get("me")[fact] for fact in ("role", "title")] == ["Manager", "Sales Director"]
    site.misbehave("wrong_role")
    assert [api.get("me")[fact] for fact in ("role", "title")] == ["Advisor", "Salesperson"]


def test_each_misbehaviour_of_views_is_tried_here() -> None:
    assert [name for name in ACTIVIX_VIEW_MISBEHAVIOURS if f"test_{name}" not in globals()] == []
