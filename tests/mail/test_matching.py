"""The decisions, without a mailbox."""

import gzip
import io
import zipfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from report_mailbox.attachments import MailTooOdd, contents_of
from report_mailbox.links import follows
from report_mailbox.mailbox import Limits
from report_mailbox.matching import (
    Acceptance,
    Expectation,
    Fate,
    Judged,
    MailFacts,
    Turned,
    answerable,
    broken,
    fitting,
    sender_allowed,
)
from report_mailbox.message import (
    base_of,
    content_hash,
    delivered_to,
    read_headers,
    sender_of,
    sent_at,
    split_header_block,
)
from report_mailbox.naming import harmless_name
from report_mailbox.unpacking import NotUnpacked, Room, gunzip, unzip_one

NOW = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
SMALL = Limits(unpacked_bytes=1_000_000, packed_files=5, parts=50, header_bytes=20_000)


def expected(
    identifier: str = "a", *, newer_than: datetime = NOW, senders: tuple[str, ...] = ("crm.example",)
) -> Expectation:
    return Expectation(identifier, "datateam+abc@example.com", senders, newer_than)


def mail(received: datetime = NOW, sender: str | None = "reports@crm.example") -> MailFacts:
    return MailFacts("datateam+abc@example.com", (), sender, received)


@pytest.mark.parametrize(
    ("sender", "allowed", "answer"),
    [
        ("reports@crm.example", ["crm.example"], True),
        ("reports@mail.crm.example", ["crm.example"], True),
        ("Reports@CRM.Example", ["Crm.Example."], True),
        ("reports@notcrm.example", ["crm.example"], False),
        ("reports@crm.example.net", ["crm.example"], False),
        ("reports@crm.example", ["reports@crm.example"], True),
        ("other@crm.example", ["reports@crm.example"], False),
        ("reports@mail.crm.example", ["reports@crm.example"], False),
        ("reports@crm.example", [""], False),
        ("reports@example", ["crm.example"], False),
    ],
)
def test_which_senders_are_allowed(sender: str, allowed: list[str], answer: bool) -> None:
    assert sender_allowed(sender, allowed) is answer


@pytest.mark.parametrize(
    ("early", "answers"), [(timedelta(), True), (timedelta(seconds=119), True), (timedelta(seconds=121), False)]
)
def test_clocks_may_differ_by_two_minutes(early: timedelta, answers: bool) -> None:
    assert isinstance(answerable(mail(NOW - early), [expected()]), list) is answers


def test_a_sender_that_cannot_be_told_is_held() -> None:
    turned = answerable(mail(sender=None), [expected()])
    assert isinstance(turned, Turned)
    assert turned.fate is Fate.HELD


def test_an_expectation_needs_a_zone_and_a_sender() -> None:
    with pytest.raises(ValueError, match="a time with a zone"):
        expected(newer_than=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="at least one sender"):
        expected(senders=())


FITS, OTHER, BROKEN = Acceptance.fits(), Acceptance.other("another month"), Acceptance.broken("cut off")


@pytest.mark.parametrize(
    ("judged", "answer"),
    [
        ([], None),
        ([("a", "f", OTHER)], None),
        ([("a", "f", FITS)], {"a": "f"}),
        ([("a", "f", FITS), ("b", "f", OTHER)], {"a": "f"}),
        ([("a", "f", FITS), ("b", "g", FITS), ("a", "g", OTHER), ("b", "f", OTHER)], {"a": "f", "b": "g"}),
        ([("a", "f", FITS), ("b", "f", FITS)], "one file fits 2 expectations"),
        ([("a", "f", FITS), ("a", "g", FITS)], "2 different files fit one expectation"),
        ([("a", "f", FITS), ("a", "f", FITS)], {"a": "f"}),
    ],
)
def test_what_fits_leaves_no_choice(judged: list[tuple[str, str, Acceptance]], answer: object) -> None:
    found = fitting([Judged(*each) for each in judged])
    assert (found.reason if isinstance(found, Turned) else found) == answer


def test_a_broken_file_closes_an_expectation_only_if_it_is_clear_which() -> None:
    assert broken([Judged("a", "f", BROKEN), Judged("a", "g", OTHER)]) == Judged("a", "f", BROKEN)
    assert broken([Judged("a", "f", BROKEN), Judged("b", "f", BROKEN)]) is None
    assert broken([Judged("a", "f", OTHER)]) is None


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("https://crm.example/r/1", True),
        ("https://CRM.example:443/r/1", True),
        ("https://crm.example:8443/r/1", False),
        ("https://www.crm.example/r/1", False),
        ("http://crm.example/r/1", False),
        ("https://crm.example@evil.example/r/1", False),
        ("https://evil.example\\@crm.example/r/1", False),
        ("https://crm.example.evil.example/", False),
        ("https://crm.example:port/", False),
        ("ftp://crm.example/", False),
        ("javascript:alert(1)", False),
        ("http://127.0.0.1:8080/r/1", True),
        ("http://127.0.0.1:8081/r/1", False),
        ("https://[::1/", False),
    ],
)
def test_which_links_are_followed(url: str, answer: bool) -> None:
    assert follows(url, ["crm.example", "127.0.0.1:8080"]) is answer


