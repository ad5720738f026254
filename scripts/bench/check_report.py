"""Rows per second and peak memory of `check_report`, beside Python's csv merely iterating and polars merely reading.

Each is measured in a process of its own, on one generated file: `python scripts/bench/check_report.py [--rows N]`.
"""

import argparse
import csv
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

COLUMNS = 40
_NAMED = [
    *("Lead ID", "Creation Date", "Created By", "Modified Date", "Lead Source", "Lead Source Detail", "Lead Type"),
    *(
        "First Name",
        "Last Name",
        "Street",
        "City",
        "Province",
        "Postal Code",
        "Home Phone",
        "Mobile Phone",
        "Work Phone",
    ),
    *("Email 1", "Email 2", "Vehicle", "Status", "Comments"),
]


def generate(file: Path, rows: int) -> None:
    """A month's leads like those of a big dealership group: quotes, commas, French letters, some line breaks."""
    chance = random.Random(2026)  # noqa: S311 - no secret is made
    start = datetime(2026, 10, 1)  # noqa: DTZ001 - the file holds local times
    step = timedelta(days=31) / rows
    padding = [f"Field {number}" for number in range(len(_NAMED), COLUMNS)]
    sources = ["AutoTrader", "CarGurus", "Site Web", "Walk-in", "Référence"]
    comments = ["", "Rappeler, svp", "Wants a “loaded” one", 'Said "maybe"', "Première ligne\nseconde", "trade-in"]
    padding_values = [("", "Oui", "Sales team 4", "2024-05")[number % 4] for number in range(len(padding))]
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*_NAMED, *padding])
        for number in range(rows):
            created = (start + step * number).isoformat(" ", "seconds")
            phone, comment = f"514555{number % 10000:04}", chance.choice(comments) if number % 20 == 0 else ""
            address = (f"{number % 9999} rue Principale", "Montréal", "QC", "H2X 1Y4")
            lead = (
                number,
                created,
                "Web",
                created,
                chance.choice(sources),
                "Form",
                "Internet",
                "Zoé",
                f"Tremblay{number}",
            )
            reach = ("", phone, "", f"lead{number}@example.com", "")
            writer.writerow([*lead, *address, *reach, "2024 Civic", "Active", comment, *padding_values])


def check(file: Path) -> str:
    from export_robots.periods import Month, Period
    from export_robots.reports.checks import check_report

    result = check_report(file, zone=ZoneInfo("America/Toronto"), period=Period.month(Month(2026, 10)))
    if result.refused:
        raise SystemExit(f"the generated file was refused: {result.reasons}")
    return f"{result.rows} rows"


def iterate(file: Path) -> str:
    with file.open(encoding="utf-8", newline="") as stream:
        return f"{sum(1 for _ in csv.reader(stream)) - 1} rows"


def read_with_polars(file: Path) -> str:
    import polars

    return f"{polars.read_csv(file, infer_schema=False).height} rows"


WAYS = {"check_report": check, "csv, iterating": iterate, "polars, reading": read_with_polars}


def measure(way: str, file: Path) -> None:
    """In a process of its own: prints seconds, the peak, and what was there before the file was touched."""
    if way == "check_report":
        import export_robots.reports.checks  # noqa: F401
    elif way.startswith("polars"):
        import polars  # noqa: F401
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, worked = time.perf_counter(), time.process_time()
    WAYS[way](file)
    seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak, "before": before}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3, help="the best of so many is shown")
    parser.add_argument("--measure", nargs=2, metavar=("WAY", "FILE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure[0], Path(arguments.measure[1]))
        return
    with tempfile.TemporaryDirectory(prefix="check-report-") as folder:
        file = Path(folder) / "leads.csv"
        generate(file, arguments.rows)
        size = file.stat().st_size / 1e6
        print(f"{arguments.rows:,} rows × {COLUMNS} columns, {size:,.0f} MB, best of {arguments.repeat}")
        print(f"{'':18}{'seconds':>9}{'cpu s':>8}{'rows/s':>12}{'peak MB':>9}{'added MB':>10}{'cpu / csv':>11}")
        results: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(arguments.repeat):  # in turn, so that a busy moment of the machine hits all alike
            for way in WAYS:
                command = [sys.executable, __file__, "--measure", way, str(file)]
                answer = subprocess.run(command, check=True, capture_output=True, text=True)
                results[way].append(json.loads(answer.stdout))
        best = {way: min(runs, key=lambda run: run["cpu"]) for way, runs in results.items()}
        for way, run in best.items():
            added = (run["peak"] - run["before"]) / 1024
            ratio = run["cpu"] / best["csv, iterating"]["cpu"]  # which a busy machine disturbs less than time
            print(
                f"{way:18}{run['seconds']:9.2f}{run['cpu']:8.2f}{arguments.rows / run['seconds']:12,.0f}"
                f"{run['peak'] / 1024:9.0f}{added:10.0f}{ratio:11.2f}"
            )


if __name__ == "__main__":
    main()
