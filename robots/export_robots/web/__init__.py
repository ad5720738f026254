"""The status page of `robot serve`: the month as `robot status` has it, to be read in a browser."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from export_robots.runs.workplace import Workplace
    from export_robots.settings import Settings


def page_of(settings: "Settings") -> "Callable[[Workplace], AbstractAsyncContextManager[None]] | None":
    """What serves the page; where it is switched off, what it is made of is not even imported."""
    if settings.status_page.address is None:
        return None
    from export_robots.web.page import status_page

    return lambda work: status_page(settings, work.ledger, work.secrets.all)
