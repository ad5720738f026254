"""What the receiving server says about senders, and who else may have written that."""

import pytest

from report_mailbox.authenticity import why_not_authentic
from report_mailbox.mailbox import M365_TOPMOST
from report_mailbox.message import read_headers

GOOGLE = (
    "mx.google.com; dkim=pass header.i=@crm.example header.s=k1 header.b=abc; spf=pass (google.com: domain of x "
    "designates 192.0.2.1 as permitted sender) smtp.mailfrom=x@crm.example; "
    "dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=crm.example"
)
MICROSOFT = (
    "spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=crm.example; dkim=pass (signature was verified) "
    "header.d=crm.example;dmarc=pass action=none header.from=crm.example;compauth=pass reason=100"
)


@pytest.mark.parametrize(
    ("stamps", "server", "reason"),
    [
        ([GOOGLE], "mx.google.com", None),
        ([GOOGLE], "MX.Google.com", None),
        ([MICROSOFT], M365_TOPMOST, None),
        (["mx.example; dkim=pass header.d=mail.crm.example"], "mx.example", None),
        (["mx.example; dkim=pass header.d=example"], "mx.example", "neither DKIM nor DMARC passed"),
        (["mx.example; dkim=pass header.d=evil.example"], "mx.example", "neither DKIM nor DMARC passed"),
        (["mx.example; dkim=pass header.d=evilcrm.example"], "mx.example", "neither DKIM nor DMARC passed"),
        (["mx.example; spf=pass smtp.mailfrom=crm.example"], "mx.example", "neither DKIM nor DMARC passed"),
        (["mx.example; dmarc=pass header.from=evil.example"], "mx.example", "neither DKIM nor DMARC passed"),
        (["mx.example; dkim=fail header.d=crm.example"], "mx.example", "neither DKIM nor DMARC passed"),
        (["mx.example; none"], "mx.example", "neither DKIM nor DMARC passed"),
        (["other.example; none", GOOGLE], "mx.google.com", "topmost Authentication-Results is not of mx.google.com"),
        ([MICROSOFT], "mx.example", "cannot be read"),
        ([GOOGLE], M365_TOPMOST, "topmost Authentication-Results is not of m365-topmost"),
        (["mx.example 2; dkim=pass header.d=crm.example"], "mx.example", "cannot be read"),
        (["(((("], "mx.example", "cannot be read"),
        ([], "mx.example", "carries no Authentication-Results"),
    ],
)  # fmt: skip
def test_who_vouches_for_a_sender(stamps: list[str], server: str, reason: str | None) -> None:
    headers = [("authentication-results", stamp) for stamp in stamps]
    found = why_not_authentic(headers, server, "reports@crm.example")
    assert found is None if reason is None else reason in (found or "")


GENUINE = "Authentication-Results: mx.example.com; dkim=pass header.d=crm.example\r\n"
FAILED = "Authentication-Results: mx.example.com; dkim=fail header.d=crm.example\r\n"
DELIVERED = "Received: from mx.example.com by imap.example.com with LMTP\r\n\tfor <datateam+abc@example.com>; x\r\n"
ACCEPTED = "Received: from out.crm.example (out.crm.example [192.0.2.1])\r\n\tby mx.example.com with ESMTPS; x\r\n"
FROM_AFAR = "Received: from inside by out.crm.example with ESMTP; x\r\n"


def doubt(block: str, server: str = "mx.example.com") -> str:
    return why_not_authentic(read_headers(block.encode()), server, "reports@crm.example") or ""


@pytest.mark.parametrize(
    "block",
    [
        GENUINE,
        DELIVERED + GENUINE + ACCEPTED + FROM_AFAR,
        DELIVERED + ACCEPTED + GENUINE + FROM_AFAR,
        "Delivered-To: x@example.com\r\nReceived: by 2002:a05:6000:1:b0:1 with SMTP id x; y\r\n" + ACCEPTED + GENUINE,
        "authentication-RESULTS:\r\n  mx.example.com\r\n (a server (of ours)) ;\r\n\tDKIM=Pass (good; dkim=fail)"
        "\r\n\theader.D=CRM.Example\r\n",
        'Authentication-Results : mx.example.com 1; dkim=pass header.d="crm.example"\r\n',
        "Authentication-Results: mx.example.com; dkim=fail header.d=crm.example; dkim=pass header.d=crm.example\r\n",
        "Authentication-Results: mx.example.com; dkim=none; dmarc=pass header.from=crm.example\r\n",
    ],
)
def test_a_stamp_of_the_receiving_server_counts(block: str) -> None:
    assert doubt(block) == ""


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (FAILED + GENUINE, "neither DKIM nor DMARC passed"),  # two stamps by one server: only the upper one counts
        (FAILED + ACCEPTED + GENUINE, "neither DKIM nor DMARC passed"),
        (DELIVERED + ACCEPTED + FROM_AFAR + GENUINE, "when out.crm.example had it"),
        ("Authentication-Results: mx.example.com.evil.example; dkim=pass header.d=crm.example\r\n", "is not of mx."),
        ("Authentication-Results: evil.example (mx.example.com); dkim=pass header.d=crm.example\r\n", "is not of mx."),
        ("Authentication-Results: mx.evil.example; none\r\n" + GENUINE, "is not of mx."),
        ("X-Authentication-Results: mx.example.com; dkim=pass header.d=crm.example\r\n", "carries no"),
        ("ARC-Authentication-Results: i=1; mx.example.com; dkim=pass header.d=crm.example\r\n", "carries no"),
        ("Authentication-Results: mx.example.com; dkim=none (dkim=pass header.d=crm.example)\r\n", "neither DKIM"),
        (
            "Authentication-Results: mx.example.com; dkim=pass header.d=evil.example header.i=@crm.example\r\n",
            "neither",
        ),
        ("Authentication-Results: mx.example.com; dkim=pass smtp.d=crm.example\r\n", "neither"),
        ("Authentication-Results: mx.example.com; dkim=policy header.d=crm.example\r\n", "neither"),
        ("Authentication-Results: mx.example.com; dmarc=bestguesspass header.from=crm.example\r\n", "neither"),
    ],
)
def test_stamps_that_do_not_count(block: str, reason: str) -> None:
    assert reason in doubt(block)


def test_a_stamp_of_microsoft_counts_on_top_and_below_its_own_servers_only() -> None:
    inside = "Received: from A.prod.outlook.com by B.prod.outlook.com with HTTPS; x\r\n"
    edge = "Received: from out.crm.example by C.mail.protection.outlook.com with ESMTP; x\r\n"
    stamp = f"Authentication-Results: {MICROSOFT}\r\n"
    assert doubt(inside + edge + stamp, M365_TOPMOST) == ""
    assert doubt(inside + stamp + edge, M365_TOPMOST) == ""
    assert "when out.crm.example had it" in doubt(inside + edge + FROM_AFAR + stamp, M365_TOPMOST)
    assert "is not of m365-topmost" in doubt(inside + GENUINE + stamp, M365_TOPMOST)
