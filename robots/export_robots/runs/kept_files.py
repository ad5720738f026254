"""Which files on disk the ledger knows, and whose time is over; asked by `keeping`, for many at once."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from sqlalchemy import delete, func, inspect, select, update
from sqlalchemy.orm import Session

from export_robots.runs.answers import delivery_of
from export_robots.runs.ledger import CLOSED
from export_robots.runs.operating_tables import StoredFileRow
from export_robots.runs.tables import DeliveryRow, FileRow
from export_robots.runs.transactions import Transactions
from report_mailbox.matching import Fate
from report_mailbox.store import headers_name
from report_mailbox.tables import handed, messages, parts

_BY_HASH = re.compile(r"(?:mail/parts|by-hand)/([0-9a-f]{64})(?:\.[^/]*)?")
_MAIL = re.compile(r"mail/spool/([0-9a-f]{64})\.eml")
_AT_ONCE = 500  # rows; databases limit a statement's values


@dataclass(frozen=True)
class Rule:
    """Deliveries closed before `leads` and mails decided before `mails` have had their time."""

    leads: datetime
    mails: datetime


class KeptFiles(Transactions):
    def fates(self, names: Collection[str], rule: Rule) -> dict[str, bool]:
        """For files by their names below `downloads`: whether their time is over. What is not known is left out.

        Whatever a file is needed for counts: two deliveries may have brought the same bytes.
        """
        hashes = {found[1]: name for name in names if (found := _BY_HASH.fullmatch(name))}
        mails = {found[1]: name for name in names if (found := _MAIL.fullmatch(name))}
        fates: dict[str, bool] = {}

        def note(name: str | None, over: bool) -> None:
            if name in names and name is not None:
                fates[name] = fates.get(name, True) and over

        with self._transaction() as session:
            files: set[str] = set()
            for sha256, received, path, state, closed_at in session.execute(_FILES).yield_per(_AT_ONCE):
                over = _is_over(state, closed_at, rule.leads)
                if sha256 in hashes:
                    files.add(sha256)
                    note(hashes[sha256], over)
                for place in (received, path):
                    if place:
                        note(_below_downloads(place), over)
            if inspect(session.connection()).has_table(messages.name):
                for sha256, over in _mails(session, rule):
                    note(mails.get(sha256), over)
                for sha256, wanted, over in _parts(session, rule):
                    # What became a delivery's file goes with the delivery.
                    note(hashes.get(sha256), not wanted and (over or sha256 in files))
        return fates

    def evidence_that_stays(self, names: Collection[str], before: datetime) -> set[str]:
        """Of folders named after runs: those of deliveries that are open or were closed later."""
        runs = {name.rpartition("-")[0]: name for name in names}
        stays = set()
        with self._transaction() as session:
            query = select(DeliveryRow.id, DeliveryRow.state, DeliveryRow.closed_at)
            for key, state, closed_at in session.execute(query).yield_per(_AT_ONCE):
                name = re.sub(r"[^\w.-]+", "-", key)
                if name in runs and not _is_over(state, closed_at, before):
                    stays |= {each for each in names if each.rpartition("-")[0] == name}
        return stays

    def remove_stored(self, before: datetime, *, dry_run: bool) -> Iterator[int]:
        """The bytes of each file that the database kept and that had its time."""
        with self._transaction() as session:
            old = select(StoredFileRow.sha256, func.length(StoredFileRow.content).label("size")).where(
                StoredFileRow.stored_at < before
            )
            sizes: dict[str, int] = {row.sha256: row.size for row in session.execute(old)}
            if not sizes:
                return
            for sha256, _received, _path, state, closed_at in session.execute(_FILES).yield_per(_AT_ONCE):
                if not _is_over(state, closed_at, before):
                    sizes.pop(sha256, None)
            if inspect(session.connection()).has_table(messages.name):
                for sha256, wanted, _over in _parts(session, Rule(before, before)):
                    if wanted:
                        sizes.pop(sha256, None)
                for raw_sha256, over in _mails(session, Rule(before, before)):
                    if not over:
                        sizes.pop(headers_name(raw_sha256), None)
            if not dry_run:
                for some in _batches(list(sizes)):
                    session.execute(delete(StoredFileRow).where(StoredFileRow.sha256.in_(some)))
        yield from sizes.values()

    def note_removed(self, before: datetime, home: Path, now: datetime) -> None:
        """The rows of files of this home that are gone, and whose deliveries were closed before."""
        query = (
            select(FileRow.id, FileRow.received_path, FileRow.path)
            .join(DeliveryRow, DeliveryRow.id == FileRow.delivery_id)
            .where(FileRow.removed_at.is_(None), DeliveryRow.closed_at < before, DeliveryRow.state.in_(CLOSED))
        )
        with self._transaction() as session:
            gone = [
                number
                for number, received, path in session.execute(query)
                if all(
                    Path(place).is_relative_to(home) and not Path(place).exists() for place in (received, path) if place
                )
            ]
            for some in _batches(gone):
                session.execute(update(FileRow).where(FileRow.id.in_(some)).values(removed_at=now))


_FILES = select(
    FileRow.received_sha256, FileRow.received_path, FileRow.path, DeliveryRow.state, DeliveryRow.closed_at
).join(DeliveryRow, DeliveryRow.id == FileRow.delivery_id)


def _is_over(state: str, closed_at: datetime | None, before: datetime) -> bool:
    return state in CLOSED and closed_at is not None and closed_at < before


def _mails(session: Session, rule: Rule) -> Iterator[tuple[str, bool]]:
    query = select(messages.c.raw_sha256, messages.c.decision, messages.c.decided_at, messages.c.expectation_id).where(
        messages.c.raw_sha256.is_not(None)
    )
    rows = session.execute(query).all()
    open_ = _open_deliveries(session)
    for row in rows:
        yield row[0], _is_done_with(row[1], row[2], rule) and not _is_of(row[3], open_)


def _parts(session: Session, rule: Rule) -> Iterator[tuple[str, bool, bool]]:
    """Hash, whether it may still be wanted (held, or of an open delivery), whether its mail has had its time."""
    open_ = _open_deliveries(session)
    for holder in (parts, handed):
        query = (
            select(holder.c.sha256, messages.c.decision, messages.c.decided_at, messages.c.expectation_id)
            .join(messages, messages.c.id == holder.c.message_row)
            .where(holder.c.sha256.is_not(None))
        )
        for sha256, decision, decided_at, expectation in session.execute(query):
            wanted = decision in (None, Fate.HELD) or _is_of(expectation, open_)
            yield sha256, wanted, _is_done_with(decision, decided_at, rule)


def _is_done_with(decision: str | None, decided_at: datetime | None, rule: Rule) -> bool:
    return decision not in (None, Fate.HELD) and decided_at is not None and decided_at < rule.mails


def _open_deliveries(session: Session) -> set[str]:
    return set(session.scalars(select(DeliveryRow.id).where(DeliveryRow.state.not_in(CLOSED))))


def _is_of(expectation: str | None, deliveries: Collection[str]) -> bool:
    return expectation is not None and delivery_of(expectation) in deliveries


def _below_downloads(place: str) -> str | None:
    """The name below `downloads`, of whichever machine's home."""
    words = PurePosixPath(place).parts
    if "downloads" not in words:
        return None
    last = len(words) - 1 - words[::-1].index("downloads")
    return "/".join(words[last + 1 :])


def _batches(values: list[str] | list[int]) -> Iterator[list[str] | list[int]]:
    for begin in range(0, len(values), _AT_ONCE):
        yield values[begin : begin + _AT_ONCE]
