"""Whether the receiving server vouches for the domain in From.

Only the topmost Authentication-Results counts, and only when the named server made it: senders write such headers too,
and they end up further down. DKIM is not verified here; without `authserv_id` the From domain is all there is.
"""

import re
from collections.abc import Iterator

import authres

from report_mailbox.mailbox import M365_TOPMOST
from report_mailbox.message import Headers, domain_of, first

_FEATURES = authres.all_features()


def why_not_authentic(headers: Headers, authserv_id: str, sender: str) -> str | None:
    """One sentence without a full stop, or None: the mail is what it says."""
    stamp = first(headers, "authentication-results")
    if not stamp:
        return f"it carries no Authentication-Results of {authserv_id}"
    if authserv_id == M365_TOPMOST:
        stamp = _microsoft_stamp(stamp)
    try:
        parsed = _FEATURES.parse_value(stamp)
    except (authres.AuthResError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "its topmost Authentication-Results cannot be read"
    if str(parsed.authserv_id).casefold() != authserv_id.casefold():
        return f"its topmost Authentication-Results is not of {authserv_id}"
    domain = domain_of(sender)
    for result in parsed.results:
        if getattr(result, "result", None) != "pass":
            continue
        if result.method == "dmarc" and domain in set(_domains(result, "from")):
            return None
        if result.method == "dkim" and any(_aligned(signer, domain) for signer in _domains(result, "d", "i")):
            return None
    return f"{authserv_id} found neither DKIM nor DMARC passed for {domain}"


def _domains(result: authres.core.AuthenticationResult, *names: str) -> Iterator[str]:
    for each in result.properties:
        if each.type == "header" and each.name in names:
            yield domain_of(str(each.value))


def _aligned(signer: str, sender: str) -> bool:
    """DKIM's relaxed alignment without a list of public suffixes: the same domain, or one below the other."""
    return "." in signer and (signer == sender or sender.endswith(f".{signer}") or signer.endswith(f".{sender}"))


def _microsoft_stamp(value: str) -> str:
    """Microsoft's stamp names no server and has `action=none` where the standard allows nothing of the kind.

    A stamp that does name a server is somebody else's: it is left alone, and then refused for its name.
    """
    if "=" not in value.partition(";")[0]:
        return value
    return f"{M365_TOPMOST}; " + re.sub(r"\baction=\w+", "", value).rstrip("; ")
