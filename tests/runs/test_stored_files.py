"""The bytes of a report, wherever they lie: what was changed or lost on the way is never sent as what had come."""

import hashlib
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from export_robots import clock
from export_robots.home import Home, prepare_home
from export_robots.runs.database import open_database
from export_robots.runs.operating_tables import StoredFileRow
from export_robots.runs.stored_files import ReportLost, StoredFiles, bring, keep
from tests.mail.postgres import PROGRAMS
from tests.runs.conftest import Place, Robot

EXPORT = ("export", "activix", "--client", "abc", "--json")
ON_A_SERVER = pytest.mark.parametrize("url", ["postgresql"] if PROGRAMS else [], indirect=True)


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    made = open_database(url)
    yield made
    made.dispose()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    before = os.umask(0o077)
    yield prepare_home(tmp_path / "home")
    os.umask(before)


def received(home: Home, content: bytes) -> tuple[Path, str]:
    digest = hashlib.sha256(content).hexdigest()
    path = home.downloads / "mail" / "parts" / f"{digest}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path, digest


@pytest.mark.browser
def test_a_named_file_that_somebody_changed_is_made_anew_from_what_had_come(quick: Place, robot: Robot) -> None:
    named = Path(robot(quick, *EXPORT, "--no-upload").json["file"])
    came = named.read_bytes()
    named.write_bytes(came.replace(b"\n", b"\nx"))
    answer = robot(quick, *EXPORT)
    assert (answer.code, answer.json["outcome"]) == (0, "delivered"), answer.said
    assert [path.read_bytes() for path in quick.received] == [came]
    assert len(quick.requests) == 1


@pytest.mark.browser
def test_a_report_that_is_not_as_it_came_is_told_and_asked_for_anew(quick: Place, robot: Robot) -> None:
    named = Path(robot(quick, *EXPORT, "--no-upload").json["file"])
    came = named.read_bytes()
    (part,) = (quick.home / "downloads" / "mail" / "parts").iterdir()
    for path in (named, part):
        path.write_bytes(came[:-10])  # as a failing disk leaves it
    told = robot(quick, *EXPORT)
    assert (told.code, told.json["outcome"]) == (2, "usage")
    assert "is not as it came any more" in told.json["reasons"][0]
    assert "asks the CRM for another one" in told.json["next"]
    assert not quick.received

    answer = robot(quick, *EXPORT)
    assert (answer.code, answer.json["outcome"]) == (0, "delivered"), answer.said
    assert [path.read_bytes() for path in quick.received] == [came]
    assert len(quick.requests) == 2


@ON_A_SERVER
def test_what_lies_at_another_machines_place_is_not_taken_for_its_file(engine: Engine, home: Home) -> None:
    path, digest = received(home, b"the report\r\n")
    keep(engine, path, digest)
    path.write_bytes(b"an older one\r\n")
    assert bring(engine, home, path, digest).read_bytes() == b"the report\r\n"
    elsewhere = Path("/srv/other-home/downloads") / path.relative_to(home.downloads)
    path.unlink()
    assert bring(engine, home, elsewhere, digest) == path


def test_bytes_that_are_nowhere_are_told(engine: Engine, home: Home) -> None:
    path, digest = received(home, b"the report\r\n")
    assert bring(engine, home, path, digest) == path
    path.write_bytes(b"the report")
    with pytest.raises(ReportLost, match="is not as it came any more"):
        bring(engine, home, path, digest)
    path.unlink()
    with pytest.raises(ReportLost, match="is not on this machine any more"):
        bring(engine, home, path, digest)


@ON_A_SERVER
def test_a_large_report_comes_back_as_it_was_and_stored_bytes_that_differ_are_not_taken(
    engine: Engine, home: Home
) -> None:
    path, digest = received(home, os.urandom(1_000_000) * 40)
    keep(engine, path, digest)
    path.unlink()
    assert bring(engine, home, path, digest).stat().st_size == 40_000_000
    path.unlink()
    with Session(engine) as session, session.begin():
        session.execute(update(StoredFileRow).values(content=b"something else"))
    with pytest.raises(ReportLost):
        bring(engine, home, path, digest)
    assert not path.exists()


@ON_A_SERVER
def test_bytes_that_come_a_second_time_are_young_again(engine: Engine, home: Home) -> None:
    path, digest = received(home, b"no leads\r\n")
    keep(engine, path, digest)
    long_ago = clock.now() - timedelta(days=100)
    for of_a_mail in (False, True):
        with Session(engine) as session, session.begin():
            session.execute(update(StoredFileRow).values(stored_at=long_ago))
        if of_a_mail:
            StoredFiles(engine).keep(digest, b"no leads\r\n")
        else:
            keep(engine, path, digest)
        with Session(engine) as session:
            assert session.get_one(StoredFileRow, digest).stored_at > long_ago
