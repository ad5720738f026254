"""What commands print: the result on standard output, everything else on standard error."""

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import typer

from export_robots.outcomes import Outcome, RobotError
from export_robots.runs.results import Result, together, worst

_SAID = {
    Outcome.DELIVERED: "delivered",
    Outcome.VERIFIED_EMPTY: "verified empty: the CRM itself says that there are no leads, and the file agrees",
    Outcome.REQUESTED: "requested: the report will come by e-mail; `robot collect` takes it from there",
    Outcome.COLLECTED: "collected, checked and named; not uploaded",
    Outcome.SUBSCRIBED: "subscribed: the CRM mails last month's report each month",
    Outcome.WAIVED: "waived: a person said that it is not wanted; `robot status` shows who and why",
    Outcome.CHECKED: "checked: nothing speaks against sending it",
}


def show(results: Sequence[Result], *, as_json: bool) -> int:
    """Print what the command came to, and return its exit code."""
    if as_json:
        print_json(together(results))
    for result in results:
        if result.outcome.succeeded:
            if not as_json:
                _show_success(result)
        else:
            _show_failure(result, several=len(results) > 1)
    return worst(results).exit_code


def show_error(error: RobotError, *, as_json: bool, evidence: str | None = None) -> int:
    """An error that belongs to no delivery."""
    return show(
        [Result(error.outcome, reasons=error.reasons or (error.saw,), next=error.hint, evidence=evidence)],
        as_json=as_json,
    )


def print_json(value: Any) -> None:
    out(json.dumps(value, ensure_ascii=False))


def out(text: str) -> None:
    """Onto standard output: a result."""
    typer.echo(text)


def say(text: str) -> None:
    """Onto standard error: everything that is no result."""
    typer.echo(text, err=True)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they have to be, readable in a pipe as well."""
    columns = [(column, max(map(len, column))) for column in zip(headings, *rows, strict=True)]
    padded = [[cell.ljust(width) for cell in column] for column, width in columns]
    return "\n".join("  ".join(line).rstrip() for line in zip(*padded, strict=True))


def whose(result: Result) -> str:
    """`abc activix 2026-10`, with the rooftop where it is not the main one; nothing where no delivery is meant."""
    if not result.client or not result.crm:
        return ""
    words = [result.client, result.crm]
    if result.period:
        words.append(result.period[0] if result.period[0] == result.period[1] else "..".join(result.period))
    if result.rooftop:
        words.append(f"({result.rooftop})")
    return " ".join(words)


def _show_success(result: Result) -> None:
    out(" ".join(part for part in (f"{whose(result)}:" if whose(result) else "", _SAID[result.outcome]) if part))
    if result.file:
        rows = f" ({result.rows:,} row{'' if result.rows == 1 else 's'})" if result.rows is not None else ""
        out(f"  {result.file}{rows}")
    for reason in result.reasons:
        say(f"  note: {reason}")
    if result.note:
        say(f"  {result.note}")


def _show_failure(result: Result, *, several: bool) -> None:
    about = f" {whose(result)}" if several and whose(result) else ""
    if len(result.reasons) == 1:
        say(f"{_red(result.outcome)}{about}: {result.reasons[0]}")
    else:
        say(f"{_red(result.outcome)}{about}:")
        for reason in result.reasons:
            say(f"  - {reason}")
    if result.next:
        say(f"hint: {result.next}")
    if result.file and result.outcome is not Outcome.USAGE:
        say(f"file: {result.file}")
    if result.evidence:
        say(f"evidence: {result.evidence}")


def _red(text: str) -> str:
    return f"\x1b[31m{text}\x1b[0m" if sys.stderr.isatty() and not os.environ.get("NO_COLOR") else text
