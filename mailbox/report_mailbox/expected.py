"""What is expected, looked up once for many mails and found by address."""

from collections.abc import Iterable, Sequence

from sqlalchemy import RowMapping

from report_mailbox.matching import Expectation, MailFacts


class Expected:
    """As it stood at one moment. `lately`: what was answered not long ago."""

    def __init__(self, opened: Sequence[Expectation], lately: Sequence[Expectation]) -> None:
        self.ids = frozenset(each.id for each in opened)
        self._opened = _by_address(opened)
        self._lately = _by_address(lately)

    def opened_for(self, mail: MailFacts) -> list[Expectation]:
        """Open ones at any address that the mail names, the oldest request first."""
        return _at(self._opened, mail)

    def lately_for(self, mail: MailFacts) -> list[Expectation]:
        return _at(self._lately, mail)


def _by_address(expectations: Iterable[Expectation]) -> dict[str, list[Expectation]]:
    found: dict[str, list[Expectation]] = {}
    for each in expectations:
        found.setdefault(each.address.casefold(), []).append(each)
    return found


def _at(by_address: dict[str, list[Expectation]], mail: MailFacts) -> list[Expectation]:
    addresses = dict.fromkeys([*([mail.address] if mail.address else []), *mail.addresses, *mail.claimed])
    return [each for address in addresses for each in by_address.get(address, ())]


def expectation_of(row: RowMapping) -> Expectation:
    return Expectation(
        id=row["id"],
        address=row["address"],
        senders=tuple(row["senders"]),
        newer_than=row["newer_than"],
        link_hosts=tuple(row["link_hosts"]),
    )
