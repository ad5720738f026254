import gzip
import io
import zipfile
from pathlib import Path

import pytest

from tests.reports.csv_files import HEADER, check, lead, leads, names, table, write, write_bytes


def zipped(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return content.getvalue()


PAGE = b"<!DOCTYPE html>\r\n<html><head><title>Sign in \xe2\x80\x93 CRM</title></head><body>a,b,c</body></html>"
WORKBOOK_XML = b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"></Workbook>'
KINDS = [
    ("html", PAGE, "the file is an HTML page, not a CSV: its title is “Sign in – CRM”"),
    ("html", b"\xef\xbb\xbf\n <table><tr><td>Date</td></tr></table>", "the file is an HTML page, not a CSV"),
    ("html", PAGE.decode().encode("utf-16"), "the file is an HTML page, not a CSV: its title is “Sign in – CRM”"),
    ("excel", zipped("[Content_Types].xml", "xl/workbook.xml"), "the file is an Excel workbook (.xlsx), not a CSV"),
    ("excel", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "an Excel workbook of the old kind"),
    ("excel", WORKBOOK_XML, "the file is an Excel workbook written as XML, not a CSV"),
    ("open_document", zipped("mimetype", "content.xml"), "the file is an OpenDocument file, not a CSV"),
    ("xml", b'<?xml version="1.0"?><leads><lead/></leads>', "the file is an XML document, not a CSV"),
    ("json", b'{"error": {"code": 500, "message": "a,b,c"}}', "the file is JSON, not a CSV"),
    ("json", b'[{"date": "2026-10-01"}, {"date": "2026-10-02"}]', "the file is JSON, not a CSV"),
    ("pdf", b"%PDF-1.7\n1 0 obj", "the file is a PDF document, not a CSV"),
    ("zip", zipped("leads.csv"), "the file is a zip archive of 1 file, not a CSV"),
    ("zip", zipped("a.csv", "b.csv")[:40], "the file is a damaged zip archive, not a CSV"),
    ("gzip", gzip.compress(b"a,b\n1,2\n"), "the file is a gzip archive, not a CSV"),
    ("picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "the file is a PNG picture, not a CSV"),
    ("mail", b"Return-Path: <a@example.com>\r\nSubject: Leads\r\n\r\na,b\r\n", "a whole e-mail message"),
    ("error_text", b"503 Service Unavailable\n", "speaks of an error (“service unavailable”), not a CSV"),
    ("plain_text", b"Your report will be ready soon.\n", "the file is plain text without columns, not a CSV"),
    ("plain_text", b"a,b," * 100_000, "the file is plain text without columns, not a CSV"),
    ("no_content", b"", "the file is empty"),
    ("no_content", b"\xef\xbb\xbf\r\n \r\n", "the file holds nothing but blank space"),
    ("binary", bytes(range(256)) * 20, "the file is not text"),
    ("binary", table([HEADER, *leads(3)]).encode() + b"\0" * 4096, "the file is not text"),
    ("binary", table([HEADER, *leads(3)]).encode("utf-32"), "the file is not text"),
]


# By name: some contents hold the time at which they were packed, and every worker must find the same tests.
@pytest.mark.parametrize(("name", "content", "sentence"), KINDS, ids=[name for name, _, _ in KINDS])
def test_says_what_a_file_that_is_no_csv_really_is(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    result = check(write_bytes(tmp_path, content))
    assert names(result) == [name]
    assert result.refused
    assert sentence in result.reasons[0]
    assert (result.rows, result.columns, result.first, result.empty) == (0, 0, None, False)
    assert len(result.sha256) == 64


def test_a_page_title_is_told_without_addresses_and_numbers(tmp_path: Path) -> None:
    title = "Lead of zoe@example.com, +1 418 555-0199 - CRM"
    result = check(write_bytes(tmp_path, f"<html><title>{title}</title>".encode()))
    assert result.reasons == ("the file is an HTML page, not a CSV: its title is “Lead of … … - CRM”",)


def test_a_long_page_title_is_cut(tmp_path: Path) -> None:
    result = check(write_bytes(tmp_path, b"<html><title>" + b"word " * 100 + b"</title>"))
    assert len(result.reasons[0]) < 150


def test_a_csv_whose_texts_hold_markup_is_a_csv(tmp_path: Path) -> None:
    rows = [lead(1, Lead_Source="<html>"), lead(2, Lead_Source='{"a": 1}')]
    assert names(check(write(tmp_path, rows))) == []
