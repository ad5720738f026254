"""Elements of a page on our side of the wire, and the script that looks for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def script() -> str:
    """The script that looks at a page for us, of which each file holds one part."""
    folder = files("export_robots.controls").joinpath("sight")
    parts = [part.read_text(encoding="utf-8") for part in folder.iterdir() if part.name.endswith(".js")]
    return f"(() => {{ if (window.__sight) return; const S = {{}};\n{chr(10).join(parts)}\nwindow.__sight = S; }})();"


@dataclass(frozen=True)
class Thing:
    """An element of the page that is shown now; it means nothing any more once the page has been replaced."""

    number: int


Scope = Sequence[Thing] | None
"""Parts of the page to look in; None is the whole page."""


class Gone(Exception):
    """The page was replaced, or the element taken out, while it was being looked at."""


def pack(value: Any) -> Any:
    if isinstance(value, Thing):
        return {"$": value.number}
    if isinstance(value, dict):
        return {key: pack(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [pack(entry) for entry in value]
    return value


def unpack(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"$"}:
            return Thing(value["$"])
        return {key: unpack(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [unpack(entry) for entry in value]
    return value
