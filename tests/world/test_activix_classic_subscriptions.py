"""Saved views of the emulated classic Activix without a page: what is kept, and what is mailed on the clock."""

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import APIRequestContext, APIResponse

from emulated_world.contract import ACTIVIX_VIEW_MISBEHAVIOURS, DATE_RANGES
from emulated_world.sites.activix_classic import saved_views, saving
from emulated_world.sites.activix_classic.columns import COLUMNS
from tests.world.conftest import ENGLISH, PASSWORD, TITLE, Emulation, Start

SHOWN = {"view": "mine", "first": "2026-10-01", "last": "2026-10-31", "date_fields": ["created"]}
COLUMN_KEYS = [column.key for column in COLUMNS if column.key != "date_of_birth"]
MONTHLY = {"frequency": "monthly", "subscription_type": "csv", "first_execution": "2026-12-01T03:17"}
SAVED = {
    "username": ENGLISH,
    "title": TITLE,
    "how": "new",
    "date_range": "last_month",
    "date_fields": ["Creation Date"],
    "columns": [column.english for column in COLUMNS if column.key != "date_of_birth"],
    "view": "My Clients",
    "subscription": {"frequency": "monthly", "export_type": "CSV", "first_execution": "2026-12-01T03:17"},
}


class Classic:
    """Posts what the page's script would."""

    def __init__(self, emulation: Emulation, visitor: APIRequestContext) -> None:
        self.emulation, self.visitor = emulation, visitor
        self.post("/login", email=ENGLISH, password=PASSWORD)

    def text(self, path: str) -> str:
        return self.visitor.get(f"{self.emulation.url}{path}").text()

    def post(self, path: str, **fields: Any) -> APIResponse:
        token = re.search(r'name="csrf-token" content="([^"]+)"', self.text("/dashboard"))
        assert token
        pairs = [(f"{name}[]", item) for name, items in fields.items() if isinstance(items, list) for item in items]
        pairs += [(name, str(value)) for name, value in fields.items() if not isinstance(value, list)]
        headers = {"content-type": "application/x-www-form-urlencoded", "x-csrf-token": token[1]}
        return self.visitor.post(f"{self.emulation.url}{path}", data=urlencode(pairs), headers=headers)

    def save(self, **settings: Any) -> APIResponse:
        fields = {"title": TITLE, "date_range": "last_month", "columns": COLUMN_KEYS, **SHOWN, **MONTHLY, **settings}
        return self.post("/my-clients/views", **fields)

    def listed(self) -> list[str]:
        return re.findall(r'<option value="saved-\d+"[^>]*>([^<]+)<', self.text("/my-clients"))

    def pick_dates(self, first: str, last: str) -> APIResponse:
        return self.post("/my-clients/filters", **SHOWN | {"changed": "dates", "first": first, "last": last})


@pytest.fixture
def site(start: Start) -> Emulation:
    return start("activix_classic")


@pytest.fixture
def classic(site: Emulation, visitor: APIRequestContext) -> Classic:
    return Classic(site, visitor)


def fired(site: Emulation) -> list[tuple[str, str]]:
    return [(entry["first"], entry["last"]) for entry in site.world.journal.of("subscription_fired")]


def test_the_journal_says_what_was_kept(site: Emulation, classic: Classic) -> None:
    classic.save()
    assert site.the("view_saved") == SAVED
    assert classic.listed() == [TITLE]


def test_a_subscription_mails_the_last_month_at_its_hour_of_each_month(site: Emulation, classic: Classic) -> None:
    classic.save()
    site.move_clock(2026, 12, 1, 3, 16)
    assert site.mails == []
    site.move_clock(2026, 12, 1, 3, 17)
    assert fired(site) == [("2026-11-01", "2026-11-30")]
    header, *rows = site.rows()
    assert header == SAVED["columns"]
    assert {row[header.index("Creation Date")][:7] for row in rows} == {"2026-11"}
    assert site.the("subscription_fired") | {"username": ENGLISH, "recipient": ENGLISH, "title": TITLE} == {
        "username": ENGLISH,
        "recipient": ENGLISH,
        "title": TITLE,
        "first": "2026-11-01",
        "last": "2026-11-30",
        "rows": len(rows),
    }
    assert TITLE in site.mails[0]["Subject"]
    site.move_clock(2027, 2, 10)
    assert fired(site)[1:] == [("2026-12-01", "2026-12-31"), ("2027-01-01", "2027-01-31")]
    site.move_clock(2026, 12, 1, 4)
    site.move_clock(2027, 2, 28)
    assert len(site.mails) == 3


