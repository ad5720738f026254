"""What a browser asks the page for: a month, and what to leave out of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import urlencode

from export_robots import catalogue
from export_robots.outcomes import UsageWrong
from export_robots.periods import Month
from export_robots.runs.month_shown import usual_month
from export_robots.runs.month_view import Entry
from export_robots.runs.owners import PEOPLE, Owner

PERSON = "a person"
"""Any owner that is one."""

OWNERS = (PERSON, *(str(owner) for owner in Owner if owner is not Owner.NOBODY))
ROWS = 500  # of one page: what a telephone still scrolls

_HINT = "The form on the page makes right addresses."


@dataclass(frozen=True)
class Wanted:
    """`client` and `crm` are keys and narrow the question, as in `robot status`; the others only what is shown."""

    month: Month
    client: str | None = None
    crm: str | None = None
    owner: str | None = None
    still_open: bool = False
    page: int = 1
    refreshes: bool = True

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """What cannot be understood is `UsageWrong`; what is empty, as a form sends it, was not asked for."""
        given = {name: value.strip() for name, value in query.items() if value.strip()}
        owner, page = given.get("owner"), given.get("page", "1")
        if owner and owner not in OWNERS:
            raise UsageWrong(f"“{owner[:60]}” owns no next move", f"The owners are: {', '.join(OWNERS)}.")
        if not page.isdecimal() or not 1 <= len(page) <= 6 or not int(page):
            raise UsageWrong(f"“{page[:60]}” is no number of a page", _HINT)
        crm = given.get("crm")
        entry = catalogue.find(crm) if crm else None
        return cls(
            Month.parse(given["month"][:60]) if "month" in given else usual_month(),
            given.get("client"),
            entry.key if entry else crm and catalogue.key_of(crm),
            owner,
            "open" in given,
            int(page),
            given.get("refresh") != "off",
        )

    @property
    def narrowed(self) -> str:
        """`client abc, crm activix`, where only a part of the month is asked for."""
        parts = [f"{name} {value}" for name, value in (("client", self.client), ("CRM", self.crm)) if value]
        return ", ".join(parts)

    def shows(self, entry: Entry) -> bool:
        if self.owner and (entry.move.owner not in PEOPLE if self.owner == PERSON else entry.move.owner != self.owner):
            return False
        return not (self.still_open and entry.is_closed)

    def link(self, name: str = "", **changes: Any) -> str:
        """The address of this with something changed, beside the page; another month or owner begins on page 1."""
        other = replace(self, **({"page": 1} | changes))
        query = {
            "month": other.month,
            "client": other.client,
            "crm": other.crm,
            "owner": other.owner,
            "open": "yes" if other.still_open else None,
            "page": other.page if other.page > 1 else None,
            "refresh": None if other.refreshes else "off",
        }
        return f"{name}?{urlencode({key: value for key, value in query.items() if value})}"

    def further(self, months: int) -> str | None:
        """The address of another month; None where the calendar ends."""
        try:
            return self.link(month=self.month.plus(months))
        except UsageWrong:
            return None
