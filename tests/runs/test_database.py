"""What is wrong with a database or with its address is one sentence with a mend, and no secret."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, create_engine, text

from export_robots.outcomes import UsageWrong
from export_robots.periods import Month, Period
from export_robots.runs.database import open_database
from export_robots.runs.ledger import Ledger
from tests.mail.postgres import PROGRAMS
from tests.runs.databases import server

__all__ = ["server"]

OCTOBER = Period.month(Month(2026, 10))

if PROGRAMS:

    @contextmanager
    def made(server: str, name: str, how: str = "") -> Iterator[tuple[str, Connection]]:
        """Another database of the server; a connection to change things by, each at once."""
        engine = create_engine(server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} {how}"))
            yield f"{server.rpartition('/')[0]}/{name}", connection
        engine.dispose()

    def write_to(url: str) -> None:
        ledger = Ledger(open_database(url))
        try:
            ledger.expect("abc", "activix", "Activix CRM", None, OCTOBER)
        finally:
            ledger.engine.dispose()

    def refusal(url: str) -> UsageWrong:
        """Of the first thing that is written."""
        with pytest.raises(UsageWrong) as caught:
            write_to(url)
        assert "s3cret" not in f"{caught.value} {caught.value.hint}"
        return caught.value

    @pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
    def test_a_database_that_cannot_hold_every_name_is_not_begun_with(server: str, encoding: str) -> None:
        how = f"ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
        with made(server, f"of_{encoding.lower()}", how) as (url, _):
            error = refusal(url)
        assert f"encoding {encoding}" in error.saw
        assert "createdb" in error.hint

    def test_a_user_who_may_not_write_there_is_told_whose_it_must_be(server: str) -> None:
        with made(server, "of_somebody_else") as (url, connection):
            connection.execute(text("CREATE ROLE guest LOGIN"))
            as_guest = url.replace("tests@", "guest:s3cret@")
            assert "permission denied for schema" in refusal(as_guest).saw
            open_database(url).dispose()
            error = refusal(as_guest)
        assert "permission denied for table" in error.saw
        assert "must belong to the robot's user" in error.hint

    def test_a_server_that_only_reads_is_said_to_be_one(server: str) -> None:
        with made(server, "of_a_standby") as (url, connection):
            open_database(url).dispose()
            connection.execute(text("ALTER DATABASE of_a_standby SET default_transaction_read_only = on"))
            error = refusal(url)
        assert "read-only transaction" in error.saw
        assert "standby" in error.hint

    @pytest.mark.parametrize(
        ("change", "words", "hint"),
        [
            (("/postgres", "/postgres?colour=red"), 'invalid connection option "colour"', "libpq"),
            (("/postgres", "/postgres?sslmode=maybe"), 'invalid sslmode value: "maybe"', "lets this user in"),
            (("/postgres", "/postgres?options=-csearch_path%3Dx"), "no schema has been selected", "search path"),
            (("/postgres", "/nowhere"), 'database "nowhere" does not exist', "has that database"),
            (("tests:s3cret@", "stranger:s3cret@"), 'role "stranger" does not exist', "lets this user in"),
        ],
    )
    def test_a_wrong_address_is_told_without_its_password(
        server: str, change: tuple[str, str], words: str, hint: str
    ) -> None:
        error = refusal(server.replace("tests@", "tests:s3cret@").replace(*change))
        assert words in error.saw
        assert hint in error.hint
