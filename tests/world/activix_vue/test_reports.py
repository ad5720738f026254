"""What goes wrong with the reports that the emulated Activix with Vue mails."""

import io
import re
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import APIRequestContext, Playwright

from emulated_world.contract import ACTIVIX_MISBEHAVIOURS
from tests.world.activix_vue.emulation import ENGLISH, ZONE, RunningSite, attachment, created_in_october, rows_of
from tests.world.activix_vue.script import ask

pytestmark = pytest.mark.browser


def mailed(api: APIRequestContext, site: RunningSite, name: str) -> bytes:
    site.world.misbehaviours |= {name}
    ask(api, site)
    return site.outbox.report()


def test_never_mails_and_mails_late(api: APIRequestContext, site: RunningSite) -> None:
    site.world.misbehaviours |= {"never_mails"}
    ask(api, site)
    site.world.misbehaviours ^= {"never_mails", "mails_late"}
    asked = datetime.now(ZONE)
    ask(api, site)
    site.outbox.wait_for()
    assert datetime.now(ZONE) - asked > timedelta(seconds=5.5)
    assert len(site.world.journal.of("report_requested")) == 2
    assert len(site.outbox.mails) == 1


def test_mails_twice(api: APIRequestContext, site: RunningSite) -> None:
    site.world.misbehaviours |= {"mails_twice"}
    ask(api, site)
    mails = [mail for _, _, mail in site.outbox.wait_for(2)]
    assert attachment(mails[0]) == attachment(mails[1])
    assert mails[0]["Message-ID"] != mails[1]["Message-ID"]


def test_mails_link(api: APIRequestContext, playwright: Playwright, site: RunningSite) -> None:
    site.world.misbehaviours |= {"mails_link"}
    ask(api, site)
    link = re.search(r"http\S+", site.outbox.wait_for()[0][2].get_content())
    assert link
    assert link[0].startswith(site.url)
    assert len(rows_of(api.get(link[0]).body())) > 100
    stranger = playwright.request.new_context()
    assert "text/html" in stranger.get(link[0]).headers["content-type"]
    stranger.dispose()


def test_mails_foreign_link(api: APIRequestContext, site: RunningSite) -> None:
    site.world.misbehaviours |= {"mails_foreign_link"}
    ask(api, site)
    text = site.outbox.wait_for()[0][2].get_content()
    assert "https://" in text
    assert site.url not in text


def test_mails_zip(api: APIRequestContext, site: RunningSite) -> None:
    with zipfile.ZipFile(io.BytesIO(mailed(api, site, "mails_zip"))) as archive:
        assert archive.namelist() == ["clients_20261001_20261031.csv"]
        assert len(rows_of(archive.read(archive.namelist()[0]))) > 100


def test_mails_inline_octet_stream(api: APIRequestContext, site: RunningSite) -> None:
    assert len(rows_of(mailed(api, site, "mails_inline_octet_stream"))) > 100
    part = list(site.outbox.mails[0][2].walk())[-1]
    assert part.get_content_type() == "application/octet-stream"
    assert part["Content-Disposition"].startswith("inline;")
    assert b"filename*=utf-8''clients%20%E2%80%93%20" in bytes(site.outbox.mails[0][2])


def test_mails_html_page_and_excel(api: APIRequestContext, site: RunningSite) -> None:
    assert mailed(api, site, "mails_html_page").startswith(b"<!DOCTYPE html>")
    site.world.misbehaviours ^= {"mails_html_page", "mails_excel"}
    ask(api, site)
    mail = site.outbox.wait_for(2)[1][2]
    assert zipfile.is_zipfile(io.BytesIO(attachment(mail)))
    assert "clients_20261001_20261031.csv" in {part.get_filename() for part in mail.walk()}


def test_mails_truncated(api: APIRequestContext, site: RunningSite) -> None:
    rows = rows_of(mailed(api, site, "mails_truncated"))
    assert len(rows[-1]) < len(rows[0])


def test_mails_other_period_and_other_client(api: APIRequestContext, site: RunningSite) -> None:
    _, *rows = rows_of(mailed(api, site, "mails_other_period"))
    assert {row[1][:7] for row in rows} == {"2026-09"}
    site.world.misbehaviours ^= {"mails_other_period", "mails_other_client"}
    ask(api, site)
    _, recipient, mail = site.outbox.wait_for(2)[1]
    _, *rows = rows_of(attachment(mail))
    assert recipient == ENGLISH
    assert {row[0] for row in rows} == {str(lead.number) for lead in created_in_october("Lévis Auto")}


def test_mails_spoofed(api: APIRequestContext, site: RunningSite) -> None:
    site.world.misbehaviours |= {"mails_spoofed"}
    ask(api, site)
    (false, real) = site.outbox.wait_for(2)
    assert "activix.ca" not in false[0] + false[2]["From"]
    assert false[2]["Subject"] == real[2]["Subject"]
    assert attachment(false[2]) != attachment(real[2])


@pytest.mark.parametrize(("name", "encoding"), [("utf16", "utf-16"), ("windows_1252", "cp1252")])
def test_other_encodings(api: APIRequestContext, site: RunningSite, name: str, encoding: str) -> None:
    content = mailed(api, site, name)
    assert len(rows_of(content, encoding)) == len(created_in_october("ABC Autos")) + 1
    with pytest.raises(UnicodeDecodeError):
        content.decode("utf-8")


def test_rows_and_columns_that_should_not_be_as_they_are(api: APIRequestContext, site: RunningSite) -> None:
    assert len(rows_of(mailed(api, site, "caps_rows"))) == 101
    site.world.misbehaviours ^= {"caps_rows", "includes_date_of_birth"}
    ask(api, site)
    assert "Date of Birth" in rows_of(attachment(site.outbox.wait_for(2)[1][2]))[0]
    site.world.misbehaviours ^= {"includes_date_of_birth", "adds_total_row"}
    ask(api, site)
    last = rows_of(attachment(site.outbox.wait_for(3)[2][2]))[-1]
    assert last[:2] == ["Total", str(len(created_in_october("ABC Autos")))]


def test_every_misbehaviour_has_a_test_here() -> None:
    text = "".join(file.read_text("utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    assert [name for name in ACTIVIX_MISBEHAVIOURS if f'"{name}"' not in text] == []
