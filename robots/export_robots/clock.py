"""The only place that asks for the time; tests replace `now`.

Call it as `clock.now()`, so that the replacement is seen.
"""

from datetime import UTC, datetime


def now() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(UTC)
