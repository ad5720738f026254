"""What `robot serve` survives: database and mail server that restart, a portal that is down, a disk that is full."""

import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

import export_robots.crm
from emulated_world import world as world_module
from export_robots import clock
from export_robots.home import Home
from export_robots.outcomes import Outcome, SiteChanged
from export_robots.runs.ledger import Ledger
from export_robots.runs.operating_tables import NoticeRow
from export_robots.runs.room import NoRoom, blamed_on_the_disk
from export_robots.runs.tables import State
from tests.mail.postgres import PROGRAMS, restart
from tests.runs.conftest import Place, place_in, wait_until
from tests.runs.quick_crm import QuickCrm
from tests.runs.serving import (
    MovedClock,
    Served,
    closed,
    ledger_of,
    rounds_made,
    serving,
    wait_for_all,
    with_clients,
)

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("serve")]


def posts(place: Place) -> Counter[str]:
    """How often the portal was sent each file, whatever it answered."""
    return Counter(each["sha256"] for each in place.world.portal_journal.of("upload"))


def told(ledger: Ledger) -> list[str]:
    with ledger._transaction() as session:
        return list(session.scalars(select(NoticeRow.title)))


# --- the database


@pytest.mark.parametrize("url", ["postgresql"] if PROGRAMS else [], indirect=True)
def test_a_database_that_crashes_twice_under_load_loses_nothing_and_doubles_nothing(quick: Place, url: str) -> None:
    number = 10
    with_clients(quick, number)
    with ledger_of(quick, url) as ledger, serving(quick, "--database", url) as served:
        for some in (2, 5):
            served.wait_until(lambda: len(closed(ledger)) >= some, f"{some} are delivered")  # noqa: B023
            restart(url)
        doubtful = wait_for_all(ledger, number, served)
        delivered = [row for row in ledger.deliveries() if row.state == State.DELIVERED]
        sent = {file.sha256 for row in delivered if (file := ledger.file(row.id))}
    assert len(delivered) + len(doubtful) == number
    assert len(doubtful) <= 4, "what was just being posted, at each of two times"
    assert set(posts(quick).values()) == {1}
    assert len(sent) == len(delivered)
    assert sent <= set(posts(quick))


# --- the mailbox


@pytest.mark.parametrize("mail", ["embedded", pytest.param("dovecot", marks=pytest.mark.dovecot)])
def test_a_mail_server_that_is_away_is_told_and_what_came_meanwhile_is_collected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mail: str
) -> None:
    monkeypatch.setitem(world_module.SITES, "quick", "tests.runs.quick_crm")
    monkeypatch.setattr(export_robots.crm, "robots", lambda: {"activix": QuickCrm})
    with place_in(tmp_path, site="quick", mail=mail) as place:
        with_clients(place, 2, clients__d00__activix__report_deadline="10m")
        place.world.misbehaviours.add("mails_late")
        with ledger_of(place) as ledger, serving(place) as served:
            served.wait_until(lambda: place.requests, "the CRM was asked")
            if mail == "embedded":  # which takes mail in while nobody can read it
                place.world.call(place.world.mail._stop_imap(abruptly=False))
                place.world.misbehaviours.discard("mails_late")
                wait_until(lambda: place.world.journal.of("report_mailed"), "the report was mailed")
            else:
                place.world.call(place.world.mail.stop(abruptly=True))
            served.wait_until(lambda: "no mail can be collected" in told(ledger), "people are told")
            assert closed(ledger) == []
            place.world.call(place.world.mail._start_imap() if mail == "embedded" else place.world.mail.start())
            place.world.misbehaviours.discard("mails_late")
            assert wait_for_all(ledger, 2, served) == []
        assert len(place.requests) == len(place.received) == 2


# --- the portal


@pytest.fixture
def time(quick: Place, monkeypatch: pytest.MonkeyPatch) -> MovedClock:
    made = MovedClock(quick)
    monkeypatch.setattr(clock, "now", made.now)
    return made


def test_a_portal_that_is_down_for_an_hour_and_one_that_fails_at_the_post(quick: Place, time: MovedClock) -> None:
    time.put(datetime(2026, 11, 10, 12, tzinfo=UTC))
    with_clients(quick, 2, schedule__pauses=["5m", "15m", "40m"])
    quick.world.misbehaviours.add("down")
    with ledger_of(quick) as ledger, serving(quick) as served:
        for tries, pause in enumerate((5, 15, 40), start=1):
            served.wait_until(lambda: [row.tries for row in ledger.deliveries()] == [tries] * 2, f"tried {tries} times")  # noqa: B023
            for row in ledger.deliveries():
                assert row.outcome == Outcome.UPLOAD_FAILED
                assert row.retry_at
                assert timedelta() < row.retry_at - time.now() <= timedelta(minutes=pause)
            if pause == 40:
                quick.world.misbehaviours.discard("down")
            time.put(time.now() + timedelta(minutes=pause))
        assert wait_for_all(ledger, 2, served) == []
        assert len(quick.requests) == len(quick.received) == 2, "the CRM was asked once, before the first try"
        month_later(quick, time, ledger, served)


