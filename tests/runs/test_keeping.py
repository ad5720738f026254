"""How long files are kept: nothing that is open, held or unknown goes; the ledger and the receipts stay."""

import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from export_robots import clock
from export_robots.config_schedule import KeepingSettings
from export_robots.home import Home, prepare_home
from export_robots.periods import Month, Period
from export_robots.runs.database import open_database
from export_robots.runs.keeping import Kind, Purged, purge
from export_robots.runs.ledger import Ledger, run_id
from export_robots.runs.operating_tables import StoredFileRow
from export_robots.runs.tables import DeliveryRow, FileRow, How, State
from export_robots.settings import Settings
from report_mailbox.matching import Fate
from report_mailbox.store import headers_name
from report_mailbox.tables import messages, metadata, parts
from tests.runs.conftest import Place, Robot

EXPORT = ("export", "activix", "--client", "abc", "--json")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OLD = NOW - timedelta(days=500)
RECENT = NOW - timedelta(days=70)


class Kept:
    """A home whose ledger and files are as the robot leaves them, at any age."""

    def __init__(self, home: Home, ledger: Ledger) -> None:
        self.home = home
        self.ledger = ledger
        self.settings = Settings(home.root)
        self.months = 0
        metadata.create_all(ledger.engine)

    def delivery(self, closed_at: datetime | None, state: State = State.DELIVERED) -> str:
        """One that was closed then; None: it is open since ever."""
        self.months += 1
        month = Month(2024, 12).plus(self.months)
        key = self.ledger.expect("abc", "activix", "Activix CRM", None, Period.month(month)).id
        self.ledger.begin_attempt(key, upload=True)
        if closed_at:
            self.ledger.close(key, state, How.EXPORT)
            with Session(self.ledger.engine) as session, session.begin():
                session.execute(update(DeliveryRow).where(DeliveryRow.id == key).values(closed_at=closed_at))
        return key

    def file(self, name: str, content: str = "a lead\r\n", at: datetime = OLD) -> Path:
        path = self.home.downloads / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, newline="")
        os.utime(path, (at.timestamp(), at.timestamp()))
        return path

    def report(self, delivery: str, content: str = "a lead\r\n", at: datetime = OLD) -> tuple[Path, Path]:
        """As it came, and as it was named, with a receipt."""
        digest = sha256(content.encode()).hexdigest()
        received = self.file(f"mail/parts/{digest}.csv", content, at)
        named = self.file(f"abc/{delivery.replace('/', '-')}.csv", content, at)
        self.file(f"abc/{named.name}.receipt.json", "{}", at)
        row = self.ledger.add_file(delivery, source="mail", path=str(received), sha256=digest)
        self.ledger.update_file(row.id, path=str(named), name=named.name, sha256=digest)
        return received, named

    def mail(self, content: str, fate: Fate | None, *, brought: str = "", expectation: str | None = None) -> Path:
        """In spool; `brought` is the content of its one file, which lies in parts."""
        digest = sha256(content.encode()).hexdigest()
        with self.ledger.engine.begin() as connection:
            number = connection.scalar(select(func.count()).select_from(messages)) or 0
            values = {
                "account": "a",
                "folder": "INBOX",
                "uidvalidity": 1,
                "uid": number + 1,
                "raw_sha256": digest,
                "decision": fate,
                "decided_at": OLD if fate else None,
                "expectation_id": expectation,
            }
            row = connection.execute(insert(messages).values(**values).returning(messages.c.id)).scalar_one()
            if brought:
                part = sha256(brought.encode()).hexdigest()
                values = {"message_row": row, "name": "x.csv", "sha256": part, "size": 1, "file": f"parts/{part}.csv"}
                connection.execute(insert(parts).values(**values))
                self.file(f"mail/parts/{part}.csv", brought)
        return self.file(f"mail/spool/{digest}.eml", content)

    def evidence(self, name: str, at: datetime = OLD) -> Path:
        folder = self.home.evidence / name
        folder.mkdir()
        file = folder / "steps.json"
        file.write_text("[]")
        for path in (file, folder):
            os.utime(path, (at.timestamp(), at.timestamp()))
        return folder

    def stored(self, content: str, name: str = "") -> str:
        name = name or sha256(content.encode()).hexdigest()
        with Session(self.ledger.engine) as session, session.begin():
            session.add(StoredFileRow(sha256=name, content=content.encode(), stored_at=OLD))
        return name

    def rows(self) -> list[FileRow]:
        with Session(self.ledger.engine) as session:
            return list(session.scalars(select(FileRow).order_by(FileRow.id)))

    def still_stored(self) -> set[str]:
        with Session(self.ledger.engine) as session:
            return set(session.scalars(select(StoredFileRow.sha256)))


