import asyncio
import pickle
from zoneinfo import ZoneInfo

import pytest

from export_robots.browser import Browser
from export_robots.outcomes import Outcome, RobotDefect, RobotError, SiteChanged, SiteDown, UsageWrong
from export_robots.site_errors import BrowserCrashed
from export_robots.visit import Visit
from tests.browser.conftest import SETTINGS, Visiting
from tests.browser.website import CUT, NEVER, Website
from tests.conftest import Run

pytestmark = pytest.mark.browser

FORM = (
    "<form><label>Name <input name=n></label><button type=button disabled>Grey</button>"
    "<button type=button>Go</button></form>"
)


class Heard:
    def __init__(self) -> None:
        self.started_steps: list[str] = []
        self.finished_steps: list[str] = []

    def started(self, step: str) -> None:
        self.started_steps.append(step)

    def finished(self, step: str, seconds: float) -> None:
        assert seconds >= 0
        self.finished_steps.append(step)

    def note(self, text: str) -> None:
        pass


def failure(visiting: Visiting, body: object, **options: object) -> RobotError:
    with pytest.raises(RobotError) as caught:
        visiting(body, **options)
    return caught.value


def test_steps_may_hold_steps_and_each_is_told_and_timed(visiting: Visiting, site: Website) -> None:
    site.pages["/"] = FORM
    heard = Heard()

    async def body(visit: Visit) -> list[tuple[str, int, str | None]]:
        async with visit.step("outer"):
            assert visit.current_step == "outer"
            async with visit.step("inner"):
                assert visit.current_step == "outer / inner"
                await visit.goto(site.url)
            async with visit.step("second"):
                pass
        assert all(record.seconds is not None for record in visit.steps)
        return [(record.name, record.depth, record.failed) for record in visit.steps]

    assert visiting(body, progress=heard) == [("outer", 0, None), ("inner", 1, None), ("second", 1, None)]
    assert heard.started_steps == ["outer", "inner", "second"]
    assert heard.finished_steps == ["inner", "second", "outer"]


def test_a_missing_control_is_named_as_a_person_would(visiting: Visiting, site: Website) -> None:
    site.pages["/leads/12345"] = FORM

    async def body(visit: Visit) -> None:
        async with visit.step("ask for the report"):
            await visit.goto(site.at("/leads/12345?name=Jane#x"))
            await visit.page.get_by_role("button", name="Generate Report").click()

    error = failure(visiting, body)
    assert isinstance(error, SiteChanged)
    assert error.saw.startswith("in step “ask for the report”")
    assert error.saw.endswith("the robot looked for button “Generate Report”: it was not there")
    assert "12345" not in error.saw
    assert "Jane" not in error.saw
    assert pickle.loads(pickle.dumps(error)).saw == error.saw  # noqa: S301 - DBOS does so


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("click Grey", "button “Grey”: it is greyed out"),
        ("click Covered", "something lies over it"),
        ("click Twice", "there are several of them"),
    ],
)
def test_a_control_that_cannot_be_used_is_said_to_be_so(
    visiting: Visiting, site: Website, script: str, words: str
) -> None:
    site.pages["/"] = (
        FORM + "<button>Twice</button><button>Twice</button><button>Covered</button>"
        "<div style='position:fixed;inset:0' hidden id=over>Buy now, Jane</div>"
    )

    async def body(visit: Visit) -> None:
        name = script.removeprefix("click ")
        async with visit.step("press"):
            await visit.goto(site.url)
            if name == "Covered":
                await visit.page.evaluate("document.querySelector('#over').hidden = false")
            await visit.page.get_by_role("button", name=name).click(timeout=2000)

    error = failure(visiting, body)
    assert isinstance(error, SiteChanged)
    assert words in error.saw
    assert "Jane" not in error.saw


def test_an_expectation_that_is_not_met_is_a_changed_site_but_a_plain_assert_is_not(
    visiting: Visiting, site: Website
) -> None:
    from playwright.async_api import expect

    site.pages["/"] = FORM

    async def unmet(visit: Visit) -> None:
        async with visit.step("look"):
            await visit.goto(site.url)
            await expect(visit.page.get_by_label("Name")).to_have_value("Jane", timeout=300)

    async def mistaken(visit: Visit) -> None:
        async with visit.step("look"):
            assert visit.page is None

    assert isinstance(failure(visiting, unmet), SiteChanged)
    with pytest.raises(AssertionError):
        visiting(mistaken)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((503, {}, b"busy"), "answered with HTTP 503"),
        ((429, {}, b"slow down"), "answered with HTTP 429"),
        (CUT, "cannot be reached"),
        (NEVER, "did not answer within"),
        ("<title>Scheduled maintenance</title><h1>We will be back soon</h1>", "maintenance"),
        ("<h1>Le service est temporairement indisponible</h1><button>Réessayer</button>", "maintenance"),
    ],
)
def test_a_site_that_does_not_serve_is_down(
    visiting: Visiting, site: Website, answer: str | tuple[int, dict[str, str], bytes], words: str
) -> None:
    site.pages["/"] = answer

    async def body(visit: Visit) -> None:
        async with visit.step("open"):
            await visit.goto(site.url)

    error = failure(visiting, body)
    assert isinstance(error, SiteDown)
    assert words in error.saw


def test_a_host_that_is_not_there_is_down(visiting: Visiting) -> None:
    async def body(visit: Visit) -> None:
        async with visit.step("open"):
            await visit.goto("http://127.0.0.1:55555/")

    error = failure(visiting, body)
    assert isinstance(error, SiteDown)
    assert "it refuses the connection" in error.saw


