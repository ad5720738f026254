"""The mailbox's figures, on one Dovecot in one run: `python scripts/bench/mailbox.py [--quick] [--only PART ...]`.

latency   from a report mail's arrival (LMTP has accepted it) to its hand-over, with IDLE; Dovecot holds its notices
          back for half a second, which shows where IDLE is not ended before they come
growth    collecting 3 new mails out of 1,000, 10,000 and 100,000
pace      2,000 report mails of 200 KB in a row, beside other collectors that fetch and extract the same

Every collector is a process of its own. Ours does all that it always does: mail and file on disk (fsync), then the
ledger (SQLite as the robot opens it: WAL, synchronous=FULL), then the mark. The others write the attachments and keep
no record. `free` is ours with nothing waiting for the disk, to see what that costs.
"""

import argparse
import hashlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Queue
from statistics import median, quantiles
from typing import Any

from parts.mail_ours import address_of  # type: ignore[import-not-found]  # beside this script, no package
from parts.mail_peers import NoPeers, peers  # type: ignore[import-not-found]  # beside this script, no package
from parts.memory_of import memory_of  # type: ignore[import-not-found]  # beside this script, no package
from parts.postbox import Postbox, letters, postbox, report  # type: ignore[import-not-found]  # beside this script
from parts.python import environment, load  # type: ignore[import-not-found]  # beside this script, no package

from emulated_world.dovecot import dovecot_available
from emulated_world.mail_server import PASSWORD

AIM = 0.5  # seconds, from arrival to hand-over
OURS = Path(__file__).parent / "parts" / "mail_ours.py"
OTHERS = Path(__file__).parent / "parts" / "mail_others.py"
PARTS = ("latency", "growth", "pace")
_TEN_YEARS = timedelta(days=3650)


