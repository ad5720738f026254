"""What is shown has nothing in it of the shape of a lead's address or number, and no secret: as in notices and logs."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from export_robots.redaction import Redactor

_BETWEEN = "\n\0\n"
_SAID = frozenset({"reasons", "next", "move", "why", "saw", "failure"})
"""The keys of the month's object that hold sentences; the others hold names, words and times."""


class Cleaning:
    def __init__(self, secrets: Callable[[], Iterable[str]]) -> None:
        self._secrets = secrets

    def texts(self, texts: Sequence[str]) -> list[str]:
        """All at once: with thousands of secrets, each one would take as long as all."""
        if not texts:
            return []
        distinct = list(dict.fromkeys(text.replace("\0", "") for text in texts))
        cleaned = Redactor(self._secrets()).text(_BETWEEN.join(distinct)).split(_BETWEEN)
        found = dict(zip(distinct, cleaned, strict=True))
        return [found[text.replace("\0", "")] for text in texts]

    def object(self, value: Any) -> Any:
        """The month's object with its sentences cleaned."""
        said: list[str] = []
        _collect(value, said, wanted=False)
        cleaned = dict(zip(said, self.texts(said), strict=True))
        return _replaced(value, cleaned, wanted=False)


def _collect(value: Any, said: list[str], *, wanted: bool) -> None:
    if isinstance(value, str):
        if wanted:
            said.append(value)
    elif isinstance(value, dict):
        for key, each in value.items():
            _collect(each, said, wanted=key in _SAID)
    elif isinstance(value, list):
        for each in value:
            _collect(each, said, wanted=wanted)


def _replaced(value: Any, cleaned: dict[str, str], *, wanted: bool) -> Any:
    if isinstance(value, str):
        return cleaned[value] if wanted else value
    if isinstance(value, dict):
        return {key: _replaced(each, cleaned, wanted=key in _SAID) for key, each in value.items()}
    if isinstance(value, list):
        return [_replaced(each, cleaned, wanted=wanted) for each in value]
    return value
