"""Copies of the database: made while it is in use, looked through, and good for going on with."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from export_robots import clock
from export_robots.home import Home, prepare_home
from export_robots.outcomes import UsageWrong
from export_robots.periods import Month, Period
from export_robots.runs.backup import back_up
from export_robots.runs.database import database_url, open_database
from export_robots.runs.ledger import Ledger
from export_robots.settings import Settings
from tests.mail.postgres import PROGRAMS
from tests.runs.conftest import Place, Robot
from tests.runs.databases import connected

OCTOBER = Period.month(Month(2026, 10))
ON_A_SERVER = pytest.mark.parametrize("url", ["postgresql"] if PROGRAMS else [], indirect=True)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return prepare_home(tmp_path / "home")


@pytest.fixture
def settings(url: str, home: Home) -> Settings:
    made = Settings(home.root)
    return made if url.startswith("sqlite") else made.with_database(url)


def expect(ledger: Ledger, rooftop: str) -> None:
    ledger.expect("abc", "activix", "Activix CRM", rooftop, OCTOBER)


def restore(settings: Settings, home: Home, copy: Path) -> None:
    """What docs/unattended.md says."""
    if settings.database.url is None:
        for path in home.root.glob("robot.sqlite*"):
            path.unlink()
        shutil.copy(copy, home.database)
        return
    url = settings.database.url.get_secret_value()
    with connected(url) as connection:
        connection.execute(text("DROP SCHEMA IF EXISTS dbos CASCADE"))
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    address = url.replace("postgresql+psycopg", "postgresql")
    subprocess.run(["pg_restore", "--no-owner", f"--dbname={address}", str(copy)], check=True)


def test_a_copy_that_is_made_while_others_write_is_whole_and_can_be_gone_on_with(
    settings: Settings, home: Home, tmp_path: Path
) -> None:
    ledger = Ledger(open_database(database_url(settings, home)))
    expect(ledger, "before")
    enough, begun = threading.Event(), threading.Event()

    def go_on_writing() -> None:
        number = 0
        while not enough.is_set():
            number += 1
            expect(ledger, f"meanwhile {number}")
            begun.set()

    writer = threading.Thread(target=go_on_writing)
    writer.start()
    begun.wait(60)
    copy = tmp_path / "copy"
    try:
        assert back_up(settings, home, copy) == copy.stat().st_size
    finally:
        enough.set()
        writer.join()
    expect(ledger, "after")
    ledger.engine.dispose()
    assert copy.stat().st_mode & 0o777 == 0o600

    restore(settings, home, copy)

    restored = Ledger(open_database(database_url(settings, home)))
    rooftops = {row.rooftop for row in restored.deliveries()}
    assert {"before", "meanwhile 1"} <= rooftops
    assert "after" not in rooftops
    expect(restored, "new")
    restored.engine.dispose()
    assert not list(tmp_path.glob(".copy*"))


def test_a_file_that_is_there_is_left_alone_unless_that_is_said(settings: Settings, home: Home, tmp_path: Path) -> None:
    open_database(database_url(settings, home)).dispose()
    copy = tmp_path / "copy"
    copy.write_text("mine", "utf-8")
    with pytest.raises(UsageWrong, match="is there already"):
        back_up(settings, home, copy)
    assert copy.read_text("utf-8") == "mine"
    back_up(settings, home, copy, force=True)
    assert copy.stat().st_size > 1000


def test_what_is_in_the_way_is_said_in_a_sentence_and_leaves_nothing(
    settings: Settings, home: Home, tmp_path: Path
) -> None:
    with pytest.raises(UsageWrong, match="there is nothing to copy"):
        back_up(settings, home, tmp_path / "copy")
    with pytest.raises(UsageWrong, match="no such file or directory"):
        back_up(settings, home, tmp_path / "nowhere" / "copy")
    with pytest.raises(UsageWrong, match="is a folder"):
        back_up(settings, home, tmp_path)
    assert not list(tmp_path.glob("*copy*"))


def test_a_damaged_database_makes_no_copy(tmp_path: Path) -> None:
    home = prepare_home(tmp_path / "home")
    settings = Settings(home.root)
    ledger = Ledger(open_database(database_url(settings, home)))
    for number in range(50):
        expect(ledger, f"rooftop {number}")
    ledger.engine.dispose()
    database = sqlite3.connect(home.database)
    database.execute("PRAGMA journal_mode=DELETE")
    page = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ix_deliveries_client'").fetchone()[0]
    database.close()
    with home.database.open("r+b") as file:
        file.seek((page - 1) * 4096 + 3)
        file.write(b"\xff\xff" * 40)
    with pytest.raises(UsageWrong, match=r"damaged|malformed"):
        back_up(settings, home, tmp_path / "copy")
    assert not list(tmp_path.glob("*copy*"))


@ON_A_SERVER
def test_without_the_servers_programs_it_is_said_how_to_get_them(
    settings: Settings, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageWrong, match="pg_dump is not on this machine") as caught:
        back_up(settings, home, tmp_path / "copy")
    assert "postgresql-client" in caught.value.hint


@ON_A_SERVER
def test_the_password_is_on_no_command_line(
    url: str, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    for name in ("pg_dump", "pg_restore"):
        program = tmp_path / "programs" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho "$0 $*" >> {log}\nexec {shutil.which(name)} "$@"\n', "utf-8")
        program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}{os.pathsep}{os.environ['PATH']}")
    settings = Settings(home.root).with_database(url.replace("tests@", "tests:s3cret-word@"))
    open_database(database_url(settings, home)).dispose()
    back_up(settings, home, tmp_path / "copy")
    assert "pg_dump" in log.read_text("utf-8")
    assert "s3cret-word" not in log.read_text("utf-8")
    assert "s3cret-word" not in repr(settings)


@ON_A_SERVER
@pytest.mark.parametrize(
    ("says", "told", "hint"),
    [
        (
            "pg_dump: error: aborting because of server version mismatch\n"
            "pg_dump: detail: server version: 17.0; pg_dump version: 14.9",
            "aborting because of server version mismatch; server version: 17.0; pg_dump version: 14.9",
            "as new as the server",
        ),
        (
            "pg_dump: error: could not write to output file: No space left on device",
            "could not write to output file: No space left on device",
            "a disk with room",
        ),
        (
            "pg_dump: error: query failed: ERROR:  permission denied for table files\n"
            "pg_dump: detail: Query was: LOCK TABLE public.files IN ACCESS SHARE MODE",
            "query failed: ERROR:  permission denied for table files",
            "able to read all tables",
        ),
    ],
)
def test_what_the_servers_program_complains_of_is_told_with_its_mend(
    settings: Settings, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, told: str, hint: str
) -> None:
    for name in ("pg_dump", "pg_restore"):
        program = tmp_path / "programs" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\ncat >&2 <<END\n{says}\nEND\nexit 1\n", "utf-8")
        program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(UsageWrong) as caught:
        back_up(settings, home, tmp_path / "copy")
    assert caught.value.saw == f"pg_dump could not copy the database: {told}"
    assert hint in caught.value.hint


BACKUP = """
import os, resource, signal, sys
from pathlib import Path
from export_robots.home import Home
from export_robots.outcomes import UsageWrong
from export_robots.runs import backup
from export_robots.settings import Settings
BEFORE
root, copy, url = sys.argv[1:]
settings = Settings(Path(root))
try:
    backup.back_up(settings if url.startswith("sqlite") else settings.with_database(url), Home(Path(root)), Path(copy))
