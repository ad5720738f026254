"""One round of `robot serve` over a large month: `python scripts/bench/round.py [--deliveries 20000] [--waiting 5000]`.

All accounts are at one CRM. `--waiting` of them have been asked and wait for their mail; `--subscribed` others are due
to be mailed by a subscription whose day is not over, and the rest is untried. The CRM is green, so each round puts a
few on the queue. Seconds of the first round and of the two that follow, and the memory that the process has grown by.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # publishes no types
from sqlalchemy import insert, update
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parents[2]))

from parts.pausing_worker import NoBrowser, Quiet  # type: ignore[import-not-found]  # beside this script, no package

from export_robots import clock
from export_robots.home import prepare_home
from export_robots.outcomes import Outcome
from export_robots.runs import queues
from export_robots.runs.collecting import Collecting
from export_robots.runs.database import open_database, sqlite_url
from export_robots.runs.engine import engine
from export_robots.runs.ledger import Ledger
from export_robots.runs.month import expect_due
from export_robots.runs.rounds import Rounds
from export_robots.runs.tables import DeliveryRow, FileRow, How, RequestRow, State
from export_robots.runs.workplace import Workplace, open_workplace
from export_robots.settings import load_settings
from report_mailbox.tables import expectations

_AT_ONCE = 1000


def configured(folder: Path, deliveries: int) -> Path:
    config = folder / "c.toml"
    clients = "".join(
        f'[clients.d{each:05}]\ndealership = "Motors {each}"\nstarts = "2020-01"\ntimezone = "America/Toronto"\n'
        f'[clients.d{each:05}.activix]\nusername = "d{each:05}@example.com"\npassword = "secret"\n'
        for each in range(deliveries)
    )
    mailbox = '[mailbox]\nhost = "127.0.0.1"\nport = 9\nsecurity = "none"\nusername = "d@example.com"\npassword = "p"\n'
    config.write_text(mailbox + clients)
    config.chmod(0o600)
    return config


def fill(ledger: Ledger, waiting: int, subscribed: int) -> None:
    """So many of what is expected wait for their mail, and so many for their subscription's."""
    now = clock.now()
    rows = ledger.deliveries()
    asked = [_request(row.id, How.EXPORT, now - timedelta(minutes=5), now) for row in rows[:waiting]]
    mailed = [
        _request(row.id, How.SUBSCRIPTION, now - timedelta(minutes=5), now)
        for row in rows[waiting : waiting + subscribed]
    ]
    with Session(ledger.engine) as session, session.begin():
        for each in (*asked, *mailed):
            session.add(RequestRow(**each))
        for row in rows[:waiting]:
            session.execute(
                update(DeliveryRow)
                .where(DeliveryRow.id == row.id)
                .values(state=State.REQUESTED, outcome=Outcome.REQUESTED, attempt=1)
            )
        first = RequestRow(**_request(rows[-1].id, How.EXPORT, now - timedelta(minutes=1), now), answered=True)
        session.add(first)
        session.flush()
        file = FileRow(delivery_id=rows[-1].id, request_id=first.id, source="mail", received_path="", name="report.csv")
        file.received_sha256, file.received_at, file.checked = "0", now, True
        session.add(file)
        last = update(DeliveryRow).where(DeliveryRow.id == rows[-1].id)
        session.execute(last.values(state=State.DELIVERED, closed_at=now, how=How.EXPORT))
        for begin in range(0, waiting, _AT_ONCE):
            session.execute(insert(expectations), [_expected(row, now) for row in rows[begin : begin + _AT_ONCE]])


def _request(delivery: str, how: How, at: datetime, now: datetime) -> dict[str, object]:
    times = {"intended_at": at, "requested_at": at, "ended_at": at, "deadline_at": now + timedelta(hours=6)}
    return {"delivery_id": delivery, "attempt": 1, "how": how, **times}


def _expected(row: DeliveryRow, now: datetime) -> dict[str, object]:
    return {
        "id": f"{row.id}#1",
        "account": "bench",
        "address": f"{row.client}@example.com",
        "senders": ["activix.ca"],
        "link_hosts": [],
        "newer_than": now,
        "state": "open",
        "looked_back": True,
        "changed_at": now,
    }


async def rounds_of(config: Path, home: Path, waiting: int, subscribed: int) -> None:
    settings = load_settings(config, home)
    where = prepare_home(home)
    url = sqlite_url(home / "robot.sqlite")
    ledger = Ledger(open_database(url))
    work = Workplace(settings, where, ledger, NoBrowser(), Quiet())
    expect_due(ledger, settings, clock.now())
    work._mail = collecting = Collecting(work, settings.require_mailbox())  # noqa: SLF001 - without its sign-in
    fill(ledger, waiting, subscribed)

    async def nothing(*_: object) -> None:
        pass

    work.open_mailbox = nothing  # type: ignore[method-assign]
    collecting.look = nothing  # type: ignore[method-assign]
    rounds = Rounds(work)
    async with open_workplace(work), engine(url, executor="serve-bench", queues=[]):
        await queues.declare(["activix"], settings.schedule, 1)
        before = psutil.Process().memory_info().rss
        for which in ("first", "second", "third"):
            begun = time.monotonic()
            await rounds._make()
            grown = (psutil.Process().memory_info().rss - before) / 1e6
            print(f"{which:7} round {time.monotonic() - begun:7.1f} s, grown by {grown:5.0f} MB", flush=True)
        work._mail = None  # noqa: SLF001
    ledger.engine.dispose()


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--deliveries", type=int, default=20_000)
    arguments.add_argument("--waiting", type=int, default=5_000)
    arguments.add_argument("--subscribed", type=int, default=5_000)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir(mode=0o700)
        config = configured(Path(folder), chosen.deliveries)
        asyncio.run(rounds_of(config, home, chosen.waiting, chosen.subscribed))


if __name__ == "__main__":
    main()
