"""Five rooftops at once, and one after the other: `python scripts/bench/rooftops.py [--at-once 1 3 5] [--late]`.

Wall time of the whole command, and the greatest sum of PSS of its processes (Python, driver, Chromium) in between. The
emulated CRM, mailbox and portal run in this script's process, on the same processors.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # publishes no types

sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures"))

from emulated_world.clients import EmulatedClient
from emulated_world.contract import SiteAccount
from emulated_world.world import EmulatedWorld, running_world

WAYS = ("North", "South", "East", "West")
GLANCE = 0.25  # seconds


def with_five_rooftops(world: EmulatedWorld) -> None:
    further = tuple(
        SiteAccount(f"datateam+abcautos{way.lower()}@example.com", f"secret of {way}", f"ABC Autos {way}")
        for way in WAYS
    )
    world.clients["abc"] = EmulatedClient("abc", world.clients["abc"].account, further)
    world.accounts.update({each.username: each for each in further})


def held_by(process: psutil.Process) -> float:
    """Megabytes of PSS of a process and all below it."""
    held = 0.0
    try:
        for each in [process, *process.children(recursive=True)]:
            rollup = Path(f"/proc/{each.pid}/smaps_rollup").read_text()
            held += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1000
    except (psutil.Error, OSError, StopIteration):
        pass  # one has just ended
    return held


def measured(site: str, at_once: int, late: bool, folder: Path) -> tuple[float, float, int, int]:
    names = ["mails_late"] if late else []
    with running_world(site=site, folder=folder / "world", misbehaviours=names) as world:
        with_five_rooftops(world)
        config = world.write_credentials(folder / "c.toml", rooftops=True, browser__at_once=at_once)
        command = [sys.executable, "-c", "from export_robots.cli import main; main()"]
        begun, most = time.monotonic(), 0.0
        process = subprocess.Popen(
            [*command, "--config", str(config), "--home", str(folder / "home"), "export", "activix", "--client", "abc"],
            stdout=subprocess.DEVNULL,
            stderr=(folder / "said").open("wb"),
            env=os.environ,
        )
        while process.poll() is None:
            most = max(most, held_by(psutil.Process(process.pid)))
            time.sleep(GLANCE)
        took = time.monotonic() - begun
        if process.returncode:
            print((folder / "said").read_text())
        return took, most, len(list(world.received.iterdir())), len(world.journal.of("sign_in"))


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--site", default="classic")
    options.add_argument("--at-once", type=int, nargs="+", default=[1, 3, 5])
    options.add_argument("--late", action="store_true", help="each report is mailed 6 s after it was asked for")
    chosen = options.parse_args()
    print("at once   seconds   MB at most   delivered   sign-ins")
    for count in chosen.at_once:
        with tempfile.TemporaryDirectory(prefix="rooftops-") as name:
            seconds, megabytes, delivered, sign_ins = measured(chosen.site, count, chosen.late, Path(name))
        print(f"{count:7}   {seconds:7.1f}   {megabytes:10.0f}   {delivered:9}   {sign_ins:8}")
