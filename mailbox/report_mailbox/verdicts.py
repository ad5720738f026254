"""What was found out about the senders of mails: once for each mail, as keys change and old ones are withdrawn."""

from pathlib import Path

from sqlalchemy import Connection, Engine, func, or_, select

from report_mailbox.database import Book, insert_missing, now
from report_mailbox.dkim_check import Authenticity, Standing
from report_mailbox.mailbox import Mailbox
from report_mailbox.tables import verdicts


class Verdicts(Book):
    def __init__(self, engine: Engine, mailbox: Mailbox, folder: Path) -> None:
        super().__init__(engine, mailbox, folder)
        self._noted: dict[str, tuple[str, Authenticity]] = {}

    def of(self, raw_sha256: str) -> Authenticity | None:
        """What was found out about the mail with these bytes, under whatever number it was seen."""
        if raw_sha256 in self._noted:
            return self._noted[raw_sha256][1]
        query = select(verdicts.c.standing, verdicts.c.reason).where(
            verdicts.c.account == self._account, verdicts.c.raw_sha256 == raw_sha256
        )
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
        return Authenticity(Standing(row[0]), row[1]) if row else None

    def keep(self, raw_sha256: str, domain: str, found: Authenticity) -> None:
        """In place of what was known before."""
        with self._transaction() as connection:
            self._write(connection, raw_sha256, domain, found)

    def note(self, raw_sha256: str, domain: str, found: Authenticity) -> None:
        """As `keep`, but for this process alone until it is written with `save`."""
        self._noted[raw_sha256] = (domain, found)

    def save(self, connection: Connection) -> None:
        """Write what was noted, with whatever else the transaction holds."""
        while self._noted:
            raw_sha256, (domain, found) = self._noted.popitem()
            self._write(connection, raw_sha256, domain, found)

    def _write(self, connection: Connection, raw_sha256: str, domain: str, found: Authenticity) -> None:
        key = {"account": self._account, "raw_sha256": raw_sha256}
        row = {"domain": domain[:255], "standing": found.standing, "reason": found.reason, "checked_at": now()}
        if not insert_missing(connection, verdicts, [key | row]):
            connection.execute(
                verdicts.update()
                .where(verdicts.c.account == self._account, verdicts.c.raw_sha256 == raw_sha256)
                .values(**row)
            )

    def verified_before(self, domain: str) -> bool:
        """Whether a mail from this domain, or one above or below it, was verified here."""
        noted = [signed for signed, found in self._noted.values() if found.standing is Standing.VERIFIED]
        if any(signed == domain or domain.endswith(f".{signed}") or signed.endswith(f".{domain}") for signed in noted):
            return True
        above = [domain[at + 1 :] for at, character in enumerate(domain) if character == "."]
        query = select(func.count()).where(
            verdicts.c.account == self._account,
            verdicts.c.standing == Standing.VERIFIED,
            or_(verdicts.c.domain.in_([domain, *above]), verdicts.c.domain.endswith(f".{domain}", autoescape=True)),
        )
        with self._reading() as connection:
            return bool(connection.execute(query).scalar())
