from pathlib import Path

from tests.cli.conftest import Robot
from tests.reports.csv_files import leads, write


def test_a_good_file_is_checked_without_any_configuration(robot: Robot, tmp_path: Path) -> None:
    report = write(tmp_path, leads(40))
    answer = robot("check", str(report), "--month", "2026-10", "--json")
    assert answer.code == 0
    assert answer.json["outcome"] == "checked"
    assert answer.json["rows"] == 40
    assert answer.json["period"] == ["2026-10", "2026-10"]
    assert "40 rows" in robot("check", str(report)).out


def test_every_reason_is_listed_with_its_lines_and_no_lead(robot: Robot, tmp_path: Path) -> None:
    report = write(tmp_path, leads(40))
    answer = robot("check", str(report), "--month", "2026-09")
    assert answer.code == 17
    assert "lines 2, 3, 4, 5, 6 and 35 more" in answer.said
    assert "Tremblay" not in answer.said


def test_backdata_is_counted_from_the_clients_first_month(robot: Robot, tmp_path: Path, config: Path) -> None:
    report = write(tmp_path, leads(40))
    answer = robot("check", str(report), "--client", "abc", "--backdata", "--config", str(config), "--json")
    assert answer.json["period"] == ["2026-03", "2026-04"]
    assert answer.code == 17
    assert robot("check", str(report), "--backdata").code == 2
