"""One run at a time per account, in one home and on a server that several machines use."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

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
            pytest.raises(AccountBusy, match=r"abc/activix/2026-10 \(process \d+.*\) has held"),
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


def end_other_sessions(url: str) -> None:
    """As a restart of the server does."""
    with connected(url) as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        connection.execute(text(f"{others} AND backend_type = 'client backend'"))
