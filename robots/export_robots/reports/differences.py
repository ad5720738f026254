"""In how many rows two reports of the same period differ. Counts only: nothing of any lead leaves this module."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from export_robots.reports.fields import Columns, find_columns
from export_robots.reports.reading import Table, survey

_SEPARATOR = "\x1f"
Keys = tuple[bytes, ...]


@dataclass(frozen=True)
class Difference:
    """`changed` rows are of a lead that is in both, with something else in it; `columns` counts added and gone ones."""

    rows_before: int
    rows_now: int
    added: int
    removed: int
    changed: int
    columns: tuple[str, ...] = ()

    @property
    def none(self) -> bool:
        return not (self.added or self.removed or self.changed or self.columns)

    def __str__(self) -> str:
        rows = f"rows: {self.added:,} added, {self.removed:,} removed, {self.changed:,} changed"
        columns = f"; {'; '.join(self.columns)}" if self.columns else ""
        return f"{rows} ({self.rows_before:,} before, {self.rows_now:,} now){columns}"


def difference(before: Path, now: Path, aliases: Mapping[str, tuple[str, ...]] | None = None) -> Difference:
    """Compare as multisets of rows, by what stands in the columns that both have, whatever the order of either.

    Rows that are in one only are paired by date and contact, or else by date and name: such a pair is a changed row.
    """
    first, second = _Report(before, aliases), _Report(now, aliases)
    shared = [name for name in first.header if name in second.header]
    old, new = first.rows(shared), second.rows(shared)
    common = old.counts & new.counts
    gone, come = old.without(common), new.without(common)
    changed = 0
    for kind in range(_KINDS):
        changed += _pair(gone, come, kind)
    columns = [f"the column “{name}” is new" for name in second.header if name not in first.header]
    columns += [f"the column “{name}” is gone" for name in first.header if name not in second.header]
    return Difference(sum(old.counts.values()), sum(new.counts.values()), len(come), len(gone), changed, tuple(columns))


_KINDS = 2  # ways of telling that two rows are of one lead: date and contact, date and name


@dataclass
class _Rows:
    counts: Counter[bytes]
    keys: dict[bytes, Keys]

    def without(self, common: Counter[bytes]) -> list[Keys]:
        return [self.keys[row] for row, count in (self.counts - common).items() for _ in range(count)]


class _Report:
    def __init__(self, file: Path, aliases: Mapping[str, tuple[str, ...]] | None) -> None:
        self._file = file
        self._records = self._read()
        texts = next(self._records, [])
        self._columns = find_columns(texts, aliases)
        self.header = [text.strip() for text in texts]

    def rows(self, shared: Sequence[str]) -> _Rows:
        places = [self.header.index(name) for name in shared]
        found = _Rows(Counter(), {})
        for record in self._records:
            if any(record):
                cells = [record[place].strip() if place < len(record) else "" for place in places]
                digest = _digest(cells)
                found.counts[digest] += 1
                found.keys[digest] = _keys(record, self._columns)
        return found

    def _read(self) -> Iterator[list[str]]:
        surveyed = survey(self._file)
        if surveyed.dialect:
            for batch in Table(self._file, surveyed.encoding, surveyed.dialect).batches():
                yield from batch.rows


def _keys(record: Sequence[str], columns: Columns) -> Keys:
    def cell(place: int | None) -> str:
        return record[place].strip().casefold() if place is not None and place < len(record) else ""

    date = cell(columns.found.get("date"))
    contacts = [text for place in columns.contacts if (text := cell(place))]
    names = [text for field in ("first_name", "last_name", "full_name") if (text := cell(columns.found.get(field)))]
    return tuple(_digest([date, *what]) if date and what else b"" for what in (contacts, names))


def _digest(cells: Sequence[str]) -> bytes:
    return hashlib.blake2b(_SEPARATOR.join(cells).encode("utf-8", "surrogatepass"), digest_size=12).digest()


def _pair(gone: list[Keys], come: list[Keys], kind: int) -> int:
    """Take the pairs out of both lists, and return how many there were."""
    waiting: defaultdict[bytes, list[int]] = defaultdict(list)
    for number, keys in enumerate(gone):
        if keys[kind]:
            waiting[keys[kind]].append(number)
    paired: set[int] = set()
    left = []
    for keys in come:
        if keys[kind] and waiting[keys[kind]]:
            paired.add(waiting[keys[kind]].pop())
        else:
            left.append(keys)
    gone[:] = [keys for number, keys in enumerate(gone) if number not in paired]
    come[:] = left
    return len(paired)
