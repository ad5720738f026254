"""Databases of earlier versions of the robot, on both kinds of database, and processes that come at the same time."""

import multiprocessing
import multiprocessing.synchronize
import signal
import sqlite3
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, create_engine, func, inspect, select, table, text

from export_robots.outcomes import UsageWrong
from export_robots.periods import Month, Period
from export_robots.runs.database import open_database, sqlite_url
from export_robots.runs.ledger import Ledger
from export_robots.runs.schema import migrate
from export_robots.runs.tables import SCHEMA_VERSION, Base, State
from report_mailbox.files import make_folder
from tests.runs.databases import connected

LEDGERS = Path(__file__).with_name("ledgers")
"""What the robot of those versions wrote, one delivered and one that waits for its report."""

OCTOBER = Period.month(Month(2026, 10))


def old_database(folder: Path, version: int) -> str:
    path = folder / "robot.sqlite"
    database = sqlite3.connect(path)
    database.executescript((LEDGERS / f"version_{version}.sql").read_text("utf-8"))
    database.close()
    return sqlite_url(path)


def differences(url: str) -> list[object]:
    def ours(thing: object, name: str | None, kind: str, reflected: bool, other: object) -> bool:
        return kind != "table" or name != "alembic_version"

    with connected(url) as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_object": ours}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata))


@pytest.mark.parametrize("version", [1, 2])
def test_a_database_of_an_earlier_version_is_brought_up_to_date_and_keeps_what_it_knows(
    tmp_path: Path, version: int
) -> None:
    url = old_database(tmp_path, version)
    for _ in range(2):
        ledger = Ledger(open_database(url))
        main, north = (row for row in ledger.deliveries() if row.again == 1)
        assert (main.state, north.state) == (State.DELIVERED, State.REQUESTED)
        assert (main.again, main.split, main.asked_by, main.transient, main.tries) == (1, False, "export", False, 0)
        file, upload = ledger.file(main.id), ledger.last_upload(main.id)
        assert file
        assert upload
        assert (file.rows, file.removed_at, upload.reference) == (3, None, "4711")
        assert [each.how for each in ledger.requests(north.id)] == ["export"]
        assert ledger.subscriptions() == []
        assert ledger.expect("abc", "activix", "Activix CRM", None, OCTOBER, again=2).id == "abc/activix/2026-10~2"
        ledger.engine.dispose()
    assert differences(url) == []


def filled(folder: Path, url: str) -> None:
    """The database of `url` as version 2 made it, on either kind, with rows in each of its tables."""
    source = create_engine(old_database(make_folder(folder / "old"), 2))
    with connected(url) as connection, source.connect() as old:
        migrate(connection, 0, 2)
        known = MetaData()
        known.reflect(old)
        for each in known.sorted_tables:
            rows = [dict(row) for row in old.execute(each.select()).mappings()]
            if each.name in ROWS:
                rows += [ROWS[each.name]]
            assert rows, f"{each.name} is empty"
            for row in rows if each.name != "ledger_schema" else ():
                if isinstance(row.get("id"), int):
                    del row["id"]  # the database counts, and goes on counting
                connection.execute(each.insert().values(row))
    source.dispose()


AT = datetime(2026, 11, 1, 13)  # noqa: DTZ001 - as the tables hold it
ROWS: dict[str, dict[str, object]] = {
    "used_codes": {"account": "activix:abc@example.com", "count": 59},
    "refused_passwords": {"account": "activix:x@example.com", "fingerprint": "f", "refused_at": AT, "said": "no"},
    "subscriptions": {
        "account": "activix:abc@example.com",
        "client": "abc",
        "crm": "activix",
        "crm_label": "Activix CRM",
        "title": "ABC – Activix CRM",
        "first_execution": "2026-12-01T03:17",
        "drawn_at": AT,
        "shown": {},
    },
}


def test_an_upgrade_keeps_every_row_on_both_kinds_of_database(tmp_path: Path, url: str) -> None:
    filled(tmp_path, url)
    before = counts(url)
    assert min(before.values()) > 0
    ledger = Ledger(open_database(url))
    assert {name: number for name, number in counts(url).items() if name in before} == before
    assert ledger.subscriptions()[0].title == "ABC – Activix CRM"
    new = ledger.expect("abc", "activix", "Activix CRM", None, Period.month(Month(2026, 11)))
    ledger.begin_attempt(new.id, upload=True)
    ledger.add_file(new.id, source="by hand", path="/x", sha256="1")  # numbers go on where they were
    ledger.engine.dispose()
    assert differences(url) == []