def month_later(quick: Place, time: MovedClock, ledger: Ledger, served: Served) -> None:
    quick.world.misbehaviours.add("fails_with_500")
    time.put(datetime(2026, 12, 1, 12, tzinfo=UTC))
    doubtful = wait_for_all(ledger, 4, served)
    assert [row.id for row in doubtful] == ["d00/activix/2026-11", "d01/activix/2026-11"]
    assert all(row.outcome == Outcome.UPLOAD_FAILED and row.retry_at is None for row in doubtful)
    quick.world.misbehaviours.discard("fails_with_500")
    time.put(time.now() + timedelta(hours=5))
    rounds = rounds_made(quick)
    served.wait_until(lambda: rounds_made(quick) > rounds + 1, "a whole round was made")
    assert set(posts(quick).values()) == {1}, "what was posted is not posted again by itself"
    assert any("upload_failed on 2 deliveries; next move: operator" in each for each in told(ledger))

    seen = quick.run("confirm", "activix", "--client", "d00", "--reason", "it is in the portal's list", "--json")
    assert (seen.code, seen.json["outcome"]) == (0, "delivered"), seen.said
    file = ledger.file("d01/activix/2026-11")
    assert file
    sent = quick.run("deliver", str(file.path), "--client", "d01", "--crm", "activix", "--json")
    assert (sent.code, sent.json["outcome"]) == (0, "delivered"), sent.said
    assert [row.state for row in ledger.deliveries()] == [State.DELIVERED] * 4
    assert len(quick.requests) == 4
    assert sorted(posts(quick).values()) == [1, 1, 1, 2]
    assert len(quick.received) == 3


# --- the disk


_BECOME = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-c"]
_MOUNT = 'mount -t tmpfs -o size=200m,mode=700 none "$0" && exec "$@"'


def may_mount() -> bool:
    """Not in every container."""
    with tempfile.TemporaryDirectory() as folder, suppress(FileNotFoundError):
        return subprocess.run([*_BECOME, _MOUNT, folder, "true"], check=False, capture_output=True).returncode == 0
    return False


MAY_MOUNT = may_mount()


@contextmanager
def serving_on_a_small_disk(place: Place, *words: str) -> Iterator[tuple[Served, Path]]:
    """Its home is a disk of 200 MB of its own, in its own mount namespace; the path leads there from outside."""
    place.home.mkdir(mode=0o700, exist_ok=True)
    with serving(place, *words, within=[*_BECOME, _MOUNT, str(place.home)]) as served:
        yield served, Path(f"/proc/{served.process.pid}/root{place.home}")


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as out, suppress(OSError):  # there is no more room
        while True:
            out.write(bytes(1_000_000))
    return filler


@pytest.mark.parametrize("url", ["sqlite"] if MAY_MOUNT else [], indirect=True)
def test_a_full_disk_under_the_database_is_told_and_waited_out(quick: Place, url: str) -> None:
    assert url.startswith("sqlite"), "which is what lies in the home"
    keys = with_clients(quick, 3, clients__d00__activix__report_deadline="10m")
    quick.world.misbehaviours.add("mails_late")
    with serving_on_a_small_disk(quick) as (served, disk):
        served.wait_until(lambda: quick.requests, "the CRM was asked")
        filler = fill(disk)
        quick.world.misbehaviours.discard("mails_late")
        served.wait_until(lambda: served.said.count("disk is full") > 2, "it is said, and met again")
        assert quick.received == []
        filler.unlink()
        served.wait_until(lambda: "is closed: 3 deliveries" in served.said, "all are delivered")
    assert each_posted_once(quick) == keys


@pytest.mark.parametrize("url", ["postgresql"] if PROGRAMS and MAY_MOUNT else [], indirect=True)
def test_a_full_disk_under_the_files_keeps_no_mail_away_and_closes_what_was_posted(quick: Place, url: str) -> None:
    keys = with_clients(quick, 3, clients__d00__activix__report_deadline="10m")
    quick.world.misbehaviours.add("mails_late")
    with (
        ledger_of(quick, url) as ledger,
        serving_on_a_small_disk(quick, "--database", url) as (served, disk),
    ):
        served.wait_until(lambda: quick.requests, "the CRM was asked")
        filler = fill(disk)
        quick.world.misbehaviours.discard("mails_late")
        served.wait_until(lambda: "the way: the disk is full" in served.said, "why no mail can be collected")
        served.wait_until(lambda: "MB are free on the disk of the robot's home" in served.said, "nothing is begun")
        assert quick.received == []
        changed = SiteChanged("there is no button “Generate”")
        assert isinstance(blamed_on_the_disk(changed, Home(disk)), NoRoom), "what a browser does there is its disk's"
        quick.world.misbehaviours.add("slow_confirmation")
        filler.unlink()
        assert blamed_on_the_disk(changed, Home(disk)) is changed

        served.wait_until(lambda: posts(quick), "the portal has the first one, and takes its time to say so")
        filler = fill(disk)
        [first] = [row for row in ledger.deliveries() if row.client == "d00"]
        served.wait_until(lambda: ledger.delivery(first.id).transient, "its receipt has no room")
        posted = ledger.delivery(first.id)
        assert (posted.state, posted.outcome) == (State.POSTED, Outcome.USAGE)
        quick.world.misbehaviours.discard("slow_confirmation")
        assert posted.reasons == ["this machine stood in the way: the disk is full"]
        filler.unlink()
        assert wait_for_all(ledger, 3, served) == []
    assert each_posted_once(quick) == keys


def each_posted_once(place: Place) -> list[str]:
    """Whose reports were asked for: again, too, where the browser had no room to show that the CRM had accepted."""
    asked = {each["username"].partition("+")[2].partition("@")[0] for each in place.requests}
    assert len(place.received) == sum(posts(place).values()) == len(asked)
    return sorted(asked)
