"""What is kept of a failed visit: enough to see why, no lead, no secret."""

import asyncio
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from export_robots import evidence as evidence_module
from export_robots.browser import Browser
from export_robots.evidence import EvidenceFolder
from export_robots.outcomes import RobotError, SignInRefused, SiteChanged
from export_robots.redaction import SecretScan
from export_robots.visit import Visit
from tests.browser.conftest import LOGIN, PASSWORD, Visiting
from tests.browser.website import Website
from tests.conftest import Run

pytestmark = pytest.mark.browser

LEADS = """<!doctype html><title>Leads</title><h1>Clients+</h1><nav><a href="/a">Home</a></nav>
<button>Export leads</button><button disabled>Generate</button>
<table><thead><tr><th>Name</th><th>Phone</th></tr></thead><tbody>
<tr title="Jane Leadperson"><td><a href="/x" title="Jane Leadperson">Jane Leadperson</a></td><td>514-555-0199</td></tr>
<tr><td>Bob <b>Buyerman</b></td><td aria-label="Bob Buyerman">x</td></tr></tbody></table>
<div role="grid"><div role="row"><div role="gridcell">Gail Gridwoman</div></div></div>
<div class="card">Carl Cardman <span>carl@example.org</span></div><div class="card">Dora Cardwoman</div>
<div class="card">Ed Cardson</div>
<p>Signed in as datateam+abcautos@example.com, call 438 555 0111 or mail ida@example.org</p>
<table class="calendar"><tbody><tr><td>1</td><td>2</td></tr></tbody></table>
<label>Search <input value="Frida Fieldwoman"></label><label>Note <textarea>Nora Noted</textarea></label>
<a href="/leads/12345">Gus Linkman</a><div id="echo"></div><x-lead></x-lead><iframe src="/frame"></iframe>
<script>
customElements.define('x-lead', class extends HTMLElement { connectedCallback() {
  this.attachShadow({mode: 'open'}).innerHTML = '<table><tr><td>Sam Shadowman</td></tr></table><p>sam@example.org</p>';
} });
console.error('bad record', {name: 'Hank Consoleman'}); console.error('failed for "Ira Quoted"');
</script>"""
FRAME = "<table><tr><td>Fred Frameman</td></tr></table><input type=password aria-label=Password>"
PEOPLE = (
    "Jane Leadperson", "Leadperson", "Buyerman", "Gridwoman", "Cardman", "Cardwoman", "Cardson", "Fieldwoman", "Noted",
    "Linkman", "Shadowman", "Consoleman", "Quoted", "Frameman", "Typed", "514-555-0199", "438 555 0111",
    "ida@example.org", "carl@example.org", "sam@example.org",
)  # fmt: skip


async def fail(visit: Visit, site: Website, then: Callable[[Visit], object] | None = None) -> None:
    async with visit.step("ask for the report"):
        await visit.goto(site.at("/leads?q=Jane+Leadperson#Leadperson"))
        await visit.page.locator("td").first.inner_text()
        await visit.page.get_by_label("Search").fill("Tina Typed")
        await visit.type_password(visit.page.frame_locator("iframe").get_by_label("Password"))
        if then:
            await visit.page.evaluate(str(then(visit)))
        await visit.page.get_by_role("button", name="Generate Report").click(timeout=300)


@pytest.fixture
def leads(site: Website) -> Website:
    site.pages |= {"/leads": LEADS, "/frame": FRAME}
    return site


def kept(evidence: EvidenceFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in evidence.folder.iterdir()}


def test_a_failure_leaves_picture_text_trace_and_steps_for_the_owner_alone(
    visiting: Visiting, leads: Website, evidence: EvidenceFolder
) -> None:
    with pytest.raises(SiteChanged):
        visiting(lambda visit: fail(visit, leads), evidence=evidence)
    files = kept(evidence)
    assert sorted(files) == ["page.txt", "screenshot.png", "steps.json", "trace.zip"]
    assert files["screenshot.png"].startswith(b"\x89PNG")
    for path in evidence.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(evidence.folder.stat().st_mode) == 0o700
    steps = json.loads(files["steps.json"])
    assert steps["ended"] == "SiteChanged"
    assert [(step["step"], step["failed"]) for step in steps["steps"]] == [("ask for the report", "SiteChanged")]
    assert steps["not_kept"] == {}


