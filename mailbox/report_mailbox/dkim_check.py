"""Verifies DKIM signatures over a mail's own bytes, more strictly than the standard asks.

The standard lets a signature cover part of a mail (`l=`), or leave out Content-Type: then an attachment can be added,
or other parts made visible, and the signature stays good. Such signatures prove nothing about a report, and are
refused. Only signatures by the domain in From, or one above or below it, are looked at: others are the business of
forwarders.
"""

import logging
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.util import find_spec
from typing import Any

import dkim
from dkim.util import InvalidTagValueList, parse_tag_value

from report_mailbox.domains import aligned, as_in_dns
from report_mailbox.message import read_headers, split_header_block
from report_mailbox.txt_records import DnsUnreachable, TxtRecords

Tags = dict[bytes, bytes]

SMALLEST_KEY = 1024
"""Bits of an RSA key. Smaller ones have been factored by single persons."""

_CLOCK_TOLERANCE = timedelta(minutes=5)
_MOST_SIGNATURES = 8
_LONGEST_SIGNATURE = 8_000  # bytes; dkimpy's patterns take time by the square of it
_HAS_ED25519 = find_spec("nacl") is not None

# What dkimpy lets out over mails, signatures and keys that are not as it expects.
_STUMBLES = (
    dkim.DKIMException, ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError,
)  # fmt: skip

_silent = logging.getLogger(f"{__name__}.dkimpy")  # it would log keys and pieces of headers
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


class Standing(StrEnum):
    """What is known of a mail's sender. `verified` was found out here, `stamped` by the receiving server."""

    VERIFIED = "verified"
    STAMPED = "stamped"
    UNVERIFIED = "unverified"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Authenticity:
    """The reason is part of a sentence about the mail, without a full stop ("its ..."); empty for what is good."""

    standing: Standing
    reason: str = ""


class _Ignored(Exception):
    """A signature that counts as if it were not there."""


class _Wrong(Exception):
    """A signature that speaks against the mail. Its text is the reason."""


def check_signatures(raw: bytes, sender_domain: str, received: datetime, records: TxtRecords) -> Authenticity:
    """Whether the mail is signed by its sender's domain. One good signature is enough, whatever stands beside it.

    Takes time in proportion to the mail, but for what `is_heavy` is true of. `received` is when the mail server got
    it, aware: an expired signature was good if it was good then.
    """
    block = split_header_block(raw)
    nothing = Authenticity(Standing.UNVERIFIED, f"it carries no DKIM signature of {sender_domain}")
    if not any(name == "dkim-signature" for name, _ in read_headers(block)):
        return nothing
    if re.search(rb"\r(?!\n)", block + b"\r\n"):
        # To DKIM it is a character, to those who read the mail it begins another header.
        return Authenticity(Standing.FAILED, "its headers hold a bare carriage return, which hides others")
    try:
        mail = dkim.DKIM(raw, logger=_silent, minkey=SMALLEST_KEY)
    except _STUMBLES:
        return Authenticity(Standing.FAILED, "its headers are malformed, so that its DKIM signature covers nothing")
    wrong: list[str] = []
    unknown = False
    for signature, tags in _of_domain(mail, as_in_dns(sender_domain))[:_MOST_SIGNATURES]:
        try:
            _verify(mail, signature, tags, received, records)
        except _Ignored:
            continue
        except _Wrong as found:
            wrong.append(str(found))
        except DnsUnreachable:
            unknown = True
        else:
            return Authenticity(Standing.VERIFIED)
    if wrong:
        return Authenticity(Standing.FAILED, wrong[0])
    if unknown:
        return Authenticity(Standing.UNKNOWN, f"the key of {sender_domain} could not be looked up")
    return nothing


def is_heavy(raw: bytes) -> bool:
    """Whether the check may take long: it goes by the square of some things in a mail."""
    if len(raw) > 5_000_000 or len(split_header_block(raw)) > 60_000:
        return True
    return b" " * 1_000 in raw.replace(b"\t", b" ")


def _of_domain(mail: Any, sender: str) -> list[tuple[tuple[bytes, bytes], Tags]]:
    """The signatures whose `d` is aligned with the sender, topmost first."""
    found = []
    for name, value in mail.headers:
        if name.lower() != b"dkim-signature" or len(value) > _LONGEST_SIGNATURE:
            continue
        try:
            tags = parse_tag_value(value)
        except InvalidTagValueList:
            continue
        signer = tags.get(b"d", b"").decode("ascii", "replace")
        if aligned(as_in_dns(signer), sender):
            found.append(((name, value), tags))
    return found


