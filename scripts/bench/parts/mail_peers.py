"""The environment with other collectors: the packages of scripts/locks/mail_bench.txt in .cache/mail-bench."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LOCK = ROOT / "scripts" / "locks" / "mail_bench.txt"
FOLDER = ROOT / ".cache" / "mail-bench"


class NoPeers(Exception):
    """They could not be installed. Its text says why."""


def peers() -> Path:
    """Its Python, installed as the lock says when that is not done yet."""
    python, stamp = FOLDER / "bin" / "python", FOLDER / "lock.sha256"
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text() == digest:
        return python
    uv = shutil.which("uv") or next((str(path) for path in ROOT.glob(".cache/uv*/bin/uv")), None)
    if uv is None:
        raise NoPeers("uv is not there; make setup fetches it")
    install = [uv, "pip", "install", "--quiet", "--require-hashes", "--compile-bytecode"]
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(FOLDER)],
        [*install, "--python", str(python), "-r", str(LOCK)],
    ):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise NoPeers((done.stderr.strip().splitlines() or ["uv failed"])[-1].strip())
    stamp.write_text(digest)
    return python
