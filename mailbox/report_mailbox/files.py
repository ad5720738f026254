"""Files that are whole or not there: a temporary name, fsync of the file, rename, fsync of the folder. Owner only."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from time import time
from typing import BinaryIO

_UNFINISHED = ".unfinished"

SPOOL, PARTS = "spool", "parts"
"""Inside the collector's folder: mails as they came, and the files they brought, both named by their hash."""


def make_folder(folder: Path) -> Path:
    """Make it, with those above it, so that it is still there after a power cut."""
    if not folder.is_dir():
        if not folder.parent.is_dir():
            make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)
    return folder


class NewFile:
    """A file being written, with the hash and size of what was written so far."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, piece: bytes) -> int:
        self._digest.update(piece)
        self.size += len(piece)
        return self._stream.write(piece)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


@contextmanager
def unfinished(folder: Path) -> Iterator[tuple[NewFile, Callable[[str], Path]]]:
    """Write into the first, then call the second with the name that the file shall have in `folder`.

    Without that call, and after an error, nothing stays. A file of that name that is there already is replaced.
    """
    descriptor, name = mkstemp(suffix=_UNFINISHED, dir=make_folder(folder))  # made for its owner only
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            new = NewFile(stream)

            def keep(as_name: str) -> Path:
                stream.flush()
                os.fsync(stream.fileno())
                target = folder / as_name
                temporary.replace(target)
                sync_folder(folder)
                return target

            yield new, keep
    finally:
        temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sweep_unfinished(folder: Path, *, older_than_seconds: float = 3600) -> None:
    """Remove what killed processes left."""
    for path in folder.glob(f"*{_UNFINISHED}"):
        if path.stat().st_mtime < time() - older_than_seconds:
            path.unlink(missing_ok=True)


def spooled(folder: Path, raw_sha256: str) -> Path:
    return folder / SPOOL / f"{raw_sha256}.eml"


def is_whole(folder: Path, raw_sha256: str) -> bool:
    path = spooled(folder, raw_sha256)
    return path.is_file() and sha256_of(path) == raw_sha256
