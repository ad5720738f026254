"""The same for several accounts of a client, some at once: one that fails does not stop the others."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from export_robots.clients import Account
from export_robots.runs.results import Result
from export_robots.runs.workplace import Workplace, naming


async def of_each(
    work: Workplace, accounts: Sequence[Account], do: Callable[[Account], Awaitable[list[Result]]]
) -> list[Result]:
    """The results in the order of `accounts`, at most `[browser] at_once` of them under way.

    What `do` raises is no outcome but a mistake of ours: it is raised when all the others have ended.
    """
    places = asyncio.Semaphore(work.settings.browser.at_once)
    several = len(accounts) > 1

    async def one(account: Account) -> list[Result]:
        async with places:
            with naming(account.dealership if several else ""):
                return await do(account)

    tasks = [asyncio.create_task(one(account)) for account in accounts]
    try:
        await asyncio.wait(tasks)
    finally:
        for task in tasks:  # where this one is interrupted, so are they
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for each in ended:
        if isinstance(each, BaseException):
            raise each
    return [result for each in ended if not isinstance(each, BaseException) for result in each]