def test_a_page_that_speaks_of_maintenance_among_its_controls_is_not_down(visiting: Visiting, site: Website) -> None:
    site.pages["/"] = "<h1>Vehicle maintenance</h1>" + FORM + "<table><tr><td>x</table>"

    async def body(visit: Visit) -> None:
        async with visit.step("open"):
            await visit.goto(site.url)

    visiting(body)


def test_an_error_page_in_the_middle_of_a_step_ends_it_at_once(visiting: Visiting, site: Website) -> None:
    site.pages |= {"/": FORM + "<a href=/broken>Leads</a>", "/broken": (502, {}, b"")}

    async def body(visit: Visit) -> float:
        async with visit.step("open"):
            await visit.goto(site.url)
        began = asyncio.get_running_loop().time()
        try:
            async with visit.step("leads"):
                await visit.page.get_by_role("link", name="Leads").click()
                await visit.page.get_by_role("button", name="Generate").click(timeout=60_000)
        except SiteDown:
            return asyncio.get_running_loop().time() - began
        raise AssertionError

    assert visiting(body) < 30


def test_a_foreign_pop_up_that_fails_is_no_matter(visiting: Visiting, site: Website, other_site: Website) -> None:
    other_site.pages["/"] = (503, {}, b"")
    site.pages["/"] = FORM

    async def body(visit: Visit) -> None:
        async with visit.step("look"):
            await visit.goto(site.url)
            async with visit.page.expect_popup() as opened:
                await visit.page.evaluate(f"void open('{other_site.url}/')")
            await (await opened.value).wait_for_load_state()
            await visit.page.get_by_label("Name").fill("x")

    visiting(body)


def test_a_request_behind_the_page_that_fails_with_503_says_that_the_site_is_down(
    visiting: Visiting, site: Website
) -> None:
    site.pages |= {"/": FORM + "<script>fetch('/data')</script>", "/data": (503, {}, b"")}

    async def body(visit: Visit) -> None:
        async with visit.step("leads"):
            await visit.goto(site.url)
            await visit.page.get_by_role("button", name="Generate").click(timeout=700)

    error = failure(visiting, body)
    assert isinstance(error, SiteDown)
    assert "HTTP 503" in error.saw


def test_a_crashed_page_ends_the_step_at_once_and_may_be_run_again(visiting: Visiting, site: Website) -> None:
    site.pages["/"] = FORM

    async def body(visit: Visit) -> None:
        async with visit.step("leads"):
            await visit.goto(site.url)
            session = await visit.context.new_cdp_session(visit.page)
            crash = asyncio.ensure_future(session.send("Page.crash"))
            try:
                await visit.page.get_by_role("button", name="Generate").click(timeout=60_000)
            finally:
                crash.cancel()

    error = failure(visiting, body)
    assert isinstance(error, BrowserCrashed)
    assert error.outcome is Outcome.INTERNAL
    assert "run the same command again" in error.hint.lower()


def test_a_page_that_closes_itself_is_a_changed_site(visiting: Visiting, site: Website) -> None:
    site.pages["/"] = FORM

    async def body(visit: Visit) -> None:
        async with visit.step("pop-up"):
            await visit.goto(site.url)
            async with visit.page.expect_popup() as opened:
                await visit.page.evaluate("void open('/')")
            visit.page, first = await opened.value, visit.page
            assert visit.pages == [first, visit.page]
            await visit.page.evaluate("setTimeout(() => close(), 100)")
            await visit.page.get_by_role("button", name="Generate").click(timeout=10_000)

    error = failure(visiting, body)
    assert isinstance(error, SiteChanged)
    assert "closed the page" in error.saw


def test_dialogs_are_answered_and_remembered(visiting: Visiting, site: Website) -> None:
    site.pages |= {
        "/": FORM + "<script>alert('Welcome'); window.said = confirm('Delete all?');"
        "addEventListener('beforeunload', event => event.preventDefault())</script>",
        "/next": "<h1>Next</h1>",
    }

    async def body(visit: Visit) -> object:
        async with visit.step("open"):
            await visit.goto(site.url)
            said = await visit.page.evaluate("window.said")
            await visit.page.get_by_label("Name").fill("x")  # Chromium asks only once a page was operated
            await visit.goto(site.at("/next"))
            assert await visit.page.get_by_role("heading").inner_text() == "Next"
            return said, [(shown.kind, shown.text) for shown in visit.dialogs[:2]]

    assert visiting(body) == (False, [("alert", "Welcome"), ("confirm", "Delete all?")])


def test_the_browser_lives_in_the_clients_time_zone(visiting: Visiting) -> None:
    async def body(visit: Visit) -> object:
        return await visit.page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")

    assert visiting(body, zone=ZoneInfo("America/Vancouver")) == "America/Vancouver"


def test_an_address_without_encryption_is_refused(visiting: Visiting) -> None:
    async def body(visit: Visit) -> None:
        raise AssertionError(visit)

    assert isinstance(failure(visiting, body, url="http://crm.example.com/"), UsageWrong)


def test_a_login_that_was_not_given_is_our_own_mistake(run: Run, shared_browser: Browser, site: Website) -> None:
    async def body() -> None:
        async with shared_browser.visit(site.url, run="x") as visit:
            assert visit.step_timeout == SETTINGS.step_timeout
            assert await visit.codes.totp() is None
            visit.login  # noqa: B018

    with pytest.raises(RobotDefect):
        run(body())
