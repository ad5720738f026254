"""Both portals, driven by the straight-line script that a person who knows the page would write."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from emulated_world.portals.receiving import BOXES, OTHER_FILE, TICKED_AMISS
from emulated_world.world import EmulatedWorld, running_world
from export_robots.chromium import find_chromium
from export_robots.settings import BrowserSettings
from tests.conftest import Run

pytestmark = pytest.mark.browser
DEALERSHIP = "ABC Autos"


@pytest.fixture(scope="module")
def chromium(run: Run) -> Iterator[Browser]:
    async def start() -> tuple[Any, Browser]:
        playwright = await async_playwright().start()
        program = find_chromium(BrowserSettings(), bundled=playwright.chromium.executable_path)
        return playwright, await playwright.chromium.launch(executable_path=program, chromium_sandbox=False)

    async def stop() -> None:
        await started.close()
        await playwright.stop()

    playwright, started = run(start())
    yield started
    run(stop())


@pytest.fixture(scope="module", params=["plain", "dropzone"])
def portal(request: pytest.FixtureRequest) -> Iterator[EmulatedWorld]:
    with running_world(site=None, portal=request.param) as world:
        yield world


@pytest.fixture
def world(portal: EmulatedWorld) -> Iterator[EmulatedWorld]:
    yield portal
    portal.misbehaviours.clear()
    portal.portal_journal.entries.clear()
    for path in portal.received.iterdir():
        path.unlink()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ABC Autos – Activix CRM – Oct 2026.csv"
    path.write_bytes("Prénom,Téléphone\r\nZoé,418 555-0101\r\n".encode())
    return path


class Person:
    """Knows both pages by heart."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def is_on_plain(self) -> bool:
        return await self.page.get_by_label("Dealership Name").count() == 1

    async def fill(self, *files: Path, boxes: tuple[str, ...] = ("CRM Leads",), dealership: str = DEALERSHIP) -> None:
        page = self.page
        if await self.is_on_plain():
            await page.get_by_label("Dealership Name").fill(dealership)
            await page.get_by_label("Files").set_input_files(files)
        else:
            await page.get_by_placeholder("Dealership Name").fill(dealership)
            await page.locator("input[type=file]").set_input_files(files)
        for box in boxes:
            await page.get_by_text(box, exact=True).click()

    async def submit(self) -> None:
        await self.page.get_by_role("button", name="Submit").click()


Script = Callable[[Person], Coroutine[Any, Any, None]]


@pytest.fixture
def visit(world: EmulatedWorld, chromium: Browser, run: Run) -> Callable[[Script], None]:
    @asynccontextmanager
    async def person() -> AsyncIterator[Person]:
        context = await chromium.new_context()
        try:
            page = await context.new_page()
            await page.goto(world.portal_url)
            yield Person(page)
        finally:
            await context.close()

    async def follow(script: Script) -> None:
        async with person() as at_the_portal:
            await script(at_the_portal)

    return lambda script: run(follow(script))


