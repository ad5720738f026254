"""The upload against both portals of the emulated world, well-behaved and with each of their misbehaviours."""

import hashlib
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulated_world.contract import PORTAL_MISBEHAVIOURS
from emulated_world.world import EmulatedWorld, running_world
from export_robots.outcomes import Outcome, UploadFailed
from export_robots.portal import PortalAnswer, PortalDown, UploadNotStarted, UploadUnconfirmed, upload
from export_robots.settings import PortalSettings
from tests.conftest import Run
from tests.portal.conftest import NAME, Browsers

pytestmark = pytest.mark.browser


@pytest.fixture(params=["plain", "dropzone"])
def world(request: pytest.FixtureRequest) -> Iterator[EmulatedWorld]:
    with running_world(site=None, portal=request.param) as world:
        yield world


@pytest.fixture
def posting(world: EmulatedWorld, file: Path, browsers: Browsers) -> "Posting":
    return Posting(world, file, browsers)


class Posting:
    """One call of `upload`, and whether it said beforehand that it was about to post."""

    def __init__(self, world: EmulatedWorld, file: Path, browsers: Browsers) -> None:
        self.world = world
        self.file = file
        self.browsers = browsers
        self.uploads_when_announced: list[int] = []

    async def announce(self) -> None:
        self.uploads_when_announced.append(len(self.uploads))

    def __call__(self, *, patience: int = 5, email: str | None = None) -> Coroutine[Any, Any, PortalAnswer]:
        return upload(
            self.browsers(patience),
            PortalSettings(url=self.world.portal_url, email=email),
            self.file,
            dealership="ABC Autos",
            evidence=None,
            progress=None,
            before_post=self.announce,
        )

    @property
    def uploads(self) -> list[dict[str, Any]]:
        return self.world.portal_journal.of("upload")


def test_the_portal_gets_the_file_once_with_the_dealership_and_one_box(
    world: EmulatedWorld, posting: Posting, run: Run
) -> None:
    answer = run(posting())
    assert len(posting.uploads) == 1
    taken = posting.uploads[0]
    assert taken["boxes"] == ["CRM Leads"]
    assert "ABC Autos" in taken["fields"].values()
    assert taken["file_name"] == NAME
    assert taken["sha256"] == hashlib.sha256(posting.file.read_bytes()).hexdigest()
    assert answer.reference == taken["reference"]
    assert answer.text
    assert posting.uploads_when_announced == [0]


def test_boxes_that_are_ticked_beforehand_are_unticked(world: EmulatedWorld, posting: Posting, run: Run) -> None:
    world.misbehaviours.add("boxes_ticked")
    run(posting())
    assert [taken["boxes"] for taken in posting.uploads] == [["CRM Leads"]]


def test_a_confirmation_may_take_its_time(world: EmulatedWorld, posting: Posting, run: Run) -> None:
    world.misbehaviours.add("slow_confirmation")
    assert run(posting(patience=20)).reference == posting.uploads[0]["reference"]


def test_an_email_field_is_filled_with_the_configured_address(world: EmulatedWorld, posting: Posting, run: Run) -> None:
    world.misbehaviours.add("wants_email")
    run(posting(email="datateam@example.com"))
    assert "datateam@example.com" in posting.uploads[0]["fields"].values()


@pytest.mark.parametrize(
    ("misbehaviour", "kind", "posts"),
    [
        ("refuses_file", UploadFailed, 1),
        ("says_error_200", UploadFailed, 1),
        ("fails_with_500", UploadFailed, 1),
        ("silent", UploadUnconfirmed, 1),
        ("cuts_connection", UploadUnconfirmed, 1),
        ("confirms_other_file", UploadUnconfirmed, 1),
        ("box_missing", UploadNotStarted, 0),
        ("wants_email", UploadNotStarted, 0),
        ("down", PortalDown, 0),
    ],
)
def test_a_misbehaving_portal_is_never_taken_for_a_confirming_one(
    world: EmulatedWorld, posting: Posting, run: Run, misbehaviour: str, kind: type[UploadFailed], posts: int
) -> None:
    world.misbehaviours.add(misbehaviour)
    with pytest.raises(UploadFailed) as caught:
        run(posting())
    assert type(caught.value) is kind, caught.value.saw
    assert len(posting.uploads) == posts
    assert posting.uploads_when_announced == [0] * posts


def test_every_misbehaviour_of_the_portals_is_tried_here() -> None:
    tried = Path(__file__).read_text(encoding="utf-8")
    assert not [name for name in PORTAL_MISBEHAVIOURS if f'"{name}"' not in tried]


def test_a_portal_that_is_down_may_be_tried_again_later(world: EmulatedWorld, posting: Posting, run: Run) -> None:
    world.misbehaviours.add("down")
    with pytest.raises(PortalDown) as caught:
        run(posting())
    assert caught.value.outcome is Outcome.UPLOAD_FAILED
    assert "again later" in caught.value.hint


def test_nothing_is_posted_when_the_intent_cannot_be_written_down(
    world: EmulatedWorld, posting: Posting, run: Run
) -> None:
    class DiskFull(Exception):
        pass

    async def fail() -> None:
        raise DiskFull

    posting.announce = fail  # type: ignore[method-assign]
    with pytest.raises(DiskFull):
        run(posting())
    assert posting.uploads == []
