"""A person's word on a held mail, on both servers: what it changes, once, and what it never changes."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from report_mailbox import (
    Collector,
    Fate,
    HandedKind,
    Inspection,
    KnownMail,
    MailNotHere,
    NotReleased,
    Releasing,
    Word,
    why_not,
)
from report_mailbox.inspecting import OpenedMail
from tests.mail.conftest import (
    QUICK,
    REPORT,
    Post,
    accept_by_content,
    expectation,
    in_background,
    report_mail,
    soon,
    text_mail,
)

STRANGER = "reports@elsewhere.example"


class Desk:
    """What a person has at hand, on the collector's own ledger."""

    def __init__(self, post: Post, engine: Engine, folder: Path, collector: Collector) -> None:
        self.mails = Releasing(engine, post.mailbox(), folder)
        self._inspection = Inspection(post.mailbox(), engine, self.mails, pace=QUICK)
        self._collector = collector

    def held(self) -> KnownMail:
        """After a pass, the one mail that is held."""
        self._collector.collect_once()
        (held,) = self.mails.held()
        (mail,) = self.mails.named(held.name)
        return mail

    def open(self, mail: KnownMail) -> OpenedMail:
        return self._inspection.open(mail)

    def release(self, mail: KnownMail, identifier: str = "abc 2026-10", *, any_address: bool = False) -> None:
        (part,) = self.open(mail).known.parts
        self.mails.release(mail, identifier, part, by="ann", any_address=any_address)


@pytest.fixture
def desk(post: Post, engine: Engine, tmp_path: Path, collector: Collector) -> Desk:
    return Desk(post, engine, tmp_path / "mail", collector)


def delete(post: Post, uid: int) -> None:
    with post.person() as client:
        client.delete_messages([uid])
        client.expunge()


def test_a_held_mail_is_released_with_who_said_so_and_over_what(post: Post, collector: Collector, desk: Desk) -> None:
    collector.ledger.expect(expectation())
    post.send(report_mail(sender=STRANGER), sender=STRANGER)
    mail = desk.held()

    desk.release(mail)

    (handed,) = collector.collect_once()
    assert handed.kind is HandedKind.REPORT
    assert handed.expectation_id == "abc 2026-10"
    assert handed.released_by == "ann"
    assert handed.file is not None
    assert handed.file.read_bytes() == REPORT
    known = desk.mails.mail(mail.id)
    over = "it comes from elsewhere.example, reports only from activix.ca"
    assert (known.decision, known.reason) == (
        Fate.REPORT,
        f"ann released it for abc 2026-10; it was held because {over}",
    )
    assert [(each.decision, each.reason) for each in known.past] == [(Fate.HELD, over)]
    (word,) = known.words
    assert (word.word, word.said_by, word.over, word.expectation_id) == (Word.RELEASED, "ann", over, "abc 2026-10")
    assert post.seen() == {mail.uid}


def test_said_twice_it_is_one_hand_over(post: Post, collector: Collector, desk: Desk) -> None:
    collector.ledger.expect(expectation())
    post.send(report_mail(sender=STRANGER), sender=STRANGER)
    mail = desk.held()

    desk.release(mail)
    desk.release(mail)

    assert len(collector.collect_once()) == 1
    assert len(desk.mails.mail(mail.id).words) == 1


