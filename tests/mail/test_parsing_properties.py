"""What holds for every mail: nothing raises, nothing is lost or altered, nothing comes from elsewhere."""

import base64
import binascii
import gzip
import io
import quopri
import zipfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.utils import encode_rfc2231
from urllib.parse import urlsplit

from hypothesis import given, settings
from hypothesis import strategies as st

from report_mailbox.attachments import MailTooOdd, contents_of, is_plain
from report_mailbox.decoding import Damaged, decoded
from report_mailbox.links import Link, follows, links_in, report_link
from report_mailbox.mailbox import Limits
from report_mailbox.matching import CLOCK_TOLERANCE, Expectation, MailFacts, Turned, answerable
from report_mailbox.message import delivered_to, domain_of, read_headers, sender_of, split_header_block
from report_mailbox.unpacking import NotUnpacked, Room, gunzip, unzip_one

LIMITS = Limits(unpacked_bytes=2_000_000, packed_files=5, parts=50, header_bytes=20_000)
NOW = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
HOSTS = ["crm.activix.ca", "files.activix.ca:8443"]

TABLES = st.one_of(
    st.binary(min_size=1, max_size=400),
    st.lists(st.text("ab,;\"'é\n\r\t =.-", min_size=1, max_size=80), min_size=1, max_size=8).map(
        lambda lines: "\r\n".join(lines).encode()
    ),
).map(lambda content: b"Created On,Email\r\n" + content + b"|")
"""Bytes of any kind that no archive, picture or PDF begins with, and that no white space ends."""

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), min_size=1, max_size=30)
UNHURRIED = settings(deadline=None)  # the machine may have other things to do

PIECES = st.sampled_from(
    [b"From: a@activix.ca", b"To: ", b"Content-Type: ", b"multipart/mixed; boundary=b", b"multipart/digest",
     b"\r\n--b", b"\r\n--b--", b"message/rfc822", b"message/partial", b"text/html", b"text/csv", b"; charset=",
     b"punycode", b"none", b"utf-8", b"Content-Transfer-Encoding: ", b"base64", b"quoted-printable", b"x-uuencode",
     b"\r\nbegin 644 x\r\n", b"\r\nend\r\n", b"Content-Disposition: attachment; filename", b"*0*=", b"=?utf-8?b?",
     b"?=", b"UEsDBA==", b"H4sI", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ", b"\t", b"\"", b"(", b"<a href=", b"<!--",
     b"\0", b"\xff", b"=", b"A" * 40]
)  # fmt: skip


def encoded(content: bytes, how: str) -> bytes:
    match how:
        case "base64":
            return base64.encodebytes(content)
        case "quoted-printable":
            return quopri.encodestring(content.replace(b"\r", b"\0CR"), quotetabs=True).replace(b"=00CR", b"=0D")
        case "x-uuencode":
            lines = b"".join(binascii.b2a_uu(content[at : at + 45]) for at in range(0, len(content), 45))
            return b"begin 644 leads.csv\n" + lines + b"`\nend\n"
        case _:
            return content


def named(header: str, parameter: str, name: str, how: str) -> str:
    if how == "rfc2231":
        return f"{header}; {parameter}*={encode_rfc2231(name, 'utf-8')}"
    if how == "rfc2047":
        return f'{header}; {parameter}="=?utf-8?b?{base64.b64encode(name.encode()).decode()}?="'
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'{header}; {parameter}="{quoted}"'


@given(st.one_of(st.binary(max_size=2_000), st.lists(PIECES, max_size=80).map(b"".join)))
@UNHURRIED
def test_whatever_arrives_ends_in_contents_or_a_reason(raw: bytes) -> None:
    with suppress(MailTooOdd):
        for file in contents_of(raw, LIMITS).files:
            assert len(file.content) <= max(len(raw), LIMITS.unpacked_bytes)
            assert not set(file.name) & set("/\\:\0\r\n")


