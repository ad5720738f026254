"""TXT records, which hold the keys and policies of sender domains, asked for with short time-outs.

"There is no such record" and "nobody answered" are kept apart: the first says something about a mail, the second does
not.
"""

import logging
from collections.abc import Sequence
from time import monotonic

import dns.exception
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver

logger = logging.getLogger(__name__)

_LOOKUP_SECONDS = 3.0
_PROBE_SECONDS = 1.5
_SILENCE_SECONDS = 60.0
_KEPT_ANSWERS = 500


class DnsUnreachable(Exception):
    """Nobody could say whether there is such a record."""


class TxtRecords:
    """Asks the machine's name servers, and keeps answers as long as these allow.

    Once no server answers at all it is not asked for a minute: a machine without DNS pays one time-out a minute, and
    not one for each mail.

    Args:
        nameservers: `192.0.2.53` or `127.0.0.1:5353`, instead of the machine's own.
        seconds: For one record, over all servers.
    """

    def __init__(self, nameservers: Sequence[str] = (), *, seconds: float = _LOOKUP_SECONDS) -> None:
        self._seconds = seconds
        self._resolver: dns.resolver.Resolver | None = None
        self._silent_until = 0.0
        try:
            self._resolver = dns.resolver.Resolver(configure=not nameservers)
        except dns.resolver.NoResolverConfiguration:
            return
        if nameservers:
            self._resolver.nameservers = [_server(each) for each in nameservers]
        self._resolver.cache = dns.resolver.LRUCache(_KEPT_ANSWERS)

    def of(self, name: str) -> list[bytes]:
        """The TXT records of a name, each in one piece; none when there is no such name.

        Raises:
            DnsUnreachable: The time was up, or the name's servers are out of order.
        """
        if self._resolver is None or monotonic() < self._silent_until:
            raise DnsUnreachable("no name server answers")
        try:
            answer = self._resolver.resolve(
                dns.name.from_text(name), dns.rdatatype.TXT, lifetime=self._seconds, search=False
            )
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.resolver.YXDOMAIN):
            return []
        except (dns.resolver.LifetimeTimeout, dns.resolver.NoNameservers) as error:
            if not self._answers():
                self._silent_until = monotonic() + _SILENCE_SECONDS
                logger.info("no name server answers: senders cannot be verified for now")
            raise DnsUnreachable(f"the name servers of {name} do not answer") from error
        except (dns.exception.DNSException, UnicodeError):
            return []  # such a name cannot be: too long, an empty label
        return [b"".join(record.strings) for record in answer]

    def reachable(self) -> bool:
        """Whether name servers answer at all; asked anew each time."""
        return self._resolver is not None and self._answers()

    def _answers(self) -> bool:
        assert self._resolver is not None
        try:
            self._resolver.resolve(
                dns.name.root, dns.rdatatype.NS, lifetime=_PROBE_SECONDS, search=False, raise_on_no_answer=False
            )
        except dns.resolver.NXDOMAIN:
            return True
        except dns.exception.DNSException:
            return False
        return True


def _server(text: str) -> dns.nameserver.Nameserver:
    host, colon, port = text.rpartition(":")
    if colon and ":" not in host:
        return dns.nameserver.Do53Nameserver(host, int(port))
    return dns.nameserver.Do53Nameserver(text, 53)
