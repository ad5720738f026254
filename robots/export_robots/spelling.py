"""Names that somebody may have meant."""

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """At most three of `known` that look like `word`, the likeliest first; upper and lower case count as the same."""
    names = {name.casefold(): name for name in known}
    return [names[name] for name in difflib.get_close_matches(word.casefold(), names, n=3, cutoff=0.6)]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean “abc”?`, to be put after a sentence, or nothing where no name is near."""
    names = nearest(word, known)
    return f"; did you mean {' or '.join(f'“{name}”' for name in names)}?" if names else ""
