"""Reads a column of dates whose format nobody has declared.

While the rows go by, each value is only cut down to its date (and, where it names a time zone, the quarter of an hour);
how often each of these texts comes is counted, which stays small however many rows there are. How day, month and year
stand in them is decided at the end, from all of them together.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from export_robots.periods import Period
from export_robots.reports.findings import LINES_KEPT, Lines

MOST_TEXTS = 50_000
"""Different dates (with a zone: quarters of an hour) that are told apart in one column: more than a century of days."""
_REMEMBERED = 20_000
_LONGEST = 100

_HOUR = r"(?P<hour>2[0-3]|[01]?\d)"
_TIME = (
    rf"{_HOUR}(?:\s?[:hH]\s?(?P<minute>[0-5]\d)?(?:\s?(?::|min)\s?[0-5]\d(?:[.,]\d{{1,9}})?\s?s?)?)?"
    r"(?:\s?(?P<half>[AaPp])\.?\s?[Mm]\.?)?"
)
_ZONE = r"(?:\s?\(?(?P<zone>[Zz]|(?:UTC|GMT)?[+\-−]\d{2}(?::?\d{2})?|(?!(?:AM|PM)\b)[A-Z]{3,4})\)?)?(?:\s\([^)]*\))?"
_REST = rf"(?:(?:\s*[T,]\s*|\s+)(?:(?:à|at|-|@)\s*)?{_TIME}{_ZONE})?\s*"
_LETTERS = r"[^\W\d_]+"
_NUMERIC = re.compile(rf"\s*(?P<date>\d{{1,4}}([-/.])\d{{1,2}}\2\d{{1,4}}|\d{{8}}){_REST}")
_WORDED = tuple(
    re.compile(rf"\s*(?:{_LETTERS}[.,]?\s+){{0,2}}?{form}{_REST}")
    for form in (
        rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th|er|e)?[\s./-]+(?:de\s+|of\s+)?(?P<month>{_LETTERS})\.?,?[\s./-]+"
        r"(?P<year>\d{4}|\d{2}(?!\d))",
        rf"(?P<month>{_LETTERS})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}})",
        rf"(?P<year>\d{{4}})[\s./-]+(?P<month>{_LETTERS})\.?[\s./-]+(?P<day>\d{{1,2}})",
    )
)
# The zones that North American CRMs name, English and French, in hours from UTC.
_ZONES = {
    name: hours
    for hours, names in {
        0.0: "Z UTC GMT",
        -2.5: "NDT HAT",
        -3.0: "ADT HAA",
        -3.5: "NST HNT",
        -4.0: "AST EDT HNA HAE",
        -5.0: "EST CDT HNE HAC",
        -6.0: "CST MDT HNC HAR",
        -7.0: "MST PDT HNR HAP",
        -8.0: "PST AKDT HNP",
        -9.0: "AKST",
        -10.0: "HST",
    }.items()
    for name in names.split()
}

Key = str | tuple[str, int, int, int]
"""The text of a local date, or that with hour, minute (0, 15, 30, 45) and minutes from UTC."""
_Order = Callable[[int, int, int], tuple[int, int, int]]
_ORDERS: dict[str, _Order] = {
    "day/month/year": lambda a, b, c: (c, b, a),
    "month/day/year": lambda a, b, c: (c, a, b),
    "year/month/day": lambda a, b, c: (a, b, c),
}
_ORDERS_OF = {
    "year first": ("year/month/day",),
    "year last": ("day/month/year", "month/day/year"),
    "short year": ("day/month/year", "month/day/year", "year/month/day"),
}


@dataclass(frozen=True)
class Days:
    """What a date column says, in the client's zone.

    Attributes:
        counts: Rows per day.
        lines: Where the first rows of each day stand.
        unreadable: Rows whose value is no date.
        ambiguous: Why day and month cannot be told apart, one sentence; then `counts` is empty.
        ways: The ways of writing dates that occur; normally one.
    """

    counts: dict[date, int]
    lines: dict[date, Lines]
    unreadable: Lines
    ambiguous: str | None
    ways: tuple[str, ...]

    @property
    def first(self) -> date | None:
        return min(self.counts, default=None)

    @property
    def last(self) -> date | None:
        return max(self.counts, default=None)

    def outside(self, period: Period) -> Lines:
        return Lines.merged(self.lines[day] for day in self.counts if not period.contains(day))


@dataclass
class DateColumn:
    """Takes a column's values batch by batch. `utc`: times that name no zone are in UTC, not the client's."""

    utc: bool = False
    too_many: bool = False
    _tally: dict[Key, Lines] = field(default_factory=dict)
    # What has been read before, in two parts: by what stands after the first colon, then by what stands before it.
    # All values that differ only in minutes and seconds share one entry of the second, as their date is the same.
    _by_tail: dict[str, dict[str, Key]] = field(default_factory=dict)
    _by_head: dict[object, dict[str, Key]] = field(default_factory=dict)

    def take(self, values: Sequence[str], lines: Sequence[int]) -> list[int]:
        """Count the values; returns the positions of those that do not look like a date."""
        keys: list[Key | None] = []
        keep = keys.append
        by_tail = self._by_tail
        for value in values:
            head, colon, tail = value.partition(":")
            by_head = by_tail.get(tail)
            if by_head is not None and head in by_head:
                keep(by_head[head])
            else:
                keep(self._read_new(value, head, colon, tail))
        bad: list[int] = []
        for key, count in Counter(keys).items():
            if key is None:
                bad = [position for position, one in enumerate(keys) if one is None]
            else:
                self._count(key, count, keys, lines)
        return bad

    def _read_new(self, value: str, head: str, colon: str, tail: str) -> Key | None:
        if len(value) > _LONGEST:
            return None
        found, text = _match(value)
        key = _key(found, text, utc=self.utc) if found and text else None
        if key is None or (colon and not tail):
            return key
        shared: object = (
            "no colon" if not colon else "local" if isinstance(key, str) else (*key[2:], found and found["half"])
        )
        by_head = self._by_head.setdefault(shared, {})
        if len(by_head) < _REMEMBERED:
            by_head[head] = key
        if len(self._by_tail) < _REMEMBERED:
            self._by_tail[tail] = by_head
        return key

    def _count(self, key: Key, count: int, keys: list[Key | None], lines: Sequence[int]) -> None:
        entry = self._tally.get(key)
        if entry is None:
            if len(self._tally) >= MOST_TEXTS:
                self.too_many = True
                return
            entry = self._tally[key] = Lines()
        entry.count += count
        position = -1
        for _ in range(min(count, LINES_KEPT - len(entry.first))):
            position = keys.index(key, position + 1)
            entry.first.append(lines[position])

    def conclude(self, zone: ZoneInfo, period: Period | None) -> Days:
        """Decide how the dates are written, and read them all."""
        by_way: dict[str, list[Key]] = {}
        for key in self._tally:
            by_way.setdefault(_way(key if isinstance(key, str) else key[0]), []).append(key)
        unreadable = [self._tally[key] for key in by_way.pop("", ())]
        counts: dict[date, int] = {}
        lines: dict[date, list[Lines]] = {}
        ambiguous = None
        for way, keys in by_way.items():
            read, doubt = self._decide(way, keys, zone, period)
            ambiguous = ambiguous or doubt
            for key, day in read.items():
                entry = self._tally[key]
                if day is None:
                    unreadable.append(entry)
                    continue
                counts[day] = counts.get(day, 0) + entry.count
                lines.setdefault(day, []).append(entry)
        if ambiguous:
            counts = {}
        merged = {day: Lines.merged(parts) for day, parts in lines.items()}
        return Days(counts, merged, Lines.merged(unreadable), ambiguous, tuple(by_way))

    def _decide(
        self, way: str, keys: list[Key], zone: ZoneInfo, period: Period | None
    ) -> tuple[dict[Key, date | None], str | None]:
        orders = _ORDERS_OF.get(way, ("year/month/day",))
        readings = {order: {key: _day(key, order, zone) for key in keys} for order in orders}
        readable = {
            order: sum(self._tally[key].count for key, day in reading.items() if day)
            for order, reading in readings.items()
        }
        most = max(readable.values())
        fitting = [order for order in orders if readable[order] == most]
        best = readings[fitting[0]]
        if all(readings[order] == best for order in fitting[1:]):
            return best, None
        if period:
            inside = [
                order
                for order in fitting
                if all(day is None or period.contains(day) for day in readings[order].values())
            ]
            if len(inside) == 1:
                return readings[inside[0]], None
            why = f"each of these puts every row in {period}" if inside else f"none of these puts every row in {period}"
        else:
            why = "; ".join(f"{order}: {_span(readings[order])}" for order in fitting)
        return best, f"the dates can be read as {' or as '.join(fitting)} ({why})"


def _span(reading: dict[Key, date | None]) -> str:
    days = [day for day in reading.values() if day]
    return f"{min(days)} to {max(days)}" if days else "none"


def _match(value: str) -> tuple["re.Match[str] | None", str | None]:
    found = _NUMERIC.fullmatch(value)
    return (found, found["date"]) if found else _worded(value)


def _key(found: "re.Match[str]", text: str, *, utc: bool) -> Key | None:
    zone, hour = found["zone"], found["hour"]
    if hour is None or (zone is None and not utc):
        return text
    offset = _offset(zone or "UTC")
    if offset is None:
        return None
    hours = int(hour)
    if half := found["half"]:
        hours = hours % 12 + (12 if half in "Pp" or hours > 12 else 0)
    return text, hours, int(found["minute"] or 0) // 15 * 15, offset


def _worded(value: str) -> tuple["re.Match[str] | None", str | None]:
    for form in _WORDED:
        found = form.fullmatch(value)
        month = _months().get(_plain(found["month"])) if found else None
        if found and month:
            year = found["year"] if len(found["year"]) == 4 else f"20{found['year']}"
            return found, f"={year}-{month}-{found['day']}"
    return None, None


def _offset(zone: str) -> int | None:
    """Minutes from UTC; None for a zone that is not known."""
    name = zone.upper().replace("−", "-")
    if name in _ZONES:
        return int(_ZONES[name] * 60)
    found = re.fullmatch(r"(?:UTC|GMT)?([+-])(\d{2}):?(\d{2})?", name)
    if not found:
        return None
    minutes = int(found[2]) * 60 + int(found[3] or 0)
    return None if minutes >= 24 * 60 else -minutes if found[1] == "-" else minutes


def _way(text: str) -> str:
    if text.startswith("="):
        return "month in words"
    parts = re.split(r"[-/.]", text)
    if len(parts) == 1:
        return "eight digits"
    if len(parts[0]) == 4 and len(parts[2]) <= 2:
        return "year first"
    if len(parts[0]) <= 2 and len(parts[2]) == 4:
        return "year last"
    return "short year" if len(parts[0]) <= 2 and len(parts[2]) == 2 else ""


def _day(key: Key, order: str, zone: ZoneInfo) -> date | None:
    text = key if isinstance(key, str) else key[0]
    parts = re.split(r"[-/.]", text.lstrip("="))
    if len(parts) == 1:
        parts = [text[:4], text[4:6], text[6:]]
    year, month, day = _ORDERS[order](int(parts[0]), int(parts[1]), int(parts[2]))
    if year < 100:
        year += 2000 if year < 70 else 1900
    try:
        if isinstance(key, str):
            return date(year, month, day)
        moment = datetime(year, month, day, key[1], key[2], tzinfo=timezone(timedelta(minutes=key[3])))
        return moment.astimezone(zone).date()
    except (ValueError, OverflowError):
        return None


def _plain(word: str) -> str:
    letters = unicodedata.normalize("NFKD", word).casefold()
    return "".join(letter for letter in letters if letter.isalpha())


@lru_cache(maxsize=1)
def _months() -> dict[str, int]:
    from babel.dates import get_month_names  # loaded only for reports that write their months out

    names: dict[str, int] = {"sept": 9, "juill": 7}
    for locale in ("en", "en_CA", "en_GB", "fr", "fr_CA"):
        for width in ("wide", "abbreviated"):
            for context in ("format", "stand-alone"):
                for number, name in get_month_names(width, context, locale).items():
                    names.setdefault(_plain(name), number)
    return names
