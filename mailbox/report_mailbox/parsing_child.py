"""The program that takes one mail apart, started by `parsing` as a file and not imported with the rest of the package.

In: a line of JSON, then the mail. Out: a line of JSON, then the files one after the other. It reads and writes nothing
else, and ends when the other end of its input is closed, as it is when the process that started it dies.
"""

import json
import os
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

OUT_OF_MEMORY = 75
"""The exit status when the memory allowed does not do."""


def main() -> None:
    job: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    _bound(job["memory"], job["seconds"])
    try:
        raw = sys.stdin.buffer.read(job["size"])
        threading.Thread(target=_end_with_the_other_side, daemon=True).start()
        answer, files = _taken_apart(raw, job["limits"])
        out = sys.stdout.buffer
        out.write(json.dumps(answer).encode() + b"\n")
        for content in files:
            out.write(content)
        out.flush()
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    os._exit(0)  # without the thread that waits for input


def _taken_apart(raw: bytes, limits: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    # The package's own __init__ brings databases and connections along: half a second, and nothing that is needed.
    package = ModuleType("report_mailbox")
    package.__path__ = [str(Path(__file__).parent)]
    sys.modules["report_mailbox"] = package
    from report_mailbox.attachments import MailTooOdd, contents_of
    from report_mailbox.mailbox import Limits

    try:
        found = contents_of(raw, Limits(**limits))
    except MailTooOdd as odd:
        return {"odd": str(odd)}, []
    answer = {
        "files": [(file.name, len(file.content)) for file in found.files],
        "obstacles": found.obstacles,
        "others": found.others,
        "links": [(link.url, link.text) for link in found.links],
        "code": found.code,
    }
    return answer, [file.content for file in found.files]


def _end_with_the_other_side() -> None:
    sys.stdin.buffer.read(1)
    os._exit(1)


def _bound(memory: int, seconds: int) -> None:
    """What the platform offers."""
    if sys.platform == "linux":
        # Should memory run out, this process is the one to end.
        Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
    if sys.platform != "win32":
        import resource

        for limit, value in (
            (resource.RLIMIT_AS, memory),
            (resource.RLIMIT_CPU, seconds),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, 0),
        ):
            _, most = resource.getrlimit(limit)
            resource.setrlimit(limit, (value if most == resource.RLIM_INFINITY else min(value, most), most))


if __name__ == "__main__":
    main()
