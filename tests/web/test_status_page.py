"""The page in a browser: the same truth as `robot status`, for whoever looks at it in the morning of the 2nd."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from export_robots import clock
from export_robots.outcomes import Outcome
from export_robots.periods import Month, Period
from export_robots.runs.expected import Expected
from export_robots.runs.month_shown import HEADINGS, cells
from export_robots.runs.month_view import view_month
from export_robots.runs.tables import State
from export_robots.web import drawing
from tests.web.conftest import CONFIG, NOON, SECRET, Shown, deliveries, looking, rows

pytestmark = pytest.mark.browser
OCTOBER = Month(2026, 10)
KEYS = ["abc/activix/2026-10", "abc/activix/2026-10/North", "hand/vinsolutions/2026-10", "lmn/activix/2026-10"]


def clients(page: Page) -> list[str]:
    return [row[0] for row in rows(page)]


def test_the_table_says_what_robot_status_says_with_what_a_person_must_do_in_front(page: Page, shown: Shown) -> None:
    assert [row.id for row in shown.ledger.deliveries()] == KEYS
    shown.ledger.close(KEYS[0], State.DELIVERED, "export")
    shown.fail(
        KEYS[3], Outcome.SITE_CHANGED, "the icon is not there", "a second reason", next_="Look, then `robot retry`."
    )
    page.goto(shown.url)
    expect(page).to_have_title("2026-10: 1 of 4 closed, 2 need a person, 1 under way – export robot")
    expect(page.get_by_role("heading", level=1)).to_have_text("October 2026")
    assert clients(page) == ["hand", "lmn", "abc", "abc"]
    said = {(row[0], row[2]): row for row in rows(page)}
    headings = deliveries(page).get_by_role("columnheader").all_inner_texts()
    assert headings == [each for each in HEADINGS if each != "period"]
    for entry in view_month(shown.ledger, CONFIG, OCTOBER).entries:
        line = cells(entry)
        plain = [cell.replace("`", "") for cell in line[:3] + line[4:]]
        row = said[line.client, line.rooftop]
        assert row[3].endswith(plain[3])
        assert row[4].split("\n")[0] == plain[4]
        assert (row[:3], row[5:]) == (plain[:3], plain[5:])
    assert said["lmn", ""][4].split("\n") == ["site_changed", "the icon is not there", "a second reason"]
    expect(page.get_by_text("robot retry", exact=True)).to_have_css("user-select", "all")


def test_stopped_crms_and_wanted_codes_stand_above_with_what_to_type(page: Page, shown: Shown) -> None:
    shown.fail(KEYS[3], Outcome.CODE_NEEDED)
    shown.stop("activix", "there is “Print”, and mail for joe@example.com")
    shown.ask(f"{KEYS[3]}#1")
    page.goto(shown.url)
    wanted = page.get_by_role("region", name="A person is wanted")
    expect(wanted).to_contain_text("STOPPED: activix")
    expect(wanted).to_contain_text("site_changed at “generate the report”: there is “Print”, and mail for •••")
    assert wanted.locator("code").all_inner_texts() == ["robot resume activix", f"robot answer {KEYS[3]}#1 CODE"]
    expect(page.get_by_role("region", name="The month")).to_have_class("banner alarm")
    assert page.locator("section, table").evaluate_all("all => all.map(one => one.className)")[:2] == [
        "banner alarm",
        "wanted",
    ]


def test_what_is_overdue_is_said_in_words_and_in_red(page: Page, shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 4, tzinfo=UTC))
    page.goto(shown.url)
    expect(page.get_by_role("region", name="The month")).to_contain_text("; 4 OVERDUE")
    expect(deliveries(page).get_by_text("expected OVERDUE").first).to_have_css("color", "rgb(163, 24, 15)")
    expect(deliveries(page).get_by_text("was due 2026-11-0").first).to_be_visible()


def test_a_closed_month_says_so_in_words_and_in_green(page: Page, shown: Shown) -> None:
    for key in KEYS[:3]:
        shown.ledger.close(key, State.DELIVERED, "subscription")
    page.goto(f"{shown.url}?client=abc")
    banner = page.get_by_role("region", name="The month")
    expect(banner).to_contain_text("Closed (client abc alone)")
    page.goto(shown.url)
    expect(banner).to_contain_text("Open")
    shown.ledger.waive(KEYS[3], "zoe", "they have left")
    page.reload()
    expect(banner).to_contain_text("Closed")
    expect(banner).to_contain_text("2026-10: 4 of 4 closed")
    expect(banner).to_have_css("color", "rgb(20, 96, 58)")
    assert rows(page)[-1][-1] == "zoe waived it: they have left"


def test_the_form_narrows_what_is_shown_without_a_script(chromium: Browser, shown: Shown) -> None:
    shown.ledger.close(KEYS[0], State.DELIVERED, "export")
    shown.fail(KEYS[3], Outcome.PERMISSION_MISSING)
    with looking(chromium, script=False) as page:
        page.goto(shown.url)
        form = page.get_by_role("form", name="What is shown")
        form.get_by_label("open only").check()
        form.get_by_label("CRM", exact=True).select_option("Activix CRM")
        form.get_by_role("button", name="Show").click()
        assert clients(page) == ["lmn", "abc"]
        form.get_by_label("Owner").select_option("crm support")
        form.get_by_role("button", name="Show").click()
        assert clients(page) == ["lmn"]
        form.get_by_label("Owner").select_option("a person")
        form.get_by_label("CRM", exact=True).select_option("all")
        form.get_by_role("button", name="Show").click()
        assert clients(page) == ["hand", "lmn"]
        page.get_by_role("link", name="show all").click()
        assert page.locator("datalist option").all_inner_texts() == ["ABC", "LMN", "HAND"]
        form.get_by_label("Client").fill("abc")
        form.get_by_role("button", name="Show").click()
        assert clients(page) == ["abc", "abc"]
        form.get_by_label("Client").fill("abd")
        form.get_by_role("button", name="Show").click()
        expect(page.get_by_role("status")).to_contain_text("there is no client “abd”; did you mean “abc”?")


def test_months_lie_behind_links_and_longer_periods_stand_in_each_of_theirs(page: Page, shown: Shown) -> None:
    shown.ledger.expect("abc", "activix", "Activix CRM", None, Period(Month(2026, 8), Month(2026, 9)))
    page.goto(f"{shown.url}?open=yes")
    page.get_by_role("navigation", name="Months").get_by_role("link", name="2026-09").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("September 2026")
    assert rows(page)[0][:4] == ["abc", "activix", "", "2026-08..2026-09"]
    page.get_by_role("navigation", name="Months").get_by_role("link", name="2026-10").click()
    assert len(rows(page)) == 4
    expect(page.get_by_label("open only")).to_be_checked()
    page.goto(f"{shown.url}?month=2027-01")
    expect(page.get_by_role("region", name="The month")).to_contain_text("Nothing is expected for 2027-01 yet")


def test_it_is_made_anew_by_itself_and_keeps_what_was_asked_for(
    page: Page, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.goto(f"{shown.url}?client=lmn&open=yes")
    assert page.locator("meta[http-equiv=refresh]").get_attribute("content") == "60"
    monkeypatch.setattr(drawing, "REFRESH", 1)
    page.reload()
    shown.fail(KEYS[3], Outcome.SIGN_IN_REFUSED, "the password was refused")
    expect(page.get_by_text("the password was refused")).to_be_visible()
    assert page.url == f"{shown.url}?client=lmn&open=yes"
    assert clients(page) == ["lmn"]
    page.get_by_role("link", name="let it stand").click()
    assert page.locator("meta[http-equiv=refresh]").count() == 0
    assert clients(page) == ["lmn"]
    page.get_by_role("link", name="make it anew each minute").click()
    assert page.locator("meta[http-equiv=refresh]").count() == 1


def test_names_and_reasons_are_text_whatever_is_in_them(page: Page, shown: Shown) -> None:
    name = "<script>document.title='taken'</script>"
    evil = "<img src=x onerror=\"document.title='taken'\"> & `<b>bold</b>`"
    made = shown.ledger.expect(name, "activix", evil, evil, Period.month(OCTOBER))
    shown.fail(made.id, Outcome.SITE_CHANGED, evil, next_=evil)
    shown.stop("activix", evil)
    page.goto(shown.url)
    row = next(row for row in rows(page) if row[0] == name)
    assert row[2] == evil
    assert row[4].split("\n")[1] == evil.replace("`", "")
    assert row[-1] == evil.replace("`", "")
    assert page.locator("script, img, b").count() == 0
    page.goto(f"{shown.url}?client={name}")
    assert page.get_by_label("Client").input_value() == name
    page.goto(f"{shown.url}?owner=%22%3E{name}")
    expect(page.get_by_role("status")).to_contain_text(name[:20])
    expect(page).not_to_have_title("taken")


def test_nothing_of_a_lead_and_no_secret_is_on_it(page: Page, shown: Shown) -> None:
    shown.fail(
        KEYS[3], Outcome.INTERNAL, f"row 3: joe.lead@example.com, +1 514 555 0134, {SECRET}", next_=f"say {SECRET}"
    )
    for what in ("", "status.json"):
        page.goto(shown.url + what)
        text = page.content()
        assert "row 3: •••, •••, •••" in text
        assert "say •••" in text
        assert not re.search("joe.lead|555|hunter2", text)


def test_thousands_of_deliveries_come_in_pages_with_the_open_ones_first(page: Page, shown: Shown) -> None:
    months = Period.month(OCTOBER)
    shown.ledger.expect_all(
        [
            Expected(
                f"c{number:04}/activix/2026-10", f"c{number:04}", "activix", "Activix CRM", None, months, due_at=NOON
            )
            for number in range(1200)
        ]
    )
    shown.fail("c1199/activix/2026-10", Outcome.SITE_CHANGED)
    shown.ledger.close("c0000/activix/2026-10", State.DELIVERED, "export")
    page.goto(shown.url)
    expect(deliveries(page).locator("caption")).to_have_text("Deliveries 1 to 500 of 1,204, open ones first")
    assert deliveries(page).get_by_role("rowheader").first.inner_text() == "c1199"
    pages = page.get_by_role("navigation", name="Pages")
    expect(pages.locator("[aria-current=page]")).to_have_text("1")
    pages.get_by_role("link", name="3").click()
    expect(deliveries(page).locator("caption")).to_have_text("Deliveries 1,001 to 1,204 of 1,204, open ones first")
    assert deliveries(page).get_by_role("rowheader").last.inner_text() == "c0000"
    page.goto(f"{shown.url}?page=77")
    expect(pages.locator("[aria-current=page]")).to_have_text("3")


def test_a_telephone_shows_all_of_it_without_scrolling_sideways(chromium: Browser, shown: Shown) -> None:
    shown.fail(KEYS[3], Outcome.SITE_CHANGED, "x" * 300, next_="`robot retry activix --client lmn --month 2026-10`")
    shown.stop("activix", "y" * 300)
    shown.join("a-machine-with-quite-a-long-name.example.com", NOON)
    with looking(chromium, width=360) as page:
        page.goto(shown.url)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert len(rows(page)) == 4
        owner = deliveries(page).get_by_role("row").nth(1).get_by_text("keeper of the robot")
        assert owner.evaluate("cell => getComputedStyle(cell, '::before').content") == '"owner"'


def test_the_keyboard_goes_past_the_form_to_the_table(page: Page, shown: Shown) -> None:
    page.goto(shown.url)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the table")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Deliveries")).to_be_focused()


def test_machines_are_seen_to_live_and_to_fall_silent(page: Page, shown: Shown) -> None:
    shown.join("one", NOON - timedelta(seconds=20))
    shown.join("two", NOON - timedelta(minutes=5))
    shown.join("three", NOON, ended_at=NOON - timedelta(hours=2))
    shown.join("four", NOON, ended_at=NOON - timedelta(days=2))
    page.goto(shown.url)
    table = page.get_by_role("table", name="Machines that serve")
    said = [row.get_by_role("cell").nth(1).inner_text() for row in table.get_by_role("row").all()[1:]]
    assert (table.get_by_role("rowheader").all_inner_texts(), said) == (
        ["one", "two", "three"],
        ["alive", "SILENT", "ended"],
    )
    expect(page.get_by_role("contentinfo")).to_contain_text(f"Made {NOON.astimezone():%Y-%m-%d %H:%M:%S}")
