"""Dates as pages write them, in English and French, read the way a person reads them.

A numeric date may be read in several ways; the order of day, month and year is one for a whole text. As a period's last
day is always the 28th or later, a text that shows a whole period can be read in only one way.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from functools import cache

from babel import Locale

from export_robots.controls.words import fold
from export_robots.periods import Month

_TIME = re.compile(r"\b\d{1,2}\s*(?::|h)\s*\d{2}(?::\d{2})?(?:\s*[ap]\.?m\.?)?", re.IGNORECASE)
_NUMERIC = re.compile(r"(?<!\d)(\d{4}|\d{1,2})\s?([./-])\s?(\d{1,2})\s?\2\s?(\d{4}|\d{1,2})(?!\d)")
_TOKEN = re.compile(
    r"(?P<year>(?<!\d)(?:19|20)\d{2}(?!\d))|(?P<day>(?<!\d)\d{1,2}(?:st|nd|rd|th|er|e)?(?![\d\w]))|(?P<word>[a-z]+)"
)
_PART = r"(d{1,2}|j{1,2}|m{1,2}|y{2,4}|a{2,4})"
_PLACEHOLDER = re.compile(rf"{_PART}([./ -]){_PART}\2{_PART}")
ORDERS = ("ymd", "dmy", "mdy")


@cache
def month_names() -> dict[str, int]:
    """Folded names and abbreviations of the months, English and French, from the Unicode CLDR (through Babel)."""
    names: dict[str, int] = {}
    for language in ("en", "en_CA", "fr", "fr_CA"):
        months = Locale.parse(language).months
        for context in ("format", "stand-alone"):
            for width in ("wide", "abbreviated"):
                for number, name in months[context][width].items():
                    names[fold(name).rstrip(".")] = number
    names |= {"sept": 9, "fev": 2, "aou": 8, "juill": 7, "jul": 7, "jun": 6, "jan": 1, "dec": 12}
    return names


def dates_in(text: str) -> list[tuple[date, ...]]:
    """All readings of a text as a row of dates, without repeats: most texts have one or none."""
    plain = _TIME.sub(" ", fold(text).replace("\u00a0", " "))
    numeric = _NUMERIC.findall(plain)
    readings = [_numeric(numeric, order) for order in ORDERS] if numeric else [_with_names(plain)]
    return list(dict.fromkeys(reading for reading in readings if reading))


def shows(text: str, first: date, last: date) -> bool:
    """True if the text can be read as the period from `first` to `last`, both included."""
    return (first, last) in dates_in(text)


def month_in(text: str) -> Month | None:
    """The month that a calendar's caption names: “octobre 2026”, “Oct 2026”, “2026 October”, “10/2026”, “2026-10”."""
    plain = fold(text)
    years = re.findall(r"(?<!\d)(?:19|20)\d{2}(?!\d)", plain)
    if len(set(years)) != 1:
        return None
    numbers = [month_names()[word] for word in re.findall(r"[a-z]+", plain) if word in month_names()]
    if not numbers:
        numbers = [int(number) for number in re.findall(r"(?<!\d)\d{1,2}(?!\d)", plain) if 1 <= int(number) <= 12]
    return Month(int(years[0]), numbers[0]) if len(set(numbers)) == 1 else None


def looks_like_a_notation(text: str) -> bool:
    """True for a placeholder such as YYYY-MM-DD or jj/mm/aaaa."""
    return bool(_PLACEHOLDER.search(fold(text)))


def written(day: date, like: str) -> Iterator[str]:
    """`day` in the notation of `like` (a field's value or its placeholder), then in the usual ones."""
    yielded = set()
    for notation in (*_notations(like), "%Y-%m-%d", "%m/%d/%Y", "%d/%m/%Y"):
        text = day.strftime(notation)
        if text not in yielded:
            yielded.add(text)
            yield text


def _notations(like: str) -> Iterator[str]:
    placeholder = fold(like)
    match = _PLACEHOLDER.search(placeholder)
    if match:
        # French writes j for the day (jour) and a for the year (année).
        parts = [part.replace("a", "y").replace("j", "d") for part in (match[1], match[3], match[4])]
        codes = {"d": "%d", "m": "%m", "y": "%y" if "yy" in parts else "%Y"}
        if {part[0] for part in parts} == set(codes):
            yield match[2].join(codes[part[0]] for part in parts)
            return
    match = _NUMERIC.search(placeholder)
    if not match:
        return
    separator = match[2]
    if len(match[1]) == 4:
        yield separator.join(("%Y", "%m", "%d"))
    elif len(match[4]) == 4:
        orders = (("%m", "%d", "%Y"), ("%d", "%m", "%Y"))
        for order in reversed(orders) if int(match[1]) > 12 else orders:
            yield separator.join(order)


def _numeric(found: list[tuple[str, str, str, str]], order: str) -> tuple[date, ...]:
    dates = []
    for one, _, two, three in found:
        parts = dict(zip(order, (one, two, three), strict=True))
        if len(parts["d"]) > 2 or len(parts["m"]) > 2 or len(parts["y"]) not in (2, 4):
            return ()
        if len(parts["y"]) == 2 and 4 in map(len, (one, two, three)):
            return ()
        year = int(parts["y"]) + (2000 if len(parts["y"]) == 2 else 0)
        with suppress(ValueError):
            dates.append(date(year, int(parts["m"]), int(parts["d"])))
    return tuple(dates) if len(dates) == len(found) else ()


def _with_names(plain: str) -> tuple[date, ...]:
    years, months, days = [], [], []
    for token in _TOKEN.finditer(plain):
        if token["year"]:
            years.append(int(token["year"]))
        elif token["day"]:
            days.append(int(re.sub(r"\D", "", token["day"])))
        elif token["word"] in month_names():
            months.append(month_names()[token["word"]])
    if not (years and months and days) or len(days) > 2 or len(years) > len(days) or len(months) > len(days):
        return ()
    with suppress(ValueError):
        last = date(years[-1], months[-1], days[-1])
        if len(days) == 1:
            return (last,)
        first = date(years[0], months[0], days[0])
        if first > last and len(years) == 1:  # “Dec 1 – Jan 31, 2026” names the year once, at its end
            first = first.replace(year=first.year - 1)
        return (first, last)
    return ()
