"""Added memory per further export that runs in the same process: `python scripts/bench/memory.py`.

PSS of this process and all below it (driver, Chromium), which shares out what processes hold in common. Each export
stands, signed in, where the emulated Activix (classic) has just acknowledged the request for the report.
"""

import argparse
import asyncio
import os
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from zoneinfo import ZoneInfo

from parts.python import load  # type: ignore[import-not-found]  # beside this script, no package
from parts.world import World, emulated_world  # type: ignore[import-not-found]  # beside this script, no package
from pydantic import SecretStr

from export_robots import clock
from export_robots.browser import Browser, open_browser
from export_robots.crm.activix import Activix
from export_robots.evidence import EvidenceFolder
from export_robots.periods import Period
from export_robots.settings import BrowserSettings
from export_robots.visit import Login

AIM = 100  # MB
COUNTS = (1, 2, 4)
ZONE = ZoneInfo("America/Toronto")


def tree(without: int) -> list[Path]:
    """This process and all its descendants, except `without`."""
    parents: dict[str, list[str]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, parent = stat.parent.name, stat.read_text().rpartition(")")[2].split()[1]
        except (OSError, IndexError):
            continue  # it has just ended
        if pid != str(without):
            parents.setdefault(parent, []).append(pid)
    found = [str(os.getpid())]
    for pid in found:
        found += parents.get(pid, [])
    return [Path("/proc", pid) for pid in found]


def pss(without: int) -> tuple[float, float]:
    """Megabytes: of this process, of the whole tree."""
    held = []
    for process in tree(without):
        try:
            rollup = (process / "smaps_rollup").read_text()
        except OSError:
            continue
        held.append(next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) * 1024 / 1e6)
    return held[0], sum(held)


async def at_rest(world: World) -> tuple[float, float]:
    """The PSS when it has stopped falling: Chromium gives back some of what loading a page has taken."""
    least, since = pss(world.process), 0
    for _ in range(30):
        await asyncio.sleep(0.5)
        now = pss(world.process)
        since = 0 if now[1] < least[1] - 2 else since + 1
        least = min(least, now, key=lambda each: each[1])
        if since == 6:
            break
    return least


async def stand(browser: Browser, world: World, stack: AsyncExitStack, number: int, folder: Path) -> None:
    """Bring one more export to where the report is asked for, and leave it standing there."""
    account = world.settings["clients"]["abc"]["activix"]
    login = Login(account["username"], SecretStr(account["password"]))
    evidence = EvidenceFolder(folder / f"evidence-{number}", lambda: [account["password"]])
    visit = await stack.enter_async_context(
        browser.visit(account["url"], login, run=f"memory-{number}", evidence=evidence, zone=ZONE)
    )
    robot = Activix(visit)
    await robot.sign_in()
    await robot.request_report(Period.last_full_month(clock.now(), ZONE))


async def measure(world: World, folder: Path, counts: Sequence[int]) -> dict[int, tuple[float, float]]:
    measured = {}
    settings = BrowserSettings.model_validate({"step_timeout": "2m"})  # four at once on two busy cores
    async with open_browser(settings) as browser, AsyncExitStack() as stack:
        await browser.version()
        measured[0] = await at_rest(world)
        standing = 0
        for count in counts:
            async with asyncio.TaskGroup() as opening:
                for number in range(standing, count):
                    opening.create_task(stand(browser, world, stack, number, folder))
            standing = count
            measured[count] = await at_rest(world)
    return measured


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory(prefix="memory-") as name, emulated_world(Path(name)) as world:
        print(f"exports at once, in one process; {load()}")
        measured = asyncio.run(measure(world, Path(name), COUNTS))
    print(f"{'exports':>9}{'PSS, MB':>10}{'Python, MB':>12}{'per further export, MB':>24}")
    earlier = 0
    for count, (python, whole) in measured.items():
        further = (whole - measured[earlier][1]) / (count - earlier) if count > 1 else None
        print(f"{count:9}{whole:10.0f}{python:12.0f}{f'{further:.0f}' if further is not None else '':>24}")
        earlier = count
    last = max(measured)
    added = (measured[last][1] - measured[1][1]) / (last - 1)
    print(f"added per further export: {added:.0f} MB (aim {AIM}: {'reached' if added <= AIM else 'missed'})")


if __name__ == "__main__":
    main()
