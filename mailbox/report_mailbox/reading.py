"""Reading the folder: which mails there are, their headers, their bytes, and what parts they have.

IMAPClient 4.1 refuses UID ranges, servers refuse long lists, and imaplib refuses a search answer above 1,000,000 bytes.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

from report_mailbox.asking import Asking, Refused
from report_mailbox.errors import MailboxLost

logger = logging.getLogger(__name__)

LIST = 500
"""UIDs in one command; Dovecot refuses lines of 64 KB."""

_SEARCH_WINDOW = 50_000  # UIDs; ten digits and a space each stay well below the line imaplib takes
HEADS = 100
"""Mails whose headers are in one answer, each at most _HEAD_BYTES."""

_HEAD_BYTES = 65_536
_BODY_BYTES = 2_000_000
_HEAD_FIELDS = ("FROM", "TO", "CC", "DATE", "MESSAGE-ID", "RECEIVED", "AUTHENTICATION-RESULTS")


@dataclass(frozen=True)
class ServerHead:
    """What the server says of one mail before it is downloaded; `received` is aware."""

    uid: int
    size: int
    received: datetime | None
    headers: bytes


@dataclass(frozen=True)
class Leaf:
    """A part of a mail that holds no further ones. `section` is its number by IMAP's rules; `size` as it is encoded."""

    section: str
    declared: str  # its type in lower case, as text/csv
    encoding: str
    size: int


class Target(Protocol):
    def write(self, piece: bytes, /) -> int: ...


class MailGone(Exception):
    """The mail has been moved or deleted meanwhile."""


class MailNotGiven(Exception):
    """The server has the mail and does not hand it out."""


