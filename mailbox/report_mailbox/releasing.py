"""A person's word on a mail that is held: it is the report for this expectation, or it is nothing.

A word is one transaction, conditional on what the ledger says at that moment. A collector that looks at the same mail,
and a second person with the same or another word, can go on meanwhile: one of them is recorded, and the other is told.
"""

from sqlalchemy import Connection, and_, insert, or_, select, update

from report_mailbox.database import now
from report_mailbox.errors import MailboxError
from report_mailbox.ledger import Ledger
from report_mailbox.matching import Fate
from report_mailbox.records import Handed, HandedKind, HandOver, KeptPart, KnownMail, NewPart, Word
from report_mailbox.tables import expectations, handed, messages, words


class NotReleased(MailboxError):
    remedy = "`robot mailbox show UID` says what is known of the mail."


class Releasing(Ledger):
    def release(
        self,
        mail: KnownMail,
        expectation_id: str,
        content: KeptPart | str,
        *,
        by: str,
        note: str = "",
        any_address: bool = False,
    ) -> Handed:
        """Hand the mail's file, or (a string) the link in it, over for an expectation that is open.

        Said twice, it is the same hand-over again. Several files of one mail may be released, each for its own.
        With `any_address` also if the mail was delivered to another address than the report is to come to.

        Raises:
            NotReleased: Nothing was changed.
        """
        if (present := self._same(mail, expectation_id, content)) is not None:
            return present
        mail = self.mail(mail.id)
        self._require_held(mail)
        self._require_address(mail, expectation_id, any_address=any_address)
        with self._transaction() as connection:
            if not self._record(connection, mail, expectation_id, content, by=by, note=note):
                connection.rollback()
        if (done := self._same(mail, expectation_id, content)) is not None:
            return done
        raise self._refusal(mail, expectation_id, content)

    def ignore(self, mail: KnownMail, *, by: str, note: str) -> KnownMail:
        """The mail is nothing that anybody waits for. It is not looked at again by itself, and can still be released.

        Raises:
            NotReleased: It is not held; nothing was changed.
        """
        over = mail.held_because
        with self._transaction() as connection:
            self._keep_past(connection, messages.c.id == mail.id, messages.c.decision == Fate.HELD)
            changed = connection.execute(
                update(messages)
                .where(messages.c.id == mail.id, messages.c.decision == Fate.HELD)
                .values(decision=Fate.IGNORED, reason=f"{by} closed it: {note}", final=True, decided_at=now())
            )
            if changed.rowcount == 1:
                self._say(connection, mail, Word.IGNORED, over=over, by=by, note=note)
        present = self.mail(mail.id)
        if changed.rowcount == 1 or (present.words and present.words[-1].word is Word.IGNORED):
            return present
        raise NotReleased(f"mail {mail.name} is not held{_instead(present)}")

    def _record(
        self,
        connection: Connection,
        mail: KnownMail,
        expectation_id: str,
        content: KeptPart | str,
        *,
        by: str,
        note: str,
    ) -> bool:
        over = mail.held_because
        self._keep_past(connection, messages.c.id == mail.id)
        released = select(words.c.id).where(words.c.message_row == mail.id, words.c.word == Word.RELEASED).exists()
        kind = HandedKind.REPORT if isinstance(content, KeptPart) else HandedKind.LINK
        changed = connection.execute(
            update(messages)
            .where(
                messages.c.id == mail.id,
                or_(
                    messages.c.decision.is_(None),  # it is just being looked at again
                    messages.c.decision.in_([Fate.HELD, Fate.IGNORED]),
                    and_(messages.c.decision == Fate.REPORT, released),
                ),
            )
            .values(
                decision=Fate(kind),
                reason=f"{by} released it for {expectation_id}; it was held because {over}",
                final=True,
                attempts=0,
                expectation_id=expectation_id,
                decided_at=now(),
            )
        )
        if changed.rowcount != 1 or self._given_for(connection, mail, content):
            return False
        part, link = (self._kept(content), None) if isinstance(content, KeptPart) else (None, content)
        if not self._hand_over(connection, mail.id, HandOver(expectation_id, kind, part, link)):
            return False
        sha256 = part.sha256 if part else None
        self._say(
            connection, mail, Word.RELEASED, over=over, by=by, note=note, expectation_id=expectation_id, sha256=sha256
        )
        return True

    def _say(
        self,
        connection: Connection,
        mail: KnownMail,
        word: Word,
        *,
        over: str,
        by: str,
        note: str,
        expectation_id: str | None = None,
        sha256: str | None = None,
    ) -> None:
        connection.execute(
            insert(words).values(
                message_row=mail.id,
                word=word,
                said_by=by[:250],
                said_at=now(),
                over=over,
                note=note,
                expectation_id=expectation_id,
                sha256=sha256,
            )
        )

    def _kept(self, part: KeptPart) -> NewPart:
        return NewPart(part.name, part.sha256, part.size, part.path.relative_to(self.folder).as_posix())

    def _same(self, mail: KnownMail, expectation_id: str, content: KeptPart | str) -> Handed | None:
        present = self.handed_for(expectation_id)
        if present is None or present.mail != mail.id:
            return None
        same = present.sha256 == content.sha256 if isinstance(content, KeptPart) else present.link == content
        return present if same else None

    def _given_for(self, connection: Connection, mail: KnownMail, content: KeptPart | str) -> str | None:
        """For which expectation this very file, or link, of the mail was handed over."""
        same = handed.c.sha256 == content.sha256 if isinstance(content, KeptPart) else handed.c.link == content
        query = select(handed.c.expectation_id).where(handed.c.message_row == mail.id, same)
        return connection.execute(query.limit(1)).scalar()

    def _require_held(self, mail: KnownMail) -> None:
        if not mail.was_held:
            raise NotReleased(f"mail {mail.name} was never held{_instead(mail)}")
        if (there := self.newer_row(mail)) is not None:
            raise NotReleased(
                f"mail {mail.name} was moved or numbered anew, and is mail {there.name} now",
                f"Look at `robot mailbox show {there.name}`.",
            )

    def _require_address(self, mail: KnownMail, expectation_id: str, *, any_address: bool) -> None:
        query = select(expectations.c.address).where(expectations.c.id == expectation_id)
        with self._reading() as connection:
            address = connection.execute(query).scalar()
        if address is None or any_address or mail.address == address:
            return
        where = f"was delivered to {mail.address}" if mail.address else "does not say to which address it was delivered"
        raise NotReleased(
            f"mail {mail.name} {where}, and the report for {expectation_id} is to come to {address}",
            "It may be another client's. If you are sure that it is not, say --yes.",
        )

    def _refusal(self, mail: KnownMail, expectation_id: str, content: KeptPart | str) -> NotReleased:
        with self._reading() as connection:
            given = self._given_for(connection, mail, content)
        if given is not None:
            return NotReleased(f"this {_word(content)} of mail {mail.name} was handed over for {given} already")
        present = self.handed_for(expectation_id)
        if present is not None:
            which = f"another file of mail {mail.name}" if present.mail == mail.id else f"mail {present.uid}"
            return NotReleased(f"{expectation_id} has its answer already: {which}")
        now_known = self.mail(mail.id)
        if now_known.decision not in (None, Fate.HELD, Fate.IGNORED):
            return NotReleased(f"mail {mail.name} has been dealt with already{_instead(now_known)}")
        return NotReleased(f"nothing is expected for {expectation_id} now")


def _instead(mail: KnownMail) -> str:
    if mail.decision is None:
        return ": a collector is about to decide on it"
    return f": {mail.reason}" if mail.reason else ""


def _word(content: KeptPart | str) -> str:
    return "file" if isinstance(content, KeptPart) else "link"
