"""kill -9 at random moments over a queue of exports: what `scripts/bench/soak.py` does at length, in small."""

import re
import subprocess
import sys

import pytest

from tests.mail.postgres import PROGRAMS
from tests.runs.conftest import PATIENCE, ROOT

pytestmark = pytest.mark.xdist_group("serve")


@pytest.mark.parametrize("on", ["sqlite", *(["postgresql"] if PROGRAMS else [])])
def test_kills_at_random_moments_lose_nothing_and_double_nothing(on: str) -> None:
    soak = [sys.executable, str(ROOT / "scripts" / "bench" / "soak.py"), "--on", on]
    words = ["--kills", "6", "--exports", "100", "--seed", "1"]
    done = subprocess.run([*soak, *words], capture_output=True, text=True, timeout=2 * PATIENCE, check=False)
    kills = re.search(r"(\d+) kills", done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert kills
    assert int(kills[1]) >= 2, "some died while there was work"
