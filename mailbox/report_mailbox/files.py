"""Files that are whole or not there: a temporary name, fsync of the file, rename, fsync of the folder. Owner only."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from time import time
from typing import BinaryIO

_UNFINISHED = ".unfinished"
_AT_ONCE = 16  # files that are waited for at once

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


def keep_all(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put files into `folder` under these names, each whole and on disk when this returns.

    They are waited for at once: the file system writes its journal once for many, and not once for each.
    """
    if not files:
        return
    make_folder(folder)
    written: dict[str, tuple[Path, int]] = {}
    try:
        for name, content in files.items():
            descriptor, temporary = mkstemp(suffix=_UNFINISHED, dir=folder)
            written[name] = Path(temporary), descriptor
            left = memoryview(content)
            while left:
                left = left[os.write(descriptor, left) :]
        if len(written) == 1:
            os.fsync(next(iter(written.values()))[1])
        else:
            with ThreadPoolExecutor(_AT_ONCE) as waiting:
                list(waiting.map(os.fsync, [descriptor for _, descriptor in written.values()]))
        for name, (path, _) in written.items():
            path.replace(folder / name)
        sync_folder(folder)
    finally:
        for path, descriptor in written.values():
            os.close(descriptor)
            path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_bytes(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


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