class Reading(Asking):
    uidvalidity: int
    exists: int
    _announced: object = None

    def announced(self) -> bool:
        """Whether the server has said, since it began to answer the last search, that mails came.

        Servers say so in the answer to any command, also to a search that does not find them yet, and IDLE does not
        repeat it. What is said twice in the same words counts once.
        """
        said = self._said()
        news, self._announced = bool(said) and said != self._announced, said
        return news

    def _said(self) -> list[tuple[str, bytes]]:
        answers = self._client._imap.untagged_responses  # noqa: SLF001 - no public way; without it the cycle remains
        return [(kind, each) for kind in ("EXISTS", "EXPUNGE") for each in answers.get(kind, ())]

    def _forget_said(self) -> None:
        for kind in ("EXISTS", "EXPUNGE"):
            self._client._imap.untagged_responses.pop(kind, None)  # noqa: SLF001

    def next_uid(self) -> int:
        """The UID that the next mail to arrive will at least have."""
        with self._reading("asking for the number of the next mail"):
            status = self._client.folder_status(self._mailbox.folder, ["UIDNEXT", "UIDVALIDITY"])
        if status.get(b"UIDVALIDITY", self.uidvalidity) != self.uidvalidity:
            self._finished = True
            raise MailboxLost(f"the folder {self._mailbox.folder} was made anew while it was read")
        return int(status[b"UIDNEXT"]) if b"UIDNEXT" in status else self._newest_uid() + 1

    def search(self, first: int, since: date | None) -> Iterator[list[int]]:
        """The UIDs from `first` on, ascending, in lists of at most 500, of mails that came on or after the day `since`.

        The server's day is in a zone of its own choice: ask for the day before.
        """
        for low, high in self._windows(first):
            criteria: list[Any] = ["UID", f"{low}:{high}"]
            if since is not None:
                criteria += ["SINCE", since]
            self._forget_said()
            with self._reading("searching for mails"):
                found = self._client.search(criteria)
            # A range beyond the newest mail gives the newest mail, by IMAP's rules.
            uids = sorted({int(uid) for uid in found if int(uid) >= low})
            for start in range(0, len(uids), LIST):
                yield uids[start : start + LIST]

    def still_there(self, uid: int) -> bool:
        with self._reading("searching for a mail"):
            return uid in {int(each) for each in self._client.search(["UID", str(uid)])}

    def heads(self, uids: Sequence[int]) -> Iterator[tuple[int, ServerHead | None]]:
        """Size, time and the headers that matter. None: gone, or not given by the server."""
        for start in range(0, len(uids), HEADS):
            chunk = list(uids[start : start + HEADS])
            try:
                answers = self._fetch_heads(chunk)
            except Refused:
                # One expunged or damaged mail can make the server refuse the whole list.
                answers = {}
                for uid in chunk:
                    try:
                        answers |= self._fetch_heads([uid])
                    except Refused as refused:
                        logger.warning("the server refuses the headers of mail %d: %s", uid, refused)
            for uid in chunk:
                yield uid, answers.get(uid)

    def download(self, uid: int, target: Target, *, limit: int, section: str = "", first_bytes: int = 0) -> int:
        """Write the mail, byte for byte, and return its size; at most `limit` bytes and some are taken.

        With `section` only that part, by its number or as "HEADER"; with `first_bytes` only so many.

        Raises:
            MailGone, MailNotGiven: this one mail; the connection is fine.
        """
        size, length = 0, first_bytes or _BODY_BYTES
        while size <= limit:
            asked = f"BODY.PEEK[{section}]<{size}.{length}>"
            try:
                with self._reading("downloading a mail", extra=timedelta(seconds=length / 50_000)):
                    answer = self._client.fetch([uid], [asked]).get(uid)
            except Refused as refused:
                raise MailNotGiven(str(refused)) from refused
            if answer is None:
                raise MailGone(f"mail {uid}")
            key = f"BODY[{section}]".encode()
            piece = next((value for name, value in answer.items() if name.upper().startswith(key)), None)
            if piece is None and size == 0 and not section:
                raise MailNotGiven("the answer was empty")
            if not piece:
                break
            target.write(piece)
            size += len(piece)
            if first_bytes or len(piece) < length:
                break
        if size == 0 and not section:
            raise MailNotGiven("the mail was empty")
        return size

    def download_several(self, uids: Sequence[int], longest: int) -> dict[int, bytes]:
        """Small mails in one command: those that came whole. The others are to be asked for one by one.

        `longest` is more bytes than any of them should have.
        """
        asked = f"BODY.PEEK[]<0.{longest}>"
        try:
            doing = "downloading a mail" if len(uids) == 1 else "downloading mails"
            with self._reading(doing, extra=timedelta(seconds=len(uids) * longest / 50_000)):
                answers = self._client.fetch(list(uids), [asked])
        except Refused:
            return {}
        found = {}
        for uid in uids:
            answer = answers.get(uid, {})
            raw = next((value for name, value in answer.items() if name.upper().startswith(b"BODY[]")), None)
            if isinstance(raw, bytes) and 0 < len(raw) < longest:
                found[uid] = raw
        return found

    def leaves(self, uid: int) -> list[Leaf]:
        """What parts the mail has. Empty when it has only one, or the server cannot say.

        Raises:
            MailGone
        """
        try:
            with self._reading("asking what parts a mail has"):
                answer = self._client.fetch([uid], ["BODYSTRUCTURE"]).get(uid)
        except Refused as refused:
            logger.info("the server does not say what parts mail %d has: %s", uid, refused)
            return []
        if answer is None:
            raise MailGone(f"mail {uid}")
        structure = answer.get(b"BODYSTRUCTURE")
        if not isinstance(structure, tuple) or not isinstance(structure[0], list):
            return []
        return list(_leaves(structure, ""))

    def _windows(self, first: int) -> Iterator[tuple[int, int | str]]:
        if self.exists < _SEARCH_WINDOW // 2:
            yield first, "*"  # whatever the numbers are, the answer is short
            return
        last = self.next_uid() - 1
        for low in range(first, last + 1, _SEARCH_WINDOW):
            yield low, min(low + _SEARCH_WINDOW - 1, last)

    def _newest_uid(self) -> int:
        with self._reading("searching for the newest mail"):
            return max((int(uid) for uid in self._client.search(["UID", "*:*"])), default=0)

    def _fetch_heads(self, uids: list[int]) -> dict[int, ServerHead]:
        fields = " ".join(dict.fromkeys((*_HEAD_FIELDS, *(name.upper() for name in self._mailbox.delivery_headers))))
        wanted = ["RFC822.SIZE", "INTERNALDATE", f"BODY.PEEK[HEADER.FIELDS ({fields})]<0.{_HEAD_BYTES}>"]
        with self._reading("reading the headers of mails"):
            answers = self._client.fetch(uids, wanted)
        heads = {}
        for uid, answer in answers.items():
            headers = next((value for key, value in answer.items() if key.startswith(b"BODY[HEADER")), None)
            if not headers:
                continue  # so Dovecot answers for a mail that has just been removed
            received, size = answer.get(b"INTERNALDATE"), answer.get(b"RFC822.SIZE")
            heads[uid] = ServerHead(
                uid=uid,
                size=size if isinstance(size, int) else 0,
                received=received.astimezone(UTC) if isinstance(received, datetime) and received.tzinfo else None,
                headers=headers,
            )
        return heads


def _leaves(structure: Sequence[Any], section: str) -> Iterator[Leaf]:
    """IMAPClient gives a multipart as (list of its parts, subtype, ...), anything else as (type, subtype, ...)."""
    if isinstance(structure[0], list):
        for number, part in enumerate(structure[0], start=1):
            yield from _leaves(part, f"{section}.{number}" if section else str(number))
        return
    kind, subtype, encoding = (
        value.decode("latin-1").casefold() if isinstance(value, bytes) else ""
        for value in (*structure[:2], structure[5])
    )
    yield Leaf(section, f"{kind}/{subtype}", encoding, structure[6] if isinstance(structure[6], int) else 0)