class Bench:
    def __init__(self, server: Postbox, folder: Path, repeat: int) -> None:
        self.server = server
        self.folder = folder
        self.repeat = repeat
        self.env = environment(folder / "compiled")
        self._used = 0

    def new_folder(self) -> Path:
        self._used += 1
        return self.folder / str(self._used)

    def ours(self, *given: object) -> dict[str, Any]:
        command = [sys.executable, str(OURS), *map(str, given)]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=self.env).stdout
        told: dict[str, Any] = json.loads(answer or "{}")
        return told

    def latency(self, mails: int, username: str, *notices: str) -> None:
        folder = self.new_folder()
        self.ours("expect", folder, username, 0, mails, datetime.now(UTC).isoformat())
        raws = [report(number, address_of(username, number), 200_000)[0] for number in range(mails)]
        command = [sys.executable, str(OURS), "watch", str(self.server.imap_port), username, str(folder), *notices]
        said: Queue[dict[str, Any]] = Queue()
        chance = random.Random(2026)  # noqa: S311 - no secret is made
        how = "by the server's notices alone" if notices else "as it is"
        print(f"latency: {mails} report mails of 200 KB at random moments, with IDLE, {how}; {load()}", flush=True)
        taken = []
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.env
        ) as process:

            def read() -> None:
                for line in process.stdout or ():
                    said.put(json.loads(line))

            reading = threading.Thread(target=read)
            reading.start()
            said.get(timeout=60)
            for number, raw in enumerate(raws):
                threading.Event().wait(chance.choice((chance.uniform(0, 1), chance.uniform(1, 8))))
                accepted = self.server.arrive(address_of(username, number), raw)
                told = said.get(timeout=60)
                if told["id"] != f"{number:06}":
                    raise SystemExit(f"{told['id']} was handed over in place of {number:06}")
                taken.append(told["at"] - accepted)
            assert process.stdin
            process.stdin.close()
            reading.join()
        p95 = quantiles(taken, n=20)[-1]
        print(
            f"  p50 {median(taken):.3f} s, p95 {p95:.3f} s, least {min(taken):.3f}, most {max(taken):.3f} "
            f"(aim {AIM} s: {'reached' if p95 < AIM else 'missed'}); {load()}",
            flush=True,
        )

    def growth(self, sizes: list[int]) -> None:
        print(f"growth: seconds for 3 new mails, with connecting and signing in, median of {self.repeat}; {load()}")
        print(f"{'in the folder':>16}{'was here':>11}{'newly expected':>16}{'never here':>12}{'first pass':>12}")
        for size in sizes:
            username, known = f"size{size}@example.com", self.new_folder()
            self.server.fill(username, letters(size, username))
            self.ours("expect", known, username, 900_000, 1, (datetime.now(UTC) - _TEN_YEARS).isoformat())
            first = self.ours("collect", self.server.imap_port, username, known)
            if first["mails"] != size:
                raise SystemExit(f"{first['mails']} mails out of {size} have a decision")
            taken: dict[str, list[float]] = {"was here": [], "newly expected": [], "never here": []}
            number = 0
            for _ in range(self.repeat):
                for way, seconds in taken.items():
                    folder = self.new_folder() if way == "never here" else known
                    if way == "was here":
                        self.ours("expect", folder, username, number, 3, datetime.now(UTC).isoformat())
                        self.ours("collect", self.server.imap_port, username, folder)  # so nothing is new to it
                    for each in range(number, number + 3):
                        to = address_of(username, each)
                        self.server.arrive(to, report(each, to, 20_000)[0])
                    if way != "was here":
                        self.ours("expect", folder, username, number, 3, datetime.now(UTC).isoformat())
                    told = self.ours("collect", self.server.imap_port, username, folder)
                    if told["handed"] < 3:
                        raise SystemExit(f"{told['handed']} of 3 new mails were handed over")
                    seconds.append(told["seconds"])
                    number += 3
            figures = [median(seconds) for seconds in taken.values()]
            print(
                f"{size:16,}{figures[0]:11.3f}{figures[1]:16.3f}{figures[2]:12.3f}{first['seconds']:12.1f}   {load()}",
                flush=True,
            )

    def pace(self, mails: int) -> None:
        username, prepared = "pace@example.com", self.new_folder()
        wanted = set()
        for start in range(0, mails, 500):
            some = [report(number, address_of(username, number), 200_000) for number in range(start, start + 500)]
            some = some[: mails - start]
            wanted |= {hashlib.sha256(content).hexdigest() for _, content in some}
            self.server.fill(username, ((datetime.now(UTC), raw) for raw, _ in some))
        self.ours("expect", prepared, username, 0, mails, datetime.now(UTC).isoformat())
        try:
            other = str(peers())
        except NoPeers as error:
            print(f"pace: the comparison is left out, imap-tools and mailsuite could not be installed: {error}")
            other = ""
        ways = ["ours", "ours, free", *(("imap-tools", "imap-tools-bulk", "mailsuite") if other else ())]
        print(f"pace: {mails:,} report mails of 200 KB in a row, best of {self.repeat}; {load()}")
        print(f"{'':18}{'mails/s':>9}{'seconds':>9}{'cpu s':>8}{'peak MB':>9}{'right':>8}  all seconds")
        results: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
        for _ in range(self.repeat):  # in turn, so that a busy moment of the machine hits all alike
            for way in ways:
                results[way].append(self._collect(way, username, other, prepared))
        for way, runs in results.items():
            best = min(runs, key=lambda run: run["seconds"])
            right = len(wanted & best["digests"])
            every = " ".join(f"{run['seconds']:.1f}" for run in runs)
            print(
                f"{way:18}{mails / best['seconds']:9.1f}{best['seconds']:9.1f}{best['cpu']:8.1f}"
                f"{best['peak'] / 1024:9.0f}{right:8,}  {every}",
                flush=True,
            )
        print(f"  {load()}")

    def _collect(self, way: str, username: str, other: str, prepared: Path) -> dict[str, Any]:
        folder = self.new_folder()
        if way.startswith("ours"):
            shutil.copytree(prepared, folder)
            command = [sys.executable, str(OURS), "collect", str(self.server.imap_port), username, str(folder)]
            command += ["free"] if way.endswith("free") else []
        else:
            folder.mkdir()
            command = [other, str(OTHERS), way, str(self.server.imap_port), username, PASSWORD, str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=self.env) as process:
            with memory_of(process.pid) as peak:
                answer, _ = process.communicate()
            if process.returncode != 0:
                raise SystemExit(f"{way} ended with {process.returncode}")
        run: dict[str, Any] = json.loads(answer)
        run["peak"] = peak.kilobytes
        run["digests"] = {hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in run["files"]}
        shutil.rmtree(folder)
        return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of it, once")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    quick = arguments.quick
    if not dovecot_available():
        print("Dovecot 2.3 with its LMTP server is not installed: no figures")
        return
    sizes = [100, 1_000, 10_000] if quick else [1_000, 10_000, 100_000]
    usernames = [
        "latency@example.com",
        "notices@example.com",
        "pace@example.com",
        *(f"size{size}@example.com" for size in sizes),
    ]
    with tempfile.TemporaryDirectory(prefix="mailbox-") as name, postbox(usernames) as server:
        bench = Bench(server, Path(name), 1 if quick else arguments.repeat)
        if "latency" in arguments.only:
            bench.latency(8 if quick else 60, "latency@example.com")
            bench.latency(4 if quick else 20, "notices@example.com", "notices")
        if "growth" in arguments.only:
            bench.growth(sizes)
        if "pace" in arguments.only:
            bench.pace(200 if quick else 2_000)


if __name__ == "__main__":
    main()
