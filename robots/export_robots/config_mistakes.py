"""Mistakes in the configuration, as sentences: the key or variable, what it must be, and where it stands."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from export_robots.clients import Account, Client, slug
from export_robots.config_file import Keys, Source
from export_robots.outcomes import UsageWrong
from export_robots.spelling import did_you_mean

HINT = "credentials.example.toml shows every key with its meaning."

_TYPES = {
    "string_type": "must be text in quotes",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
}


def sentences(
    error: ValidationError, file: Source, environment: Source, known: Callable[[Keys], Iterable[str]]
) -> list[str]:
    """One sentence for each mistake that pydantic found; `known` gives the keys that a table takes."""
    found: dict[str, Keys] = {}
    for detail in error.errors(include_url=False, include_context=False, include_input=False):
        if detail["type"] == "default_factory_not_called":  # follows from another mistake
            continue
        keys = tuple(str(part) for part in detail["loc"] if part != "[key]")
        found.setdefault(_sentence(keys, detail["type"], detail["msg"], file, environment, known), keys)
    return sorted(found, key=lambda sentence: _line(found[sentence], file))


def place(keys: Keys, words: str, file: Source, environment: Source) -> str:
    """`line 12: clients.abc.starts …`, `ROBOT_CLIENTS__ABC__STARTS …`, or without a place where it has none.

    A table that stands in no file is named by the first variable that made it.
    """
    below = [name for at, name in environment.variables.items() if at[: len(keys)] == keys]
    if keys in environment.variables or (below and not _has(file.values, keys)):
        return f"{environment.variables.get(keys, below[0])} {words}"
    line = _line(keys, file)
    return f"{f'line {line}: ' if line else ''}{'.'.join(keys)} {words}"


def contradictions(clients: Mapping[str, Client], file: Source, environment: Source) -> list[str]:
    """What is right key by key, and wrong together."""
    found = []
    keys_by_variable: dict[str, str] = {}
    accounts_by_address: dict[str, Account] = {}
    for client in clients.values():
        alike = keys_by_variable.setdefault(client.key.replace("-", "_"), client.key)
        if alike != client.key:
            found.append(f"clients.{alike} and clients.{client.key} are too much alike to be told apart in a variable")
        names: dict[str, str] = {slug(client.dealership): client.dealership}
        for name in (rooftop.name for rooftop in client.rooftops if rooftop.name):
            other_name = names.setdefault(slug(name), name)
            if other_name is not name:
                keys = ("clients", client.key, "rooftops", slug(name), "name")
                words = f"“{name}” and “{other_name}” are the same or too much alike: each rooftop needs its own name"
                found.append(place(keys, words, file, environment))
        for rooftop in client.rooftops:
            for account in rooftop.accounts.values():
                other = accounts_by_address.setdefault(account.username.casefold(), account)
                if other is not account and (other.client_key != account.client_key or other.crm == account.crm):
                    found.append(
                        f"{other.secret_prefix} and {account.secret_prefix} have the same username: their reports come "
                        "to one address and could not be told apart"
                    )
    return found


def refuse(found: list[str], path: Path | None) -> None:
    """Raise `UsageWrong` with all the mistakes; do nothing without any."""
    if not found:
        return
    name = str(path) if path else "the configuration in the environment"
    if len(found) == 1:
        raise UsageWrong(f"{name}{', ' if found[0].startswith('line ') else ': '}{found[0]}", HINT)
    reasons = tuple(f"{path.name if path else ''}, {each}" if each.startswith("line ") else each for each in found)
    raise UsageWrong(f"{name} has {len(found)} mistakes", HINT, reasons)


def _sentence(
    keys: Keys, kind: str, words: str, file: Source, environment: Source, known: Callable[[Keys], Iterable[str]]
) -> str:
    if kind == "extra_forbidden":
        return place(keys, f"is not known here{did_you_mean(keys[-1], known(keys[:-1]))}", file, environment)
    if kind == "missing":
        return _missing(keys, file, environment)
    return place(keys, _TYPES.get(kind, words[:1].lower() + words[1:]), file, environment)


def _line(keys: Keys, file: Source) -> int:
    """The line of the key, or else of the table that it is in, or 0."""
    return next((file.lines[keys[:length]] for length in range(len(keys), 0, -1) if keys[:length] in file.lines), 0)


def _missing(keys: Keys, file: Source, environment: Source) -> str:
    table = keys[:-1]
    variable = next((name for at, name in environment.variables.items() if at[: len(table)] == table), "")
    unknown = next((keys[:length] for length in range(2, len(keys)) if not _has(file.values, keys[:length])), ())
    if variable and unknown:
        # A mistyped variable makes a table of its own, in which all else is missing: that is one mistake.
        if near := did_you_mean(unknown[-1], _below(file.values, unknown[:-1])):
            return f"{variable} is for {'.'.join(unknown)}, which the file does not have{near}"
        return f"{'.'.join(keys)} is missing: {variable} alone is not enough"
    return place(keys, "is missing", file, environment)


def _has(values: Any, keys: Keys) -> bool:
    return keys[-1] in _below(values, keys[:-1])


def _below(values: Any, keys: Keys) -> list[str]:
    for key in keys:
        values = values.get(key, {}) if isinstance(values, dict) else {}
    return list(values) if isinstance(values, dict) else []