def zipped(*files: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return buffer.getvalue()


def test_a_bomb_is_stopped_while_it_unpacks() -> None:
    bomb = zipped(("leads.csv", b"0" * 5_000_000))
    with pytest.raises(NotUnpacked, match="more than 1 MB"):
        unzip_one(bomb, Room(SMALL))
    with pytest.raises(NotUnpacked, match="more than 1 MB"):
        gunzip(gzip.compress(b"0" * 5_000_000), Room(SMALL))
    with pytest.raises(NotUnpacked, match="300 times"):
        unzip_one(zipped(("leads.csv", b"0" * 60_000_000)), Room(Limits()))


def test_a_zip_of_many_files_is_not_opened() -> None:
    with pytest.raises(NotUnpacked, match="6 entries"):
        unzip_one(zipped(*((f"{n}.csv", b"x") for n in range(6))), Room(SMALL))


def test_a_gz_file_that_is_cut_off_is_not_believed() -> None:
    with pytest.raises(NotUnpacked, match="cut off"):
        gunzip(gzip.compress(b"Created On,Email\r\n" * 50)[:-12], Room(SMALL))


def nested(depth: int) -> bytes:
    opening = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (level, level) for level in range(depth)
    )
    return b"From: a@crm.example\r\n" + opening + b"Content-Type: text/plain\r\n\r\nx\r\n"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (nested(3_000), "its parts are nested too deeply"),
        (nested(100), "it has more than 50 parts"),
        (b"X: " + b"y" * 30_000 + b"\r\n\r\n", "its headers are larger than 20 KB"),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 2_000, "it has more than 50"),
    ],
    ids=["nested deeply", "nested", "headers", "parts"],
)  # fmt: skip
def test_hostile_mails_are_refused_with_a_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(MailTooOdd, match=reason):
        contents_of(raw, Limits(parts=50 if "50" in reason else 10_000, header_bytes=20_000))


HEADERISH = st.lists(
    st.sampled_from(
        [b"From: ", b"To: ", b"Delivered-To: ", b"Received: ", b"Date: ", b"datateam+abc@example.com", b"<", b">", b'"',
         b"(", b")", b",", b"\\", b"\r\n", b"\n ", b"\r", b"=?UTF-8?B?", b"?=", b"\xff\xfe", b"\x00", b"@",
         b"reports@crm.example",
         b"Content-Type: multipart/mixed; boundary=b", b"--b", b"--b--", b"Content-Disposition: attachment; filename",
         b"*0*=utf-8''%C3", b"=\"x.csv\"", b"charset=none", b"Content-Transfer-Encoding: base64", b"Sun, 99 Foo 2026"]
    ),
    max_size=60,
).map(b"".join)  # fmt: skip


@given(HEADERISH)
def test_no_mail_however_odd_raises_what_is_not_caught(raw: bytes) -> None:
    headers = read_headers(split_header_block(raw))
    sender_of(headers)
    sent_at(headers)
    content_hash(raw)
    delivered_to(headers, {"datateam@example.com"})
    with suppress(MailTooOdd):
        contents_of(raw, SMALL)


@given(st.text(max_size=300))
def test_a_name_is_harmless_whatever_it_was(name: str) -> None:
    harmless = harmless_name(name)
    assert not set(harmless) & set("/\\:\0\r\n")
    assert harmless not in {".", ".."}
    assert not harmless.startswith(".")
    assert len(harmless) <= 120


@given(st.emails(), st.emails())
def test_a_display_name_never_becomes_the_sender(shown: str, real: str) -> None:
    headers = [("from", f'"{shown}" <{real}>')]
    assert sender_of(headers) in {None, real.casefold()}


def test_two_copies_of_a_mail_are_the_same_whatever_stands_on_top() -> None:
    body = b"From: a@crm.example\r\nDate: x\r\n\r\nHello\r\n"
    one = b"Received: a\r\n by b\r\nDelivered-To: x@example.com\r\n" + body
    two = b"X-Spam: no\nAuthentication-Results: c\n" + body.replace(b"\r\n", b"\n") + b"\n"
    assert content_hash(one) == content_hash(two)
    assert content_hash(one) != content_hash(one.replace(b"Hello", b"Hullo"))


def test_the_base_of_an_address() -> None:
    assert base_of("DataTeam+abc+def@Example.com") == "datateam@example.com"
