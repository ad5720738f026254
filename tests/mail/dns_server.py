"""A name server on loopback that knows the TXT records it is told, and can fall silent."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.rdtypes.ANY.TXT import TXT


class DnsServer:
    """`records` by name, without the final dot. `asked` are the names of TXT records that were asked for."""

    def __init__(self) -> None:
        self.records: dict[str, list[bytes]] = {}
        self.asked: list[str] = []
        self.silent = False
        self.out_of_order: set[str] = set()  # names that are answered with SERVFAIL
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bell:
            bell.sendto(b"", self._socket.getsockname())
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            packet, peer = self._socket.recvfrom(4096)
            if not packet:
                return
            query = dns.message.from_wire(packet)
            question = query.question[0]
            name = question.name.to_text(omit_final_dot=True).lower()
            if question.rdtype == dns.rdatatype.TXT:
                self.asked.append(name)
            if self.silent:
                continue
            self._socket.sendto(self._answer(query, name).to_wire(), peer)

    def _answer(self, query: dns.message.Message, name: str) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        question = query.question[0]
        if name in self.out_of_order:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif name in self.records and question.rdtype == dns.rdatatype.TXT:
            texts = [_in_pieces(record) for record in self.records[name]]
            answer.answer.append(dns.rrset.from_rdata_list(question.name, 60, texts))
        elif name != ".":
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer


def _in_pieces(record: bytes) -> TXT:
    strings = tuple(record[start : start + 255] for start in range(0, len(record), 255)) or (b"",)
    return TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings)


@contextmanager
def dns_server() -> Iterator[DnsServer]:
    with DnsServer() as server:
        yield server
