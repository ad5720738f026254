"""DKIM verified here: what a signature proves about a report, and forgeries by name."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from report_mailbox.dkim_check import Authenticity, Standing, check_signatures, is_heavy
from report_mailbox.dkim_process import check_apart
from report_mailbox.txt_records import TxtRecords
from tests.mail.conftest import report_mail
from tests.mail.dns_server import DnsServer, dns_server
from tests.mail.signing import DOMAIN, SELECTOR, publish, sign

NOW = datetime.now(UTC)
MAIL = report_mail().as_bytes().replace(b"\n", b"\r\n")


@pytest.fixture
def names() -> Iterator[DnsServer]:
    with dns_server() as server:
        publish(server)
        yield server


def found(raw: bytes, names: DnsServer, *, sender: str = DOMAIN, received: datetime = NOW) -> Authenticity:
    return check_signatures(raw, sender, received, TxtRecords((names.place,)))


def failed(raw: bytes, names: DnsServer, *, received: datetime = NOW) -> str:
    answer = found(raw, names, received=received)
    assert answer.standing is Standing.FAILED
    return answer.reason


def test_a_good_signature_is_verified_over_the_bytes_as_they_came(names: DnsServer) -> None:
    trace = (
        b"Return-Path: <x@activix.ca>\r\nDelivered-To: datateam+abc@example.com\r\nReceived: from a by b\r\n\tfor c\r\n"
    )
    assert found(trace + sign(MAIL), names).standing is Standing.VERIFIED
    assert found(sign(MAIL).replace(b"\r\n", b"\n"), names).standing is Standing.VERIFIED


@pytest.mark.parametrize("signer", ["activix.ca", "mail.activix.ca"])
def test_the_signer_may_be_the_domain_or_one_below_or_above_it(names: DnsServer, signer: str) -> None:
    publish(names, signer)
    assert found(sign(MAIL, signer), names).standing is Standing.VERIFIED
    assert found(sign(MAIL, signer), names, sender=f"reports.{signer}").standing is Standing.VERIFIED


def test_length_limit_with_an_appended_attachment(names: DnsServer) -> None:
    signed = sign(MAIL, length=True)
    boundary = MAIL.partition(b'boundary="')[2].partition(b'"')[0]
    part = b"Content-Type: text/csv\r\nContent-Disposition: attachment; filename=leads.csv\r\n\r\nforged\r\n"
    appended = signed + b"\r\n--" + boundary + b"\r\n" + part + b"--" + boundary + b"--\r\n"
    assert failed(appended, names) == (
        "its DKIM signature covers only the beginning of it (l=), so that anything may have been added"
    )
    assert "(l=)" in failed(signed, names)  # also where nothing was added: nothing says so


def test_boundary_swapped(names: DnsServer) -> None:
    signed = sign(MAIL, covers=(b"from", b"to", b"date"))
    swapped = signed.replace(b'boundary="', b'boundary="other')
    assert failed(swapped, names) == "its DKIM signature does not cover Content-Type, so that it may have been changed"


def test_second_content_type_on_top(names: DnsServer) -> None:
    on_top = b'Content-Type: multipart/mixed; boundary="other"\r\n' + sign(MAIL)
    assert "does not cover Content-Type" in failed(on_top, names)


def test_second_content_type_behind_a_bare_carriage_return(names: DnsServer) -> None:
    hidden = b'X-Note: hello\rContent-Type: multipart/mixed; boundary="other"\r\n' + sign(MAIL)
    assert "bare carriage return" in failed(hidden, names)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"From: reports@activix.ca", b"From: other@activix.ca"),
        (b"From: reports@activix.ca", b'From: "Somebody" <reports@activix.ca>'),
        (b"Subject: Your report", b"Subject: Another report"),
    ],
)
def test_header_changed(names: DnsServer, before: bytes, after: bytes) -> None:
    changed = sign(MAIL).replace(before, after)
    assert failed(changed, names) == "its headers are not what was signed: they were changed on the way, or forged"


def test_second_from_on_top(names: DnsServer) -> None:
    assert "does not cover From" in failed(b"From: boss@activix.ca\r\n" + sign(MAIL), names)


def test_attachment_changed(names: DnsServer) -> None:
    changed = sign(MAIL).replace(b"Q3JlYXRlZCBPbi", b"Q3JlYXRlZCBPbj")
    assert failed(changed, names) == "its content is not what was signed: it was changed on the way, or forged"


def test_forwarder_adds_a_footer(names: DnsServer) -> None:
    assert "its content is not what was signed" in failed(sign(MAIL) + b"Sent through a list\r\n", names)


def test_signature_of_another_domain_says_nothing(names: DnsServer) -> None:
    publish(names, "evil.example")
    answer = found(sign(MAIL, "evil.example"), names)
    assert answer == Authenticity(Standing.UNVERIFIED, "it carries no DKIM signature of activix.ca")
    assert "k1._domainkey.evil.example" not in names.asked


def test_a_public_suffix_speaks_for_nobody(names: DnsServer) -> None:
    publish(names, "co.uk")
    assert found(sign(MAIL, "co.uk"), names, sender="crm.co.uk").standing is Standing.UNVERIFIED


def test_unsigned_mail_asks_dns_for_nothing(names: DnsServer) -> None:
    assert found(MAIL, names).standing is Standing.UNVERIFIED
    assert names.asked == []


def test_expired_when_it_came(names: DnsServer) -> None:
    signed = sign(MAIL, expires=int((NOW - timedelta(days=2)).timestamp()))
    assert failed(signed, names) == "its DKIM signature had expired when it came"


def test_expired_only_while_nobody_collected(names: DnsServer) -> None:
    signed = sign(MAIL, expires=int((NOW - timedelta(days=2)).timestamp()))
    assert found(signed, names, received=NOW - timedelta(days=3)).standing is Standing.VERIFIED


def test_sha1(names: DnsServer) -> None:
    assert "SHA-1" in failed(sign(MAIL, algorithm=b"rsa-sha1"), names)


def test_weak_key(names: DnsServer) -> None:
    publish(names, bits=768)
    assert failed(sign(MAIL, bits=768), names) == "the key k1 of activix.ca has 768 bits, which is too weak"


def test_ed25519_counts_as_unsigned_where_it_cannot_be_checked(
    names: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("report_mailbox.dkim_check._HAS_ED25519", False)
    foreign = sign(MAIL).replace(b"a=rsa-sha256", b"a=ed25519-sha256")
    assert found(foreign, names).standing is Standing.UNVERIFIED
    assert found(sign(foreign), names).standing is Standing.VERIFIED


def test_key_revoked(names: DnsServer) -> None:
    names.records[f"{SELECTOR}._domainkey.{DOMAIN}"] = [b"v=DKIM1; p="]
    assert failed(sign(MAIL), names) == "the key k1 of activix.ca is revoked"


def test_key_withdrawn(names: DnsServer) -> None:
    names.records.clear()
    assert failed(sign(MAIL), names) == "activix.ca has no key k1 for its DKIM signature"


@pytest.mark.parametrize(
    "record", [b"v=DKIM1; p=!!!", b"v=DKIM1; p=AAAA", b"p=AAAA; p=BBBB", b"\xff=p=", b"v=DKIM2; p=AAAA"]
)
def test_key_that_cannot_be_read(names: DnsServer, record: bytes) -> None:
    names.records[f"{SELECTOR}._domainkey.{DOMAIN}"] = [record]
    assert "cannot be read" in failed(sign(MAIL), names)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        (b"s=tlsrpt; ", "is not for such signatures"),
        (b"h=sha1; ", "is not for such signatures"),
        (b"t=s; ", "is not for subdomains"),
    ],
)
def test_key_for_something_else(names: DnsServer, tags: bytes, reason: str) -> None:
    publish(names, tags=tags)
    signed = sign(MAIL).replace(b"i=@activix.ca", b"i=@x.activix.ca")
    assert reason in failed(signed, names)


def test_key_in_testing_mode_counts_as_unsigned(names: DnsServer) -> None:
    publish(names, tags=b"t=y; ")
    assert found(sign(MAIL), names).standing is Standing.UNVERIFIED


def test_one_good_signature_beside_a_broken_one_is_enough(names: DnsServer) -> None:
    both = sign(MAIL, selector="gone").removesuffix(MAIL) + sign(MAIL)
    assert found(both, names).standing is Standing.VERIFIED
    both = sign(MAIL).removesuffix(MAIL) + sign(MAIL, selector="gone")
    assert found(both, names).standing is Standing.VERIFIED


def test_dns_that_does_not_answer_leaves_it_unknown(names: DnsServer) -> None:
    names.silent = True
    records = TxtRecords((names.place,), seconds=0.3)
    assert check_signatures(sign(MAIL), DOMAIN, NOW, records).standing is Standing.UNKNOWN
    asked = len(names.asked)
    assert check_signatures(sign(MAIL), DOMAIN, NOW, records).standing is Standing.UNKNOWN
    assert len(names.asked) == asked  # silence is believed for a minute


def test_one_domain_whose_servers_are_out_of_order_does_not_stop_the_others(names: DnsServer) -> None:
    publish(names, "crm.example")
    names.out_of_order.add(f"{SELECTOR}._domainkey.{DOMAIN}")
    records = TxtRecords((names.place,), seconds=0.3)
    assert check_signatures(sign(MAIL), DOMAIN, NOW, records).standing is Standing.UNKNOWN
    other = report_mail(sender="reports@crm.example").as_bytes().replace(b"\n", b"\r\n")
    signed = sign(other, "crm.example")
    assert check_signatures(signed, "crm.example", NOW, records).standing is Standing.VERIFIED


@pytest.mark.parametrize("selector", ["x" * 64, "a..b", "." * 300])
def test_a_name_that_cannot_be_asked_for_has_no_key(names: DnsServer, selector: str) -> None:
    signed = sign(MAIL).replace(b"s=k1;", b"s=" + selector.encode() + b";")
    assert found(signed, names).standing is Standing.FAILED


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        b"v=1",
        b"v=1; a=rsa-sha256; d=activix.ca",
        b"v=1; a=rsa-sha256; d=activix.ca; s=k1; h=from:content-type; bh=!; b=!",
        b"v=1; a=rsa-sha256; d=activix.ca; s=k1; h=from:content-type; bh=AAAA; b=AAAA; c=odd",
        b"v=1; a=rsa-sha256; d=activix.ca; s=k1; h=from:content-type; bh=AAAA; b=AAAA; x=later",
        b"v=1; a=rsa-sha256; d=activix.ca; s=k1; h=from:content-type; bh=AAAA; b=AAAA; t=99999999999",
        b"v=2; a=rsa-sha256; d=activix.ca; s=k1; h=from:content-type; bh=AAAA; b=AAAA",
        b"v=1; a=rsa-sha256; d=activix.ca; s=\xff; h=from:content-type; bh=AAAA; b=AAAA",
        b"d=activix.ca; " + b"x" * 20_000,
    ],
)
def test_signatures_that_are_none(names: DnsServer, signature: bytes) -> None:
    raw = b"DKIM-Signature: " + signature + b"\r\n" + MAIL
    assert found(raw, names).standing in (Standing.FAILED, Standing.UNVERIFIED)


def test_malformed_headers_before_a_good_signature(names: DnsServer) -> None:
    assert "malformed" in failed(b" folded\r\n" + sign(MAIL), names)
    assert "malformed" in failed(b"no colon\r\n" + sign(MAIL), names)


PIECES = st.lists(
    st.sampled_from(
        [b"DKIM-Signature:", b"From: reports@activix.ca", b"Content-Type: text/csv", b"\r\n", b"\n", b"\r", b"\n ",
         b"v=1;", b"a=rsa-sha256;", b"a=", b"d=activix.ca;", b"d=.;", b"s=k1;", b"s=\xff;", b"h=from:content-type;",
         b"h=;", b"bh=AAAA;", b"b=AAAA;", b"b=;", b"c=relaxed/relaxed;", b"c=/;", b"x=1;", b"x=9999999999;", b"t=0;",
         b"i=@activix.ca;", b"i=;", b"l=0;", b"q=x;", b";", b"=", b"\x00", b":", b"From x", b"\t"]
    ),
    max_size=40,
).map(b"".join)  # fmt: skip


def test_no_signature_however_odd_raises_or_is_believed(names: DnsServer) -> None:
    records = TxtRecords((names.place,))

    @settings(deadline=None)
    @given(PIECES, st.booleans())
    def holds(pieces: bytes, started: bool) -> None:
        start = b"DKIM-Signature: v=1; a=rsa-sha256; d=activix.ca; s=k1; h=from:content-type;" if started else b""
        answer = check_signatures(start + pieces + MAIL, DOMAIN, NOW, records)
        assert answer.standing in (Standing.FAILED, Standing.UNVERIFIED)

    holds()


def test_a_heavy_mail_is_verified_in_a_process_of_its_own(names: DnsServer) -> None:
    large = report_mail(b"2026-10,ann@example.net\r\n" * 160_000).as_bytes().replace(b"\n", b"\r\n")
    assert is_heavy(large)
    assert check_apart(sign(large), DOMAIN, NOW, (names.place,)).standing is Standing.VERIFIED
    assert check_apart(sign(large) + b"x\r\n", DOMAIN, NOW, (names.place,)).standing is Standing.FAILED


def test_a_mail_made_to_take_for_ever_is_given_up(names: DnsServer) -> None:
    spaces = MAIL + b" " * 3_000_000 + b"x\r\n"
    assert is_heavy(spaces)
    answer = check_apart(sign(MAIL).removesuffix(MAIL) + spaces, DOMAIN, NOW, (names.place,), timedelta(seconds=3))
    assert answer == Authenticity(Standing.FAILED, "its DKIM signature could not be checked within 3 s")
