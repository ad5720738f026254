"""Machines that share a ledger and a store: what one has collected, another can tell of and go on with."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from report_mailbox import Collector, Fate
from report_mailbox.files import sha256_bytes
from report_mailbox.store import headers_name
from tests.mail.conftest import QUICK, REPORT, Post, accept_by_content, expectation, fates, report_mail


class Shelf(dict[str, bytes]):
    """A store of the test's own. `broken` takes nothing, as a server that is away."""

    broken = False

    def keep(self, name: str, content: bytes) -> None:
        if self.broken:
            raise ConnectionError("the store is away")
        self[name] = content

    def has(self, name: str) -> bool:
        return name in self


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def machines(embedded: Post, engine: Engine, tmp_path: Path, shelf: Shelf) -> tuple[Collector, Collector]:
    first, second = (
        Collector(embedded.mailbox(), engine, tmp_path / name, accept_by_content, pace=QUICK, store=shelf)
        for name in ("one", "two")
    )
    first.ledger.expect(expectation())
    return first, second


def test_the_other_machine_hands_out_what_the_first_has_collected(
    embedded: Post, machines: tuple[Collector, Collector], shelf: Shelf
) -> None:
    first, second = machines
    embedded.deliver(report_mail().as_bytes())
    (handed,) = first.collect_once()
    assert shelf[sha256_bytes(REPORT)] == REPORT
    raw = first.ledger.mail(handed.mail).raw_sha256
    assert raw
    assert b"Message-ID: <1@activix.ca>" in shelf[headers_name(raw)]
    assert b"2026-10-01" not in shelf[headers_name(raw)], "the headers alone"

    assert [each.id for each in second.collect_once()] == [handed.id]
    shelf.clear()
    assert second.collect_once() == [], "what is neither here nor shared is left to the machine that has it"


def test_a_mail_that_is_held_can_be_released_on_any_machine_and_a_copy_is_not_kept_again(
    embedded: Post, machines: tuple[Collector, Collector], shelf: Shelf
) -> None:
    other = b"Created On,Email\r\n2026-09-01,ann@example.net\r\n"
    embedded.deliver(report_mail(other).as_bytes())
    assert machines[0].collect_once() == []
    assert fates(machines[0]) == [Fate.HELD]
    assert shelf == {sha256_bytes(other): other}


def test_nothing_is_decided_while_the_store_is_away(
    embedded: Post, machines: tuple[Collector, Collector], shelf: Shelf
) -> None:
    embedded.deliver(report_mail().as_bytes())
    shelf.broken = True
    with pytest.raises(ConnectionError):
        machines[0].collect_once()
    assert machines[0].ledger.untaken() == []
    shelf.broken = False
    assert len(machines[1].collect_once()) == 1
