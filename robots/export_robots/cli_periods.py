"""PERIOD on the command line: nothing, --month, --from with --to, or --backdata."""

from typing import Annotated

import typer

from export_robots import clock
from export_robots.clients import Client
from export_robots.outcomes import UsageWrong
from export_robots.periods import Month, Period

MonthOption = Annotated[
    str | None, typer.Option("--month", metavar="YYYY-MM", help="One month. [default: the last full month]")
]
FromOption = Annotated[str | None, typer.Option("--from", metavar="YYYY-MM", help="The first of several months.")]
ToOption = Annotated[str | None, typer.Option("--to", metavar="YYYY-MM", help="The last of several months, included.")]
BackdataOption = Annotated[
    bool, typer.Option("--backdata", help="The two full months before the client's first month of service.")
]


def named_period(
    client: Client | None, month: str | None, first: str | None, last: str | None, *, backdata: bool
) -> Period | None:
    """The period that was named, or None; never more than one way of naming it."""
    ways = [
        name for name, given in (("--month", month), ("--from/--to", first or last), ("--backdata", backdata)) if given
    ]
    if len(ways) > 1:
        raise UsageWrong(f"the period is given twice, by {' and '.join(ways)}", "Use one of them.")
    if month:
        return Period.month(Month.parse(month))
    if first or last:
        if not (first and last):
            raise UsageWrong("--from and --to belong together", "Give both months, as YYYY-MM; they are included.")
        return Period(Month.parse(first), Month.parse(last))
    if backdata:
        if client is None or client.starts is None:
            raise UsageWrong(
                "--backdata needs the client's first month of service",
                'Write it as starts = "YYYY-MM" into the client\'s table, or name the months with --from and --to.',
            )
        return Period.backdata(client.starts)
    return None


def period_of(client: Client, month: str | None, first: str | None, last: str | None, *, backdata: bool) -> Period:
    """The named period or the last full month in the client's zone. One that has not ended is `UsageWrong`."""
    now = clock.now()
    period = named_period(client, month, first, last, backdata=backdata)
    if period is None:
        return Period.last_full_month(now, client.timezone)
    period.require_ended(now, client.timezone)
    return period
