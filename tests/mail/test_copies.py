"""The same mail or report more than once, under another number, or gone: on both servers."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from report_mailbox import Collector, Fate
from tests.mail.conftest import (
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
