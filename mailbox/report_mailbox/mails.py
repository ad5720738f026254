"""What the ledger knows of each mail, for people who look at held ones.

A UID means a mail only together with the folder's numbering (UIDVALIDITY): a server that builds the folder anew hands
out the same numbers for other mails. So whatever a number has ever meant is looked at, and where that was more than
one mail, the number alone names none of them.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, or_, select

from report_mailbox.database import Book
from report_mailbox.expected import expectation_of
from report_mailbox.matching import Expectation, Fate
from report_mailbox.records import HeldMail, KeptPart, KnownMail, PastDecision, SaidWord, Word
from report_mailbox.tables import expectations, handed, looks, messages, parts, past, words

_NAME = re.compile(r"(?:(old)?(\d{1,10})/)?(\d{1,10})")


def readable(text: str, longest: int = 300) -> str:
    """What a sender wrote, fit for a terminal: no control or direction characters, one line, not endless."""
    kept = "".join(
        " " if character.isspace() else character
        for character in unicodedata.normalize("NFC", text[: longest * 4])
        if character.isspace() or unicodedata.category(character)[0] not in "CZ"
    )
    line = " ".join(kept.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def numbered(uidvalidity: int, uid: int) -> str:
    """A mail's name that means no other one. Numberings below zero are those that a server has begun to use again."""
    return f"{uidvalidity}/{uid}" if uidvalidity >= 0 else f"old{-uidvalidity}/{uid}"