def test_no_lead_is_in_what_is_kept(visiting: Visiting, leads: Website, evidence: EvidenceFolder) -> None:
    with pytest.raises(SiteChanged):
        visiting(lambda visit: fail(visit, leads), evidence=evidence)
    scan = SecretScan(PEOPLE)
    for name, data in kept(evidence).items():
        assert not scan.finds(data), name


def test_what_a_person_operates_stays_readable(visiting: Visiting, leads: Website, evidence: EvidenceFolder) -> None:
    with pytest.raises(SiteChanged):
        visiting(lambda visit: fail(visit, leads), evidence=evidence)
    text = kept(evidence)["page.txt"].decode()
    for said in (
        "Clients+",
        "Phone",
        "Home",
        "button: Export leads",
        "button: Generate (disabled)",
        "1\t2",
        "(filled)",
    ):
        assert said in text
    assert "datateam+abcautos@example.com" in text
    with zipfile.ZipFile(evidence.folder / "trace.zip") as archive:
        lines = [json.loads(line) for line in archive.read("trace.trace").splitlines()]
    assert {"fill", "click", "goto"} <= {line.get("method") for line in lines}
    assert any("Generate Report" in json.dumps(line) for line in lines)


def test_the_picture_is_the_same_whoever_the_leads_are(visiting: Visiting, site: Website, tmp_path: Path) -> None:
    def picture(name: str, first: str, telephone: str) -> bytes:
        site.pages["/"] = (
            f"<h1>Clients+</h1><table><tr><td><a href=/x>{first} Leadperson</a></table>"
            f"<div class=card>{first} {telephone}</div><div class=card>{first}</div><div class=card>Ed</div>"
            f"<input value='{first}'><input type=date value='19{telephone[-2:]}-01-01'><p>Ring {telephone}!</p>"
        )
        evidence = EvidenceFolder(tmp_path / name, list)

        async def body(visit: Visit) -> None:
            await visit.goto(site.url)
            raise SiteChanged("x")

        with pytest.raises(SiteChanged):
            visiting(body, evidence=evidence)
        return kept(evidence)["screenshot.png"]

    assert picture("a", "Jane", "514-555-0199") == picture("b", "Maximiliane", "+49 30 1234567 88")


@pytest.mark.parametrize(
    "show",
    [
        "p => p",
        "encodeURIComponent",
        "p => btoa(unescape(encodeURIComponent('user:' + p)))",
        "p => JSON.stringify({p})",
        "p => [...p].map(c => '&#' + c.codePointAt(0) + ';').join('')",
    ],
)
def test_a_page_that_shows_the_password_is_not_pictured(
    visiting: Visiting, leads: Website, evidence: EvidenceFolder, show: str
) -> None:
    echo = f"document.querySelector('#echo').textContent = ({show})({json.dumps(PASSWORD)})"
    with pytest.raises(SiteChanged):
        visiting(lambda visit: fail(visit, leads, lambda _: echo), evidence=evidence)
    files = kept(evidence)
    assert "screenshot.png" not in files or "btoa" in show  # in a picture nobody can read base64 back
    scan = SecretScan([PASSWORD])
    assert not any(scan.finds(data) for data in files.values())
    steps = json.loads(files["steps.json"])
    assert steps["not_kept"]


def test_a_secret_in_what_the_robot_says_keeps_even_that_out(
    visiting: Visiting, evidence: EvidenceFolder, site: Website
) -> None:
    async def body(visit: Visit) -> None:
        async with visit.step(f"type {PASSWORD}"):
            raise SignInRefused(f"the CRM refuses {PASSWORD}")

    with pytest.raises(SignInRefused):
        visiting(body, evidence=evidence)
    assert not any(SecretScan([PASSWORD]).finds(data) for data in kept(evidence).values())
    assert json.loads(kept(evidence)["steps.json"])["ended"] == "SignInRefused"


