"""Whether the receiving server vouches for the domain in From.

Only the topmost Authentication-Results counts, and only when the named server made it: senders write such headers too,
and they end up further down. So that a server which for once wrote none is not taken for one that did, it must not
stand below a Received header of somebody else's server either.
"""

import re
from collections.abc import Iterator

import authres

from report_mailbox.domains import aligned, as_in_dns
from report_mailbox.mailbox import M365_TOPMOST
from report_mailbox.message import Headers, domain_of

_FEATURES = authres.all_features()
_BY = re.compile(r"\bby\s+([^\s;()]+)", re.IGNORECASE)
_MICROSOFT = "outlook.com"


def why_not_authentic(headers: Headers, authserv_id: str, sender: str) -> str | None:
    """One sentence without a full stop, or None: the mail is what it says."""
    at = next((at for at, (name, _) in enumerate(headers) if name == "authentication-results"), None)
    if at is None:
        return f"it carries no Authentication-Results of {authserv_id}"
    stamp = headers[at][1]
    if authserv_id == M365_TOPMOST:
        stamp = _microsoft_stamp(stamp)
    try:
        parsed = _FEATURES.parse_value(stamp)
    except (authres.AuthResError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "its topmost Authentication-Results cannot be read"
    if str(parsed.authserv_id).casefold() != authserv_id.casefold():
        return f"its topmost Authentication-Results is not of {authserv_id}"
    if (stranger := _foreign_server(headers[:at], authserv_id)) is not None:
        return f"its Authentication-Results was there before it came to {authserv_id}, when {stranger} had it"
    domain = domain_of(sender)
    for result in parsed.results:
        if str(getattr(result, "result", "")).casefold() != "pass":
            continue
        method = str(result.method).casefold()
        if method == "dmarc" and domain in set(_domains(result, "from")):
            return None
        # The signing domain; Google names it only as that of the identity (i), which lies in it.
        signers = set(_domains(result, "d")) or set(_domains(result, "i"))
        if method == "dkim" and any(aligned(as_in_dns(signer), as_in_dns(domain)) for signer in signers):
            return None
    return f"{authserv_id} found neither DKIM nor DMARC passed for {domain}"


def _domains(result: authres.core.AuthenticationResult, *names: str) -> Iterator[str]:
    for each in result.properties:
        if str(each.type).casefold() == "header" and str(each.name).casefold() in names:
            yield domain_of(str(each.value))


def _foreign_server(above: Headers, authserv_id: str) -> str | None:
    """The first server among those that had the mail after the stamp that is not of the receiving side.

    Of the receiving side are the server that delivered it, which wrote the topmost Received, and all of its domain and
    of the stamp's. Names without a domain (Google's `by 2002:a05:...`) tell nothing.
    """
    ours = [_MICROSOFT if authserv_id == M365_TOPMOST else authserv_id.casefold()]
    for name, value in above:
        if name != "received" or not (match := _BY.search(value)):
            continue
        server = match[1].casefold().rstrip(".")
        if not re.fullmatch(r"[\w.-]+\.[a-z][\w-]*", server):
            continue
        if len(ours) == 1:
            ours.append(server)
        if not any(_same_side(server, each) for each in ours):
            return server
    return None


def _same_side(one: str, other: str) -> bool:
    """Whether two servers share all but the first label of one of their names, or one is below the other."""
    return aligned(one, other) or aligned(one.partition(".")[2], other) or aligned(one, other.partition(".")[2])


def _microsoft_stamp(value: str) -> str:
    """Microsoft's stamp names no server and has `action=none` where the standard allows nothing of the kind.

    A stamp that does name a server is somebody else's: it is left alone, and then refused for its name.
    """
    if "=" not in value.partition(";")[0]:
        return value
    return f"{M365_TOPMOST}; " + re.sub(r"\baction=[\w.]+", "", value).rstrip("; ")
