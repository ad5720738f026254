"""`robot serve` at rest and at work: `python scripts/bench/served.py [--exports 40] [--at-once 1 4 8] [--rest 60]`.

At rest: processor time and PSS of the process with nothing to do, one mailbox watched. At work: the Activix robot
against the emulated CRM, mailbox and portal, each export by an account of its own; exports per minute from the first
sign-in to the last file, processor time, and the greatest sum of PSS of its processes. The emulated world runs in this
script's process, on the same processors.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # publishes no types

sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures"))

from emulated_world.clients import EmulatedClient
from emulated_world.contract import SiteAccount
from emulated_world.world import EmulatedWorld, running_world

NEVER = threading.Event()


def with_accounts(world: EmulatedWorld, number: int) -> None:
    accounts = [
        SiteAccount(f"datateam+d{each:02}@example.com", f"secret {each}", f"Motors {each}") for each in range(number)
    ]
    world.clients.clear()
    world.clients.update(
        {f"d{each:02}": EmulatedClient(f"d{each:02}", account) for each, account in enumerate(accounts)}
    )
    world.accounts.clear()
    world.accounts.update({each.username: each for each in accounts})


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


def worked_by(process: psutil.Process) -> float:
    """Seconds of processor time of a process and all that it had or has below it."""
    spent = 0.0
    try:
        for each in [process, *process.children(recursive=True)]:
            times = each.cpu_times()
            spent += times.user + times.system + (times.children_user + times.children_system)
    except psutil.Error:
        pass
    return spent


@contextmanager
def serving(config: Path, home: Path) -> Iterator[psutil.Process]:
    command = [sys.executable, "-c", "from export_robots.cli import main; main()"]
    with (home.parent / "said").open("wb") as said:
        process = subprocess.Popen(
            [*command, "--config", str(config), "--home", str(home), "serve"], stdout=said, stderr=said, env=os.environ
        )
        try:
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(60)


def at_rest(seconds: float, folder: Path) -> str:
    with running_world(site="classic", folder=folder / "world") as world:
        with_accounts(world, 1)
        config = world.write_credentials(folder / "c.toml", clients__d00__starts="2099-01")
        with serving(config, folder / "home") as process:
            NEVER.wait(15)
            before = worked_by(process)
            NEVER.wait(seconds)
            return f"{(worked_by(process) - before) / seconds:6.1%} of one processor, {held_by(process):4.0f} MB"


def with_exports(exports: int, at_once: int, folder: Path) -> str:
    with running_world(site="classic", folder=folder / "world") as world:
        with_accounts(world, exports)
        config = world.write_credentials(
            folder / "c.toml",
            schedule__at_once=at_once,
            schedule__at_once_per_crm=at_once,
            schedule__starts_per_minute=1000,
        )
        most, begun = 0.0, 0.0
        with serving(config, folder / "home") as process:
            while len(list(world.received.iterdir())) < exports:
                NEVER.wait(0.5)
                most = max(most, held_by(process))
                begun = begun or (time.monotonic() if world.journal.of("sign_in") else 0.0)
            took, spent = time.monotonic() - begun, worked_by(process)
        return (
            f"{60 * exports / took:5.1f} exports per minute, {spent / exports:4.1f} s of processor each, {most:5.0f} MB"
        )


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--exports", type=int, default=40)
    arguments.add_argument("--at-once", type=int, nargs="*", default=[1, 4, 8])
    arguments.add_argument("--rest", type=float, default=60)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print("at rest     ", at_rest(given.rest, Path(folder)), flush=True)
    for at_once in given.at_once:
        with tempfile.TemporaryDirectory() as folder:
            print(f"{at_once} at once   ", with_exports(given.exports, at_once, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
