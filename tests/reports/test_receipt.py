import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from export_robots.outcomes import UsageWrong
from export_robots.reports.receipt import (
    CrmShowed,
    FileHeld,
    MailBrought,
    PortalAnswered,
    Receipt,
    read_receipt,
    receipt_path,
    write_receipt,
)

MOMENT = datetime(2026, 11, 1, 5, 30, 12, tzinfo=UTC)
RECEIPT = Receipt(
    client="abc",
    dealership="ABC Autos",
    rooftop=None,
    crm="activix",
    period=("2026-10", "2026-10"),
    run="activix:abc:2026-10",
    file=FileHeld(
        name="ABC Autos – Activix CRM – Oct 2026.csv",
        size=4711,
        sha256="a" * 64,
        received_sha256="b" * 64,
        encoding="UTF-8",
        dialect="comma, CRLF",
        columns=28,
        rows=340,
        first=date(2026, 10, 1),
        last=date(2026, 10, 31),
        fields=(("Date", "Creation Date"),),
        date_of_birth_removed=True,
        warnings=("3 rows have neither a phone nor an e-mail (lines 4, 5, 6)",),
    ),
    crm_showed=CrmShowed(
        account="datateam+abcautos@example.com",
        first=date(2026, 10, 1),
        last=date(2026, 10, 31),
        rows_shown=340,
        says_empty=False,
        requested_at=MOMENT,
        acknowledgement="Your report is on its way",
        settings={"Date field": "Creation Date"},
    ),
    mail=MailBrought("<1@example.com>", MOMENT, "activix.ca"),
    portal=PortalAnswered("Thank you! Reference CLV-1", "CLV-1", MOMENT),
)


def test_a_receipt_lies_beside_its_file_and_reads_back_the_same(tmp_path: Path) -> None:
    file = tmp_path / "ABC Autos – Activix CRM – Oct 2026.csv"
    path = write_receipt(RECEIPT, file)
    assert path.name == "ABC Autos – Activix CRM – Oct 2026.csv.receipt.json"
    assert path == receipt_path(file)
    assert read_receipt(path) == RECEIPT
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_receipt_is_plain_json_that_people_can_read(tmp_path: Path) -> None:
    text = write_receipt(RECEIPT, tmp_path / "x.csv").read_text(encoding="utf-8")
    content = json.loads(text)
    assert content["schema_version"] == 1
    assert content["file"]["last"] == "2026-10-31"
    assert content["portal"] == {
        "text": "Thank you! Reference CLV-1",
        "reference": "CLV-1",
        "at": "2026-11-01T05:30:12Z",
    }
    assert "ABC Autos – Activix CRM" in text


def test_a_file_exported_by_hand_has_a_receipt_without_page_and_mail(tmp_path: Path) -> None:
    receipt = replace(
        RECEIPT, crm_showed=None, mail=None, portal=None, file=replace(RECEIPT.file, first=None, last=None)
    )
    assert read_receipt(write_receipt(receipt, tmp_path / "x.csv")) == receipt


def test_a_newer_receipt_of_the_same_file_takes_the_older_one_s_place(tmp_path: Path) -> None:
    write_receipt(replace(RECEIPT, portal=None), tmp_path / "x.csv")
    assert read_receipt(write_receipt(RECEIPT, tmp_path / "x.csv")).portal == RECEIPT.portal


def test_a_missing_receipt_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageWrong, match="No such file"):
        read_receipt(tmp_path / "x.csv.receipt.json")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda text: text[:200], "is damaged: its JSON: Invalid JSON"),
        (lambda text: text.replace('"rows": 340', '"rows": "many"'), "is damaged: file.rows: Input should be"),
        (lambda text: text.replace('"client": "abc",', ""), "is damaged: client: Field required"),
        (lambda text: text.replace('"schema_version": 1', '"schema_version": 2'), "written by a newer robot"),
    ],
)  # fmt: skip
def test_a_damaged_receipt_says_where(tmp_path: Path, damage, words: str) -> None:  # type: ignore[no-untyped-def]  # a lambda
    path = write_receipt(RECEIPT, tmp_path / "x.csv")
    path.write_text(damage(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(UsageWrong, match=words):
        read_receipt(path)


def test_a_folder_that_cannot_be_written_leaves_the_old_receipt(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        write_receipt(RECEIPT, tmp_path / "missing" / "x.csv")


def test_a_receipt_that_cannot_be_put_in_its_place_leaves_nothing_behind(tmp_path: Path) -> None:
    receipt_path(tmp_path / "x.csv").mkdir()
    with pytest.raises(IsADirectoryError):
        write_receipt(RECEIPT, tmp_path / "x.csv")
    assert [one.name for one in tmp_path.iterdir()] == ["x.csv.receipt.json"]
