"""A report behind a link is fetched with the session, from the CRM's own origin only."""

import stat
from datetime import timedelta
from pathlib import Path

import pytest

from export_robots.fetching import Fetched
from export_robots.outcomes import ReportRejected, RobotError, SiteDown
from export_robots.visit import Visit
from tests.browser.conftest import Visiting
from tests.browser.website import CUT, NEVER, Website

pytestmark = pytest.mark.browser

CSV = "Prénom\r\nZoé\r\n".encode()


def fetched(visiting: Visiting, site: Website, folder: Path, url: str = "/report", **limits: object) -> Fetched:
    site.pages["/"] = "<script>document.cookie = 'session=abc; path=/'</script>"

    async def body(visit: Visit) -> Fetched:
        await visit.goto(site.url)
        return await visit.fetch(url if "://" in url else site.at(url), folder, **limits)  # type: ignore[arg-type]  # limits

    result: Fetched = visiting(body)
    return result


def refusal(visiting: Visiting, site: Website, folder: Path, url: str = "/report", **limits: object) -> RobotError:
    with pytest.raises(RobotError) as caught:
        fetched(visiting, site, folder, url, **limits)
    assert list(folder.iterdir()) == []
    return caught.value


def test_the_session_goes_along_and_the_name_is_only_a_wish(visiting: Visiting, site: Website, tmp_path: Path) -> None:
    site.pages["/report"] = (
        200,
        {
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": "attachment; filename=x.csv; filename*=UTF-8''..%2F..%2Frapport%20%C3%A9t%C3%A9.csv",
        },
        CSV,
    )
    report = fetched(visiting, site, tmp_path)
    assert report.path.parent == tmp_path
    assert report.path.read_bytes() == CSV
    assert (report.content_type, report.file_name, report.size) == ("text/csv", "../../rapport été.csv", len(CSV))
    assert stat.S_IMODE(report.path.stat().st_mode) == 0o600
    assert site.cookies[-1] == "session=abc"


def test_a_redirect_within_the_crm_is_followed(visiting: Visiting, site: Website, tmp_path: Path) -> None:
    site.pages |= {
        "/report": (302, {"Location": "/files/1.csv"}, b""),
        "/files/1.csv": (200, {"Content-Type": "text/csv"}, CSV),
    }
    assert fetched(visiting, site, tmp_path).path.read_bytes() == CSV


def test_a_link_or_redirect_to_elsewhere_is_not_followed(
    visiting: Visiting, site: Website, other_site: Website, tmp_path: Path
) -> None:
    site.pages["/report"] = (302, {"Location": other_site.at("/steal")}, b"")
    for url in (
        "/report",
        other_site.at("/report"),
        "file:///etc/passwd",
        "http://127.0.0.1@evil.example.com/",
        "ftp://x/",
    ):
        error = refusal(visiting, site, tmp_path, url)
        assert isinstance(error, ReportRejected)
        assert "another address" in error.saw
    assert other_site.asked == []


def test_a_sign_in_page_is_seen_by_its_type(visiting: Visiting, site: Website, tmp_path: Path) -> None:
    site.pages["/report"] = "<form>Sign in</form>"
    assert fetched(visiting, site, tmp_path).content_type == "text/html"


@pytest.mark.parametrize("size", ["told", "untold"])
def test_too_large_a_file_is_not_kept(visiting: Visiting, site: Website, tmp_path: Path, size: str) -> None:
    headers = {"Content-Type": "text/csv"}
    if size == "untold":
        headers["Content-Length"] = ""
    site.pages["/report"] = (200, headers, b"x" * 3000)
    assert "larger than" in refusal(visiting, site, tmp_path, size_limit=1000).saw


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((503, {}, b""), SiteDown),
        ((404, {}, b""), ReportRejected),
        ((302, {"Location": "/report"}, b""), ReportRejected),
        (CUT, SiteDown),
        ((200, {"Content-Length": "999"}, CSV), SiteDown),
    ],
)
def test_a_link_that_gives_no_file_is_named(
    visiting: Visiting,
    site: Website,
    tmp_path: Path,
    answer: str | tuple[int, dict[str, str], bytes],
    kind: type[RobotError],
) -> None:
    site.pages["/report"] = answer
    assert type(refusal(visiting, site, tmp_path)) is kind


def test_silence_ends_at_the_deadline(visiting: Visiting, site: Website, tmp_path: Path) -> None:
    site.pages["/report"] = NEVER
    error = refusal(visiting, site, tmp_path, within=timedelta(seconds=1))
    assert isinstance(error, SiteDown)
    site.ended.set()
