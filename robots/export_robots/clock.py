"""The only place that asks for the time; tests replace `now`.

Call it as `clock.now()`, so that the replacement is seen.
"""

from datetime import UTC, datetime
from functools import cache


def now() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(UTC)


def minute_of(moment: datetime) -> str:
    """The minute in this machine's zone, for people."""
    return _minute(int(moment.timestamp()) // 60)


@cache  # a month's tens of thousands of deliveries change in some hundred minutes
def _minute(since_1970: int) -> str:
    return f"{datetime.fromtimestamp(since_1970 * 60, UTC).astimezone():%Y-%m-%d %H:%M}"