def test_said_by_many_at_once_it_is_one_hand_over(post: Post, collector: Collector, desk: Desk) -> None:
    collector.ledger.expect(expectation())
    collector.ledger.expect(expectation("abc 2026-11"))
    post.send(report_mail(sender=STRANGER), sender=STRANGER)
    mail = desk.held()
    (part,) = desk.open(mail).known.parts
    together = threading.Barrier(6)
    refused: list[NotReleased] = []

    def say(identifier: str) -> None:
        together.wait(10)
        try:
            desk.mails.release(mail, identifier, part, by="ann")
        except NotReleased as refusal:
            refused.append(refusal)

    threads = [threading.Thread(target=say, args=(f"abc 2026-1{number % 2}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(refused) == 3
    assert {refusal.saw.split(" was ")[0] for refusal in refused} == {f"this file of mail {mail.name}"}
    assert len(collector.collect_once()) == 1


def test_a_mail_that_was_deleted_meanwhile_is_released_from_disk(post: Post, engine: Engine, tmp_path: Path) -> None:
    stamped = post.mailbox(authserv_id="mx.elsewhere.example")
    collector = Collector(stamped, engine, tmp_path / "mail", accept_by_content, pace=QUICK)
    desk = Desk(post, engine, tmp_path / "mail", collector)
    collector.ledger.expect(expectation())
    post.send(report_mail())
    mail = desk.held()
    assert mail.reason.startswith("it may not be from activix.ca")

    delete(post, mail.uid)
    desk.release(mail)

    assert len(collector.collect_once()) == 1


def test_one_that_was_never_downloaded_is_when_it_is_looked_at(post: Post, collector: Collector, desk: Desk) -> None:
    collector.ledger.expect(expectation())
    post.send(report_mail(sender=STRANGER), sender=STRANGER)
    mail = desk.held()
    assert mail.raw_sha256 is None

    opened = desk.open(mail)
    delete(post, mail.uid)

    assert (opened.subject, opened.sender) == ("Your report", STRANGER)
    assert [part.path.read_bytes() for part in opened.known.parts] == [REPORT]
    assert why_not(opened, expectation()) == ["it comes from elsewhere.example, and the report only from activix.ca"]
    assert desk.open(mail).known.parts == opened.known.parts


def test_one_that_is_neither_here_nor_there_says_so(post: Post, collector: Collector, desk: Desk) -> None:
    collector.ledger.expect(expectation())
    post.send(report_mail(sender=STRANGER), sender=STRANGER)
    mail = desk.held()
    delete(post, mail.uid)

    with pytest.raises(MailNotHere, match="was never downloaded, and is not in INBOX any more"):
        desk.open(mail)


def test_a_mail_for_another_address_needs_a_yes(post: Post, collector: Collector, desk: Desk) -> None:
    collector.ledger.expect(expectation())
    collector.ledger.expect(expectation("xyz 2026-09", address="datateam+xyz@example.com"))
    post.send(report_mail(to="datateam+xyz@example.com"), to="datateam+xyz@example.com")
    mail = desk.held()

    with pytest.raises(NotReleased, match=r"was delivered to datateam\+xyz@example.com, and the report for abc"):
        desk.release(mail)
    assert desk.mails.mail(mail.id).decision is Fate.HELD
    desk.release(mail, any_address=True)
    assert [handed.expectation_id for handed in collector.collect_once()] == ["abc 2026-10"]


def test_what_was_never_held_is_not_released(post: Post, collector: Collector, desk: Desk) -> None:
    collector.ledger.expect(expectation())
    post.send(report_mail())
    collector.collect_once()
    collector.ledger.expect(expectation("abc 2026-11"))
    (mail,) = desk.mails.named("1") or desk.mails.named("101")

    with pytest.raises(NotReleased, match="was never held: it is the report for abc 2026-10"):
        desk.release(mail, "abc 2026-11")


@pytest.mark.parametrize("settled", ["answered", "withdrawn", "unknown"])
def test_nothing_is_released_for_what_is_not_expected(
    post: Post, collector: Collector, desk: Desk, settled: str
) -> None:
    collector.ledger.expect(expectation())
    post.send(report_mail(sender=STRANGER, message_id="<1@elsewhere.example>"), sender=STRANGER)
    mail = desk.held()
    if settled == "answered":
        post.send(report_mail(REPORT + b"2026-10-02,bob@example.net\r\n"))
        collector.collect_once()
    elif settled == "withdrawn":
        collector.ledger.withdraw("abc 2026-10")
    identifier = "abc 2026-12" if settled == "unknown" else "abc 2026-10"
    expected = "has its answer already: mail" if settled == "answered" else "nothing is expected for"

    with pytest.raises(NotReleased, match=expected):
        desk.release(mail, identifier)

    assert desk.mails.mail(mail.id).decision is Fate.HELD
    assert desk.mails.mail(mail.id).words == ()


def test_each_file_of_one_mail_is_released_for_its_own(post: Post, collector: Collector, desk: Desk) -> None:
    collector.ledger.expect(expectation("abc 2026-09"))
    collector.ledger.expect(expectation("abc 2026-10"))
    message = report_mail(sender=STRANGER)
    message.add_attachment(b"Created On\r\n2026-09-01\r\n", maintype="text", subtype="csv", filename="september.csv")
    post.send(message, sender=STRANGER)
    mail = desk.held()
    october, september = desk.open(mail).known.parts

    desk.mails.release(mail, "abc 2026-10", october, by="ann")
    with pytest.raises(NotReleased, match=r"this file of mail .* was handed over for abc 2026-10 already"):
        desk.mails.release(mail, "abc 2026-09", october, by="ann")
    desk.mails.release(mail, "abc 2026-09", september, by="bob")

    handed = {each.expectation_id: (each.name, each.released_by) for each in collector.collect_once()}
    assert handed == {"abc 2026-10": ("leads.csv", "ann"), "abc 2026-09": ("september.csv", "bob")}


def test_a_link_is_released_too(post: Post, collector: Collector, desk: Desk) -> None:
    collector.ledger.expect(expectation())
    url = "https://crm.activix.ca/reports/81/download"
    post.send(text_mail(f"Download your report: {url}", sender=STRANGER), sender=STRANGER)
    mail = desk.held()
    link = desk.open(mail).link(expectation())
    assert link is not None

    desk.mails.release(mail, "abc 2026-10", link.url, by="ann")

    (handed,) = collector.collect_once()
    assert (handed.kind, handed.link, handed.file) == (HandedKind.LINK, url, None)


def test_a_mail_that_is_closed_stays_closed_and_can_still_be_released(
    post: Post, collector: Collector, desk: Desk
) -> None:
    collector.ledger.expect(expectation())
    post.send(report_mail(b"Created On\r\n2026-09-01\r\n"))
    mail = desk.held()

    desk.mails.ignore(mail, by="ann", note="an old one")
    desk.mails.ignore(mail, by="ann", note="an old one")
    collector.ledger.expect(expectation("abc 2026-09", newer_than=datetime.now(UTC) - timedelta(minutes=1)))

    assert collector.collect_once() == []
    assert desk.mails.held() == []
    closed = desk.mails.mail(mail.id)
    assert (closed.decision, closed.reason) == (Fate.IGNORED, "ann closed it: an old one")
    assert [(word.word, word.over) for word in closed.words] == [(Word.IGNORED, "it is of another month")]
    desk.release(mail, "abc 2026-09")
    assert [handed.expectation_id for handed in collector.collect_once()] == ["abc 2026-09"]


def test_a_report_that_was_handed_over_is_not_closed(post: Post, collector: Collector, desk: Desk) -> None:
    collector.ledger.expect(expectation())
    post.send(report_mail(sender=STRANGER), sender=STRANGER)
    mail = desk.held()
    desk.release(mail)

    with pytest.raises(NotReleased, match="is not held: ann released it"):
        desk.mails.ignore(mail, by="bob", note="wrong")


def test_a_collector_that_waits_meanwhile_hands_it_over(post: Post, collector: Collector, desk: Desk) -> None:
    collector.ledger.expect(expectation())
    post.send(report_mail(sender=STRANGER), sender=STRANGER)
    mail = desk.held()
    waited: list[list[str]] = []

    with in_background(lambda: waited.append([each.expectation_id for each in collector.wait(soon(20))])):
        desk.release(mail)

    assert waited == [["abc 2026-10"]]


def test_it_is_released_while_a_collector_is_about_to_look_at_it_again(
    post: Post, engine: Engine, tmp_path: Path, collector: Collector, desk: Desk
) -> None:
    collector.ledger.expect(expectation(newer_than=datetime.now(UTC) - timedelta(minutes=1)))
    post.send(report_mail(b"Created On\r\n2026-09-01\r\n"))
    mail = desk.held()
    released: list[str] = []

    def at(step: str) -> None:
        if step == "judged" and not released:
            assert desk.mails.mail(mail.id).decision is None
            desk.release(mail)
            released.append(step)

    later = Collector(post.mailbox(), engine, tmp_path / "mail", accept_by_content, pace=QUICK, on_step=at)
    later.ledger.expect(expectation("abc 2026-09", newer_than=datetime.now(UTC) - timedelta(minutes=1)))

    assert [handed.expectation_id for handed in later.collect_once()] == ["abc 2026-10"]
    assert released
    assert desk.mails.mail(mail.id).reason.startswith("ann released it")


def test_a_number_that_has_meant_two_mails_names_neither(embedded: Post, engine: Engine, tmp_path: Path) -> None:
    collector = Collector(embedded.mailbox(), engine, tmp_path / "mail", accept_by_content, pace=QUICK)
    desk = Desk(embedded, engine, tmp_path / "mail", collector)
    collector.ledger.expect(expectation())
    embedded.send(report_mail(sender=STRANGER, message_id="<1@elsewhere.example>"), sender=STRANGER)
    before = desk.held()
    desk.open(before)

    embedded.renumber()
    embedded.send(text_mail("Welcome!", sender=STRANGER, message_id="<2@elsewhere.example>"), sender=STRANGER)
    now = desk.held()

    assert now.uid == before.uid
    assert now.name == f"{now.uidvalidity}/{now.uid}" == desk.mails.held()[0].name
    assert [mail.id for mail in desk.mails.named(str(now.uid))] == [now.id, before.id]
    assert [mail.id for mail in desk.mails.named(f"{before.uidvalidity}/{before.uid}")] == [before.id]
    desk.release(before)
    (handed,) = collector.collect_once()
    assert handed.mail == before.id


def test_a_mail_of_an_old_number_is_not_fetched_by_it(embedded: Post, engine: Engine, tmp_path: Path) -> None:
    collector = Collector(embedded.mailbox(), engine, tmp_path / "mail", accept_by_content, pace=QUICK)
    desk = Desk(embedded, engine, tmp_path / "mail", collector)
    collector.ledger.expect(expectation())
    embedded.send(report_mail(sender=STRANGER), sender=STRANGER)
    mail = desk.held()
    embedded.renumber()
    embedded.send(text_mail("Welcome!", sender=STRANGER), sender=STRANGER)

    with pytest.raises(MailNotHere, match="has numbered the folder INBOX anew"):
        desk.open(mail)


def test_a_mail_that_was_moved_away_and_back_is_released_under_its_new_number(
    post: Post, collector: Collector, desk: Desk
) -> None:
    collector.ledger.expect(expectation())
    raw = report_mail(b"Created On\r\n2026-09-01\r\n").as_bytes()
    post.deliver(raw)
    before = desk.held()
    delete(post, before.uid)
    post.deliver(raw)
    now = desk.held()
    assert now.uid != before.uid

    with pytest.raises(NotReleased, match=f"is mail {now.uid} now"):
        desk.release(before)
    desk.release(now)


def test_mails_that_come_while_a_connection_stands_keep_their_numbers(
    post: Post, collector: Collector, desk: Desk
) -> None:
    collector.ledger.expect(expectation())

    def send_three() -> None:
        for number in range(3):
            before = len(desk.mails.held())
            post.send(text_mail("Welcome!", message_id=f"<{number}@activix.ca>"))
            until(lambda: len(desk.mails.held()) > before)  # noqa: B023 - it is over before the next one

    stop = threading.Event()
    with in_background(lambda: collector.watch(stop, lambda _: None), stop):
        send_three()
        stop.set()

    assert len({mail.name for mail in desk.mails.held()}) == 3
    assert all(mail.name.isdigit() for mail in desk.mails.held())


def until(true: Callable[[], bool]) -> None:
    never = threading.Event()
    for _ in range(400):
        if true():
            return
        never.wait(0.05)
    raise AssertionError("in vain")


def test_what_a_sender_wrote_cannot_move_the_cursor(post: Post, collector: Collector, desk: Desk) -> None:
    collector.ledger.expect(expectation())
    raw = (
        b"From: =?utf-8?q?Ann=1B[2J=E2=80=AEtxt?= <reports@elsewhere.example>\r\nTo: datateam+abc@example.com\r\n"
        b"Subject: Your\x1b]0;owned\x07 report\r\nMessage-ID: <1@\x1b[31m>\r\n\r\nHello\r\n"
    )
    post.deliver(raw)
    opened = desk.open(desk.held())

    shown = "".join((opened.subject, opened.sender, opened.known.message_id, opened.known.reason))
    assert "Your]0;owned report" in shown
    assert not [character for character in shown if ord(character) < 32 or character in "\x7f\u202e"]


def test_when_the_folder_was_looked_at_last_is_known(post: Post, collector: Collector, desk: Desk) -> None:
    assert desk.mails.last_looked() is None
    before = datetime.now(UTC)
    collector.ledger.expect(expectation())
    post.send(report_mail())
    collector.collect_once()

    looked, newest = desk.mails.last_looked(), desk.mails.newest()
    assert looked is not None
    assert looked >= before
    assert newest is not None
    assert newest.answered == ("abc 2026-10",)
    assert [mail.id for mail in desk.mails.decided_since(before)] == [newest.id]