@pytest.fixture
def kept(tmp_path: Path, url: str) -> Iterator[Kept]:
    before = os.umask(0o077)
    ledger = Ledger(open_database(url))
    yield Kept(prepare_home(tmp_path / "home"), ledger)
    ledger.engine.dispose()
    os.umask(before)


@pytest.mark.browser
def test_a_delivered_month_goes_when_its_time_is_over_and_its_receipt_stays(
    quick: Place, robot: Robot, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered = robot(quick, *EXPORT)
    assert delivered.code == 0, delivered.said
    file = Path(delivered.json["file"])
    receipt = file.with_name(file.name + ".receipt.json").read_bytes()
    month = delivered.json["period"][0]
    assert robot(quick, "purge", "--json").json["removed"]["leads"] == {"files": 0, "bytes": 0}

    later = clock.now() + timedelta(days=401)
    monkeypatch.setattr(clock, "now", lambda: later)
    planned = robot(quick, "purge", "--dry-run", "--json")
    assert planned.json["dry_run"]
    assert file.exists()
    purged = robot(quick, "purge", "--json")

    assert purged.json == {**planned.json, "dry_run": False}
    assert purged.json["removed"]["leads"]["files"] == 2, "as it came, and as it was named"
    assert purged.json["removed"]["mails"]["files"] == 1
    assert purged.json["unknown"] == []
    left = [path.name for path in (quick.home / "downloads").rglob("*") if path.is_file()]
    assert left == ["collector.lock"]
    kept = list((quick.home / "receipts").rglob("*.receipt.json"))
    assert [path.read_bytes() for path in kept] == [receipt]
    standing = robot(quick, "status", "--month", month, "--json")
    assert standing.json["deliveries"][0]["state"] == "delivered"
    assert set(robot(quick, "purge", "--json").json["removed"]["leads"].values()) == {0}, "again, nothing is left to do"
    before = robot(quick, *EXPORT, "--month", month)
    assert (before.code, before.json["outcome"], before.json["file"]) == (0, "delivered", None)


@pytest.mark.browser
def test_what_was_purged_may_be_asked_for_again_and_nobody_can_say_in_what_it_differs(
    quick: Place, robot: Robot
) -> None:
    for path in (Path(robot(quick, *EXPORT).json["file"]), *(quick.home / "downloads/mail/parts").iterdir()):
        path.unlink()
    report = quick.home / "another.csv"
    report.write_bytes(quick.received[0].read_bytes().replace(b"\r\n", b"\n"))
    again = robot(quick, "deliver", str(report), "--client", "abc", "--crm", "activix", "--again", "--json")
    assert (again.code, again.json["outcome"]) == (0, "delivered"), again.said
    assert any("is not on this disk any more" in reason for reason in again.json["reasons"])


def test_nothing_of_an_open_delivery_goes_however_old(kept: Kept) -> None:
    received, named = kept.report(kept.delivery(None))
    assert purge(kept.ledger, kept.home, kept.settings, NOW).removed[Kind.LEADS] == 0
    assert received.exists()
    assert named.exists()


def test_the_time_counts_from_the_close_and_not_from_the_file(kept: Kept) -> None:
    received, named = kept.report(kept.delivery(RECENT), at=OLD)
    assert purge(kept.ledger, kept.home, kept.settings, NOW).removed[Kind.LEADS] == 0
    assert received.exists()
    shorter = Settings(kept.home.root, keeping=KeepingSettings.model_validate({"leads": "60d"}))
    assert purge(kept.ledger, kept.home, shorter, NOW).removed[Kind.LEADS] == 2
    assert not received.exists()
    assert not named.exists()


def test_bytes_that_another_open_delivery_needs_stay(kept: Kept) -> None:
    closed, open_ = kept.delivery(OLD), kept.delivery(None)
    received, named = kept.report(closed, "no leads\r\n")
    assert kept.report(open_, "no leads\r\n")[0] == received
    purge(kept.ledger, kept.home, kept.settings, NOW)
    assert received.exists()
    assert not named.exists()
    assert [row.removed_at for row in kept.rows()] == [None, None], "a part of it is still there"


def test_a_kill_between_the_file_and_its_row_is_made_good(kept: Kept) -> None:
    received, named = kept.report(kept.delivery(OLD))
    received.unlink()
    named.unlink()
    purged = purge(kept.ledger, kept.home, kept.settings, NOW)
    assert purged.removed[Kind.LEADS] == 0
    assert [row.removed_at for row in kept.rows()] == [NOW]


def test_a_held_mail_and_what_it_brought_stay(kept: Kept) -> None:
    held = kept.mail("held", Fate.HELD, brought="perhaps leads")
    undecided = kept.mail("undecided", None, brought="perhaps more")
    awaited = kept.mail("taken", Fate.REPORT, brought="leads", expectation=f"{kept.delivery(None)}#1")
    done = kept.mail("ignored", Fate.IGNORED, brought="something else")
    purged = purge(kept.ledger, kept.home, kept.settings, NOW)
    assert (purged.removed[Kind.MAILS], purged.removed[Kind.LEADS]) == (1, 1)
    assert held.exists()
    assert undecided.exists()
    assert awaited.exists()
    assert not done.exists()
    assert len(list((kept.home.downloads / "mail" / "parts").iterdir())) == 3


def test_what_nobody_knows_is_told_and_left(kept: Kept) -> None:
    stranger = kept.file("abc/from-somewhere.csv")
    torn, fresh = kept.file("abc/.tmp123.part"), kept.file("mail/parts/x.unfinished", at=NOW)
    purged = purge(kept.ledger, kept.home, kept.settings, NOW)
    assert purged.unknown == [stranger]
    assert stranger.exists()
    assert not torn.exists(), "a killed process left it, and it may hold leads"
    assert fresh.exists(), "somebody may be writing it"


def test_evidence_goes_sooner_and_never_that_of_an_open_delivery(kept: Kept) -> None:
    closed, open_ = kept.delivery(RECENT), kept.delivery(None)
    of = {key: kept.evidence(run_id(key, 1).replace("/", "-").replace("#", "-")) for key in (closed, open_)}
    visit, young = kept.evidence("abc-activix-subscription-20250101-120000"), kept.evidence("new", at=NOW)
    purged = purge(kept.ledger, kept.home, kept.settings, NOW)
    assert purged.removed[Kind.EVIDENCE] == 2
    assert not of[closed].exists()
    assert of[open_].exists()
    assert not visit.exists()
    assert young.exists()


def test_what_the_database_keeps_of_files_goes_with_them(kept: Kept) -> None:
    kept.report(kept.delivery(OLD), "done")
    kept.report(kept.delivery(None), "open")
    mails = [kept.mail("held", Fate.HELD, brought="held"), kept.mail("ignored", Fate.IGNORED)]
    stays = {kept.stored("open"), kept.stored("held"), kept.stored("To: you", headers_name(mails[0].stem))}
    gone = {kept.stored("done"), kept.stored("To: you", headers_name(mails[1].stem))}
    assert purge(kept.ledger, kept.home, kept.settings, NOW, dry_run=True).removed[Kind.STORED] == 2
    assert kept.still_stored() == stays | gone
    assert purge(kept.ledger, kept.home, kept.settings, NOW).removed[Kind.STORED] == 2
    assert kept.still_stored() == stays


def test_the_databases_copies_go_soon_after_the_close_and_those_on_disk_stay(kept: Kept) -> None:
    received, named = kept.report(kept.delivery(NOW - timedelta(days=15)), "closed")
    kept.report(kept.delivery(NOW - timedelta(days=13)), "just closed")
    kept.stored("closed"), kept.stored("just closed")
    purged = purge(kept.ledger, kept.home, kept.settings, NOW)
    assert (purged.removed[Kind.STORED], purged.removed[Kind.LEADS]) == (1, 0)
    assert kept.still_stored() == {sha256(b"just closed").hexdigest()}
    assert received.exists()
    assert named.exists()
    shorter = Settings(kept.home.root, keeping=KeepingSettings.model_validate({"leads": "5d", "shared": "30d"}))
    assert purge(kept.ledger, kept.home, shorter, NOW).removed[Kind.STORED] == 1, "never longer than the files"


def test_a_home_whose_files_lie_on_another_disk_is_cleared_as_well(kept: Kept, tmp_path: Path) -> None:
    received, named = kept.report(kept.delivery(OLD))
    for folder in (kept.home.downloads, kept.home.evidence):
        elsewhere = folder.rename(tmp_path / f"disk {folder.name}")
        folder.symlink_to(elsewhere, target_is_directory=True)
    visit = kept.evidence("abc-activix-subscription-20250101-120000")
    purged = purge(kept.ledger, kept.home, kept.settings, NOW)
    assert purged.unknown == []
    assert (purged.removed[Kind.LEADS], purged.removed[Kind.EVIDENCE]) == (2, 1)
    assert not any(path.exists() for path in (received, named, visit))
    assert kept.rows()[0].removed_at == NOW


def test_what_a_link_leads_to_is_never_touched(kept: Kept, tmp_path: Path) -> None:
    received, named = kept.report(kept.delivery(OLD))
    mine, folder = tmp_path / "mine.csv", tmp_path / "mine"
    folder.mkdir()
    for path in (mine, folder / "x.csv"):
        path.write_text("mine")
        os.utime(path, (OLD.timestamp(), OLD.timestamp()))
    received.unlink()
    received.symlink_to(mine)
    links = [received, kept.home.downloads / "abc" / "folder", kept.home.downloads / "nowhere"]
    links[1].symlink_to(folder, target_is_directory=True)
    links[2].symlink_to(tmp_path / "is not there")
    for link in links:
        os.utime(link, (OLD.timestamp(), OLD.timestamp()), follow_symlinks=False)
    purged = purge(kept.ledger, kept.home, kept.settings, NOW)
    assert set(purged.unknown) == set(links)
    assert mine.exists()
    assert (folder / "x.csv").exists()
    assert not named.exists()


def test_what_cannot_be_removed_is_told_and_keeps_nothing_else(kept: Kept) -> None:
    _, stays = kept.report(kept.delivery(OLD), "one")
    received, _ = kept.report(kept.delivery(OLD), "two")
    (kept.home.receipts / "abc").write_text("in the way of the receipts", "utf-8")
    purged = purge(kept.ledger, kept.home, kept.settings, NOW)
    assert stays in purged.stuck
    assert str(stays) in purged.as_json()["stuck"]
    assert stays.exists()
    assert not received.exists()


def test_two_purges_of_one_home_are_not_in_each_others_way(kept: Kept) -> None:
    for number in range(150):
        kept.evidence(f"visit-{number}")
        kept.file(f"abc/.{number}.part")
    done: list[Purged] = []
    both = [
        threading.Thread(target=lambda: done.append(purge(kept.ledger, kept.home, kept.settings, NOW)))
        for _ in range(3)
    ]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert [each.stuck for each in done] == [[], [], []]
    assert sum(each.removed[Kind.UNFINISHED] for each in done) >= 150
    assert list(kept.home.evidence.iterdir()) == []


def test_another_machines_copy_is_cleared_by_that_machine(kept: Kept, tmp_path: Path) -> None:
    received, _ = kept.report(kept.delivery(OLD))
    other = prepare_home(tmp_path / "other")
    copy = other.downloads / received.relative_to(kept.home.downloads)
    copy.parent.mkdir(parents=True)
    copy.write_bytes(received.read_bytes())
    os.utime(copy, (OLD.timestamp(), OLD.timestamp()))
    assert purge(kept.ledger, other, kept.settings, NOW).removed[Kind.LEADS] == 1
    assert not copy.exists()
    assert received.exists()
    assert kept.rows()[0].removed_at is None, "its own machine has it still"


def test_the_object_of_json_says_how_much(kept: Kept) -> None:
    kept.report(kept.delivery(OLD), "0123456789")
    said = json.loads(json.dumps(purge(kept.ledger, kept.home, kept.settings, NOW).as_json()))
    assert said["removed"]["leads"] == {"files": 2, "bytes": 20}
    assert list(said["removed"]) == ["leads", "mails", "evidence", "stored", "unfinished"]