except UsageWrong as error:
    sys.exit(f"{error.saw}\\n{error.hint}")
"""


def test_a_disk_that_takes_no_more_is_told_and_nothing_is_left_on_it(
    settings: Settings, home: Home, tmp_path: Path
) -> None:
    ledger = Ledger(open_database(database_url(settings, home)))
    with ledger.engine.begin() as connection:
        row = {"key": "k", "content": os.urandom(200_000), "at": datetime(2026, 1, 1)}  # noqa: DTZ001 - as it is stored
        connection.execute(text("INSERT INTO stored_files VALUES (:key, :content, :at)"), row)
    ledger.engine.dispose()
    folder = tmp_path / "copies"
    folder.mkdir()
    little = "resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, 90_000))"
    command = [sys.executable, "-c", BACKUP.replace("BEFORE", little)]
    command += [str(home.root), str(folder / "copy"), database_url(settings, home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "could not" in done.stderr
    assert "on a disk with room" in done.stderr
    assert list(folder.iterdir()) == []


def test_what_a_killed_backup_has_left_is_no_copy_and_goes_a_day_later(
    settings: Settings, home: Home, tmp_path: Path
) -> None:
    ledger = Ledger(open_database(database_url(settings, home)))
    expect(ledger, "before")
    ledger.engine.dispose()
    folder = tmp_path / "copies"
    folder.mkdir()
    program = BACKUP.replace("BEFORE", "os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)")
    done = subprocess.run(
        [sys.executable, "-c", program, str(home.root), str(folder / "copy"), database_url(settings, home)], check=False
    )
    assert done.returncode == -signal.SIGKILL
    (left,) = folder.iterdir()
    assert (left.name.startswith("."), left.stat().st_mode & 0o777) == (True, 0o700)
    assert [path.stat().st_mode & 0o777 for path in left.iterdir()] == [0o600]

    back_up(settings, home, folder / "copy")
    assert set(folder.iterdir()) == {left, folder / "copy"}, "it may be another one's that is just being written"
    yesterday = (clock.now() - timedelta(days=1, minutes=1)).timestamp()
    os.utime(left, (yesterday, yesterday))
    back_up(settings, home, folder / "another")
    assert set(folder.iterdir()) == {folder / "copy", folder / "another"}


@pytest.mark.browser
def test_a_restored_database_stands_as_it_stood_and_is_gone_on_with(
    quick: Place, robot: Robot, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, home = Settings(quick.home), Home(quick.home)
    if not url.startswith("sqlite"):
        settings = settings.with_database(url)
        monkeypatch.setenv("ROBOT_DATABASE__URL", url)
    export = ("export", "activix", "--client", "abc", "--json")
    assert robot(quick, *export, "--no-upload").json["outcome"] == "collected"
    before = robot(quick, "status", "--json").json
    copy = tmp_path / "copy.sqlite"
    answer = robot(quick, "backup", str(copy), "--json")
    assert (answer.code, answer.json) == (0, {"file": str(copy), "bytes": copy.stat().st_size})
    assert robot(quick, "backup", str(copy)).code == 2

    restore(settings, home, copy)
    assert robot(quick, "status", "--json").json == before
    assert robot(quick, *export).json["outcome"] == "delivered"
    assert len(quick.requests) == len(quick.received) == 1
