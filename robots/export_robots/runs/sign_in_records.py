"""What is remembered of sign-ins: passwords that were refused, and codes that were used."""

from export_robots import clock
from export_robots.clients import Account
from export_robots.runs.tables import RefusedPasswordRow, UsedCodeRow
from export_robots.runs.transactions import Transactions


class SignInRecords(Transactions):
    def refuse_password(self, account: Account, fingerprint: str, said: str) -> None:
        with self._transaction() as session:
            session.merge(
                RefusedPasswordRow(account=account.id, fingerprint=fingerprint, refused_at=clock.now(), said=said)
            )

    def refused_password(self, account: Account) -> RefusedPasswordRow | None:
        with self._transaction() as session:
            return session.get(RefusedPasswordRow, account.id)

    def use_code(self, account: Account, count: int) -> bool:
        """Note that the account's `count`-th authenticator code is used. False: it, or a later one, was used before."""
        with self._transaction() as session:
            row = session.get(UsedCodeRow, account.id)
            if row and row.count >= count:
                return False
            session.merge(UsedCodeRow(account=account.id, count=count))
            return True
