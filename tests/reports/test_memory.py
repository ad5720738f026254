import tracemalloc
from pathlib import Path

from tests.reports.csv_files import HEADER, check, lead, table

COMMENT = "comment " * 40


def peak_of(file: Path) -> int:
    tracemalloc.start()
    try:
        result = check(file)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.first
    return peak


def write_leads(file: Path, rows: int) -> int:
    """Leads without phone and e-mail, as the findings that concern every row must keep only a few of them."""
    rest = ",".join(lead(1, Home_Phone="", Email="")[2:])
    with file.open("w", encoding="utf-8", newline="") as stream:
        stream.write(table([[*HEADER, "Comments"]]))
        for number in range(rows):
            created = f"2026-10-{number % 31 + 1:02} {number % 24:02}:{number % 60:02}:{number // 60 % 60:02}"
            stream.write(f"{created},User {number},{rest},{COMMENT}\r\n")
    return file.stat().st_size


def test_three_times_the_rows_need_hardly_more_memory(tmp_path: Path) -> None:
    few, many = tmp_path / "few.csv", tmp_path / "many.csv"
    growth = write_leads(many, 60_000) - write_leads(few, 20_000)
    check(few)  # what is loaded and remembered once
    added = peak_of(many) - peak_of(few)
    assert growth > 15_000_000
    assert added < 2_000_000  # 12 bytes of each row are kept, and as many again while identical rows are looked for
