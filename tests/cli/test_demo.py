from pathlib import Path

import pytest

from tests.cli.conftest import Robot


@pytest.mark.browser
def test_the_demo_leaves_the_file_the_receipt_and_the_pictures_and_says_how_to_go_on(
    robot: Robot, tmp_path: Path
) -> None:
    folder = tmp_path / "demo"
    answer = robot("demo", "--home", str(folder))
    assert answer.code == 0, answer.said
    report = next((folder / "home" / "downloads" / "abc").glob("*.csv"))
    assert (folder / "received" / report.name).read_bytes() == report.read_bytes()
    assert report.with_name(f"{report.name}.receipt.json").exists()
    assert len(list((folder / "pictures").glob("[0-9]*.png"))) >= 10
    assert (folder / "pictures" / "all.png").stat().st_size > 50_000
    assert "-m emulated_world --folder" in answer.out
    assert "export activix --client abc --month" in answer.out


def test_a_folder_that_holds_other_things_is_not_touched(robot: Robot, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear", "utf-8")
    answer = robot("demo", "--home", str(tmp_path / "mine"))
    assert answer.code == 2
    assert (tmp_path / "mine" / "letter.txt").read_text("utf-8") == "dear"
