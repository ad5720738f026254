"""`robot status` on a large month: `python scripts/bench/status.py [--accounts N] [--months 24] [--configured 500]`.

One month of so many expected deliveries, a tenth of them open, and so many months of history with their requests, files
and uploads, in the SQLite file of a home. Wall and processor time of the whole cold command, and the most memory it
held. Reading the configuration is a part of it, measured once more by itself: it grows with the accounts it names.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from parts.memory_of import memory_of  # type: ignore[import-not-found]  # beside this script, no package
from parts.python import environment, load  # type: ignore[import-not-found]
from sqlalchemy import Engine, insert

from export_robots.home import prepare_home
from export_robots.periods import Month, Period
from export_robots.runs.database import open_database, sqlite_url
from export_robots.runs.ledger import delivery_id
from export_robots.runs.tables import DeliveryRow, FileRow, RequestRow, State, UploadRow

AIM = 1.0
ROBOT = Path(sys.executable).with_name("robot")
_LATEST = Month.of(datetime.now(UTC).date()).plus(-1)


def configuration(accounts: int) -> Iterator[str]:
    """Two rooftops to a client."""
    yield '[mailbox]\nhost = "127.0.0.1"\nsecurity = "none"\nusername = "datateam@example.com"\n'
    for number in range(accounts // 2):
        yield f'[clients.client{number}]\ndealership = "Dealership {number}"\nstarts = "2020-01"\n'
        yield 'timezone = "America/Toronto"\n'
        yield f'[clients.client{number}.activix]\nusername = "datateam+client{number}@example.com"\n'
        yield f'[[clients.client{number}.rooftops]]\nname = "Dealership {number} North"\n'
        yield f'[clients.client{number}.rooftops.activix]\nusername = "datateam+client{number}north@example.com"\n'


def fill(engine: Engine, accounts: int, months: int) -> None:
    with engine.begin() as connection:
        for back in range(months):
            month = _LATEST.plus(-back)
            closed = accounts if back else accounts * 9 // 10
            rows = [_delivery(number, month, number < closed, back * accounts) for number in range(accounts)]
            connection.execute(insert(DeliveryRow), rows)
            done = [row for row in rows if row["file_id"]]
            connection.execute(insert(RequestRow), [_request(row) for row in done])
            connection.execute(insert(FileRow), [_file(row) for row in done])
            connection.execute(insert(UploadRow), [_upload(row) for row in done])
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _delivery(number: int, month: Month, closed: bool, offset: int) -> dict[str, Any]:
    client, rooftop = f"client{number // 2}", f"Dealership {number // 2} North" if number % 2 else None
    at = datetime(month.plus(1).year, month.plus(1).number, 1, 8, tzinfo=UTC)
    failed = not closed and number % 2
    return {
        "id": delivery_id(client, "activix", rooftop, Period.month(month)),
        "client": client,
        "crm": "activix",
        "crm_label": "Activix CRM",
        "rooftop": rooftop,
        "period_start": str(month),
        "period_end": str(month),
        "state": State.DELIVERED if closed else State.EXPECTED,
        "attempt": 1 if closed or failed else 0,
        "outcome": "delivered" if closed else "site_changed" if failed else None,
        "reasons": ["Generate Report was looked for in Clients+, which offers others"] if failed else [],
        "next": "Look at the picture in the evidence folder; nothing wrong was sent." if failed else None,
        "how": "export" if closed else None,
        "file_id": offset + number + 1 if closed else None,
        "due_at": at + timedelta(hours=36),
        "created_at": at,
        "changed_at": at + timedelta(minutes=number % 600),
        "closed_at": at if closed else None,
    }


def _request(row: dict[str, Any]) -> dict[str, Any]:
    at = row["created_at"]
    asked = {"intended_at": at, "ended_at": at, "requested_at": at, "deadline_at": at + timedelta(minutes=30)}
    return {"delivery_id": row["id"], "attempt": 1, "answered": True, "settings": {"view": "My Clients"}, **asked}


def _file(row: dict[str, Any]) -> dict[str, Any]:
    name = f"{row['client']} – Activix CRM – {row['period_start']}.csv"
    return {
        "id": row["file_id"],
        "delivery_id": row["id"],
        "source": "mail",
        "received_path": f"/home/robot/downloads/mail/{row['file_id']:064}.csv",
        "received_sha256": f"{row['file_id']:064}",
        "received_at": row["created_at"],
        "path": f"/home/robot/downloads/{row['client']}/{name}",
        "name": name,
        "sha256": f"{row['file_id']:064}",
        "rows": 231,
        "columns": 31,
    }


def _upload(row: dict[str, Any]) -> dict[str, Any]:
    at = row["created_at"]
    posted = {"file_id": row["file_id"], "sha256": f"{row['file_id']:064}", "intended_at": at, "answered_at": at}
    return {"delivery_id": row["id"], "answer": "confirmed", "text": "Thank you", **posted}


def measured(command: list[str], env: dict[str, str], out: Path) -> tuple[float, float, float]:
    """Seconds, seconds of processor, megabytes."""
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with out.open("wb") as stdout:
        process = subprocess.Popen(command, stdout=stdout, env=env)
        with memory_of(process.pid) as peak:
            process.wait()
    taken, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return taken, worked, peak.kilobytes / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--configured", type=int, default=500, help="accounts in the configuration")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="status-") as name:
        folder = Path(name)
        config = folder / "credentials.toml"
        config.write_text("".join(configuration(given.configured)), "utf-8")
        home = prepare_home(folder / "home")
        engine = open_database(sqlite_url(home.database))
        fill(engine, given.accounts, given.months)
        engine.dispose()
        env = environment(folder / "compiled")
        command = [str(ROBOT), "status", "--config", str(config), "--home", str(home.root)]
        read = "import sys; from pathlib import Path; from export_robots.settings import load_settings; "
        read += "load_settings(Path(sys.argv[1]), None)"
        size = home.database.stat().st_size / 1e6
        print(
            f"{given.accounts:,} deliveries in the month, {given.months} months, {size:.0f} MB; aim {AIM} s; {load()}"
        )
        for words, what in (
            ([*command], "robot status"),
            ([*command, "--open"], "robot status --open"),
            ([*command, "--json"], "robot status --json"),
            ([*command, "--client", "client7"], "robot status --client"),
            ([sys.executable, "-c", read, str(config)], "the configuration alone"),
        ):
            taken = [measured(words, env, folder / "out") for _ in range(given.runs + 1)][1:]
            wall, worked = median(each[0] for each in taken), median(each[1] for each in taken)
            print(f"  {what:24}{wall:6.2f} s  {worked:5.2f} s of processor  {max(each[2] for each in taken):4.0f} MB")


if __name__ == "__main__":
    main()
