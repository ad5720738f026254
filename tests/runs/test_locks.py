"""One run at a time per account, in one home and on a server that several machines use."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from socket import gethostname

import pytest
from sqlalchemy import NullPool, create_engine, text

from export_robots.home import Home, prepare_home
from export_robots.outcomes import AccountBusy
from export_robots.runs.database import open_database
from export_robots.runs.locks import AccountLocks
from tests.mail.postgres import PROGRAMS
from tests.runs.conftest import wait_until
from tests.runs.databases import connected

ACCOUNT = "activix:datateam+abc@example.com"
ON_A_SERVER = pytest.mark.parametrize("url", ["postgresql"] if PROGRAMS else [], indirect=True)

HOLDER = """
import sys
from pathlib import Path
from export_robots.home import Home
from export_robots.runs.database import open_database
from export_robots.runs.locks import AccountLocks
locks = AccountLocks(open_database(sys.argv[1]), Home(Path(sys.argv[2])))
with locks.hold(sys.argv[3], "abc/activix/2026-10"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return prepare_home(tmp_path / "home")


@pytest.fixture
def locks(url: str, home: Home) -> Iterator[AccountLocks]:
    engine = open_database(url)
    yield AccountLocks(engine, home)
    engine.dispose()


def test_an_account_is_held_once_and_whoever_comes_second_learns_by_whom(locks: AccountLocks, home: Home) -> None:
    with locks.hold(ACCOUNT, "abc/activix/2026-10"):
        assert len(locks.held()) == 1
        with (
            pytest.raises(AccountBusy, match=rf"abc/activix/2026-10 \(process \d+ on {gethostname()}\) has held"),
            locks.hold(ACCOUNT, "second"),
        ):
            pass
        with locks.hold("activix:another@example.com", "third"):
            assert len(locks.held()) == 2
        locks.require(ACCOUNT)
    with locks.hold(ACCOUNT, "fourth"):
        pass
    assert locks.held() == []
    assert not list(home.locks.glob("*.json"))


def test_what_a_killed_process_held_is_free(locks: AccountLocks, home: Home, url: str) -> None:
    command = [sys.executable, "-c", HOLDER, url, str(home.root), ACCOUNT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        with pytest.raises(AccountBusy, match=rf"abc/activix/2026-10 \(process {other.pid}"), locks.hold(ACCOUNT, "b"):
            pass
        other.kill()
    wait_until(lambda: not locks.held(), "the account is free")
    with locks.hold(ACCOUNT, "c"):
        pass


def test_accounts_of_almost_the_same_name_or_a_very_long_one_are_not_one(locks: AccountLocks) -> None:
    names = ["abc/activix/2026-10", "abc-activix/2026-10", "abc-activix-2026-10", *(letter * 300 for letter in "aü蔵")]
    with ExitStack() as all_of_them:
        for name in [*names, names[-1] + "蔵"]:
            all_of_them.enter_context(locks.hold(name, "run"))
        assert len(locks.held()) == len(names) + 1


def test_who_only_looks_which_accounts_are_held_is_in_nobodys_way(locks: AccountLocks) -> None:
    with locks.hold(ACCOUNT, "first"):
        pass
    enough = threading.Event()

    def look() -> None:
        while not enough.is_set():
            locks.held()

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(100):
            with locks.hold(ACCOUNT, "another"):
                pass
    finally:
        enough.set()
        looking.join()


@ON_A_SERVER
def test_the_same_account_in_another_database_of_the_server_is_another_one(
    locks: AccountLocks, home: Home, url: str
) -> None:
    other_url = f"{url.rpartition('/')[0]}/other"
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text("CREATE DATABASE other"))
        with locks.hold(ACCOUNT, "first"):
            engine = open_database(other_url)
            other = AccountLocks(engine, home)
            with other.hold(ACCOUNT, "second"):
                pass
            insert = "INSERT INTO held_accounts VALUES (:account, 'x', 'dead', 'h', 1, now())"
            with engine.begin() as noted:
                noted.execute(text(insert), {"account": ACCOUNT})
            assert other.held() == [], "what a dead run has noted is not held, whatever the other database holds"
            engine.dispose()
        connection.execute(text("DROP DATABASE other"))
    server.dispose()


@ON_A_SERVER
def test_a_restarted_server_lets_go_and_the_account_is_taken_back_unless_another_had_it(
    locks: AccountLocks, home: Home, url: str
) -> None:
    with locks.hold(ACCOUNT, "first"):
        end_other_sessions(url)
        locks.require(ACCOUNT)
        assert locks.held() == [ACCOUNT]
        end_other_sessions(url)
        engine = open_database(url)
        another = AccountLocks(engine, home)
        with another.hold(ACCOUNT, "second"), pytest.raises(AccountBusy, match=r"was lost; since then second \("):
            locks.require(ACCOUNT)
        with pytest.raises(AccountBusy, match="was lost; since then another run"):
            locks.require(ACCOUNT)
        engine.dispose()


@ON_A_SERVER
def test_a_server_that_ends_idle_sessions_does_not_end_those_that_hold_an_account(
    locks: AccountLocks, url: str
) -> None:
    server = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)

    def asked(question: str) -> object:
        with server.connect() as connection:
            return connection.scalar(text(question))

    with server.connect() as connection:
        connection.execute(text("ALTER ROLE tests SET idle_session_timeout = '300ms'"))
    try:
        with locks.hold(ACCOUNT, "first"):
            later = f"SELECT clock_timestamp() > '{asked('SELECT clock_timestamp()')}'::timestamptz + interval '1 s'"
            wait_until(lambda: asked(later), "the server's patience is over")
            assert locks.held() == [ACCOUNT]
    finally:
        with server.connect() as connection:
            connection.execute(text("ALTER ROLE tests RESET idle_session_timeout"))


def end_other_sessions(url: str) -> None:
    """As a restart of the server does."""
    with connected(url) as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        connection.execute(text(f"{others} AND backend_type = 'client backend'"))
