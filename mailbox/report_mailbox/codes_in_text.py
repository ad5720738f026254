"""The sign-in code in a mail's text, in English or French."""

import re
from collections.abc import Iterable
from html.parser import HTMLParser

# "Code" beside what it is for. A word alone ("postal code", "code promo") is not enough, see _NOT_CODES.
_WORDS = re.compile(
    r"\b(?:verification|v[ée]rification|security|s[ée]curit[ée]|confirmation|one[- ]time|access|acc[èe]s|login|log-in|"
    r"sign[- ]?in|authentication|authentification|connexion|usage unique|passcode|pin|otp|2fa|code)\b",
    re.IGNORECASE,
)
_CODE_WORD = re.compile(r"\b(?:code|passcode|pin|otp|password|mot de passe)\b", re.IGNORECASE)
_NOT_CODES = re.compile(
    r"\b(?:zip|postal|promo|promotion|discount|rabais|area|country|error|erreur|r[ée]gional|status|source|qr|bar)"
    r"[- ]?code\b"
    r"|\bcode (?:postal|promo\w*|d['’]erreur|r[ée]gional|source|barres?|rabais|qr)\b",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"(?<![\w.,/:+#@=&?-])(\d{4,8}|\d{3}[ -]\d{3,4}|\d{4}[ -]\d{4})(?![\w@/:-]|[.,]\d)")
_MIXED = re.compile(r"(?<![\w.,/:+#@=&?-])((?=[A-Z]*\d)(?=\d*[A-Z])[A-Z0-9]{5,8}|[A-Z0-9]-\d{6})(?![\w@/:-]|\.\w)")
_PHONE = re.compile(r"\(?\+?\d{1,3}?\)?[ .-]?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}|\b\d{3}[ .-]\d{4}\b(?=[^\n]{0,20}\bext)")
_CANADIAN_POSTCODE = re.compile(r"\b[A-Z]\d[A-Z] ?\d[A-Z]\d\b")
_YEAR = re.compile(r"(?:19|20)\d\d")
_LOOKED_AT = 30_000  # characters
_REACH = 120  # characters between a word and the code it announces


def code_in(texts: Iterable[tuple[bool, str]]) -> str | None:
    """The one code, without spaces or hyphens inside it; None when there is none, or several that differ.

    Args:
        texts: The parts of the mail meant for reading, as (is HTML, text). Plain text is preferred.
    """
    ordered = sorted(texts, key=lambda part: part[0])
    for is_html, text in ordered:
        found = _code(visible_text(text) if is_html else text)
        if found is not None:
            return found
    return None


def visible_text(html: str) -> str:
    reader = _Visible()
    try:
        reader.feed(html)
        reader.close()
    except (ValueError, AssertionError):  # unfinished declarations: what was read so far will do
        return "".join(reader.kept)
    return "".join(reader.kept)


def _code(text: str) -> str | None:
    text = re.sub(r"https?://\S+", " ", text[:_LOOKED_AT])
    for blank in (_PHONE, _CANADIAN_POSTCODE, _NOT_CODES):
        text = blank.sub(lambda match: " " * len(match[0]), text)
    announcing = [(match.start(), match.end(), bool(_CODE_WORD.fullmatch(match[0]))) for match in _WORDS.finditer(text)]
    if not any(is_code for _, _, is_code in announcing):
        return None
    ranked: list[tuple[int, str]] = []
    for pattern in (_DIGITS, _MIXED):
        for match in pattern.finditer(text):
            code = re.sub(r"[ -]", "", match[1]) if match[1][0].isdigit() else match[1]
            distance = _distance(match.start(1), match.end(1), announcing)
            if distance is None:
                continue
            if _YEAR.fullmatch(code) and not _alone_on_its_line(text, match):
                continue
            if not _alone_on_its_line(text, match):
                distance += 20
            ranked.append((distance, code))
    if not ranked:
        return None
    ranked.sort()
    best = ranked[0]
    rivals = {code for distance, code in ranked if distance <= best[0] + 5}
    return best[1] if len(rivals) == 1 else None


def _distance(start: int, end: int, announcing: list[tuple[int, int, bool]]) -> int | None:
    """To the nearest word "code"; a code mostly follows it, so that one before counts as farther away."""
    nearest = None
    for word_start, word_end, is_code in announcing:
        if not is_code:
            continue
        distance = start - word_end if word_end <= start else (word_start - end) * 2 + 10
        if 0 <= distance <= _REACH and (nearest is None or distance < nearest):
            nearest = distance
    return nearest


def _alone_on_its_line(text: str, match: re.Match[str]) -> bool:
    before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
    after = text[match.end() :].partition("\n")[0]
    return not before.strip(" \t*:>\xa0") and not after.strip(" \t\r*.\xa0")


class _Visible(HTMLParser):
    """Text as a person sees it: blocks on lines of their own, no styles, no hidden preview text."""

    _SILENT = frozenset({"style", "script", "title", "head"})
    _INLINE = frozenset({"a", "b", "i", "em", "strong", "span", "font", "u", "small", "code", "tt"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.kept: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._SILENT:
            self._silent += 1
        elif tag not in self._INLINE:
            self.kept.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag not in self._INLINE:
            self.kept.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.kept.append(re.sub(r"\s+", " ", data))