@given(
    TABLES,
    NAMES,
    st.sampled_from(["base64", "quoted-printable", "x-uuencode", "8bit", "binary", "x-unheard-of"]),
    st.sampled_from(["attachment", "inline", "ATTACHMENT", "form-data", ""]),
    st.sampled_from(["text/csv", "application/octet-stream", "application/vnd.ms-excel", "image/png", "x/y", "csv"]),
    st.sampled_from(["rfc2231", "rfc2047", "raw"]),
    st.booleans(),
    st.booleans(),
)
@UNHURRIED
def test_exactly_the_bytes_of_the_table_come_out(
    content: bytes, name: str, how: str, disposition: str, declared: str, naming: str, within: bool, crlf: bool
) -> None:
    fields = [named(f"Content-Type: {declared}", "name", name, naming), f"Content-Transfer-Encoding: {how}"]
    if disposition:
        fields.append(named(f"Content-Disposition: {disposition}", "filename", name, naming))
    end = b"\r\n" if crlf else b"\n"
    part = end.join(field.encode() for field in fields) + end + end + encoded(content, how)
    if within:
        hello = b"Content-Type: text/plain" + end + end + b"Hello" + end
        edge = b"=_next_0_part"
        part = (
            b'Content-Type: multipart/mixed; boundary="' + edge + b'"' + end + end
            + b"--" + edge + end + hello + end + b"--" + edge + end + part + end + b"--" + edge + b"--" + end
        )  # fmt: skip
    found = contents_of(b"From: reports@activix.ca" + end + part, LIMITS)
    assert [file.content for file in found.files] == [content]


@given(TABLES, st.integers(1, 4), st.sampled_from(["zip", "gz"]))
@UNHURRIED
def test_exactly_the_bytes_that_were_packed_come_out(content: bytes, members: int, how: str) -> None:
    if how == "gz":
        cut = max(1, len(content) // members)
        packed = b"".join(gzip.compress(content[at : at + cut]) for at in range(0, len(content), cut))
        assert gunzip(packed, Room(LIMITS)) == content
        return
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED if members % 2 else zipfile.ZIP_STORED) as archive:
        archive.writestr("leads.csv", content)
        archive.writestr("__MACOSX/._leads.csv", b"x")
    assert unzip_one(whole.getvalue(), Room(LIMITS)) == ("leads.csv", content)


@given(TABLES, st.integers(0, 10_000), st.integers(0, 255))
@UNHURRIED
def test_a_packed_file_that_was_damaged_never_yields_other_bytes(content: bytes, at: int, value: int) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("leads.csv", content)
    with suppress(NotUnpacked):
        assert unzip_one(damaged(whole.getvalue(), at, value), Room(LIMITS))[1] == content
    with suppress(NotUnpacked):
        assert gunzip(damaged(gzip.compress(content), at, value), Room(LIMITS)) in {content, b""}


def damaged(packed: bytes, at: int, value: int) -> bytes:
    place = at % len(packed)
    return packed[:place] + bytes([value]) + packed[place + 1 :]


@given(st.lists(PIECES, max_size=60).map(b"".join))
@settings(deadline=None, max_examples=300)
def test_where_a_mail_is_plain_both_opinions_of_the_parser_are_one(raw: bytes) -> None:
    if not is_plain(raw):
        return
    opinions = []
    for opinion in (policy.compat32, policy.default):
        found = []
        for part in message_from_bytes(raw, policy=opinion).walk():
            if not part.is_multipart():
                with suppress(Damaged):
                    found.append((part.get_content_type(), decoded(part)))
        opinions.append(found)
    assert opinions[0] == opinions[1]


ADDRESSES = st.sampled_from(
    ["datateam+abc@example.com", "datateam+xyz@example.com", "DataTeam+ABC@Example.com", "datateam@example.com",
     "datateam+abc@evil.example", "other+abc@example.com", "x@evil.example", "reports@activix.ca",
     "reports@activix.ca.evil.example", "reports@notactivix.ca", '"reports@activix.ca" <x@evil.example>',
     "reports@activix.ca <x@evil.example>", "x@evil.example (reports@activix.ca)", "<reports@activix.ca>"]
)  # fmt: skip
HEADERS = st.lists(
    st.tuples(st.sampled_from(["From", "To", "Cc", "Delivered-To", "X-Original-To", "Received", "Sender"]), ADDRESSES),
    max_size=8,
)


