"""The password goes into the CRM's own password field and nowhere else."""

import json
import logging
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.async_api import Locator

from export_robots.browser import open_browser
from export_robots.evidence import EvidenceFolder
from export_robots.outcomes import SiteChanged, UsageWrong
from export_robots.redaction import SecretScan
from export_robots.visit import Visit
from tests.browser.conftest import PASSWORD, SETTINGS, Visiting
from tests.browser.website import Website
from tests.conftest import Run

pytestmark = pytest.mark.browser

SIGN_IN = (
    "<form action=/in method=post><label>Password <input type=password name=p></label><button>Sign in</button></form>"
)
FIELD = "<label>Password <input type=password></label>"
# Keeps what the page hears of the typing, as a framework would.
EARS = (
    "<script>window.heard = []; for (const kind of ['input', 'change', 'keydown'])"
    " addEventListener(kind, event => heard.push(kind + event.isTrusted), true);</script>"
)


async def at(visit: Visit, url: str, label: str = "Password") -> Locator:
    await visit.goto(url)
    return visit.page.get_by_label(label)


def refused(visiting: Visiting, site: Website, html: str, label: str = "Password", path: str = "/") -> str:
    site.pages[path] = html

    async def body(visit: Visit) -> str:
        async with visit.step("sign in"):
            field = await at(visit, site.at(path), label)
            with pytest.raises(SiteChanged) as caught:
                await visit.type_password(field)
            for frame in visit.page.frames:
                held = await frame.evaluate(
                    "[...document.querySelectorAll('input')].map(field => field.value).join('')"
                )
                assert held == ""
        return caught.value.saw

    return str(visiting(body))


def test_the_field_holds_the_password_and_the_page_hears_real_typing(visiting: Visiting, site: Website) -> None:
    site.pages["/"] = EARS + SIGN_IN

    async def body(visit: Visit) -> None:
        async with visit.step("sign in"):
            field = await at(visit, site.url)
            await visit.type_password(field)
            assert await field.input_value() == PASSWORD
            await visit.page.get_by_role("button").focus()
            assert await visit.page.evaluate("heard") == ["inputtrue", "changetrue"]

    visiting(body)


def test_a_password_typed_again_replaces_the_first(visiting: Visiting, site: Website) -> None:
    site.pages["/"] = SIGN_IN.replace("name=p", "name=p value=left-over")

    async def body(visit: Visit) -> None:
        field = await at(visit, site.url)
        await visit.type_password(field)
        assert await field.input_value() == PASSWORD

    visiting(body)


def test_a_field_in_a_frame_of_the_crm_is_typed_into(visiting: Visiting, site: Website) -> None:
    site.pages |= {"/": "<iframe src=/inner></iframe>", "/inner": SIGN_IN}

    async def body(visit: Visit) -> None:
        await visit.goto(site.url)
        field = visit.page.frame_locator("iframe").get_by_label("Password")
        await visit.type_password(field)
        assert await field.input_value() == PASSWORD

    visiting(body)


def test_a_field_in_a_shadow_root_is_typed_into(visiting: Visiting, site: Website) -> None:
    site.pages["/"] = (
        "<x-in></x-in><script>customElements.define('x-in', class extends HTMLElement { connectedCallback() {"
        f" this.attachShadow({{mode: 'open'}}).innerHTML = `{SIGN_IN}`; }} }});</script>"
    )

    async def body(visit: Visit) -> None:
        field = await at(visit, site.url)
        await visit.type_password(field)
        assert await field.input_value() == PASSWORD

    visiting(body)


def test_nothing_is_typed_on_another_origin(visiting: Visiting, site: Website, other_site: Website) -> None:
    other_site.pages["/"] = SIGN_IN
    site.pages["/"] = (302, {"Location": other_site.url + "/"}, b"")

    async def body(visit: Visit) -> None:
        async with visit.step("sign in"):
            field = await at(visit, site.url)
            with pytest.raises(SiteChanged, match="not on the CRM's own address"):
                await visit.type_password(field)
            assert await field.input_value() == ""

    visiting(body)


def test_nothing_is_typed_into_another_hosts_frame(visiting: Visiting, site: Website, other_site: Website) -> None:
    other_site.pages["/"] = SIGN_IN
    site.pages["/"] = f"<iframe src='{other_site.url}/'></iframe>"

    async def body(visit: Visit) -> None:
        await visit.goto(site.url)
        field = visit.page.frame_locator("iframe").get_by_label("Password")
        with pytest.raises(SiteChanged, match="not on the CRM's own address"):
            await visit.type_password(field)
        assert await field.input_value() == ""

    visiting(body)


