"""Time of a whole export beside a straight-line Playwright script that clicks, waits and posts the same.

Both are processes of their own, in turn, against one emulated world (classic Activix, plain portal, mail sent at once):
`python scripts/bench/whole_run.py [--rounds N]`. What the site and the portal do in the same steps is in both figures.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from statistics import median

from parts.python import environment, load  # type: ignore[import-not-found]  # beside this script, no package
from parts.world import World, emulated_world  # type: ignore[import-not-found]  # beside this script, no package

from export_robots.chromium import find_chromium
from export_robots.settings import BrowserSettings

AIM = 1.2
ROBOT = Path(sys.executable).with_name("robot")
STRAIGHT_LINE = Path(__file__).parent / "parts" / "straight_line.py"
PHASES = ("until Python is there", "until the CRM is asked", "in the CRM", "until the file is here", "portal", "end")


@dataclass
class Run:
    seconds: float
    cpu: float
    phases: dict[str, float]
    steps: dict[str, float] = field(default_factory=dict)


def straight_line(world: World, chromium: Path, folder: Path, env: Mapping[str, str]) -> Run:
    target = folder / "straight-line.csv"
    command = [sys.executable, str(STRAIGHT_LINE), str(world.credentials), str(chromium), str(target)]
    began, cpu = time.time(), _cpu()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=180, check=True, env=env)
    ended = time.time()
    marks = json.loads(done.stdout)
    moments = [began, *(marks[name] for name in ("imported", "browser", "asked", "mail", "posted")), ended]
    return Run(ended - began, _cpu() - cpu, _between(moments))


def robot(world: World, folder: Path, env: Mapping[str, str]) -> Run:
    home = folder / "home"
    command = [str(ROBOT), "--config", str(world.credentials), "--home", str(home), "export", "activix"]
    command += ["--client", "abc"]  # the last full month
    began, cpu = time.time(), _cpu()
    said: list[tuple[float, str]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        assert process.stderr
        said += [(time.time(), line.rstrip()) for line in process.stderr]
    ended = time.time()
    if process.returncode != 0:
        raise SystemExit(f"the robot ended with {process.returncode}:\n" + "\n".join(line for _, line in said))
    finished: dict[str, tuple[float, float]] = {}  # by step: from, to
    for moment, line in said:
        name, _, duration = line.rpartition(" (")
        if duration.endswith(" s)"):
            finished[name] = (moment - float(duration.removesuffix(" s)")), moment)
    for file in home.glob("evidence/*/steps*.json"):  # to the millisecond, where the robot has written it down
        for step in json.loads(file.read_text("utf-8"))["steps"]:
            start = datetime.fromisoformat(step["started_at"]).timestamp()
            finished[step["step"]] = (start, start + step["seconds"])
    moments = [
        began,
        min(start for start, _ in finished.values()),
        finished["sign in"][0],
        finished["generate the report"][1],
        finished["open the portal"][0],
        finished["send the file to the portal"][1],
        ended,
    ]
    steps = {name: end - start for name, (start, end) in finished.items()}
    return Run(ended - began, _cpu() - cpu, _between(moments), steps)


def _between(moments: Sequence[float]) -> dict[str, float]:
    return dict(zip(PHASES, (later - earlier for earlier, later in pairwise(moments)), strict=True))


def _cpu() -> float:
    """Of all ended children and theirs, Chromium and its driver among them; the emulated world is not."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _same_file(world: World) -> None:
    """Both must have brought the same bytes to the portal, or one was not the same job."""
    digests = {sha256(file.read_bytes()).hexdigest() for file in world.received.iterdir()}
    if len(digests) != 1:
        raise SystemExit("the robot and the straight line posted different files")


def _median(runs: Sequence[Mapping[str, float]], name: str) -> float:
    return median(run.get(name, 0.0) for run in runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    chromium = find_chromium(BrowserSettings())
    robots: list[Run] = []
    lines: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="robot-") as name, emulated_world(Path(name)) as world:
        env = environment(Path(name) / "compiled")
        for number in range(rounds + 1):
            folder = Path(name) / f"{number}"
            folder.mkdir()
            # The one that begins changes, so that a machine that gets busier or quieter does not favour either.
            for way in ("robot", "line") if number % 2 else ("line", "robot"):
                world.empty_mailbox()
                if way == "robot":
                    robots.append(robot(world, folder, env))
                else:
                    lines.append(straight_line(world, chromium, folder, env))
            _same_file(world)
            if number == 0:  # fills the disk's caches, the world's and Python's
                robots.clear()
                lines.clear()
                print(f"{rounds} rounds after one that does not count; at the start {load()}", flush=True)
                continue
            one, other = robots[-1], lines[-1]
            print(
                f"  round {number}: robot {one.seconds:6.2f} s ({one.cpu:.1f} s CPU), straight line "
                f"{other.seconds:6.2f} s ({other.cpu:.1f} s CPU), quotient {one.seconds / other.seconds:.2f}; {load()}",
                flush=True,
            )
    _tell(robots, lines)


def _tell(robots: Sequence[Run], lines: Sequence[Run]) -> None:
    print(f"\n{'medians':34}{'robot':>9}{'straight':>10}{'more':>8}")
    ours, theirs = median(run.seconds for run in robots), median(run.seconds for run in lines)
    print(f"{'whole run, s':34}{ours:9.2f}{theirs:10.2f}{ours - theirs:+8.2f}")
    ours_cpu, theirs_cpu = median(run.cpu for run in robots), median(run.cpu for run in lines)
    print(f"{'CPU of its processes, s':34}{ours_cpu:9.2f}{theirs_cpu:10.2f}{ours_cpu - theirs_cpu:+8.2f}")
    for phase in PHASES:
        one, other = _median([run.phases for run in robots], phase), _median([run.phases for run in lines], phase)
        print(f"  {phase:32}{one:9.2f}{other:10.2f}{one - other:+8.2f}")
    print("\nthe robot's own steps, s")
    for step in robots[0].steps:
        print(f"  {step:40}{_median([run.steps for run in robots], step):6.2f}")
    quotient = median(one.seconds / other.seconds for one, other in zip(robots, lines, strict=True))
    verdict = "reached" if quotient <= AIM else "missed"
    print(
        f"\nquotient of the rounds, median: {quotient:.2f}; of the medians: {ours / theirs:.2f} (aim {AIM}: {verdict})"
    )


if __name__ == "__main__":
    main()
