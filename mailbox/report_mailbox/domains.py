"""How sender domains are related, without a list of public suffixes.

Such a list grows old inside a program, and one that is fetched is one more thing to trust. What it would be good for
here is little: the only harm is done by taking a name under which anybody can have a subdomain (`co.uk`) for somebody's
own. So two domains belong together only when one lies below the other, never as siblings, and the upper one must not
look like a public suffix: one label, or two where the first is a usual class or region (`co`, `com`, `qc`) in the
two-letter zone of a country. A domain is always aligned with itself: only its owner can put a key there.
"""

import re
from collections.abc import Iterator

_COUNTRY_WIDE = re.compile(
    r"(ac|ad|asn|biz|com?|edu?|fin|firm|gc|gen|go|gob|gouv|gov|gr|gv|id|ind?|info|ltd|me|mil|mod|name|net?|nhs|nom|org?"
    r"|plc|police|pro|sch|web)\.[a-z]{2}|(ab|bc|mb|nb|nf|nl|ns|nt|nu|on|pe|qc|sk|yk)\.ca"
)
_MOST_LOOKUPS = 5


def is_public_suffix(domain: str) -> bool:
    return "." not in domain or bool(_COUNTRY_WIDE.fullmatch(domain))


def aligned(signer: str, sender: str) -> bool:
    """Whether a signature by one domain speaks for mail from the other. Both in lower case, as in DNS."""
    if signer == sender:
        return bool(signer)
    upper, lower = sorted((signer, sender), key=len)
    return lower.endswith(f".{upper}") and not is_public_suffix(upper)


def upwards(domain: str) -> Iterator[str]:
    """The domain and those above it that may publish a policy for it: at most five, the nearest and the highest."""
    labels = domain.split(".")
    names = [".".join(labels[start:]) for start in range(len(labels))]
    above = [name for name in names[1:] if not is_public_suffix(name)]
    yield domain
    yield from above[-(_MOST_LOOKUPS - 1) :]


def as_in_dns(domain: str) -> str:
    """`xn--caf-dma.example` for `café.example`; what cannot be a name stays as it is."""
    lower = domain.rstrip(".").casefold()
    try:
        return lower if lower.isascii() else lower.encode("idna").decode("ascii")
    except UnicodeError:
        return lower