def test_a_visit_that_ends_well_leaves_its_steps_only(
    visiting: Visiting, leads: Website, evidence: EvidenceFolder
) -> None:
    async def body(visit: Visit) -> None:
        async with visit.step("open"):
            await visit.goto(leads.at("/leads"))

    visiting(body, evidence=evidence)
    assert sorted(kept(evidence)) == ["steps.json"]
    assert json.loads(kept(evidence)["steps.json"])["ended"] == "well"


def test_each_visit_of_a_run_has_its_own_files(visiting: Visiting, leads: Website, evidence: EvidenceFolder) -> None:
    for _ in range(2):
        with pytest.raises(SiteChanged):
            visiting(lambda visit: fail(visit, leads), evidence=evidence)
    assert {"steps.json", "steps-2.json", "screenshot.png", "screenshot-2.png"} <= set(kept(evidence))


def test_a_dead_page_costs_the_picture_and_not_the_outcome(
    visiting: Visiting, leads: Website, evidence: EvidenceFolder
) -> None:
    async def body(visit: Visit) -> None:
        await visit.goto(leads.at("/leads"))
        session = await visit.context.new_cdp_session(visit.page)
        crash = asyncio.ensure_future(session.send("Page.crash"))
        async with visit.step("look"):
            try:
                await visit.page.get_by_role("button", name="Nothing").click()
            finally:
                crash.cancel()

    with pytest.raises(RobotError) as caught:
        visiting(body, evidence=evidence)
    assert type(caught.value).__name__ == "BrowserCrashed"
    assert "screenshot.png" in json.loads(kept(evidence)["steps.json"])["not_kept"]


def test_a_page_that_never_answers_costs_only_the_evidences_own_deadline(
    visiting: Visiting, leads: Website, evidence: EvidenceFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence_module, "_SHORT", 1.0)

    async def body(visit: Visit) -> None:
        await visit.goto(leads.at("/leads"))
        await visit.page.evaluate("setTimeout(() => { for (;;) {} }, 0)")
        raise SiteChanged("the button is not there")

    with pytest.raises(SiteChanged):
        visiting(body, evidence=evidence)
    assert "screenshot.png" in json.loads(kept(evidence)["steps.json"])["not_kept"]


def test_a_mistake_in_keeping_evidence_does_not_change_the_outcome(
    run: Run, shared_browser: Browser, leads: Website, tmp_path: Path
) -> None:
    def broken() -> list[str]:
        raise ZeroDivisionError

    in_the_way = tmp_path / "file"
    in_the_way.write_text("")

    async def body(evidence: EvidenceFolder) -> None:
        async with shared_browser.visit(leads.url, LOGIN, run="x", evidence=evidence) as visit:
            await fail(visit, leads)

    for evidence in (EvidenceFolder(tmp_path / "a", broken), EvidenceFolder(in_the_way / "b", list)):
        with pytest.raises(SiteChanged):
            run(body(evidence))


def test_a_run_keeps_no_more_than_its_budget(visiting: Visiting, leads: Website, tmp_path: Path) -> None:
    evidence = EvidenceFolder(tmp_path / "e", list, size_limit=3000)
    with pytest.raises(SiteChanged):
        visiting(lambda visit: fail(visit, leads), evidence=evidence)
    files = kept(evidence)
    assert sum(map(len, files.values())) <= 3000
    assert "too large" in json.loads(files["steps.json"])["not_kept"]["screenshot.png"]


def test_an_interrupted_visit_keeps_its_steps(
    run: Run, shared_browser: Browser, leads: Website, evidence: EvidenceFolder
) -> None:
    async def body() -> None:
        async with shared_browser.visit(leads.url, LOGIN, run="x", evidence=evidence) as visit, visit.step("wait"):
            await asyncio.sleep(60)

    async def cancelled() -> None:
        task = asyncio.create_task(body())
        await asyncio.wait({task}, timeout=1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(cancelled())
    assert sorted(kept(evidence)) == ["steps.json"]
    assert json.loads(kept(evidence)["steps.json"])["steps"][0]["failed"] == "CancelledError"
