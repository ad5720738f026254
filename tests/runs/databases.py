"""Both kinds of database for tests, PostgreSQL where it is installed: `url` is an empty one's address."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, text

from export_robots.runs.database import sqlite_url
from tests.mail.postgres import PROGRAMS, postgres


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture
def emptied(server: str) -> str:
    """A PostgreSQL server with nothing in its database."""
    with connected(server) as connection:
        connection.execute(text("DROP SCHEMA IF EXISTS dbos CASCADE"))
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    return server


@pytest.fixture(params=["sqlite", "postgresql"] if PROGRAMS else ["sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "robot.sqlite")
    address: str = request.getfixturevalue("emptied")
    return address
