"""What a domain asks to be done with mail that is not verifiably its own (DMARC, RFC 7489 and its successor).

Without a list of public suffixes the domains above From's are asked one after the other, as the successor of the RFC
does: the first record counts, with `sp` for what lies below it.
"""

from report_mailbox.domains import upwards
from report_mailbox.txt_records import TxtRecords


def wants_unsigned_refused(domain: str, records: TxtRecords) -> str | None:
    """The domain whose policy is quarantine or reject for mail from `domain`, or None.

    Raises:
        DnsUnreachable: It cannot be told.
    """
    for name in upwards(domain):
        policies = [
            tags for record in records.of(f"_dmarc.{name}") if (tags := _tags(record)).get("v", "").lower() == "dmarc1"
        ]
        if len(policies) != 1:
            continue  # two records are none, says the RFC
        tags = policies[0]
        policy = tags.get("p", "none") if name == domain else tags.get("sp", tags.get("p", "none"))
        trial = tags.get("pct") == "0" or tags.get("t", "").lower() == "y"
        return name if policy.lower() in ("quarantine", "reject") and not trial else None
    return None


def _tags(record: bytes) -> dict[str, str]:
    pieces = (piece.partition("=") for piece in record.decode("ascii", "replace").split(";"))
    return {name.strip().lower(): value.strip() for name, equals, value in pieces if equals}