def test_nothing_is_typed_when_the_page_moves_away_as_soon_as_the_field_has_the_focus(
    visiting: Visiting, site: Website, other_site: Website
) -> None:
    other_site.pages["/"] = SIGN_IN
    site.pages["/"] = SIGN_IN + (
        f"<script>document.querySelector('input').onfocus = () => {{ location.href = '{other_site.url}/'; }}</script>"
    )

    async def body(visit: Visit) -> None:
        async with visit.step("sign in"):
            field = await at(visit, site.url)
            with suppress(SiteChanged):  # or it was typed where it still was, and went away with its page
                await visit.type_password(field)
            await visit.page.wait_for_url(other_site.url + "/")
            assert await visit.page.get_by_label("Password").input_value() == ""

    visiting(body)


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("<label>Password <input></label>", "of another kind"),
        ("<label>Password <textarea></textarea></label>", "not an input"),
        (f"<form action='http://evil.example.com/in'>{FIELD}</form>", "another address"),
        (f"<form>{FIELD}<button formaction='//evil.example.com'>Go</button></form>", "another address"),
        ("<label>Password <input type=password disabled></label>", "greyed out"),
        ("<label>Password <input type=password readonly></label>", "cannot be written into"),
        ("<label>Password <input type=password onfocus='this.type = \"text\"'></label>", "of another kind"),
        ("<label>Password <input type=password onfocus='this.blur()'></label>", "takes the focus away"),
        ("<label>Password <input type=password maxlength=5></label>", "does not hold"),
    ],
)  # fmt: skip
def test_a_field_that_is_not_plainly_the_password_field_is_refused(
    visiting: Visiting, site: Website, html: str, words: str
) -> None:
    if "maxlength" in html:
        site.pages["/"] = html

        async def body(visit: Visit) -> None:
            async with visit.step("sign in"):
                with pytest.raises(SiteChanged, match=words):
                    await visit.type_password(await at(visit, site.url))

        visiting(body)
    else:
        saw = refused(visiting, site, html)
        assert words in saw
        assert saw.startswith("in step “sign in” the robot did not type the password")


def test_a_hidden_field_is_not_typed_into(visiting: Visiting, site: Website) -> None:
    site.pages["/"] = (
        "<label>Password <input type=password style='opacity:0;height:1px;width:1px;padding:0;border:0'></label>"
    )

    async def body(visit: Visit) -> None:
        async with visit.step("sign in"):
            with pytest.raises(SiteChanged, match="cannot be seen"):
                await visit.type_password(await at(visit, site.url))

    visiting(body)


def test_a_code_goes_into_one_field_or_into_a_row_of_boxes(visiting: Visiting, site: Website) -> None:
    site.pages |= {
        "/one": "<label>Code <input inputmode=numeric></label>",
        "/row": "<form>" + "<input maxlength=1 aria-label=Code>" * 6 + "</form>",
        "/few": "<form>" + "<input maxlength=1 aria-label=Code>" * 4 + "</form>",
        "/drawn": "<input aria-label=Code autocomplete=one-time-code "
        "style='width: 1px; height: 1px; padding: 0; border: 0; opacity: 0'>",
    }

    async def body(visit: Visit) -> None:
        async with visit.step("code"):
            for path in ("/one", "/row", "/drawn"):
                await visit.goto(site.at(path))
                await visit.type_code(visit.page.get_by_label("Code").first, "123456")
                held = await visit.page.evaluate(
                    "[...document.querySelectorAll('input')].map(box => box.value).join('')"
                )
                assert held == "123456"
            await visit.goto(site.at("/few"))
            with pytest.raises(SiteChanged, match="one box per digit"):
                await visit.type_code(visit.page.get_by_label("Code").first, "123456")
        assert "123456" in visit.secrets

    visiting(body)


def test_neither_trace_nor_errors_nor_logs_hold_what_was_typed(
    visiting: Visiting, site: Website, evidence: EvidenceFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The raw trace, before any redaction."""
    caplog.set_level(logging.DEBUG)
    site.pages["/"] = SIGN_IN
    scan = SecretScan([PASSWORD, "847291"])

    async def body(visit: Visit) -> None:
        async with visit.step("sign in"):
            field = await at(visit, site.url)
            await visit.type_password(field)
            await visit.page.evaluate("document.querySelector('input').type = 'text'")
            with pytest.raises(SiteChanged) as caught:
                await visit.type_password(field)
            assert not scan.finds(str(caught.value).encode())
            await visit.type_code(field, "847291")
            await visit.context.tracing.stop(path=tmp_path / "raw.zip")

    visiting(body, evidence=evidence)
    assert not scan.finds((tmp_path / "raw.zip").read_bytes())
    with zipfile.ZipFile(tmp_path / "raw.zip") as archive:
        assert len(archive.read("trace.trace").splitlines()) > 5
    assert not scan.finds(caplog.text.encode())


@pytest.mark.parametrize(
    ("name", "value"),
    [("DEBUG", "*"), ("DEBUG", "app,pw:api"), ("DEBUG", "pw:*"), ("DEBUG", "p*l"), ("DEBUGP", "1"), ("PWDEBUG", "1")],
)
def test_no_browser_is_opened_while_playwright_would_print_what_is_typed(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    async def body() -> None:
        async with open_browser(SETTINGS):
            pass

    monkeypatch.setenv(name, value)
    with pytest.raises(UsageWrong, match=f"the variable {name} is set"):
        run(body())


def test_another_programs_debug_setting_is_no_matter(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        async with open_browser(SETTINGS):
            pass

    monkeypatch.setenv("DEBUG", "app:*,-pw:*")
    run(body())


def test_the_words_of_a_page_cannot_get_into_the_refusal(visiting: Visiting, site: Website) -> None:
    site.pages["/"] = SIGN_IN + (
        "<script>document.execCommand = (name, ui, text) => { throw new Error(text); };"
        "Object.defineProperty(HTMLInputElement.prototype, 'select', {value() { throw new Error('oh'); }});</script>"
    )

    async def body(visit: Visit) -> str:
        async with visit.step("sign in"):
            with pytest.raises(SiteChanged) as caught:
                await visit.type_password(await at(visit, site.url))
        return json.dumps([str(caught.value), repr(caught.value.__context__), repr(caught.value.__cause__)])

    assert not SecretScan([PASSWORD]).finds(str(visiting(body)).encode())
