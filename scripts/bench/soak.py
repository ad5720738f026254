"""kill -9 at random moments over a queue of exports: `python scripts/bench/soak.py [--kills 100] [--on DATABASE]`.

Exports are pauses, as in `queued.py`; the portal is a folder to which each post adds a line. On SQLite the one process
is killed and started again; on PostgreSQL one of three. In the end every delivery must be closed and every file posted
once, or the exit code is 1. Where a process died while it posted, the robot would ask a person; here the portal's
folder is looked into.
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
IN_THE_MIDDLE = 0.75  # of the kills, at least: something was closed since the last one, however slow the machine is
PATIENCE = 60.0  # seconds, for each kill


def soaked(kills: int, exports: int, moments: random.Random, url: str | None, folder: Path) -> tuple[str, bool]:
    """What came of it, and whether nothing was lost and nothing doubled."""
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
            before = closed()
            never.wait(moments.uniform(*LIFE))
            ends = time.monotonic() + (PATIENCE if moments.random() < IN_THE_MIDDLE else 0)
            while closed() == before and time.monotonic() < ends:
                never.wait(0.05)
            which = moments.randrange(len(homes))
            living[which].__exit__(None, None, None)
            killed += 1
            living[which] = worker(config, homes[which], url)
            living[which].__enter__()
        until_killed = closed()
        while closed() < exports:
            never.wait(0.5)
            if time.monotonic() - begun > PATIENCE * kills:
                break
    finally:
        for each in living:
            each.__exit__(None, None, None)
    posts = [len(each.read_text().splitlines()) for each in (folder / "portal").iterdir()]
    open_ones = [
        (row.id, row.state, row.outcome, row.reasons) for row in ledger.deliveries() if row.state not in CLOSED
    ]
    ledger.engine.dispose()
    good = not open_ones and posts == [1] * exports
    return (
        f"{killed} kills, {until_killed} of {exports} closed by the last one; in the end {len(open_ones)} open, "
        f"{exports - len(posts)} never posted, {sum(each > 1 for each in posts)} posted twice, "
        f"{time.monotonic() - begun:.0f} s" + "".join(f"\n  {each}" for each in open_ones[:5])
    ), good


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--kills", type=int, default=100)
    arguments.add_argument("--exports", type=int, help="five for each kill, unless said")
    arguments.add_argument("--seed", type=int, default=time.time_ns(), help="of the random moments")
    arguments.add_argument("--on", choices=("sqlite", "postgresql"))
    given = arguments.parse_args()
    exports, moments = given.exports or 5 * given.kills, random.Random(given.seed)  # noqa: S311 - not a secret
    good = True
    if given.on != "postgresql":
        with tempfile.TemporaryDirectory() as folder:
            said, good = soaked(given.kills, exports, moments, None, Path(folder))
            print("SQLite:    ", said, flush=True)
    if given.on != "sqlite" and PROGRAMS:
        with tempfile.TemporaryDirectory() as folder, postgres() as url:
            said, too = soaked(given.kills, exports, moments, url, Path(folder))
            print("PostgreSQL:", said, flush=True)
            good = good and too
    sys.exit(not good)


if __name__ == "__main__":
    main()
