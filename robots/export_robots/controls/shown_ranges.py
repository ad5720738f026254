"""Where a page displays the range of dates that it works with: one text, two fields side by side, or only a name."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from export_robots.controls.screen import Screen, Thing
from export_robots.controls.words import Words, any_of
from export_robots.controls.written_dates import dates_in, looks_like_a_notation

LABELS = Words("Dates", "Date range", "Select dates", "Period", "Plage de dates", "Choisir les dates", "Période",
               "Intervalle de dates")  # fmt: skip
# Ready-made ranges that some pages display by name, without their days.
NAMED = Words("Today", "Yesterday", "This week", "Last 7 days", "Last 30 days", "This month", "Last month",
              "Month to date", "This year", "All time", "Aujourd'hui", "Hier", "Cette semaine", "7 derniers jours",
              "30 derniers jours", "Ce mois", "Ce mois-ci", "Mois en cours", "Mois dernier", "Le mois dernier",
              "Cette année")  # fmt: skip
_ENDS = Words("Start", "Start date", "From", "End", "End date", "To", "Début", "Date de début", "Du", "De", "Fin",
              "Date de fin", "Au", "À")  # fmt: skip
# Two halves of one range stand in one line, not further apart than this (in pixels).
_APART = 500


@dataclass(frozen=True)
class ShownRange:
    """A range on the page. `text` is empty where no days are displayed; `native`: the browser's own date fields."""

    text: str
    things: tuple[Thing, ...]
    editable: bool
    box: dict[str, float]
    native: bool = False


async def shown_range(screen: Screen) -> ShownRange | None:
    """The range nearest to the top right of the page; fields without a day and ready-made names only if no days are."""
    ranges = await _with_days(screen)
    if not ranges:
        others = await _without_days(screen)
        # Looked for once more: between two looks the page may have come to be drawn.
        ranges = await _with_days(screen) or others
    # The nearest to the top; of those in one line the one furthest to the right; of nested ones the smallest.
    ranges.sort(key=lambda one: (one[0], one[1].box["y"] // 40, -one[1].box["x"] // 40, one[1].box["width"]))
    return ranges[0][1] if ranges else None


async def _with_days(screen: Screen) -> list[tuple[int, ShownRange]]:
    found = await screen.look("shortTexts", {"pattern": r"\d", "longest": 80})
    ranges = [
        (0 if entry["works"] or entry["field"] else 1, _single(entry))
        for entry in found
        if any(len(reading) == 2 for reading in dates_in(entry["text"]))
    ]
    halves = [entry for entry in found if any(len(one) == 1 for one in dates_in(entry["text"]))]
    halves += [group | {"field": True, "editable": True} for group in await screen.look("dayParts", None)]
    return [*ranges, *((0, pair) for pair in _pairs([one for one in halves if one["field"] or one["works"]]))]


async def _without_days(screen: Screen) -> list[tuple[int, ShownRange]]:
    fields = [field | {"text": field["value"], "field": True} for field in await screen.look("dateFields")]
    if pairs := _pairs([field for field in fields if awaits_a_day(field)]):
        return [(0, pair) for pair in pairs]
    named = await screen.find(any_of(NAMED, LABELS))
    return [] if named is None else [(0, ShownRange("", (named,), editable=False, box=await screen.look("box", named)))]


def _single(entry: dict[str, Any]) -> ShownRange:
    return ShownRange(entry["text"], (entry["target"],), entry["editable"], entry["box"])


def _pairs(halves: list[dict[str, Any]]) -> list[ShownRange]:
    pairs = []
    for one, other in pairwise(halves):
        if abs(one["box"]["y"] - other["box"]["y"]) < 12 and 0 < other["box"]["x"] - one["box"]["x"] < _APART:
            text = f"{one['text']} – {other['text']}" if one["text"] and other["text"] else ""
            native = one.get("type") == other.get("type") == "date"
            pairs.append(
                ShownRange(text, (_part(one), _part(other)), one["editable"] and other["editable"], one["box"], native)
            )
    return pairs


def _part(entry: dict[str, Any]) -> Thing:
    part: Thing = entry["el"] if entry["field"] else entry["target"]
    return part


def awaits_a_day(field: dict[str, Any]) -> bool:
    return field["type"] == "date" or any(looks_like_a_notation(name) or _ENDS.matches(name) for name in field["names"])
