"""kill -9 at random moments over a queue of exports: what `scripts/bench/soak.py` does at length, in small."""

import re
import subprocess
import sys

import pytest

from tests.mail.postgres import PROGRAMS
from tests.runs.conftest import PATIENCE, ROOT

pytestmark = pytest.mark.xdist_group("serve")


@pytest.mark.parametrize(("on", "exports"), [("sqlite", 60), *([("postgresql", 40)] if PROGRAMS else [])])
def test_kills_at_random_moments_lose_nothing_and_double_nothing(on: str, exports: int) -> None:
    soak = [sys.executable, str(ROOT / "scripts" / "bench" / "soak.py"), "--on", on]
    words = ["--kills", "6", "--exports", str(exports), "--seed", "1"]
    done = subprocess.run([*soak, *words], capture_output=True, text=True, timeout=2 * PATIENCE, check=False)
    kills = re.search(r"(\d+) kills", done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert kills
    assert int(kills[1]) >= 4, "some died while there was work"
