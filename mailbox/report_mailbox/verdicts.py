"""What was found out about the senders of mails: once for each mail, as keys change and old ones are withdrawn."""

from sqlalchemy import func, or_, select

from report_mailbox.database import Book, insert_missing, now
from report_mailbox.dkim_check import Authenticity, Standing
from report_mailbox.tables import verdicts


class Verdicts(Book):
    def of(self, raw_sha256: str) -> Authenticity | None:
        """What was found out about the mail with these bytes, under whatever number it was seen."""
        query = select(verdicts.c.standing, verdicts.c.reason).where(
            verdicts.c.account == self._account, verdicts.c.raw_sha256 == raw_sha256
        )
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
        return Authenticity(Standing(row[0]), row[1]) if row else None

    def keep(self, raw_sha256: str, domain: str, found: Authenticity) -> None:
        """In place of what was known before."""
        key = {"account": self._account, "raw_sha256": raw_sha256}
        row = {"domain": domain[:255], "standing": found.standing, "reason": found.reason, "checked_at": now()}
        with self._transaction() as connection:
            if not insert_missing(connection, verdicts, [key | row]):
                connection.execute(
                    verdicts.update()
                    .where(verdicts.c.account == self._account, verdicts.c.raw_sha256 == raw_sha256)
                    .values(**row)
                )

    def verified_before(self, domain: str) -> bool:
        """Whether a mail from this domain, or one above or below it, was verified here."""
        above = [domain[at + 1 :] for at, character in enumerate(domain) if character == "."]
        query = select(func.count()).where(
            verdicts.c.account == self._account,
            verdicts.c.standing == Standing.VERIFIED,
            or_(verdicts.c.domain.in_([domain, *above]), verdicts.c.domain.endswith(f".{domain}", autoescape=True)),
        )
        with self._reading() as connection:
            return bool(connection.execute(query).scalar())
