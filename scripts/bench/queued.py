"""Exports that are pauses, through ledger and queues: `python scripts/bench/queued.py [--exports 300]`.

How many end per second, on SQLite with its one process and on PostgreSQL with 1, 2 and 4: from the first request to the
last delivery closed. Each is two durable runs, with the locks, the request, the file and the post in the ledger;
CRM, mailbox and portal are two pauses of 50 ms.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

sys.path.insert(0, str(Path(__file__).parents[2]))

from export_robots.runs.database import open_database, sqlite_url
from export_robots.runs.ledger import CLOSED, Ledger
from export_robots.runs.tables import DeliveryRow, RequestRow
from tests.mail.postgres import PROGRAMS, postgres

WORKER = Path(__file__).parent / "parts" / "pausing_worker.py"


def configured(folder: Path, exports: int, at_once: int = 16) -> Path:
    config = folder / "c.toml"
    clients = "".join(
        f'[clients.d{each:05}]\ndealership = "Motors {each}"\nstarts = "2020-01"\ntimezone = "America/Toronto"\n'
        f'[clients.d{each:05}.activix]\nusername = "d{each:05}@example.com"\npassword = "secret"\n'
        for each in range(exports)
    )
    config.write_text(
        '[mailbox]\nhost = "127.0.0.1"\nport = 9\nsecurity = "none"\nusername = "d@example.com"\npassword = "p"\n'
        f"[schedule]\nstarts_per_minute = 1000000\nat_once_per_crm = {at_once * 4}\nat_once = {at_once}\n{clients}"
    )
    config.chmod(0o600)
    (folder / "portal").mkdir()
    return config


@contextmanager
def worker(config: Path, home: Path, url: str | None) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, str(WORKER), str(config), str(home), *([url] if url else [])]
    with (home.parent / f"{home.name}.log").open("ab") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def per_second(exports: int, workers: int, url: str | None, folder: Path) -> float:
    config = configured(folder, exports)
    homes = [folder / f"home{each}" for each in range(workers)]
    homes[0].mkdir(mode=0o700)
    ledger = Ledger(open_database(url or sqlite_url(homes[0] / "robot.sqlite")))
    begun = [worker(config, home, url) for home in homes]
    never = threading.Event()
    try:
        for each in begun:
            each.__enter__()
        while sum(row.state in CLOSED for row in ledger.deliveries()) < exports:
            never.wait(0.5)
        with Session(ledger.engine) as session:
            first = session.scalar(select(func.min(RequestRow.intended_at)))
            last = session.scalar(select(func.max(DeliveryRow.closed_at)))
        assert first
        assert last
        return float(exports / (last - first).total_seconds())
    finally:
        for each in begun:
            each.__exit__(None, None, None)
        ledger.engine.dispose()


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--exports", type=int, default=300)
    exports = arguments.parse_args().exports
    cases = [("SQLite", 1), *(("PostgreSQL", number) for number in (1, 2, 4) if PROGRAMS)]
    for kind, workers in cases:
        with tempfile.TemporaryDirectory() as folder:
            if kind == "SQLite":
                rate = per_second(exports, workers, None, Path(folder))
            else:
                with postgres() as url:
                    rate = per_second(exports, workers, url, Path(folder))
        print(f"{kind:12} {workers} process{'es' if workers > 1 else '  '}  {rate:6.1f} exports per second", flush=True)


if __name__ == "__main__":
    main()
