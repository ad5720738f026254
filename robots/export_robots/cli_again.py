"""The question at the terminal: a report that was asked for again differs from what was delivered; is it sent?"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from export_robots.cli_output import say, whose
from export_robots.cli_work import work
from export_robots.periods import Month, Period
from export_robots.runs.results import Result

if TYPE_CHECKING:
    from export_robots.browser import Browser
    from export_robots.home import Home
    from export_robots.progress import Showing
    from export_robots.settings import Settings


def asked_about(settings: "Settings", home: "Home", results: list[Result]) -> list[Result]:
    """Ask about each report that differs. Where nobody sits at a terminal nothing is sent: `next` says how to."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return results
    return [_sent_if_wished(settings, home, result) if result.differs else result for result in results]


def _sent_if_wished(settings: "Settings", home: "Home", result: Result) -> Result:
    say(f"{whose(result)}: {result.reasons[0]}")
    if not typer.confirm("Send it all the same?", default=False, err=True):
        return result
    assert result.client
    assert result.crm
    assert result.period
    assert result.file
    client, crm, file = settings.client(result.client), result.crm, Path(result.file)
    period = Period(Month.parse(result.period[0]), Month.parse(result.period[1]))

    async def do(browser: "Browser", progress: "Showing") -> Result:
        from export_robots.runs.exporting import deliver_by_hand

        return await deliver_by_hand(
            settings,
            home,
            client,
            crm,
            result.rooftop,
            period,
            file=file,
            again=True,
            browser=browser,
            progress=progress,
        )

    return work(settings, home, do, early=True)
