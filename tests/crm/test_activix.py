"""The Activix robot on each emulation. Asserted is what the site was asked, not which buttons were clicked."""

from itertools import product

import pytest

from export_robots.outcomes import (
    ActionNeeded,
    CodeNeeded,
    PermissionMissing,
    RobotError,
    SignInRefused,
    SiteChanged,
    SiteDown,
)
from export_robots.periods import Month, Period
from tests.crm.conftest import Export, Worlds

pytestmark = pytest.mark.browser

# The robot was written with the first two at hand, and tried on the others when it was done.
SITES = ["classic", "vue", "antd", "components"]
every_site = pytest.mark.parametrize("site", SITES)
two_sites = pytest.mark.parametrize("site", ["classic", "vue"])


@every_site
@pytest.mark.parametrize(
    ("client", "first", "last"),
    [
        ("abc", "2026-10", "2026-10"),
        ("abc", "2026-07", "2026-07"),
        ("abc", "2025-12", "2026-01"),
        ("lmn", "2026-06", "2026-07"),
    ],
)
def test_asks_for_the_period_by_creation_date_with_all_columns_but_the_date_of_birth(
    export: Export, site: str, client: str, first: str, last: str
) -> None:
    period = Period(Month.parse(first), Month.parse(last))
    exported = export(site, client=client, period=period)
    asked = exported.asked()
    assert (asked["first"], asked["last"]) == (period.first.isoformat(), period.last.isoformat())
    assert asked["date_fields"] == ["Creation Date"]
    assert asked["export_type"] == "CSV"
    assert "Date of Birth" not in asked["columns"]
    assert len(asked["columns"]) > 20
    assert asked["rows"] == exported.request.rows_shown
    assert (exported.request.first, exported.request.last) == (period.first, period.last)
    assert "mail" in exported.request.acknowledgement or "courriel" in exported.request.acknowledgement


@pytest.mark.parametrize(
    ("site", "misbehaviour"),
    [
        *product(
            SITES, ["cookie_banner", "promotion", "slow", "view_is_all_clients", "decoy_toolbar", "ends_session_once"]
        ),
        *product(["classic", "vue"], ["survey_late", "columns_forget_all", "asks_totp"]),
        ("antd", "collapsed_menu"),
    ],
)
def test_copes_with(export: Export, site: str, misbehaviour: str) -> None:
    exported = export(site, misbehaviour)
    asked = exported.asked()
    assert asked["first"] == "2026-10-01"
    assert asked["last"] == "2026-10-31"
    assert asked["date_fields"] == ["Creation Date"]
    assert "Date of Birth" not in asked["columns"]
    assert asked["rows"] == exported.request.rows_shown


@two_sites
def test_a_page_without_a_row_count_is_no_obstacle(export: Export, site: str) -> None:
    assert export(site, "no_row_count").request.rows_shown is None


@two_sites
def test_the_page_s_own_word_that_a_month_is_empty_is_kept(export: Export, site: str) -> None:
    assert export(site, "empty_month").request.says_empty


@two_sites
@pytest.mark.parametrize(
    ("misbehaviour", "outcome"),
    [
        ("refuses_password", SignInRefused),
        ("password_expired", ActionNeeded),
        ("wants_terms_accepted", ActionNeeded),
        ("shows_captcha", ActionNeeded),
        ("asks_mailed_code", CodeNeeded),
        ("asks_sms_code", CodeNeeded),
        ("maintenance", SiteDown),
        ("fails_with_503", SiteDown),
        ("never_answers", SiteDown),
        ("no_export_permission", PermissionMissing),
        ("export_greyed_out", PermissionMissing),
        ("ends_session_always", SiteChanged),
        ("ignores_dates", SiteChanged),
        ("dates_off_by_one", SiteChanged),
        ("extra_date_field", SiteChanged),
        ("date_of_birth_stuck", SiteChanged),
        ("renamed_button", SiteChanged),
        ("view_sticks", SiteChanged),
        ("no_acknowledgement", SiteChanged),
        ("generate_fails", SiteChanged),
    ],
)
def test_says_what_is_wrong_and_asks_for_no_report(
    export: Export, worlds: Worlds, site: str, misbehaviour: str, outcome: type[RobotError]
) -> None:
    with pytest.raises(outcome) as raised:
        export(site, misbehaviour)
    assert not worlds(site).journal.of("report_mailed")
    assert raised.value.hint
    assert "Timeout" not in str(raised.value)


@two_sites
def test_a_wrong_password_is_sent_once(export: Export, worlds: Worlds, site: str) -> None:
    with pytest.raises(SignInRefused):
        export(site, password="not the password")
    assert [entry["password_was"] for entry in worlds(site).journal.of("sign_in")] == ["wrong"]


@two_sites
def test_a_sign_in_form_that_comes_back_without_a_word_is_a_refusal(export: Export, site: str) -> None:
    with pytest.raises(SignInRefused):
        export(site, "refuses_silently", password="not the password")


@two_sites
def test_a_locked_account_needs_a_person(export: Export, site: str) -> None:
    with pytest.raises(ActionNeeded, match="locked"):
        export(site, "locks_account", password="not the password")