def test_a_file_is_received_byte_for_byte_and_confirmed(
    world: EmulatedWorld, visit: Callable[[Script], None], file: Path
) -> None:
    async def script(person: Person) -> None:
        await person.fill(file)
        await person.submit()
        await expect(person.page.get_by_text("MTSA-")).to_be_visible()
        await expect(person.page.locator("main")).to_contain_text(file.name)

    visit(script)
    (upload,) = world.portal_journal.of("upload")
    assert upload["fields"] == {"dealership": DEALERSHIP, "email": "", "contact": "", "notes": ""}
    assert upload["boxes"] == ["CRM Leads"]
    assert upload["file_name"] == file.name
    assert upload["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert upload["size"] == file.stat().st_size
    assert upload["accepted"]
    assert upload["reference"].startswith("MTSA-")
    assert (world.received / file.name).read_bytes() == file.read_bytes()


def test_several_files_and_the_same_one_again_are_all_kept(
    world: EmulatedWorld, visit: Callable[[Script], None], file: Path
) -> None:
    other = file.with_name("notes.txt")
    other.write_text("x")

    async def script(person: Person) -> None:
        await person.fill(file, other)
        await person.submit()
        await expect(person.page.get_by_text("MTSA-").first).to_be_visible()

    visit(script)
    visit(script)
    assert sorted(path.name for path in world.received.iterdir()) == sorted(
        [file.name, f"{file.stem} (2).csv", "notes.txt", "notes (2).txt"]
    )
    assert len(world.portal_journal.of("upload")) == 4


def test_a_form_that_is_not_filled_is_not_taken(
    world: EmulatedWorld, visit: Callable[[Script], None], file: Path
) -> None:
    async def no_dealership(person: Person) -> None:
        await person.fill(file, dealership="  ")
        await person.submit()
        await expect(person.page.get_by_role("alert")).to_contain_text("dealership")

    async def no_box(person: Person) -> None:
        await person.fill(file, boxes=())
        await person.submit()
        await expect(person.page.get_by_role("alert")).to_contain_text("at least one type")

    visit(no_dealership)
    visit(no_box)
    assert not any(upload["accepted"] for upload in world.portal_journal.of("upload"))
    assert list(world.received.iterdir()) == []


@pytest.mark.parametrize(
    ("misbehaviour", "words"),
    [("refuses_file", "cannot accept this file"), ("says_error_200", "An error occurred")],
)
def test_a_refusal_is_said_on_the_page(
    world: EmulatedWorld, visit: Callable[[Script], None], file: Path, misbehaviour: str, words: str
) -> None:
    statuses = []

    async def script(person: Person) -> None:
        await person.fill(file)
        async with person.page.expect_response(lambda answer: answer.request.method == "POST") as answer:
            await person.submit()
        statuses.append((await answer.value).status)
        await expect(person.page.get_by_role("alert")).to_contain_text(words)

    world.misbehaviours.add(misbehaviour)
    visit(script)
    assert statuses == [200 if misbehaviour.endswith("200") else 422]
    assert [upload["accepted"] for upload in world.portal_journal.of("upload")] == [False]
    assert list(world.received.iterdir()) == []


def test_silence_keeps_the_file_and_says_nothing(
    world: EmulatedWorld, visit: Callable[[Script], None], file: Path
) -> None:
    async def script(person: Person) -> None:
        await person.fill(file)
        async with person.page.expect_response(lambda answer: answer.request.method == "POST"):
            await person.submit()
        await person.page.wait_for_load_state("networkidle")
        text = await person.page.locator("body").inner_text()
        assert "MTSA-" not in text
        assert "received" not in text.lower()
        assert "error" not in text.lower()

    world.misbehaviours.add("silent")
    visit(script)
    (upload,) = world.portal_journal.of("upload")
    assert upload["accepted"]
    assert upload["reference"] is None
    assert (world.received / file.name).exists()


def test_a_failure_is_an_http_500(world: EmulatedWorld, visit: Callable[[Script], None], file: Path) -> None:
    async def script(person: Person) -> None:
        await person.fill(file)
        async with person.page.expect_response(lambda answer: answer.request.method == "POST") as answer:
            await person.submit()
        assert (await answer.value).status == 500
        await expect(person.page.get_by_text("Internal Server Error").first).to_be_visible()

    world.misbehaviours.add("fails_with_500")
    visit(script)
    assert [upload["accepted"] for upload in world.portal_journal.of("upload")] == [False]


def test_a_cut_comes_after_the_whole_post_and_counts_once(
    world: EmulatedWorld, visit: Callable[[Script], None], file: Path
) -> None:
    async def script(person: Person) -> None:
        await person.fill(file)
        async with person.page.expect_event("requestfailed") as failed:
            await person.submit()
        assert (await failed.value).failure == "net::ERR_EMPTY_RESPONSE"

    world.misbehaviours.add("cuts_connection")
    visit(script)
    # Chromium itself repeats such a post; the journal tells the two apart.
    assert [upload["accepted"] for upload in world.portal_journal.of("upload")] == [True]
    assert [path.read_bytes() for path in world.received.iterdir()] == [file.read_bytes()]


def test_a_slow_confirmation_comes_five_seconds_after_the_post(
    world: EmulatedWorld, visit: Callable[[Script], None], file: Path
) -> None:
    seconds = []

    async def script(person: Person) -> None:
        await person.fill(file)
        loop = asyncio.get_running_loop()
        begin = loop.time()
        await person.submit()
        await expect(person.page.get_by_text("MTSA-")).to_be_visible(timeout=20_000)
        seconds.append(loop.time() - begin)

    world.misbehaviours.add("slow_confirmation")
    visit(script)
    assert 4.5 < seconds[0] < 15


def test_the_box_can_be_missing(world: EmulatedWorld, visit: Callable[[Script], None]) -> None:
    async def script(person: Person) -> None:
        boxes = person.page.get_by_role("checkbox")
        await expect(boxes).to_have_count(len(BOXES) - 1)
        await expect(person.page.get_by_text("CRM Leads")).to_have_count(0)

    world.misbehaviours.add("box_missing")
    visit(script)


def test_other_boxes_can_be_ticked_from_the_start(
    world: EmulatedWorld, visit: Callable[[Script], None], file: Path
) -> None:
    async def as_it_is(person: Person) -> None:
        await person.fill(file)
        await person.submit()
        await expect(person.page.get_by_text("MTSA-")).to_be_visible()

    world.misbehaviours.add("boxes_ticked")
    visit(as_it_is)
    (upload,) = world.portal_journal.of("upload")
    assert sorted(upload["boxes"]) == sorted(["CRM Leads", *TICKED_AMISS])


def test_no_box_is_ticked_from_the_start_otherwise(visit: Callable[[Script], None]) -> None:
    async def script(person: Person) -> None:
        await expect(person.page.get_by_role("checkbox")).to_have_count(len(BOXES))
        await expect(person.page.get_by_role("checkbox", checked=True)).to_have_count(0)

    visit(script)


def test_every_page_can_be_down(world: EmulatedWorld, visit: Callable[[Script], None]) -> None:
    async def script(person: Person) -> None:
        answer = await person.page.goto(world.portal_url)
        assert answer
        assert answer.status == 503

    world.misbehaviours.add("down")
    visit(script)


def test_an_e_mail_address_can_be_required(world: EmulatedWorld, visit: Callable[[Script], None], file: Path) -> None:
    async def script(person: Person) -> None:
        await person.fill(file)
        await person.submit()
        email = person.page.get_by_label("Email").or_(person.page.get_by_placeholder("E-mail"))
        if not await person.is_on_plain():  # the plain form leaves it to the browser to say so
            await expect(person.page.get_by_role("alert")).to_contain_text("e-mail")
        assert world.portal_journal.entries == []
        await email.fill("datateam@example.com")
        await person.submit()
        await expect(person.page.get_by_text("MTSA-")).to_be_visible()

    world.misbehaviours.add("wants_email")
    visit(script)
    assert [upload["fields"]["email"] for upload in world.portal_journal.of("upload")] == ["datateam@example.com"]


def test_the_confirmation_can_name_another_file(
    world: EmulatedWorld, visit: Callable[[Script], None], file: Path
) -> None:
    async def script(person: Person) -> None:
        await person.fill(file)
        await person.submit()
        await expect(person.page.get_by_text("MTSA-")).to_be_visible()
        await expect(person.page.locator("main")).to_contain_text(OTHER_FILE)

    world.misbehaviours.add("confirms_other_file")
    visit(script)
    assert [upload["file_name"] for upload in world.portal_journal.of("upload")] == [file.name]