def counts(url: str) -> dict[str, int]:
    with connected(url) as connection:
        names = [name for name in inspect(connection).get_table_names() if name != "alembic_version"]
        return {name: connection.scalar(select(func.count()).select_from(table(name))) or 0 for name in names}


KILLED = """
import os, signal, sys
from alembic import op
make = op.create_table
def dying(name, *columns):
    make(name, *columns)
    if name == "questions":
        os.kill(os.getpid(), signal.SIGKILL)
op.create_table = dying
from export_robots.runs.database import open_database
open_database(sys.argv[1])
"""


def test_an_upgrade_that_is_killed_in_the_middle_leaves_the_old_tables(tmp_path: Path, url: str) -> None:
    filled(tmp_path, url)
    before = shape(url)
    assert subprocess.run([sys.executable, "-c", KILLED, url], check=False).returncode == -signal.SIGKILL
    assert shape(url) == before
    ledger = Ledger(open_database(url))
    assert len(ledger.deliveries()) == 2
    ledger.engine.dispose()
    assert differences(url) == []


def test_the_models_and_the_steps_come_to_the_same_tables(url: str) -> None:
    with connected(url) as connection:
        migrate(connection, 0)
    assert differences(url) == []


def test_each_step_leads_to_the_tables_that_the_robot_of_that_version_made(tmp_path: Path) -> None:
    for version in (1, 2):
        old = old_database(tmp_path, version)
        steps = sqlite_url(tmp_path / f"steps-{version}.sqlite")
        with connected(steps) as connection:
            migrate(connection, 0, version)
        assert shape(steps) == shape(old)
        (tmp_path / "robot.sqlite").unlink()


def shape(url: str) -> dict[str, object]:
    with connected(url) as connection:
        looked = inspect(connection)
        return {
            name: (
                {str(each["name"]): (str(each["type"]), each["nullable"]) for each in looked.get_columns(name)},
                sorted((str(each["name"]), *each["column_names"]) for each in looked.get_indexes(name)),
                looked.get_pk_constraint(name)["constrained_columns"],
            )
            for name in looked.get_table_names()
            if name != "alembic_version"
        }


def test_processes_that_come_at_the_same_time_make_or_mend_the_tables_once(tmp_path: Path, url: str) -> None:
    together(url)
    assert differences(url) == []
    if url.startswith("sqlite"):
        (tmp_path / "robot.sqlite").unlink()
        together(old_database(tmp_path, 2))
        assert differences(url) == []


def together(url: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    start = spawn.Barrier(3)
    processes = [spawn.Process(target=open_with_others, args=(url, start)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    with connected(url) as connection:
        assert connection.execute(text("SELECT version FROM ledger_schema")).scalars().all() == [SCHEMA_VERSION]


def open_with_others(url: str, start: multiprocessing.synchronize.Barrier) -> None:
    start.wait(60)
    Ledger(open_database(url)).deliveries()


def test_a_step_that_fails_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    url = old_database(tmp_path, 2)
    before = shape(url)
    with connected(url) as connection:
        connection.execute(text("CREATE TABLE notices (in_the_way INTEGER)"))
    with pytest.raises(UsageWrong, match="notices already exists"):
        open_database(url)
    with connected(url) as connection:
        connection.execute(text("DROP TABLE notices"))
    assert shape(url) == before
    assert len(Ledger(open_database(url)).deliveries()) == 2


def test_a_database_of_a_newer_robot_is_left_alone(url: str) -> None:
    open_database(url).dispose()
    with connected(url) as connection:
        connection.execute(text("UPDATE ledger_schema SET version = 99"))
    with pytest.raises(UsageWrong, match="newer version"):
        open_database(url)


def test_opening_what_is_up_to_date_asks_little_and_loads_no_alembic(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "robot.sqlite")
    open_database(url).dispose()
    program = f"""
import sys
from export_robots.runs.database import open_database
open_database({url!r})
sys.exit(any(name.partition(".")[0] == "alembic" for name in sys.modules))
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