@pytest.mark.parametrize(
    ("frequency", "first", "days"),
    [
        ("daily", "2026-11-29T05:00", ["2026-11-29", "2026-11-30", "2026-12-01"]),
        ("weekly", "2026-11-20T05:00", ["2026-11-20", "2026-11-27"]),
        ("monthly", "2026-11-30T05:00", ["2026-11-30"]),
    ],
)
def test_other_frequencies(site: Emulation, classic: Classic, frequency: str, first: str, days: list[str]) -> None:
    classic.save(frequency=frequency, first_execution=first, date_range="today")
    site.move_clock(2026, 12, 1, 12)
    assert fired(site) == [(day, day) for day in days]


def test_a_month_without_the_day_has_its_last_day_instead(site: Emulation, classic: Classic) -> None:
    classic.save(first_execution="2026-12-31T05:00", date_range="today")
    site.move_clock(2027, 4, 1)
    assert [last for _, last in fired(site)] == ["2026-12-31", "2027-01-31", "2027-02-28", "2027-03-31"]


def test_the_pencil_changes_what_its_dialog_shows_and_nothing_else(site: Emulation, classic: Classic) -> None:
    number = classic.save().json()["number"]
    later = {"date_range": "this_month", "first_execution": "2027-01-01T05:59"}
    classic.save(number=number, by_pencil=1, columns=["email"], date_fields=["sold"], view="all", **later)
    _, edited = site.world.journal.of("view_saved")
    assert edited["how"] == "edit"
    assert edited["date_range"] == "this_month"
    assert edited["subscription"]["first_execution"] == "2027-01-01T05:59"
    assert {key: edited[key] for key in ("columns", "date_fields", "view")} == {
        key: SAVED[key] for key in ("columns", "date_fields", "view")
    }
    assert classic.listed() == [TITLE]


def test_an_open_view_is_changed_by_the_floppy_disk_with_all_that_the_page_shows(
    site: Emulation, classic: Classic
) -> None:
    number = classic.save().json()["number"]
    site.move_clock(2026, 12, 5)
    # Its first execution has passed: that may stay so, but it may not be put into the past.
    assert classic.save(number=number, columns=["email"], date_fields=["sold"], view="all").ok
    assert classic.save(number=number, first_execution="2026-12-04T05:00").status == 422
    _, edited = site.world.journal.of("view_saved")
    assert (edited["columns"], edited["date_fields"], edited["view"]) == (["Email"], ["Sale Date"], "All Clients")
    site.move_clock(2027, 1, 1, 12)
    assert site.rows()[0] == ["Email"]


def test_a_title_may_be_given_twice_and_a_view_may_be_deleted(site: Emulation, classic: Classic) -> None:
    number = classic.save().json()["number"]
    classic.save()
    assert classic.listed() == [TITLE, TITLE]
    classic.post(f"/my-clients/views/{number}/delete")
    assert classic.listed() == [TITLE]
    assert site.the("view_deleted") == {"username": ENGLISH, "title": TITLE}


@pytest.mark.parametrize(
    "wrong",
    [{"title": " "}, {"first_execution": ""}, {"first_execution": "2026-11-12T09:59"}, {"date_range": "ever"}],
)
def test_what_a_dialog_lacks_is_asked_for(site: Emulation, classic: Classic, wrong: dict[str, str]) -> None:
    answer = classic.save(**wrong)
    assert answer.status == 422
    assert answer.json()["message"]
    assert not classic.listed()
    assert not site.world.journal.of("view_saved")


def test_each_date_range_of_the_contract_is_offered() -> None:
    assert tuple(saved_views.DATE_RANGES) == DATE_RANGES


