"""Reports that are sent over several mails. They are not put together: what comes may be half a month."""

import re
from collections.abc import Iterable

from report_mailbox.message import Headers, decode_words, first

_PART = re.compile(
    r"\b(?:part|partie)\s*(\d{1,3})\s*(?:of|de|sur|/)\s*(\d{1,3})\b|[(\[](\d{1,3})\s*(?:of|de|sur|/)\s*(\d{1,3})[)\]]",
    re.IGNORECASE,
)


def piece_of_several(headers: Headers, names: Iterable[str]) -> str | None:
    """Whether the mail says of itself that it holds a piece only: one sentence without a full stop, or None."""
    if first(headers, "content-type").casefold().startswith("message/partial"):
        return "it is a piece of a mail that its sender's server has cut up, and such are not put together"
    for said in (decode_words(first(headers, "subject")), *names):
        for match in _PART.finditer(said):
            number, count = (int(each) for each in match.groups() if each)
            if 1 <= number <= count and count > 1:
                return f"it says to be part {number} of {count}, and a report over several mails is not put together"
    return None
