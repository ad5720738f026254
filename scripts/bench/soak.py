"""kill -9 at random moments over a queue of exports: `python scripts/bench/soak.py [--kills N] [--on DATABASE]`.

Exports are pauses, as in `queued.py`; the portal is a folder to which each post adds a line. On SQLite the one process
is killed and started again; on PostgreSQL one of three. In the end every delivery must be closed and every file posted
once. Where a process died while it posted, the robot would ask a person; here the portal's folder is looked into.
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from queued import (  # type: ignore[import-not-found]  # beside this script, no package
    PROGRAMS,
    Ledger,
    configured,
    open_database,
    postgres,
    sqlite_url,
    worker,
)

from export_robots.runs.ledger import CLOSED

LIFE = (1.0, 4.0)  # seconds between two kills; a process takes about one to begin


def soaked(kills: int, url: str | None, folder: Path) -> str:
    exports = 5 * kills
    config = configured(folder, exports, at_once=4)
    homes = [folder / f"home{each}" for each in range(3 if url else 1)]
    homes[0].mkdir(mode=0o700)
    ledger = Ledger(open_database(url or sqlite_url(homes[0] / "robot.sqlite")))
    never, begun, killed = threading.Event(), time.monotonic(), 0
    living = [worker(config, home, url) for home in homes]
    for each in living:
        each.__enter__()

    def closed() -> int:
        return sum(row.state in CLOSED for row in ledger.deliveries())

    try:
        while killed < kills and closed() < exports:
            never.wait(random.uniform(*LIFE))  # noqa: S311 - not a secret
            which = random.randrange(len(homes))  # noqa: S311
            living[which].__exit__(None, None, None)
            killed += 1
            living[which] = worker(config, homes[which], url)
            living[which].__enter__()
        until_killed = closed()
        while closed() < exports:
            never.wait(0.5)
            if time.monotonic() - begun > 60 * kills:
                break
    finally:
        for each in living:
            each.__exit__(None, None, None)
    posts = [len(each.read_text().splitlines()) for each in (folder / "portal").iterdir()]
    open_ones = [
        (row.id, row.state, row.outcome, row.reasons) for row in ledger.deliveries() if row.state not in CLOSED
    ]
    ledger.engine.dispose()
    return (
        f"{killed} kills, {until_killed} of {exports} closed by the last one; in the end {len(open_ones)} open, "
        f"{exports - len(posts)} never posted, {sum(each > 1 for each in posts)} posted twice, "
        f"{time.monotonic() - begun:.0f} s" + "".join(f"\n  {each}" for each in open_ones[:5])
    )


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--kills", type=int, default=100)
    arguments.add_argument("--on", choices=("sqlite", "postgresql"))
    given = arguments.parse_args()
    if given.on != "postgresql":
        with tempfile.TemporaryDirectory() as folder:
            print("SQLite:    ", soaked(given.kills, None, Path(folder)), flush=True)
    if given.on != "sqlite" and PROGRAMS:
        with tempfile.TemporaryDirectory() as folder, postgres() as url:
            print("PostgreSQL:", soaked(given.kills, url, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
