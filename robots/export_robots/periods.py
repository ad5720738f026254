"""Which whole months a report covers. Dates are calendar dates: a time zone only decides which month is over."""

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from export_robots.outcomes import UsageWrong

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, order=True)
class Month:
    """One calendar month, written `2026-10`."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `YYYY-MM`; anything else is `UsageWrong`."""
        match = _MONTH.fullmatch(text.strip())
        if not match or match[1] == "0000":
            raise UsageWrong(f"“{text}” is not a month", "Write a month as YYYY-MM, for example 2026-10.")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, day: date) -> Self:
        return cls(day.year, day.month)

    @property
    def first(self) -> date:
        return date(self.year, self.number, 1)

    @property
    def last(self) -> date:
        return date(self.year, self.number, calendar.monthrange(self.year, self.number)[1])

    def plus(self, months: int) -> "Month":
        count = self.year * 12 + self.number - 1 + months
        if not 12 <= count < 120000:
            raise UsageWrong(f"{self} is too far from today", "Write a month as YYYY-MM, for example 2026-10.")
        return Month(count // 12, count % 12 + 1)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"


@dataclass(frozen=True, order=True)
class Period:
    """Whole months, the first and the last included."""

    start: Month
    end: Month

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise UsageWrong(
                f"the period {self.start} to {self.end} ends before it starts", "Give the earlier month to --from."
            )

    @classmethod
    def month(cls, month: Month) -> Self:
        return cls(month, month)

    @classmethod
    def backdata(cls, starts: Month) -> Self:
        """The two full months before the client's first month of service."""
        return cls(starts.plus(-2), starts.plus(-1))

    @classmethod
    def last_full_month(cls, now: datetime, zone: ZoneInfo) -> Self:
        """The month before the one that `now` (aware, any zone) falls in for somebody in `zone`."""
        return cls.month(Month.of(now.astimezone(zone).date()).plus(-1))

    @property
    def first(self) -> date:
        """The first day, which belongs to the period."""
        return self.start.first

    @property
    def last(self) -> date:
        """The last day, which belongs to the period."""
        return self.end.last

    @property
    def months(self) -> list[Month]:
        months = [self.start]
        while months[-1] < self.end:
            months.append(months[-1].plus(1))
        return months

    def contains(self, day: date) -> bool:
        return self.first <= day <= self.last

    def require_ended(self, now: datetime, zone: ZoneInfo) -> None:
        """Raise `UsageWrong` unless the last day is over for somebody in `zone`; `now` is aware, in any zone."""
        today = now.astimezone(zone).date()
        if today <= self.last:
            over = self.last + timedelta(days=1)
            raise UsageWrong(
                f"the period {self} has not ended yet: in {zone.key} it is {today.isoformat()}",
                f"Run the same command on {over.isoformat()} or later, or name an earlier month with --month.",
            )

    def __str__(self) -> str:
        return str(self.start) if self.start == self.end else f"{self.start} to {self.end}"
