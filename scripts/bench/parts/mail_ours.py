"""The collector in a process of its own, with the database as the robot opens it.

python mail_ours.py expect FOLDER USERNAME COUNT SINCE     expect COUNT reports, each at an address of its own
python mail_ours.py collect PORT USERNAME FOLDER [free]    one pass; `free`: nothing waits for the disk
python mail_ours.py watch PORT USERNAME FOLDER [notices]   until its input is closed; `notices`: looks only at these
"""

import json
import os
import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, event

from export_robots.runs.database import open_database, sqlite_url
from report_mailbox import Acceptance, Collector, Expectation, Handed, Ledger, Mailbox, Pace

PASSWORD = "letters-and-parcels"


def address_of(username: str, number: int) -> str:
    return username.replace("@", f"+r{number:06}@")


def accept(expectation_id: str, file: Path) -> Acceptance:
    with file.open("rb") as stream:
        fits = stream.readline().split()[-1].decode() == expectation_id
    return Acceptance.fits() if fits else Acceptance.other("it is another report")


def mailbox(port: int, username: str) -> Mailbox:
    return Mailbox("127.0.0.1", port, username, lambda: PASSWORD, "none", unsigned="accept")


def database(folder: Path) -> Engine:
    folder.mkdir(parents=True, exist_ok=True)
    return open_database(sqlite_url(folder / "ledger.sqlite"))


def expect(folder: Path, username: str, first: int, count: int, since: datetime) -> None:
    ledger = Ledger(database(folder), mailbox(0, username), folder / "mail")
    for number in range(first, first + count):
        ledger.expect(Expectation(f"{number:06}", address_of(username, number), ("activix.ca",), since))


def collect(port: int, username: str, folder: Path, *, free: bool) -> None:
    engine = database(folder)
    if free:
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        engine.dispose()
        os.fsync = lambda fd: None
    collector = Collector(mailbox(port, username), engine, folder / "mail", accept)
    began, cpu = time.perf_counter(), time.process_time()
    handed = collector.collect_once()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    for each in handed[:10]:
        collector.ledger.taken(each.id)
    mails = sum(fate is not None for fate, _ in collector.ledger.decisions().values())
    told = {"seconds": seconds, "cpu": cpu, "handed": len(handed), "mails": mails}
    print(json.dumps(told | {"files": [str(each.file) for each in handed]}))


def watch(port: int, username: str, folder: Path, *, notices: bool) -> None:
    pace = Pace(idle_cycles=(timedelta(seconds=40),)) if notices else Pace()

    def say(name: str) -> None:
        if name == "waiting" and not said.is_set():
            said.set()
            print(json.dumps({"ready": True}), flush=True)

    def on_handed(handed: Handed) -> None:
        print(json.dumps({"id": handed.expectation_id, "at": time.monotonic()}), flush=True)

    def end() -> None:
        sys.stdin.read()
        stop.set()

    said, stop = threading.Event(), threading.Event()
    threading.Thread(target=end, daemon=True).start()
    collector = Collector(mailbox(port, username), database(folder), folder / "mail", accept, pace=pace, on_step=say)
    collector.watch(stop, on_handed)


def main() -> None:
    work, *given = sys.argv[1:]
    if work == "expect":
        expect(Path(given[0]), given[1], int(given[2]), int(given[3]), datetime.fromisoformat(given[4]))
    elif work == "collect":
        collect(int(given[0]), given[1], Path(given[2]), free="free" in given)
    else:
        watch(int(given[0]), given[1], Path(given[2]), notices="notices" in given)


if __name__ == "__main__":
    main()
