"""Which domains belong together, and what they ask to be done with unsigned mail."""

from collections.abc import Iterator

import pytest

from report_mailbox.dmarc import wants_unsigned_refused
from report_mailbox.domains import aligned, as_in_dns, is_public_suffix, upwards
from report_mailbox.txt_records import DnsUnreachable, TxtRecords
from tests.mail.dns_server import DnsServer, dns_server


@pytest.fixture
def names() -> Iterator[DnsServer]:
    with dns_server() as server:
        yield server


@pytest.mark.parametrize("domain", ["ca", "com", "co.uk", "com.au", "qc.ca", "on.ca", "gouv.fr", "org.nz", "co.jp"])
def test_public_suffixes(domain: str) -> None:
    assert is_public_suffix(domain)


@pytest.mark.parametrize("domain", ["activix.ca", "crm.co.uk", "crm.qc.ca", "qc.com", "co.example", "ibm.de"])
def test_names_of_somebody(domain: str) -> None:
    assert not is_public_suffix(domain)


@pytest.mark.parametrize(
    ("signer", "sender", "answer"),
    [
        ("activix.ca", "activix.ca", True),
        ("mail.activix.ca", "activix.ca", True),
        ("activix.ca", "mail.activix.ca", True),
        ("a.activix.ca", "b.activix.ca", False),
        ("evilactivix.ca", "activix.ca", False),
        ("ca", "activix.ca", False),
        ("co.uk", "crm.co.uk", False),
        ("evil.co.uk", "co.uk", False),
        ("co.uk", "co.uk", True),
        ("", "", False),
    ],
)
def test_which_signer_speaks_for_which_sender(signer: str, sender: str, answer: bool) -> None:
    assert aligned(signer, sender) is answer


def test_who_is_asked_for_a_policy() -> None:
    assert list(upwards("reports.mail.crm.co.uk")) == ["reports.mail.crm.co.uk", "mail.crm.co.uk", "crm.co.uk"]
    assert list(upwards("a.b.c.d.e.f.g.crm.example")) == [
        "a.b.c.d.e.f.g.crm.example", "e.f.g.crm.example", "f.g.crm.example", "g.crm.example", "crm.example",
    ]  # fmt: skip


def test_names_are_compared_as_in_dns() -> None:
    assert as_in_dns("Caf\u00e9.Example.") == "xn--caf-dma.example"
    assert as_in_dns("\u00e9" * 80 + ".example") == "\u00e9" * 80 + ".example"


@pytest.mark.parametrize(
    ("records", "answer"),
    [
        ({"_dmarc.mail.crm.example": "v=DMARC1; p=reject"}, "mail.crm.example"),
        ({"_dmarc.mail.crm.example": "v=DMARC1;p=Quarantine;"}, "mail.crm.example"),
        ({"_dmarc.crm.example": "v=DMARC1; p=reject"}, "crm.example"),
        ({"_dmarc.crm.example": "v=DMARC1; p=none; sp=reject"}, "crm.example"),
        ({"_dmarc.crm.example": "v=DMARC1; p=reject; sp=none"}, None),
        ({"_dmarc.mail.crm.example": "v=DMARC1; p=none", "_dmarc.crm.example": "v=DMARC1; p=reject"}, None),
        ({"_dmarc.mail.crm.example": "v=DMARC1; p=none; sp=reject"}, None),
        ({"_dmarc.mail.crm.example": "v=spf1 -all", "_dmarc.crm.example": "v=DMARC1; p=reject"}, "crm.example"),
        ({"_dmarc.mail.crm.example": "v=DMARC1; p=reject; pct=0"}, None),
        ({"_dmarc.mail.crm.example": "v=DMARC1; p=reject; t=y"}, None),
        ({"_dmarc.example": "v=DMARC1; p=reject"}, None),
        ({}, None),
    ],
)
def test_whose_policy_refuses_unsigned_mail(names: DnsServer, records: dict[str, str], answer: str | None) -> None:
    names.records |= {name: [text.encode()] for name, text in records.items()}
    assert wants_unsigned_refused("mail.crm.example", TxtRecords((names.place,))) == answer


def test_two_policies_are_none(names: DnsServer) -> None:
    names.records["_dmarc.crm.example"] = [b"v=DMARC1; p=reject", b"v=DMARC1; p=quarantine"]
    assert wants_unsigned_refused("crm.example", TxtRecords((names.place,))) is None


def test_a_policy_that_cannot_be_asked_for_is_not_taken_for_none(names: DnsServer) -> None:
    names.out_of_order.add("_dmarc.crm.example")
    with pytest.raises(DnsUnreachable):
        wants_unsigned_refused("crm.example", TxtRecords((names.place,), seconds=0.3))


def test_answers_are_kept(names: DnsServer) -> None:
    names.records["_dmarc.crm.example"] = [b"v=DMARC1; p=reject"]
    records = TxtRecords((names.place,))
    for _ in range(3):
        wants_unsigned_refused("crm.example", records)
    assert names.asked == ["_dmarc.crm.example"]