def _verify(mail: Any, signature: tuple[bytes, bytes], tags: Tags, received: datetime, records: TxtRecords) -> None:
    """Returns if the signature is good. Raises _Ignored, _Wrong or DnsUnreachable."""
    covered = _covered(mail, tags, received)
    domain, selector = tags[b"d"].decode("ascii", "replace"), tags[b"s"].decode("ascii", "replace")
    keys = [record for record in records.of(f"{selector}._domainkey.{domain}") if b"p=" in record.replace(b" ", b"")]
    if not keys:
        raise _Wrong(f"{domain} has no key {selector} for its DKIM signature")
    key = keys[0]
    _usable(key, tags, f"the key {selector} of {domain}")
    try:
        good = mail.verify_sig(tags, covered, signature, lambda name, timeout: key)
    except _STUMBLES as error:
        if "body hash" in str(error):
            raise _Wrong("its content is not what was signed: it was changed on the way, or forged") from error
        raise _Wrong("its DKIM signature cannot be checked against its key") from error
    if not good:
        raise _Wrong("its headers are not what was signed: they were changed on the way, or forged")


def _covered(mail: Any, tags: Tags, received: datetime) -> list[bytes]:
    """The names of the headers that the signature covers, if it covers what it must, and is in time."""
    algorithm = tags.get(b"a", b"")
    if algorithm == b"rsa-sha1":
        raise _Wrong("its DKIM signature is made with SHA-1, which can be forged")
    if algorithm != b"rsa-sha256" and not (algorithm == b"ed25519-sha256" and _HAS_ED25519):
        raise _Ignored
    if b"l" in tags:
        raise _Wrong("its DKIM signature covers only the beginning of it (l=), so that anything may have been added")
    expires = tags.get(b"x")
    if expires is not None and not re.fullmatch(rb"\d{1,12}", expires):
        raise _Wrong("its DKIM signature is malformed")
    if expires is not None and int(expires) < (received - _CLOCK_TOLERANCE).timestamp():
        raise _Wrong("its DKIM signature had expired when it came")
    try:
        # Its own look at x= is left out: it compares with now, and by hours.
        dkim.validate_signature_fields({name: value for name, value in tags.items() if name != b"x"})
    except _STUMBLES as error:
        raise _Wrong("its DKIM signature is malformed") from error
    covered = [name.lower() for name in re.split(rb"\s*:\s*", tags[b"h"])]
    present = [name.lower() for name, _ in mail.headers]
    for shown, needed in ((b"From", 1), (b"Content-Type", 0)):
        # Those who read the mail take the first of several, the signature counts from the last.
        if covered.count(shown.lower()) < max(needed, present.count(shown.lower())):
            raise _Wrong(f"its DKIM signature does not cover {shown.decode()}, so that it may have been changed")
    return covered


def _usable(key: bytes, tags: Tags, which: str) -> None:
    try:
        fields = parse_tag_value(key)
    except InvalidTagValueList as error:
        raise _Wrong(f"{which} cannot be read") from error
    flags = [flag.strip() for flag in fields.get(b"t", b"").split(b":")]
    if b"y" in flags:
        raise _Ignored  # the domain is only trying it out
    if not fields.get(b"p"):
        raise _Wrong(f"{which} is revoked")
    identity = tags.get(b"i", b"@" + tags[b"d"]).rpartition(b"@")[2]
    if b"s" in flags and identity.lower() != tags[b"d"].lower():
        raise _Wrong(f"{which} is not for subdomains")
    hashes = [each.strip() for each in fields.get(b"h", b"sha256").split(b":")]
    services = [each.strip() for each in fields.get(b"s", b"*").split(b":")]
    if b"sha256" not in hashes or not {b"*", b"email"} & set(services):
        raise _Wrong(f"{which} is not for such signatures")
    if fields.get(b"k", b"rsa") != tags[b"a"].partition(b"-")[0]:
        raise _Wrong(f"{which} is of another kind than its signature")
    try:
        _, bits, kind, _ = dkim.evaluate_pk(which, key)
    except _STUMBLES as error:
        raise _Wrong(f"{which} cannot be read") from error
    if kind == b"rsa" and bits < SMALLEST_KEY:
        raise _Wrong(f"{which} has {bits} bits, which is too weak")
