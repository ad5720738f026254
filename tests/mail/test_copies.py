"""The same mail or report more than once, under another number, or gone: on both servers."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from emulated_world.dovecot import Dovecot
from report_mailbox import Collector, Fate
from tests.conftest import Run
from tests.mail.conftest import (
    ADDRESS,
    QUICK,
    REPORT,
    Post,
    accept_by_content,
    expectation,
    fates,
    reasons,
    report_mail,
)


def test_the_same_report_twice_is_handed_over_once(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())
    post.send(report_mail(message_id="<1@activix.ca>"))
    post.send(report_mail(message_id="<2@activix.ca>"))

    assert len(collector.collect_once()) == 1
    assert fates(collector) == [Fate.REPORT, Fate.DUPLICATE]


def test_a_second_report_of_other_bytes_is_a_duplicate_too(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())
    post.send(report_mail())
    collector.collect_once()
    post.send(report_mail(REPORT + b"2026-10-02,bob@example.net\r\n"))

    assert len(collector.collect_once()) == 1
    assert fates(collector) == [Fate.REPORT, Fate.DUPLICATE]


def test_the_very_same_mail_twice_is_handed_over_once(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())
    raw = report_mail().as_bytes()
    post.deliver(raw)
    post.deliver(raw)

    assert len(collector.collect_once()) == 1
    assert fates(collector) == [Fate.REPORT, Fate.DUPLICATE]


def test_the_bytes_of_a_report_stay_when_its_copy_is_let_go(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())
    raw = report_mail().as_bytes()
    post.deliver(raw)
    collector.collect_once()
    kept = set((collector.folder / "spool").iterdir())
    post.deliver(raw)
    collector.collect_once()

    assert fates(collector) == [Fate.REPORT, Fate.DUPLICATE]
    assert kept
    assert set((collector.folder / "spool").iterdir()) >= kept


def test_a_mail_that_is_removed_meanwhile_is_let_go(post: Post, engine: Engine, tmp_path: Path) -> None:
    def remove_it(step: str) -> None:
        if step == "listed":
            with post.person() as client:
                uids = client.search("ALL")
                client.add_flags(uids, [b"\\Deleted"])
                client.expunge()

    collector = Collector(post.mailbox(), engine, tmp_path / "mail", accept_by_content, pace=QUICK, on_step=remove_it)
    collector.ledger.expect(expectation())
    post.send(report_mail())

    handed = collector.collect_once()
    # Dovecot may still give it to a session that had seen it: then it is whole.
    assert (len(handed), fates(collector)) in [(0, [Fate.IGNORED]), (1, [Fate.REPORT])]


def test_after_the_mailbox_is_made_anew_nothing_comes_twice_and_nothing_is_lost(
    embedded: Post, engine: Engine, tmp_path: Path
) -> None:
    raw, later = report_mail().as_bytes(), report_mail(b"2026-09,x").as_bytes()
    asked = datetime.now(UTC) - timedelta(seconds=1)
    collector = Collector(embedded.mailbox(), engine, tmp_path / "mail", accept_by_content, pace=QUICK)
    collector.ledger.expect(expectation(newer_than=asked))
    embedded.deliver(raw)
    embedded.deliver(later)
    assert len(collector.collect_once()) == 1
    assert reasons(collector) == ["nothing that is expected now fits its file"]

    embedded.renumber()
    collector.ledger.expect(expectation("abc 2026-09", newer_than=asked))
    embedded.deliver(raw)
    embedded.deliver(later)

    assert [handed.expectation_id for handed in collector.collect_once()] == ["abc 2026-10", "abc 2026-09"]
    assert fates(collector) == [Fate.DUPLICATE, Fate.REPORT]
    assert reasons(collector) == []


@pytest.mark.parametrize("before", ["handed over", "held"])
def test_a_mail_that_is_moved_away_and_back_counts_once(before: str, post: Post, collector: Collector) -> None:
    """It has a new number then, and the same content."""
    collector.ledger.expect(expectation())
    post.send(report_mail() if before == "handed over" else report_mail(b"Created On\r\n2026-01-01\r\n"))
    first = collector.collect_once()
    with post.person() as client:
        if not client.folder_exists("Aside"):
            client.create_folder("Aside")
        client.move(client.search("ALL"), "Aside")
        client.select_folder("Aside")
        client.move(client.search("ALL"), "INBOX")

    assert [each.id for each in collector.collect_once()] == [each.id for each in first]
    if before == "held":
        assert reasons(collector) == ["it is of another month"]
        assert fates(collector) == [Fate.IGNORED, Fate.HELD]
    else:
        assert fates(collector) == [Fate.REPORT, Fate.DUPLICATE]


def test_a_report_that_a_person_has_read_and_flagged_is_handed_over(post: Post, collector: Collector) -> None:
    collector.ledger.expect(expectation())
    post.send(report_mail())
    with post.person() as client:
        client.add_flags(client.search("ALL"), [b"\\Seen", b"\\Flagged"])

    assert len(collector.collect_once()) == 1


@pytest.mark.dovecot
def test_a_folder_that_is_removed_and_made_anew_on_dovecot_loses_and_doubles_nothing(
    run: Run, engine: Engine, tmp_path: Path
) -> None:
    server = Dovecot()
    run(server.__aenter__())
    post = Post(server, run)
    collector = Collector(post.mailbox(folder="Reports"), engine, tmp_path / "mail", accept_by_content, pace=QUICK)
    collector.ledger.expect(expectation())
    collector.ledger.expect(expectation("abc 2026-09"))
    numberings = set()

    def fill(*months: str) -> None:
        with post.person() as client:
            if client.folder_exists("Reports"):
                client.delete_folder("Reports")
            client.create_folder("Reports")
            numberings.add(client.folder_status("Reports", ["UIDVALIDITY"])[b"UIDVALIDITY"])
            for month in months:
                raw = report_mail(month.encode(), message_id=f"<{month}@activix.ca>").as_bytes()
                client.append("Reports", f"Delivered-To: {ADDRESS}\r\n".encode() + raw)

    fill("2026-10", "2026-01")
    (first,) = collector.collect_once()
    fill("2026-01", "2026-09", "2026-10")
    second = collector.collect_once()

    run(server.__aexit__(None, None, None))
    assert len(numberings) == 2
    assert [each.expectation_id for each in (first, *second)] == ["abc 2026-10", "abc 2026-10", "abc 2026-09"]
    assert second[0].id == first.id
    assert fates(collector) == [Fate.HELD, Fate.REPORT, Fate.DUPLICATE]
    assert len(reasons(collector)) == 1


@pytest.mark.parametrize("said", ["Your report (1/2)", "Votre rapport, partie 1 de 2", "Report part 1 of 2"])
def test_a_piece_of_a_report_over_several_mails_is_held(
    said: str, embedded: Post, engine: Engine, tmp_path: Path
) -> None:
    """Half a month that passes for a whole one would be worse than a late report."""
    collector = Collector(embedded.mailbox(), engine, tmp_path / "mail", accept_by_content, pace=QUICK)
    collector.ledger.expect(expectation())
    message = report_mail()
    message.replace_header("Subject", said)
    embedded.send(message)

    assert collector.collect_once() == []
    assert reasons(collector) == ["it says to be part 1 of 2, and a report over several mails is not put together"]


def test_a_date_in_a_subject_is_no_piece(embedded: Post, engine: Engine, tmp_path: Path) -> None:
    collector = Collector(embedded.mailbox(), engine, tmp_path / "mail", accept_by_content, pace=QUICK)
    collector.ledger.expect(expectation())
    message = report_mail()
    message.replace_header("Subject", "Your report of 10/2026 (1 of 1), 3 of 5 stars, 2/10")
    embedded.send(message)

    assert len(collector.collect_once()) == 1