class Mails(Book):
    def held(self) -> list[HeldMail]:
        """The mails that wait for a person, newest first."""
        query = (
            select(messages)
            .where(self._here(), messages.c.decision == Fate.HELD)
            .order_by(messages.c.received.desc(), messages.c.id.desc())
        )
        with self._reading() as connection:
            rows = list(connection.execute(query).mappings())
            names = self._names(connection, rows)
        return [
            HeldMail(
                uid=row["uid"],
                received=row["received"],
                sender_domain=readable(row["sender_domain"] or ""),
                address=readable(row["address"] or ""),
                reason=readable(row["reason"] or "", 1000),
                name=names[row["id"]],
                mail=row["id"],
            )
            for row in rows
        ]

    def named(self, name: str) -> list[KnownMail]:
        """The mails that `UID` or `UIDVALIDITY/UID` (`numbered`) has ever meant, the newest numbering first.

        More than one: the name is not enough. A mail that kept its number when the folder was numbered anew is one.
        """
        match = _NAME.fullmatch(name.strip())
        if match is None:
            return []
        query = select(messages).where(self._here(), messages.c.uid == int(match[3]))
        if match[2]:
            query = query.where(messages.c.uidvalidity == (-int(match[2]) if match[1] else int(match[2])))
        with self._reading() as connection:
            rows = list(connection.execute(query.order_by(messages.c.id.desc())).mappings())
            found = [self._known(connection, row) for row in rows]
        contents: set[str] = set()
        distinct = []
        for mail in found:
            if mail.content_sha256 is None or mail.content_sha256 not in contents:
                distinct.append(mail)
            contents.add(mail.content_sha256 or "")
        if len(distinct) == 1 and not match[2]:
            return [replace(distinct[0], name=str(distinct[0].uid))]
        return distinct

    def mail(self, row: int) -> KnownMail:
        with self._reading() as connection:
            found = connection.execute(select(messages).where(messages.c.id == row)).mappings().one()
            return self._known(connection, found)

    def newer_row(self, mail: KnownMail) -> KnownMail | None:
        """The same mail, held under a newer number: it was moved away and back, or the folder was numbered anew."""
        if not mail.content_sha256:
            return None
        query = select(messages).where(
            self._here(),
            messages.c.content_sha256 == mail.content_sha256,
            messages.c.id > mail.id,
            or_(messages.c.decision.is_(None), messages.c.decision == Fate.HELD),
        )
        with self._reading() as connection:
            row = connection.execute(query.order_by(messages.c.id.desc()).limit(1)).mappings().one_or_none()
            return self._known(connection, row) if row else None

    def newest(self) -> KnownMail | None:
        """The last mail that was seen in the folder."""
        query = select(messages).where(self._here(), messages.c.received.is_not(None))
        with self._reading() as connection:
            row = connection.execute(query.order_by(messages.c.received.desc()).limit(1)).mappings().one_or_none()
            return self._known(connection, row) if row else None

    def decided_since(self, moment: datetime) -> list[KnownMail]:
        """Decisions of that moment and later, in their order, whoever made them."""
        query = select(messages).where(self._here(), messages.c.decided_at >= moment)
        with self._reading() as connection:
            rows = list(connection.execute(query.order_by(messages.c.decided_at, messages.c.id)).mappings())
            return [self._known(connection, row) for row in rows]

    def last_looked(self) -> datetime | None:
        """When a pass over the folder ended last, by whichever process."""
        query = select(looks.c.looked_at).where(looks.c.account == self._account, looks.c.folder == self._folder_name)
        with self._reading() as connection:
            return connection.execute(query).scalar()

    def expected(self) -> list[Expectation]:
        """What is expected now, the oldest request first."""
        query = (
            select(expectations)
            .where(expectations.c.account == self._account, expectations.c.state == "open")
            .order_by(expectations.c.newer_than)
        )
        with self._reading() as connection:
            return [expectation_of(row) for row in connection.execute(query).mappings()]

    def _numbering(self) -> Any:
        """The UIDVALIDITY that was seen last; a server may choose any number for a new one."""
        newest = select(messages.c.uidvalidity).where(self._here()).order_by(messages.c.id.desc()).limit(1)
        return newest.scalar_subquery()

    def _names(self, connection: Connection, rows: Sequence[RowMapping]) -> dict[int, str]:
        several: set[int] = set()
        uids = sorted({row["uid"] for row in rows})
        for start in range(0, len(uids), 500):
            query = (
                select(messages.c.uid)
                .where(self._here(), messages.c.uid.in_(uids[start : start + 500]))
                .group_by(messages.c.uid)
                .having(func.count() > 1)
            )
            several.update(connection.execute(query).scalars())
        return {
            row["id"]: numbered(row["uidvalidity"], row["uid"]) if row["uid"] in several else str(row["uid"])
            for row in rows
        }

    def _known(self, connection: Connection, row: RowMapping) -> KnownMail:
        def of_it(table: Any) -> Sequence[RowMapping]:
            query = select(table).where(table.c.message_row == row["id"]).order_by(table.c.id)
            return connection.execute(query).mappings().all()

        return KnownMail(
            id=row["id"],
            name=self._names(connection, [row])[row["id"]],
            uidvalidity=row["uidvalidity"],
            uid=row["uid"],
            current=row["uidvalidity"] == connection.execute(select(self._numbering())).scalar(),
            message_id=readable(row["message_id"] or ""),
            content_sha256=row["content_sha256"],
            raw_sha256=row["raw_sha256"],
            size=row["size"],
            received=row["received"],
            address=readable(row["address"] or ""),
            sender_domain=readable(row["sender_domain"] or ""),
            decision=Fate(row["decision"]) if row["decision"] else None,
            reason=readable(row["reason"] or "", 1000),
            decided_at=row["decided_at"],
            past=tuple(
                PastDecision(Fate(each["decision"]), readable(each["reason"] or "", 1000), each["decided_at"])
                for each in of_it(past)
            ),
            words=tuple(_said(each) for each in of_it(words)),
            parts=tuple(
                KeptPart(each["name"], each["sha256"], each["size"], self.folder / each["file"])
                for each in of_it(parts)
            ),
            answered=tuple(each["expectation_id"] for each in of_it(handed)),
        )


def _said(row: RowMapping) -> SaidWord:
    return SaidWord(
        word=Word(row["word"]),
        said_by=row["said_by"],
        said_at=row["said_at"],
        over=readable(row["over"], 1000),
        note=row["note"],
        expectation_id=row["expectation_id"],
        sha256=row["sha256"],
    )
