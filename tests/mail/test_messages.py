"""The corpus: one oddity in each messages/*.eml, and beside it what is to be found."""

import hashlib
import tomllib
from pathlib import Path
from typing import Any

import pytest

from report_mailbox.attachments import contents_of
from report_mailbox.links import ForeignLink, Link, SeveralLinks, report_link
from report_mailbox.mailbox import Limits
from report_mailbox.message import delivered_to, read_headers, sender_of, split_header_block

MESSAGES = sorted((Path(__file__).parent / "messages").glob("*.eml"))


def expected_of(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.with_suffix(".toml").read_text("utf-8"))


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_what_is_in_an_odd_mail(path: Path) -> None:
    expected = expected_of(path)
    raw = path.read_bytes()
    headers = read_headers(split_header_block(raw))
    contents = contents_of(raw, Limits())
    delivered = delivered_to(headers, {"datateam@example.com"})

    assert (sender_of(headers) or "") == expected["sender"]
    assert (delivered.address or "") == expected["delivered_to"]
    assert list(delivered.several) == expected.get("several", [])
    found = [{"name": file.name, "sha256": hashlib.sha256(file.content).hexdigest()} for file in contents.files]
    assert found == expected.get("files", [])
    assert list(contents.obstacles) == expected.get("obstacles", [])
    assert list(contents.others) == expected.get("others", [])
    assert (contents.code or "") == expected.get("code", "")


@pytest.mark.parametrize(
    "path", [path for path in MESSAGES if path.stem.startswith("link")], ids=lambda path: path.stem
)
def test_which_link_is_the_report(path: Path) -> None:
    link = report_link(contents_of(path.read_bytes(), Limits()).links, ["crm.activix.ca"])
    match link:
        case Link():
            found = link.url
        case ForeignLink():
            found = f"foreign: {link.host}"
        case SeveralLinks():
            found = f"{link.count} links"
        case None:
            found = "none"
    assert found == expected_of(path)["link"]


def test_a_mail_without_a_link_to_a_report_has_none() -> None:
    for path in MESSAGES:
        if not path.stem.startswith("link"):
            links = contents_of(path.read_bytes(), Limits()).links
            assert report_link(links, ["crm.activix.ca"]) is None, path.stem
