"""For which of our addresses a mail is: what the delivery wrote, not what its sender wrote."""

from datetime import UTC, datetime

import pytest

from report_mailbox.mailbox import DELIVERY_HEADERS
from report_mailbox.matching import Expectation, Fate, MailFacts, Turned, answerable
from report_mailbox.message import DeliveredTo, delivered_to, read_headers

ABC, XYZ, BASE = "datateam+abc@example.com", "datateam+xyz@example.com", "datateam@example.com"
RECEIVED = "Received: from mx by imap.example.com with LMTP; Sun, 1 Nov 2026 11:00:01 +0000"
NOW = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)


def told(*lines: str, believed: tuple[str, ...] = DELIVERY_HEADERS) -> DeliveredTo:
    return delivered_to(read_headers("\r\n".join(lines).encode()), {BASE}, believed)


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        ([f"Delivered-To: {ABC}", RECEIVED, f"To: {XYZ}"], ABC),
        ([f"Delivered-To: <{ABC.upper()}>", RECEIVED], ABC),
        ([f"X-Original-To: {ABC}", f"Delivered-To: {BASE}", RECEIVED], ABC),  # as Postfix has it with an alias
        ([f"Envelope-To: {ABC}", RECEIVED], ABC),
        ([f"X-Forwarded-To: {ABC}", "Delivered-To: somebody@gmail.example", RECEIVED], ABC),
        ([f"Received: from mx by imap for <{ABC}>; x", f"Received: from a by b for <{XYZ}>; x"], ABC),
        ([f"Delivered-To: {BASE}", f"Received: from mx by imap for <{ABC}>; x"], ABC),
        ([f"Delivered-To: {ABC}", RECEIVED, f"Delivered-To: {XYZ}", RECEIVED], ABC),  # forwarded by one of ours
        ([f"Delivered-To: {ABC}", f"Delivered-To: {XYZ}"], ABC),
        (["Delivered-To: other@example.net", RECEIVED, f"Delivered-To: {ABC}"], ABC),
    ],
)  # fmt: skip
def test_what_the_delivery_wrote_counts(lines: list[str], address: str) -> None:
    assert told(*lines).address == address


@pytest.mark.parametrize(
    "forged",
    [f"Delivered-To: {ABC}", f"X-Original-To: {ABC}", f"Envelope-To: {ABC}", f"X-Forwarded-To: {ABC}", f"To: {ABC}"],
)
def test_what_stands_below_the_delivery_does_not_replace_it(forged: str) -> None:
    assert told(f"Delivered-To: {XYZ}", RECEIVED, forged).address == XYZ
    assert told(f"Delivered-To: {BASE}", RECEIVED, forged) == DeliveredTo(BASE, claimed=(ABC,))


def test_to_alone_says_nothing() -> None:
    assert told(RECEIVED, f"To: {ABC}", f"Cc: {XYZ}") == DeliveredTo(None, claimed=(ABC, XYZ))
    assert told(RECEIVED, f'To: "{ABC}" <other@example.net>') == DeliveredTo(None)


def test_to_counts_where_the_settings_name_it() -> None:
    believed = (*DELIVERY_HEADERS, "To")
    assert told(RECEIVED, f"To: {ABC}", believed=believed).address == ABC
    assert told(f"Delivered-To: {BASE}", RECEIVED, f"To: {ABC}", believed=believed).address == ABC
    assert told(f"Delivered-To: {XYZ}", RECEIVED, f"To: {ABC}", believed=believed).address == XYZ
    assert told(RECEIVED, f"To: {ABC}, {XYZ}", believed=believed) == DeliveredTo(None, (ABC, XYZ))


def test_a_header_that_the_settings_do_not_name_says_nothing() -> None:
    assert told(f"X-Original-To: {ABC}", RECEIVED, believed=("Delivered-To",)) == DeliveredTo(None, claimed=(ABC,))
    assert told(f"x-delivered-TO: {ABC}", RECEIVED, believed=("X-Delivered-To",)).address == ABC


def test_the_first_header_named_counts_first() -> None:
    lines = (f"Delivered-To: {ABC}", f"X-Original-To: {XYZ}", RECEIVED)
    assert told(*lines).address == ABC
    assert told(*lines, believed=("X-Original-To", "Delivered-To")).address == XYZ


def facts(delivered: DeliveredTo) -> MailFacts:
    return MailFacts(delivered.address, delivered.several, "reports@crm.example", NOW, delivered.claimed)


@pytest.mark.parametrize(
    ("lines", "fate", "reason"),
    [
        ([RECEIVED, f"To: {ABC}"], Fate.HELD, f"only what its sender wrote says that it is for {ABC}"),
        ([f"Delivered-To: {BASE}", RECEIVED, f"To: {ABC}"], Fate.HELD, "only what its sender wrote"),
        ([f"Delivered-To: {ABC}, {XYZ}", RECEIVED], Fate.HELD, f"addressed to {ABC} and {XYZ} at once"),
        ([RECEIVED, f"To: {XYZ}"], Fate.IGNORED, "not delivered to an address of ours"),
        ([f"Delivered-To: {BASE}", RECEIVED], Fate.IGNORED, f"nothing is expected at {BASE}"),
    ],
)
def test_a_mail_that_may_be_for_an_expectation_is_held_and_not_ignored(
    lines: list[str], fate: Fate, reason: str
) -> None:
    turned = answerable(facts(told(*lines)), [Expectation("a", ABC, ("crm.example",), NOW)])
    assert isinstance(turned, Turned)
    assert turned.fate is fate
    assert reason in turned.reason
