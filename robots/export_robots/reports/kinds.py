"""Recognises what a file that should be a CSV really is: a web page, a workbook, an archive, an error message."""

import re
import zipfile
from pathlib import Path

_MAGIC = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "excel", "an Excel workbook of the old kind (.xls)"),
    (b"%PDF", "pdf", "a PDF document"),
    (b"\x1f\x8b", "gzip", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "archive", "a 7-Zip archive"),
    (b"Rar!", "archive", "a RAR archive"),
    (b"\x89PNG", "picture", "a PNG picture"),
    (b"\xff\xd8\xff", "picture", "a JPEG picture"),
    (b"GIF8", "picture", "a GIF picture"),
)
_HTML = re.compile(
    r"<(?:!doctype\s+html|html|head|body|title|meta|script|style|table|div|p|h1|br|!--)\b|<!--", re.IGNORECASE
)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_JSON = re.compile(r"\{\s*(?:\"|\}|$)|\[\s*(?:[\[{\]]|$|\"[^\"\]]*\"\s*[,\]])")
_MAIL = re.compile(
    r"(?:return-path|received|mime-version|delivered-to|from|message-id|dkim-signature):\s", re.IGNORECASE
)
_PERSONAL = re.compile(r"\S*@\S*|\+?\d[\d\s().-]{5,}\d")
_LONGEST_TITLE = 80
_TITLE_SOUGHT = 20_000

_ERROR_TEXT = re.compile(
    r"internal server error|service unavailable|bad gateway|gateway time-?out|access denied|forbidden|unauthori[sz]ed"
    r"|not found|too many requests|session (?:has )?expired|timed? ?-?out|an error (?:has )?occurred|exception"
    r"|fatal error"
    r"|under maintenance|erreur|accès refusé|session expirée|délai d.attente|en maintenance|non disponible",
    re.IGNORECASE,
)


def recognise_bytes(file: Path, head: bytes) -> tuple[str, str] | None:
    """A name and a sentence for a file that is a known kind of binary file."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _zip(file)
    for magic, name, what in _MAGIC:
        if head.startswith(magic):
            return name, f"the file is {what}, not a CSV"
    return None


def recognise_text(head: str) -> tuple[str, str] | None:
    """The same for text that is no table. A page's title is told when it is short, without addresses or numbers."""
    text = head.lstrip("\ufeff \t\r\n")
    if text.startswith(("<?xml", "<Workbook")):
        if "urn:schemas-microsoft-com:office:spreadsheet" in text:
            return "excel", "the file is an Excel workbook written as XML, not a CSV"
        if not _HTML.search(text):
            return "xml", "the file is an XML document, not a CSV"
        return _html(text)
    if _HTML.match(text):
        return _html(text)
    if _JSON.match(text):
        return "json", "the file is JSON, not a CSV"
    if _MAIL.match(text) and re.search(r"^(?:content-type|mime-version|subject):", text, re.IGNORECASE | re.MULTILINE):
        return "mail", "the file is a whole e-mail message, not a CSV"
    return None


def no_table(head: str) -> tuple[str, str]:
    """What to say of text in which no columns can be found."""
    match = _ERROR_TEXT.search(head[:4000])
    if match:
        return "error_text", f"the file is plain text that speaks of an error (“{match[0].lower()}”), not a CSV"
    return "plain_text", "the file is plain text without columns, not a CSV"


def _html(text: str) -> tuple[str, str]:
    match = _TITLE.search(text[:_TITLE_SOUGHT])
    title = " ".join(_PERSONAL.sub("…", match[1][:500]).split()) if match else ""
    if not title:
        return "html", "the file is an HTML page, not a CSV"
    if len(title) > _LONGEST_TITLE:
        title = title[: _LONGEST_TITLE - 1].rstrip() + "…"
    return "html", f"the file is an HTML page, not a CSV: its title is “{title}”"


def _zip(file: Path) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return "zip", "the file is a damaged zip archive, not a CSV"
    if any(name.startswith("xl/") for name in names):
        return "excel", "the file is an Excel workbook (.xlsx), not a CSV"
    if "mimetype" in names and "content.xml" in names:
        return "open_document", "the file is an OpenDocument file, not a CSV"
    return "zip", f"the file is a zip archive of {len(names)} file{'' if len(names) == 1 else 's'}, not a CSV"
