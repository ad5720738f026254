"""The configuration as text: the TOML file and the `ROBOT_...` variables, before anything in them is judged.

Both give the same shape, nested tables of plain values, and remember where each value came from, so that a mistake
can be named by its line or its variable. Rooftops are a list in the file and are kept here by their slug, so that a
variable can name one: `ROBOT_CLIENTS__ABC__ROOFTOPS__ABC_AUTOS_NORTH__ACTIVIX__PASSWORD`.
"""

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs

from export_robots.clients import slug
from export_robots.outcomes import UsageWrong

APP = "export-robots"
FILE_NAME = "credentials.toml"
SECRETS = ("password", "totp_secret")

_LARGEST = 16 * 1024 * 1024  # bytes; some 100,000 accounts
_LOOKS_SECRET = re.compile(r"pass|pwd|secret|totp|token", re.IGNORECASE)  # a misspelt secret is one too
_SECRET_ADDRESSES = {("database", "url"), ("notices", "urls")}  # which may hold a password or a token
_MODEL = "Copy credentials.example.toml, and change what has to change."
_PLACE = re.compile(r"^(?P<what>.*?) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$", re.DOTALL)
_HEADER = re.compile(r"\s*\[\[?\s*(?P<name>[^\[\]]+?)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"\s*(?P<name>[A-Za-z0-9_.\"' -]+?)\s*=")

Keys = tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """One half of the configuration: its values, and the file's lines or the variables that they came from."""

    values: dict[str, Any] = field(default_factory=dict)
    lines: Mapping[Keys, int] = field(default_factory=dict)
    variables: Mapping[Keys, str] = field(default_factory=dict)


def find_config(named: Path | None, env: Mapping[str, str]) -> Path | None:
    """The file that `--config` or ROBOT_CONFIG names, or else the first that is there; None where there is none."""
    if named is not None:
        return named.expanduser().absolute()
    if env.get("ROBOT_CONFIG"):
        return Path(env["ROBOT_CONFIG"]).expanduser().absolute()
    return next((path for path in usual_places() if path.is_file()), None)


def usual_places() -> list[Path]:
    return [Path(FILE_NAME).absolute(), platformdirs.user_config_path(APP) / FILE_NAME]


def read_file(path: Path) -> Source:
    """Read the file; one that is not there, is no TOML, or shows a secret to others is `UsageWrong`."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            raw = file.read(_LARGEST + 1)
    except OSError as error:
        raise UsageWrong(f"the configuration file {path} cannot be read: {_cause(error)}", _MODEL) from error
    if len(raw) > _LARGEST:
        raise UsageWrong(f"{path} is over 16 MB, too large for a configuration file", _MODEL)
    text = _decode(path, raw)
    values = _parse(path, text)
    if _holds_secret(values):
        _require_owner_only(path, status)
    lines = _lines(text)
    named = {number: keys for keys, number in _name_rooftops(path, values).items()}
    for rest, line in list(lines.items()):
        for depth in range(len(rest) + 1):
            if rest[:depth] in named:
                lines[*named[rest[:depth]], *rest[depth:]] = line
    return Source(values, lines=lines)


def read_environment(env: Mapping[str, str], known: Mapping[str, Any]) -> Source:
    """Read `ROBOT_TABLE__...__KEY`; an empty variable counts as not set.

    Others' variables that begin alike (`ROBOT_OPTIONS`) have no double underscore. Names are found again in `known`,
    the file's values, whatever their case and whether they are written with `-` or `_`.
    """
    values: dict[str, Any] = {}
    variables: dict[Keys, str] = {}
    for variable, value in sorted(env.items()):
        if not variable.upper().startswith("ROBOT_") or "__" not in variable or not value:
            continue
        keys: Keys = ()
        there: Any = known
        for part in variable[len("ROBOT_") :].lower().split("__"):
            names = there if isinstance(there, Mapping) else {}
            name = next((name for name in names if _same(name, part)), part)
            keys, there = (*keys, name), names.get(name)
        table = values
        for depth, key in enumerate(keys[:-1], start=1):
            if keys[:depth] in variables:
                raise UsageWrong(
                    f"{variables[keys[:depth]]} is in the way of {variable}: it gives one value for a whole table",
                    f"Unset {variables[keys[:depth]]}.",
                )
            table = table.setdefault(key, {})
        table[keys[-1]] = value
        variables[keys] = variable
    return Source(values, variables=variables)


def _same(name: str, part: str) -> bool:
    return name.lower().replace("-", "_") == part.replace("-", "_")


def _decode(path: Path, raw: bytes) -> str:
    # The decoder's error holds the whole file, secrets and all, and so does the parser's: both are left behind here.
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
    raise UsageWrong(f"{path}, line {line}: the file is not written in UTF-8", "Save it as UTF-8 in your editor.")


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        problem = "Nested too deeply"
    except ValueError as error:
        problem = str(error)
    if match := _PLACE.match(problem):
        problem = match["what"].replace("Illegal character '\\n'", "the closing quote is missing")
        line = int(match["line"] or text.count("\n") + 1)
        column = int(match["column"] or len(text) - text.rfind("\n"))
        path_and_place = f"{path}, line {line}, column {column}"
    else:
        path_and_place = str(path)
    raise UsageWrong(
        f"{path_and_place}: {problem[:1].lower()}{problem[1:]}",
        'Text and months stand in quotes: starts = "2026-05". In "..." a backslash is written \\\\; in \'...\' it '
        "stands for itself.",
    )


def _holds_secret(value: Any, keys: Keys = ()) -> bool:
    if isinstance(value, dict):
        return any(_holds_secret(below, (*keys, name)) for name, below in value.items())
    if isinstance(value, list):
        return any(_holds_secret(below, keys) for below in value)
    return keys in _SECRET_ADDRESSES or bool(keys and _LOOKS_SECRET.search(keys[-1]))


def _require_owner_only(path: Path, status: os.stat_result) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise UsageWrong(
            f"{path} holds a secret, and other users of this machine can get at it (its mode is {mode:04o})",
            f"chmod 600 {path}",
        )
    if status.st_uid not in (os.geteuid(), 0):
        raise UsageWrong(
            f"{path} holds a secret and belongs to another user",
            f"Run the robot as the user that the file belongs to, or take it over: chown {os.geteuid()} {path}",
        )


def _name_rooftops(path: Path, values: dict[str, Any]) -> dict[Keys, Keys]:
    """Turn each client's list of rooftops into a table; return, for each, its place in the table and in the list."""
    moved: dict[Keys, Keys] = {}
    clients = values.get("clients")
    for key, client in clients.items() if isinstance(clients, dict) else ():
        rooftops = client.get("rooftops") if isinstance(client, dict) else None
        if not isinstance(rooftops, list) or not all(isinstance(rooftop, dict) for rooftop in rooftops):
            continue
        named: dict[str, Any] = {}
        for number, rooftop in enumerate(rooftops, start=1):
            name = rooftop.get("name")
            word = (slug(name) if isinstance(name, str) else "") or f"number-{number}"
            if word in named:
                raise UsageWrong(
                    f"{path}: client “{key}” has two rooftops whose names are the same or too much alike: “{name}”",
                    "Give each rooftop a name of its own: mails, files and secrets are told apart by it.",
                )
            named[word] = rooftop
            moved["clients", key, "rooftops", word] = ("clients", key, "rooftops", str(number))
        client["rooftops"] = named
    return moved


def _lines(text: str) -> dict[Keys, int]:
    """The line of each key, as far as it is easily seen (not inside inline tables): good enough to point at it.

    The tables of a list are numbered from 1: `clients.abc.rooftops.2.name`.
    """
    found: dict[Keys, int] = {}
    counts: dict[Keys, int] = {}
    table: Keys = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.fullmatch(line):
            table = _split(header["name"])
            if line.lstrip().startswith("[["):
                counts[table] = counts.get(table, 0) + 1
            for depth in range(len(table) + 1):
                if count := counts.get(table[:depth]):
                    table = (*table[:depth], str(count), *table[depth:])
                    break
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault((*table, *_split(key["name"])), number)
    return found


def _split(name: str) -> Keys:
    return tuple(part.strip().strip("\"'") for part in name.split("."))


def _cause(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "it is not there"
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    if isinstance(error, PermissionError):
        return "this user may not read it"
    return (error.strerror or "it does not answer").lower()
