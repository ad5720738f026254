"""The upload on pages that are laid out in every way one can think of, and on ones that would lead it astray."""

import base64
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from export_robots.outcomes import UploadFailed
from export_robots.portal import PortalAnswer, UploadNotStarted, UploadUnconfirmed, upload
from export_robots.settings import PortalSettings
from tests.conftest import Run
from tests.portal.conftest import NAME, Browsers
from tests.portal.strange_portals import THANKS, StrangePortals, strange_portals

pytestmark = pytest.mark.browser


@pytest.fixture
def portals() -> Iterator[StrangePortals]:
    with strange_portals() as portals:
        yield portals


class Posting:
    def __init__(self, portals: StrangePortals, file: Path, browsers: Browsers) -> None:
        self.portals = portals
        self.file = file
        self.browsers = browsers
        self.announced = 0

    async def announce(self) -> None:
        assert not self.portals.files
        self.announced += 1

    def __call__(
        self, page: str, *, patience: int = 5, confirmation: str | None = None
    ) -> Coroutine[Any, Any, PortalAnswer]:
        return upload(
            self.browsers(patience),
            PortalSettings(url=self.portals.page(page)),
            self.file,
            dealership="ABC Autos",
            evidence=None,
            progress=None,
            before_post=self.announce,
            confirmation=confirmation,
        )


@pytest.fixture
def post(portals: StrangePortals, file: Path, browsers: Browsers) -> Posting:
    return Posting(portals, file, browsers)


@pytest.mark.parametrize(
    "layout",
    [
        "ordinary", "french", "hidden_boxes", "aria_boxes", "chooser_made_on_click", "drop_only", "posts_when_chosen",
        "list", "several_of_a_list", "combobox", "radio", "frame", "shadow", "two_places", "cookies", "newsletter",
        "alerts", "raw_put",
    ],
)  # fmt: skip
def test_the_file_arrives_once_under_its_name_with_only_crm_leads_ticked(
    layout: str, portals: StrangePortals, post: Posting, run: Run
) -> None:
    answer = run(post(layout))
    assert len(portals.files) == 1
    taken = portals.files[0]
    assert taken.boxes == ["CRM Leads"]
    assert taken.fields["dealership"] == "ABC Autos"
    assert taken.file_name == NAME
    assert taken.content == post.file.read_bytes()
    assert post.announced == 1
    assert answer.text


def test_a_page_that_posts_when_a_file_is_chosen_and_then_wants_its_form_sent(
    portals: StrangePortals, post: Posting, run: Run
) -> None:
    answer = run(post("posts_when_chosen_then_form"))
    assert answer.reference == "S-900"
    assert [posted.path.rpartition("/")[2] for posted in portals.posts] == ["post", "finish"]


def test_a_form_in_several_pages(portals: StrangePortals, post: Posting, run: Run) -> None:
    assert run(post("steps")).reference == "AB-1234"
    assert len(portals.files) == 1


def test_a_dealership_is_chosen_from_a_list_by_its_name(portals: StrangePortals, post: Posting, run: Run) -> None:
    run(post("list_of_dealerships"))
    assert portals.files[0].fields["dealership"] == "9"


def test_a_file_that_goes_as_json(portals: StrangePortals, post: Posting, run: Run) -> None:
    run(post("as_json"))
    assert [base64.b64decode(posted.content) for posted in portals.files] == [post.file.read_bytes()]


def test_a_file_that_goes_in_numbered_pieces(portals: StrangePortals, post: Posting, run: Run) -> None:
    run(post("in_pieces"))
    assert b"".join(posted.content for posted in portals.files) == post.file.read_bytes()


def test_a_redirect_after_the_post_leads_to_the_confirmation(portals: StrangePortals, post: Posting, run: Run) -> None:
    portals.answer = lambda _: (303, {"Location": "/ordinary/done", "Set-Cookie": "session=1; Path=/"}, "")
    assert run(post("ordinary")).reference == "AB-1234"
    assert len(portals.posts) == 1


