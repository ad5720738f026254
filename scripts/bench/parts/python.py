"""Python as it runs for an operator: with its compiled modules kept, whatever the environment of the bench says."""

import os
from pathlib import Path


def environment(folder: Path) -> dict[str, str]:
    """For subprocesses; the first one fills `folder` with the compiled modules, and is slow."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(folder)}


def load() -> str:
    """What else the machine does: without it no figure says anything."""
    return "load " + " ".join(Path("/proc/loadavg").read_text().split()[:3])
