"""A sign-in that was kept from an earlier command, on the emulations: used if the site names the account, else not."""

from typing import Any

import pytest
from pydantic import SecretStr

from emulated_world.world import SITES
from export_robots.browser import Browser
from export_robots.crm.activix import Activix
from export_robots.visit import Login
from tests.conftest import Run
from tests.crm.conftest import Codes, Worlds


@pytest.mark.parametrize("site", sorted(SITES))
def test_a_kept_sign_in_counts_for_its_own_account_and_for_no_other(
    site: str, run: Run, worlds: Worlds, chromium: Browser
) -> None:
    world = worlds(site)
    world.journal.entries.clear()
    abc, lmn = (world.clients[client].account for client in ("abc", "lmn"))

    async def visit() -> None:
        state: dict[str, Any] | None = None
        for account in (abc, abc, lmn):
            login = Login(account.username, SecretStr(account.password))
            async with chromium.visit(world.site_url, login, run="test", codes=Codes(account), state=state) as visited:
                await Activix(visited).sign_in()
                state = dict(await visited.context.storage_state())

    run(visit())
    assert [each["username"] for each in world.journal.of("sign_in")] == [abc.username, lmn.username]
