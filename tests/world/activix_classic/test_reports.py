"""What goes wrong with the reports that the emulated classic Activix mails."""

import csv
import io
import re
import time
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest
from playwright.sync_api import Page, Playwright, expect

from emulated_world.contract import ACTIVIX_MISBEHAVIOURS
from tests.world.activix_classic.emulation import ENGLISH, ENGLISH_HEADER, Site, october
from tests.world.activix_classic.script import generate, open_my_clients, scroll_to_clients_plus

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("misbehaviour", ["no_acknowledgement", "generate_fails"])
def test_no_report_is_made(page: Page, site: Site, misbehaviour: str) -> None:
    site.misbehave(misbehaviour)
    open_my_clients(page)
    scroll_to_clients_plus(page)
    generate(page)
    expect(page.locator("#report-modal")).to_be_hidden()
    expect(page.locator(".toast-error")).to_have_count(1 if misbehaviour == "generate_fails" else 0)
    assert page.locator(".toast-success").count() == 0
    assert not site.mails


def test_never_mails(site: Site) -> None:
    site.misbehave("never_mails")
    site.sign_in()
    assert site.generate(mails=0).json()["message"] == "The report will be emailed to you shortly."
    site.get("/dashboard")
    assert not site.mails


def test_mails_late(site: Site) -> None:
    site.misbehave("mails_late")
    site.sign_in()
    asked = time.monotonic()
    site.generate()
    assert 5 < time.monotonic() - asked < 9


def test_mails_twice(site: Site) -> None:
    site.misbehave("mails_twice")
    site.sign_in()
    site.generate(mails=2)
    assert site.attachment(0) == site.attachment(1)
    assert site.mails[0][2]["Message-ID"] != site.mails[1][2]["Message-ID"]


def link_in(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body
    assert not [part for part in mail.walk() if part.get_filename()]
    found = re.search(r"https?://\S+", body.get_content())
    assert found
    return found[0]


def test_mails_link(site: Site, playwright: Playwright) -> None:
    site.misbehave("mails_link")
    site.sign_in()
    site.generate()
    link = link_in(site.mails[0][2])
    assert link.startswith(site.address)
    answer = site.visitor.get(link)
    assert len(list(csv.reader(io.StringIO(answer.text(), newline="")))) == len(october()) + 1
    stranger = playwright.request.new_context()
    assert stranger.get(link).url.endswith("/login")
    stranger.dispose()


def test_mails_foreign_link(site: Site) -> None:
    site.misbehave("mails_foreign_link")
    site.sign_in()
    site.generate()
    assert link_in(site.mails[0][2]).startswith("https://files.activix-downloads.example/")


def test_mails_zip(site: Site) -> None:
    site.misbehave("mails_zip")
    site.sign_in()
    site.generate()
    name, content = site.attachment()
    assert name.endswith(".zip")
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.namelist()[0].endswith(".csv")


def test_mails_inline_octet_stream(site: Site) -> None:
    site.misbehave("mails_inline_octet_stream")
    site.sign_in()
    site.generate()
    part = next(part for part in site.mails[0][2].walk() if part.get_filename())
    assert (part.get_content_type(), part.get_content_disposition()) == ("application/octet-stream", "inline")
    assert "filename*" in part.as_bytes().decode("ascii")


@pytest.mark.parametrize(
    ("misbehaviour", "starts"),
    [("mails_html_page", b"<!DOCTYPE html"), ("mails_excel", b"PK"), ("utf16", b"\xff\xfe")],
)
def test_the_csv_is_something_else(site: Site, misbehaviour: str, starts: bytes) -> None:
    site.misbehave(misbehaviour)
    site.sign_in()
    site.generate()
    name, content = site.attachment()
    assert name.endswith(".csv")
    assert content.startswith(starts)
    if misbehaviour == "utf16":
        assert len(site.rows("utf-16")) == len(october()) + 1


def test_mails_truncated(site: Site) -> None:
    site.misbehave("mails_truncated")
    site.sign_in()
    site.generate()
    assert not site.attachment()[1].endswith(b"\n")
    assert len(site.rows()[-1]) < len(ENGLISH_HEADER)


def test_mails_other_period(site: Site) -> None:
    site.misbehave("mails_other_period")
    site.sign_in()
    site.generate()
    place = ENGLISH_HEADER.index("Creation Date")
    assert {row[place][:7] for row in site.rows()[1:]} == {"2026-09"}


def test_mails_other_client(site: Site) -> None:
    site.misbehave("mails_other_client")
    site.sign_in()
    site.generate()
    assert site.mails[0][1] == ENGLISH
    assert {row[1] for row in site.rows()[1:]} == {"Autos Lévis"}


def test_mails_spoofed(site: Site) -> None:
    site.misbehave("mails_spoofed")
    site.sign_in()
    site.generate(mails=2)
    assert not site.mails[0][0].endswith("activix.ca")
    assert site.mails[1][0] == "reports@activix.ca"
    assert site.mails[0][2]["Subject"] == site.mails[1][2]["Subject"]


def test_caps_rows(site: Site) -> None:
    site.misbehave("caps_rows")
    site.sign_in()
    site.generate()
    assert len(site.rows()) == 101


def test_includes_date_of_birth(site: Site) -> None:
    site.misbehave("includes_date_of_birth")
    site.sign_in()
    site.generate()
    assert "Date of Birth" in site.rows()[0]


def test_adds_total_row(site: Site) -> None:
    site.misbehave("adds_total_row")
    site.sign_in()
    site.generate()
    assert site.rows()[-1][:2] == ["Total", str(len(october()))]


def test_windows_1252(site: Site) -> None:
    site.misbehave("windows_1252")
    site.sign_in()
    site.generate()
    assert len(site.rows("windows-1252")) == len(october()) + 1
    with pytest.raises(UnicodeDecodeError):
        site.rows()


def test_each_misbehaviour_of_the_contract_is_tried_here() -> None:
    tried = "".join(file.read_text("utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    assert [name for name in ACTIVIX_MISBEHAVIOURS if name not in tried] == []