def test_saves_slowly(site: Emulation, classic: Classic, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def pause(_: object, seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("emulated_world.sites.activix_classic.state.Site.pause", pause)
    site.misbehave("saves_slowly")
    classic.save()
    assert pauses == [saving.SLOW_SECONDS]
    assert classic.listed() == [TITLE]


def test_save_fails(site: Emulation, classic: Classic) -> None:
    site.misbehave("save_fails")
    answer = classic.save()
    assert (answer.status, answer.json()["message"]) == (500, "An error occurred while saving the view.")
    assert classic.listed() == []


def test_save_unconfirmed(site: Emulation, classic: Classic) -> None:
    site.misbehave("save_unconfirmed")
    assert classic.save().json() == {"message": ""}
    assert not classic.listed()
    assert not site.world.journal.of("view_saved")


def test_save_forgets_subscription(site: Emulation, classic: Classic) -> None:
    site.misbehave("save_forgets_subscription")
    classic.save()
    assert site.the("view_saved") == SAVED | {"subscription": None}
    site.move_clock(2027, 1, 5)
    assert site.mails == []


def test_save_changes_date_range(site: Emulation, classic: Classic) -> None:
    site.misbehave("save_changes_date_range")
    classic.save()
    assert site.the("view_saved") == SAVED | {"date_range": "custom"}
    site.move_clock(2027, 1, 5)
    assert fired(site) == [("2026-10-01", "2026-10-31")] * 2


def test_title_taken(site: Emulation, classic: Classic) -> None:
    site.misbehave("title_taken")
    assert classic.listed() == classic.listed() == [TITLE]
    assert site.world.journal.of("view_saved") == []
    site.move_clock(2027, 1, 5)
    assert site.mails == []


def test_other_users_view(site: Emulation, classic: Classic) -> None:
    site.misbehave("other_users_view")
    classic.save()
    page = classic.text("/my-clients")
    assert classic.listed() == [TITLE, TITLE]
    assert page.index("Shared views") < page.index(TITLE) < page.index("My views")
    number = re.findall(r'value="saved-(\d+)"', page)[0]
    assert '"first": "2026-11-06"' in classic.text(f"/my-clients?view={number}")
    assert not classic.post(f"/my-clients/views/{number}/delete").ok


def test_view_gone(site: Emulation, classic: Classic) -> None:
    number = classic.save().json()["number"]
    site.misbehave("view_gone")
    assert classic.listed() == []
    assert '"first": "2026-11-01"' in classic.text(f"/my-clients?view={number}")
    assert site.world.journal.of("view_opened") == []


def test_view_forgets_dates(site: Emulation, classic: Classic) -> None:
    number = classic.save().json()["number"]
    assert '"first": "2026-10-01", "last": "2026-10-31"' in classic.text(f"/my-clients?view={number}")
    site.misbehave("view_forgets_dates")
    assert '"first": "2026-11-01", "last": "2026-11-30"' in classic.text(f"/my-clients?view={number}")


def test_view_forgets_columns(site: Emulation, classic: Classic) -> None:
    number = classic.save().json()["number"]
    birth = '"label": "Date of Birth", "shown": '
    assert f"{birth}false" in classic.text(f"/my-clients?view={number}")
    site.misbehave("view_forgets_columns")
    assert f"{birth}true" in classic.text(f"/my-clients?view={number}")


def test_subscription_fires_twice(site: Emulation, classic: Classic) -> None:
    classic.save()
    site.misbehave("subscription_fires_twice")
    site.move_clock(2026, 12, 2)
    assert len({mail["Message-ID"] for mail in site.mails}) == len(fired(site)) == 2
    assert site.rows(0) == site.rows(1)


def test_subscription_stops(site: Emulation, classic: Classic) -> None:
    classic.save()
    site.misbehave("subscription_stops")
    site.move_clock(2027, 1, 5)
    assert not site.mails
    assert not fired(site)


def test_subscription_wrong_columns(site: Emulation, classic: Classic) -> None:
    classic.save()
    site.misbehave("subscription_wrong_columns")
    site.move_clock(2026, 12, 2)
    assert [name for name in SAVED["columns"] if name not in site.rows()[0]] == [
        "Email", "Work Email", "Home Phone", "Mobile Phone", "Work Phone"
    ]  # fmt: skip


def test_subscription_wrong_dates(site: Emulation, classic: Classic) -> None:
    classic.save()
    site.misbehave("subscription_wrong_dates")
    site.move_clock(2026, 12, 2)
    assert fired(site) == [("2026-10-01", "2026-10-31")]


def test_limits_range(site: Emulation, classic: Classic) -> None:
    site.misbehave("limits_range")
    assert classic.pick_dates("2026-10-01", "2026-10-31").ok
    answer = classic.pick_dates("2026-09-30", "2026-10-31")
    assert (answer.status, answer.json()["message"]) == (422, "The period cannot exceed 31 days.")


def test_limits_range_silently(site: Emulation, classic: Classic) -> None:
    site.misbehave("limits_range_silently")
    assert classic.pick_dates("2026-09-01", "2026-10-31").json()["last"] == "2026-10-01"


def test_wrong_role(site: Emulation, classic: Classic) -> None:
    chosen = re.compile(r"<option selected>([^<]+)<")
    assert chosen.findall(classic.text("/profile")) == ["Manager", "Sales Director"]
    site.misbehave("wrong_role")
    assert chosen.findall(classic.text("/profile")) == ["Advisor", "Salesperson"]


def test_each_misbehaviour_of_views_is_tried_here() -> None:
    assert [name for name in ACTIVIX_VIEW_MISBEHAVIOURS if f"test_{name}" not in globals()] == []