@given(HEADERS, st.integers(-10_000, 10_000))
@UNHURRIED
def test_a_mail_of_another_address_sender_or_time_answers_nothing(headers: list[tuple[str, str]], late: int) -> None:
    raw = "".join(f"{name}: {value}\r\n" for name, value in headers).encode() + b"\r\n"
    read = read_headers(split_header_block(raw))
    delivered = delivered_to(read, {"datateam@example.com"})
    mail = MailFacts(delivered.address, delivered.several, sender_of(read), NOW + timedelta(seconds=late))
    expected = [
        Expectation("a", "datateam+abc@example.com", ("activix.ca",), NOW),
        Expectation("b", "datateam+xyz@example.com", ("reports@activix.ca",), NOW + timedelta(hours=1)),
    ]
    answered = answerable(mail, expected)
    if isinstance(answered, Turned):
        return
    for each in answered:
        assert each.address in {value.casefold() for name, value in headers if name not in {"From", "Sender"}}
        assert mail.received >= each.newer_than - CLOCK_TOLERANCE
        assert [value for name, value in headers if name == "From"] in (
            ["reports@activix.ca"], ["<reports@activix.ca>"],
        )  # fmt: skip
        assert mail.sender is not None
        assert domain_of(mail.sender) == "activix.ca"


URL_PIECES = st.sampled_from(
    ["https://", "http://", "HTTPS://", "//", "crm.activix.ca", "CRM.Activix.CA", "files.activix.ca", "evil.example",
     "crm.activıx.ca", "crm.activix.ca.", ".evil.example", "127.0.0.1", ":443", ":8443", ":0443", ":", "@", "\\", "/",
     "?", "#", "%2e", "%40", "％", "．", "／", "\t", "\n", "\0", "\x7f", "\xad", "\u200b", "reports/81/download",
     "?to=https://crm.activix.ca/report.csv", "[::1]", "user:pass@"]
)  # fmt: skip


URLS = st.one_of(
    st.lists(URL_PIECES, min_size=1, max_size=8).map("".join),
    st.tuples(
        st.sampled_from(
            ["https://", "HTTPS://", "http://", "https:", "https:/", "https:///", "ftp://", "javascript://"]
        ),
        st.sampled_from(["", "", "user:pass@", "@", "evil.example\\@", "crm.activix.ca@", "evil.example/@"]),
        st.sampled_from(["crm.activix.ca", "crm.activix.ca.", "files.activix.ca", "crm.activıx.ca", "evil.example"]),
        st.sampled_from(
            ["", "", ":", ":443", ":8443", ":80", ":99999", ".evil.example", "@evil.example", "\\evil.example"]
        ),
        st.sampled_from(
            ["", "/reports/81/download", "/download?to=https://evil.example/", "\t/report", "#@evil.example"]
        ),
    ).map("".join),
)


@given(URLS)
@settings(deadline=None, max_examples=500)
def test_no_address_leads_off_the_list(url: str) -> None:
    html = f'<a href="{url}">Download report</a>'
    chosen = report_link(links_in([(True, html), (False, url)]), HOSTS)
    for followed in [url] * follows(url, HOSTS) + ([chosen.url] if isinstance(chosen, Link) else []):
        authority = followed.partition("://")[2].replace("?", "/").replace("#", "/").partition("/")[0].casefold()
        assert authority.rstrip(":") in {
            "crm.activix.ca", "crm.activix.ca.", "crm.activix.ca:443", "crm.activix.ca.:443", "crm.activix.ca:0443",
            "crm.activix.ca.:0443", "files.activix.ca:8443",
        }  # fmt: skip
        assert urlsplit(followed).scheme == "https"