def test_a_307_within_the_portal_is_followed(portals: StrangePortals, post: Posting, run: Run) -> None:
    portals.answer = lambda posted: (
        (307, {"Location": "/ordinary/other"}, "") if posted.path.endswith("/post") else (200, {}, THANKS)
    )
    run(post("ordinary"))
    assert [posted.path for posted in portals.files] == ["/ordinary/post", "/ordinary/other"]


def test_a_307_to_another_host_is_not_followed(portals: StrangePortals, post: Posting, run: Run) -> None:
    portals.answer = lambda _: (307, {"Location": f"{portals.other_url}/elsewhere"}, "")
    with pytest.raises(UploadUnconfirmed, match=r"127\.0\.0\.1, which is not the portal"):
        run(post("ordinary"))
    assert [posted.path for posted in portals.posts] == ["/ordinary/post"]


@pytest.mark.parametrize("layout", ["to_another_host", "by_script_to_another_host", "moved"])
def test_nothing_is_posted_to_another_host(layout: str, portals: StrangePortals, post: Posting, run: Run) -> None:
    with pytest.raises(UploadNotStarted):
        run(post(layout))
    assert portals.posts == []


def test_a_connection_that_is_cut_does_not_make_the_browser_post_again(
    portals: StrangePortals, post: Posting, run: Run
) -> None:
    portals.answer = lambda _: None
    with pytest.raises(UploadUnconfirmed, match="cut the connection"):
        run(post("ordinary"))
    assert len(portals.posts) == 1


def test_a_page_that_posts_twice_is_stopped(portals: StrangePortals, post: Posting, run: Run) -> None:
    run(post("posts_twice"))
    assert len(portals.files) == 1


def test_a_page_that_repeats_a_refused_post_is_stopped(portals: StrangePortals, post: Posting, run: Run) -> None:
    portals.answer = lambda _: (500, {}, "no")
    with pytest.raises(UploadFailed, match="HTTP 500") as caught:
        run(post("repeats_on_500"))
    assert not isinstance(caught.value, (UploadNotStarted, UploadUnconfirmed))
    assert len(portals.files) == 1


def test_words_that_stood_there_before_confirm_nothing(portals: StrangePortals, post: Posting, run: Run) -> None:
    portals.answer = lambda _: (200, {}, "<p>Your file has been received. Thank you!</p>")
    with pytest.raises(UploadUnconfirmed):
        run(post("thanks_beforehand"))
    assert len(portals.files) == 1


def test_a_confirmation_on_another_host_counts_for_nothing(portals: StrangePortals, post: Posting, run: Run) -> None:
    portals.answer = lambda _: (303, {"Location": f"{portals.other_url}/ordinary/done"}, "")
    with pytest.raises(UploadUnconfirmed, match="another address"):
        run(post("ordinary"))


def test_a_configured_text_counts_as_a_confirmation(portals: StrangePortals, post: Posting, run: Run) -> None:
    portals.answer = lambda _: (200, {}, "<p>All good, Clarivoy has it.</p>")
    assert run(post("ordinary", confirmation="Clarivoy has it")).text == "All good, Clarivoy has it."


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        ("demands_phone", "Phone"),
        ("demands_consent", "I accept the terms"),
        ("box_springs_back", "Sales"),
        ("two_places_untold", "several places"),
        ("button_stays_grey", "greyed out"),
        ("does_nothing", "did not send"),
        ("checks_in_page", "Please select a month"),
    ],
)
def test_a_form_that_cannot_be_sent_is_named_and_nothing_is_posted(
    layout: str, words: str, portals: StrangePortals, post: Posting, run: Run
) -> None:
    with pytest.raises(UploadNotStarted, match=words):
        run(post(layout))
    assert portals.posts == []


def test_a_large_file_arrives_whole(portals: StrangePortals, post: Posting, run: Run) -> None:
    post.file.write_bytes(b"a,b,c,d,e,f\r\n" * 4_000_000)
    run(post("ordinary", patience=20))
    assert [len(posted.content) for posted in portals.files] == [post.file.stat().st_size]
