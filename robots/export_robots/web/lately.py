"""What was made a moment ago need not be made again for the next browser."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")

_TIMES_AS_LONG = 10  # as it took to make: so no more than a tenth of one processor goes into it


@dataclass(frozen=True)
class _Kept(Generic[T]):
    value: T
    until: float


class Lately(Generic[T]):
    """Keeps the last `most` answers for some seconds, dear ones for longer. For one thread alone."""

    at_least = 4.0  # seconds

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[Hashable, _Kept[T]] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        began = monotonic()
        kept = self._kept.get(key)
        if kept and kept.until > began:
            return kept.value
        self._kept = {key: each for key, each in self._kept.items() if each.until > began}
        value = make()
        ended = monotonic()
        self._kept[key] = _Kept(value, ended + max(self.at_least, _TIMES_AS_LONG * (ended - began)))
        while len(self._kept) > self._most:
            self._kept.pop(next(iter(self._kept)))
        return value
