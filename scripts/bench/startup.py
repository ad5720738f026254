"""How long `robot --help` takes, and what its imports cost: `python scripts/bench/startup.py [--runs N]`."""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from parts.python import environment, load  # type: ignore[import-not-found]  # beside this script, no package

AIM = 0.3
ROBOT = Path(sys.executable).with_name("robot")
_IMPORT = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")


def seconds(command: list[str], runs: int, env: Mapping[str, str]) -> list[float]:
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=env)
        taken.append(time.perf_counter() - began)
    return taken


def packages(env: Mapping[str, str]) -> Counter[str]:
    """Microseconds by top-level package, each module's own time only."""
    command = [sys.executable, "-X", "importtime", str(ROBOT), "--help"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=env).stderr
    costs: Counter[str] = Counter()
    for own, module in _IMPORT.findall(said):
        costs[module.partition(".")[0]] += int(own)
    return costs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="startup-") as name:
        env = environment(Path(name))
        print(f"robot --help, {runs} runs; {load()}")
        seconds([str(ROBOT), "--help"], 1, env)
        taken = seconds([str(ROBOT), "--help"], runs, env)
        bare = median(seconds([sys.executable, "-c", "pass"], runs, env))
        costs = packages(env)
    middle = median(taken)
    print(f"median {middle:.3f} s, least {min(taken):.3f} s, most {max(taken):.3f} s; Python alone {bare:.3f} s")
    print(f"aim {AIM} s: {'reached' if middle <= AIM else 'missed'}")
    print(f"imports, ms, {sum(costs.values()) / 1000:.0f} in all:")
    for package, microseconds in costs.most_common(8):
        print(f"  {package:24}{microseconds / 1000:7.1f}")


if __name__ == "__main__":
    main()
