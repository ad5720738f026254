import base64
import gzip
import html
import io
import json
import zipfile
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export_robots.redaction import MASK, CannotScan, Redactor, SecretScan, bare_url

SECRET = "Pä$$ & wörd+/%41'\"<😀>"
secrets = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=5, max_size=40).filter(
    lambda text: len(text.strip()) >= 5
)


def zipped(data: bytes, name: str = "inner") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return packed.getvalue()


def upper_hex(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def lower_hex(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "plain": lambda text: text.encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16-le, shifted": lambda text: b"x" + text.encode("utf-16-le"),
    "utf-16-be": lambda text: text.encode("utf-16-be"),
    "url": lambda text: quote(text, safe="").encode(),
    "url, plus for space": lambda text: quote_plus(text).encode(),
    "url, every byte": lambda text: upper_hex(text).encode(),
    "url, every byte, small": lambda text: lower_hex(text).encode(),
    "url, twice": lambda text: quote(quote(text, safe=""), safe="").encode(),
    "html": lambda text: html.escape(text).encode(),
    "html, decimal": lambda text: "".join(f"&#{ord(c)};" for c in text).encode(),
    "html, hexadecimal": lambda text: "".join(f"&#x{ord(c):X};" for c in text).encode(),
    "json": lambda text: json.dumps(text).encode(),
    "json, unicode": lambda text: json.dumps(text, ensure_ascii=False).encode(),
    "json, in json": lambda text: json.dumps(json.dumps({"p": text})).encode(),
    "json, every character": lambda text: "".join(
        f"\\u{unit:04X}" for unit in memoryview(text.encode("utf-16-le")).cast("H")
    ).encode(),
    "json in url": lambda text: quote(json.dumps(text), safe="").encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64, second third": lambda text: base64.b64encode(b"a" + text.encode() + b"tail"),
    "base64, last third": lambda text: base64.b64encode(b"ab" + text.encode()),
    "base64, url-safe": lambda text: base64.urlsafe_b64encode(b"ab" + text.encode()),
    "base64, user and password": lambda text: base64.b64encode(b"user@example.com:" + text.encode()),
    "base64, in lines": lambda text: base64.encodebytes(b"x" * 50 + text.encode() + b"y" * 90),
    "base64, utf-16": lambda text: base64.b64encode(text.encode("utf-16-le")),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "zip": lambda text: zipped(text.encode()),
    "zip in zip": lambda text: zipped(zipped(quote(text, safe="").encode())),
    "name in zip": lambda text: zipped(b"", text),
    "gzip": lambda text: gzip.compress(text.encode()),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_secret_is_found_in_every_encoding(encoding: str) -> None:
    held = ENCODINGS[encoding](SECRET)
    data = held if encoding.startswith(("zip", "name", "gzip")) else b'{"x": "1"} ' + held + b" rest"
    if encoding.startswith("utf-16"):
        data = held
    assert SecretScan(["other-secret", SECRET]).finds(data)
    assert not SecretScan(["other-secret"]).finds(data)


@given(secrets, st.sampled_from([name for name in ENCODINGS if "zip" not in name]))
def test_any_secret_is_found_in_any_encoding(secret: str, encoding: str) -> None:
    assert SecretScan([secret]).finds(ENCODINGS[encoding](secret))


@given(secrets, st.text(max_size=200))
def test_no_secret_is_left_in_a_redacted_text(secret: str, text: str) -> None:
    assert secret not in Redactor([secret]).secrets(f"{text} {secret} {text}").replace(MASK, "")


def test_an_archive_that_cannot_be_read_is_not_taken_for_clean() -> None:
    with pytest.raises(CannotScan):
        SecretScan([SECRET]).finds(zipped(b"abc")[:40])
    deep = b"x"
    for _ in range(8):
        deep = zipped(deep)
    with pytest.raises(CannotScan):
        SecretScan([SECRET]).finds(deep)


def test_a_very_short_secret_does_not_make_everything_a_find() -> None:
    scan = SecretScan(["ab", "1"])
    assert scan.too_short == 2
    assert not scan.finds(b"about 1 cab")
    assert Redactor(["ab"]).text("about ab, cab") == f"about {MASK}, cab"


def test_addresses_numbers_and_queries_are_taken_out_and_dates_are_kept() -> None:
    redact = Redactor([SECRET], ["datateam+abc@example.com"]).text
    for text in (
        "jane.o'neil+x@example.org",
        "514-555-0199",
        "(514) 555-0199",
        "+1 514 555 0199",
        "15145550199",
        "514 555 0199",
        "514.555.0199",
        "06 12 34 56 78",
        "555-0199",
        "jane%40example.org",
    ):
        assert redact(f"call {text} now") == f"call {MASK} now", text
    for text in (
        "2026-10-01 to 2026-10-31",
        "01/10/2026",
        "Oct 1, 2026 - Oct 31, 2026",
        "12,345 rows",
        "12 345 lignes",
        "datateam+abc@example.com",
        "HTTP 503 after 30000 ms",
        "version 126.0.6478",
    ):
        assert redact(text) == text
    assert (
        redact("at https://u:p@crm.example.com/leads/12345?q=Jane#Doe now")
        == "at https://crm.example.com/leads/…?… now"
    )
    assert redact("GET /leads?name=Jane&x=1 failed") == "GET /leads?… failed"


@pytest.mark.parametrize("url", ["data:text/plain,Jane", "blob:https://x/1", "http://[bad", "about:blank"])
def test_an_address_of_another_kind_keeps_nothing(url: str) -> None:
    assert "Jane" not in bare_url(url)
