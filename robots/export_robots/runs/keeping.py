"""How long what may hold leads is kept: files, mails and evidence go when their time is over; ledger and receipts stay.

The time counts from a delivery's close: nothing of an open delivery is removed, nor what a held mail brought, nor what
nobody knows. A file goes before its row says so, and every step may be repeated, so that a crash in between is made
good by the next time. Each machine clears its own home; what the database itself keeps of files, any of them does.
"""

import logging
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from export_robots.home import Home
from export_robots.reports.naming import RECEIPT_SUFFIX
from export_robots.reports.receipt import receipt_path, sync_folder
from export_robots.runs.kept_files import KeptFiles, Rule
from export_robots.runs.transactions import Transactions
from export_robots.settings import Settings

_LEFT = timedelta(days=1)  # what is being written is never that old
_UNFINISHED = re.compile(r"\..*\.part|.*\.unfinished|fetched-[0-9a-f]{16}(\..*)?")
_GOING = ".going-"  # a folder of evidence on its way out

_log = logging.getLogger(__name__)


class Kind(StrEnum):
    LEADS = "leads"
    MAILS = "mails"
    EVIDENCE = "evidence"
    STORED = "stored in the database"
    UNFINISHED = "left unfinished"


@dataclass
class Purged:
    """What was removed, or would be: how many of each kind and their bytes; and what was left, for nobody knows it."""

    dry_run: bool
    removed: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    freed: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    unknown: list[Path] = field(default_factory=list)
    stuck: list[Path] = field(default_factory=list)
    """What the system did not let go: another user's, or on a disk that only reads."""

    def count(self, kind: Kind, size: int) -> None:
        self.removed[kind] += 1
        self.freed[kind] += size

    def as_json(self) -> dict[str, Any]:
        kinds = {kind.name.lower(): {"files": self.removed[kind], "bytes": self.freed[kind]} for kind in Kind}
        return {
            "dry_run": self.dry_run,
            "removed": kinds,
            "unknown": [str(path) for path in self.unknown],
            "stuck": [str(path) for path in self.stuck],
        }


def purge(ledger: Transactions, home: Home, settings: Settings, now: datetime, *, dry_run: bool = False) -> Purged:
    """Remove what the settings under [keeping] give no more time at `now`. With `dry_run` nothing is changed."""
    return _Purge(KeptFiles(ledger.engine), home, settings, now, Purged(dry_run)).all()


class _Purge:
    def __init__(self, kept: KeptFiles, home: Home, settings: Settings, now: datetime, purged: Purged) -> None:
        self._kept = kept
        self._home = home
        self._times = settings.keeping
        self._now = now
        self._purged = purged

    def all(self) -> Purged:
        self._files()
        self._evidence()
        self._rows()
        if not self._purged.dry_run and any(self._purged.removed.values()):
            counts = ", ".join(f"{number} {kind}" for kind, number in self._purged.removed.items() if number)
            _log.info("keeping: removed %s", counts)
        if self._purged.unknown:
            _log.warning("keeping: %d old files are not known to the ledger and stay", len(self._purged.unknown))
        if self._purged.stuck:
            _log.warning("keeping: %d files could not be removed: `robot purge` names them", len(self._purged.stuck))
        return self._purged

    def _files(self) -> None:
        shortest = min(self._times.leads, self._times.mails)
        old: dict[str, Path] = {}
        for path in _inside(self._home.downloads):
            if path.is_symlink():
                # What it leads to would stay: whoever made it knows why.
                self._purged.unknown += [path] if self._older(path, shortest) else []
            elif _UNFINISHED.fullmatch(path.name):
                if self._older(path, _LEFT):
                    self._remove(Kind.UNFINISHED, path)
            elif not path.name.endswith((RECEIPT_SUFFIX, ".lock")) and self._older(path, shortest):
                old[path.relative_to(self._home.downloads).as_posix()] = path
        if not old:
            return
        rule = Rule(self._now - self._times.leads, self._now - self._times.mails)
        fates = self._kept.fates(old, rule)
        for name, path in old.items():
            fate = fates.get(name)
            if fate is None:
                self._purged.unknown.append(path)
            elif fate:
                self._remove(Kind.MAILS if name.startswith("mail/spool/") else Kind.LEADS, path)

    def _remove(self, kind: Kind, path: Path) -> None:
        try:
            size = path.stat().st_size
            if not self._purged.dry_run:
                self._keep_receipt(path)
                path.unlink()
        except FileNotFoundError:
            return  # another process was quicker
        except OSError:
            self._purged.stuck.append(path)
            return
        self._purged.count(kind, size)

    def _keep_receipt(self, path: Path) -> None:
        """A receipt holds no leads, and outlives its file in a folder of its own."""
        receipt = receipt_path(path)
        if not receipt.is_file():
            return
        kept = self._home.receipts / receipt.relative_to(self._home.downloads)
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        receipt.replace(kept)
        sync_folder(kept.parent)

    def _evidence(self) -> None:
        old = {
            path.name: path
            for path in sorted(self._home.evidence.iterdir())
            if path.name.startswith(_GOING) or self._untouched(path)
        }
        if not old:
            return
        stays = self._kept.evidence_that_stays(old, self._now - self._times.evidence)
        for name, path in old.items():
            if name in stays:
                continue
            try:
                size = sum(file.lstat().st_size for file in _below(path))
                if not self._purged.dry_run:
                    _remove_whole(path)
            except FileNotFoundError:
                continue  # another process was quicker
            except OSError:
                self._purged.stuck.append(path)
                continue
            self._purged.count(Kind.EVIDENCE, size)

    def _untouched(self, path: Path) -> bool:
        return all(self._older(file, self._times.evidence) for file in (path, *_below(path)))

    def _rows(self) -> None:
        shared = self._now - min(self._times.shared, self._times.leads)
        for size in self._kept.remove_stored(shared, dry_run=self._purged.dry_run):
            self._purged.count(Kind.STORED, size)
        if not self._purged.dry_run:
            self._kept.note_removed(self._now - self._times.leads, self._home.root, self._now)

    def _older(self, path: Path, than: timedelta) -> bool:
        try:
            return path.lstat().st_mtime < (self._now - than).timestamp()
        except FileNotFoundError:  # another process was quicker
            return False


def _below(folder: Path) -> Iterator[Path]:
    """Every file below the folder, or the file itself."""
    if folder.is_symlink() or not folder.is_dir():
        yield folder
    else:
        yield from _inside(folder)


def _inside(folder: Path) -> Iterator[Path]:
    """Every file below the folder, which may be a link itself: homes lie on other disks."""
    try:
        found = sorted(folder.iterdir())
    except FileNotFoundError:
        return  # another process was quicker
    for path in found:
        yield from _below(path)


def _remove_whole(path: Path) -> None:
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    # Half removed, it would look new: its name says that it is on its way.
    going = path if path.name.startswith(_GOING) else path.rename(path.with_name(_GOING + path.name))
    shutil.rmtree(going)
