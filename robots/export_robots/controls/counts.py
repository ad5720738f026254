"""The number of rows that a page itself shows for what is about to be exported."""

import re

from export_robots.controls.screen import Scope, Screen
from export_robots.controls.words import fold

_NUMBER = r"(\d{1,3}(?:[ ,.']\d{3})+|\d+)"
_NOUN = (
    r"(?:entries|entrees|records?|results?|rows?|clients?|leads?|items?|resultats?|enregistrements?|lignes?|elements?|"
    r"fiches?|prospects?)"
)
# “Showing 1 to 25 of 1,234 entries”, “1–25 sur 1 234”, “Total 1 234”, “1 234 résultats”; never “Page 1 of 12”.
_PATTERNS = [
    re.compile(
        rf"\b\d+\s*(?:to|a|-|–|—|\.\.)\s*\d+\s*(?:of|sur|de|/)\s*(?:about\s*)?{_NUMBER}(?:\s+{_NOUN})?(?!\s*\w*filter)"
    ),
    re.compile(rf"\btotal\s*(?:{_NOUN}|de|of)?\s*[:=]?\s*{_NUMBER}(?:\s+{_NOUN})?$"),
    re.compile(rf"^{_NUMBER}\s+(?:\w+\s+)?{_NOUN}(?:\s+(?:found|in total|au total|trouves?|trouvees?))?$"),
    re.compile(rf"^{_NOUN}\s*[:(]\s*{_NUMBER}\)?$"),
]
# Never “No client”, which in French is the customer's number.
_EMPTY = re.compile(
    r"\b(no (?:matching )?(?:data|entries|(?:record|result|client|lead|row)(?:s\b| (?:found|match|to\b|available)))|"
    r"nothing (?:found|to show)|0 entries|"
    r"aucune? (?:donnee|resultat|enregistrement|client|entree|ligne|element|fiche|prospect)s?|"
    r"pas de (?:donnees|resultats?))\b"
)


async def read_row_count(screen: Screen, scope: Scope) -> int | None:
    """The count that the part of the page shows; None if it shows none, or several that differ."""
    counts = set()
    for found in await screen.look("shortTexts", {"scope": scope, "pattern": r"\d", "longest": 90}):
        count = count_in(found["text"])
        if count is not None:
            counts.add(count)
    return counts.pop() if len(counts) == 1 else None


async def says_empty(screen: Screen, scope: Scope) -> bool:
    """True if the part of the page says in words that there is nothing in the period."""
    pattern = r"\b(no|nothing|0|aucun|aucune|pas)\b"
    found = await screen.look("shortTexts", {"scope": scope, "pattern": pattern, "longest": 120, "tables": True})
    return any(_EMPTY.search(fold(text["text"])) for text in found)


def count_in(text: str) -> int | None:
    """The total that a line such as “Showing 1 to 25 of 1,234 entries” names."""
    folded = fold(text).replace("\u202f", " ")
    for pattern in _PATTERNS:
        if match := pattern.search(folded):
            return int(re.sub(r"\D", "", match[1]))
    return None
