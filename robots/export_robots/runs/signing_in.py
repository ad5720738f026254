"""A CRM with its account signed in, for whatever is done there; an earlier sign-in is used while it still counts."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.async_api import Error as PlaywrightError

from export_robots import clock
from export_robots.clients import Account
from export_robots.credentials import fingerprint, matches
from export_robots.evidence import EvidenceFolder
from export_robots.home import Home
from export_robots.origins import origin_of
from export_robots.outcomes import SignInRefused
from export_robots.reports.receipt import write_whole
from export_robots.runs.codes import AccountCodes
from export_robots.runs.waves import Waves
from export_robots.runs.workplace import Workplace
from export_robots.visit import Login, Visit

if TYPE_CHECKING:
    from export_robots.robot import CrmRobot

_UNFIT = re.compile(r"[^\w.@+-]+")

_log = logging.getLogger(__name__)


@asynccontextmanager
async def signed_in(
    work: Workplace, account: Account, robot_class: "type[CrmRobot]", run: str
) -> AsyncIterator["CrmRobot"]:
    """The CRM with `account` signed in. A password that was refused before is not sent again."""
    login = Login(account.username, work.secrets.password(account))
    await asyncio.to_thread(_require_not_refused, work, account, login)
    url = account.url or robot_class.url
    kept = KeptSignIn(work.home, account, url)
    async with (
        work.browser() as browser,
        browser.visit(
            url,
            login,
            run=run,
            evidence=EvidenceFolder(work.evidence_folder(run), work.secrets.all),
            codes=AccountCodes(work, account, run),
            progress=work.progress,
            zone=account.zone,
            state=await asyncio.to_thread(kept.read),
        ) as visit,
    ):
        await asyncio.to_thread(Waves(work.ledger.engine).note_sign_in, account.id, run)
        robot = robot_class(visit)
        try:
            try:
                await robot.sign_in()
            except Exception:
                kept.forget()  # whatever it was about: the next time begins with the form
                raise
            await kept.keep(visit)
            yield robot
            await kept.keep(visit)  # cookies change on the way
        except SignInRefused as refusal:  # also where a session has ended in mid-flow
            kept.forget()
            # Whatever interrupts this run now: a refusal that is not noted would have the password sent once more.
            await asyncio.shield(asyncio.to_thread(_note_refusal, work, account, login, refusal.saw))
            raise


def kept_sign_in(home: Home, account: Account) -> Path:
    """The file that an account's last sign-in is kept in, if it is."""
    return home.browser / f"{_UNFIT.sub('-', account.id)}.signed-in.json"


class KeptSignIn:
    """The cookies and the like of an account's last sign-in, in a file of its own for the owner's eyes alone.

    Whether they still count, and for whom, the robot reads from the page (`CrmRobot.sign_in`).
    """

    def __init__(self, home: Home, account: Account, url: str) -> None:
        self.path = kept_sign_in(home, account)
        self._origin = str(origin_of(url))

    def read(self) -> dict[str, Any] | None:
        """What Playwright takes as `storage_state`; None: sign in from the form."""
        try:
            kept = json.loads(self.path.read_text("utf-8"))
            return kept["state"] if kept["origin"] == self._origin else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    async def keep(self, visit: Visit) -> None:
        try:
            state = await visit.context.storage_state()
        except PlaywrightError as error:
            _log.info("the sign-in is not kept: %s", type(error).__name__)  # the message may quote the page
            return
        kept = {"origin": self._origin, "kept_at": clock.now().isoformat(), "state": state}
        await asyncio.to_thread(write_whole, self.path, json.dumps(kept).encode())

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)


def _note_refusal(work: Workplace, account: Account, login: Login, said: str) -> None:
    work.ledger.refuse_password(account, fingerprint(login.password), said)


def _require_not_refused(work: Workplace, account: Account, login: Login) -> None:
    refused = work.ledger.refused_password(account)
    if refused and matches(refused.fingerprint, login.password):
        when = f"{refused.refused_at.astimezone(account.zone):%Y-%m-%d %H:%M}"
        raise SignInRefused(
            f"the {account} refused this password on {when}, and it has not been changed since; it was not sent again"
        )
