"""The folder that everything the robot writes lies under, for its owner's eyes alone."""

import errno
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from export_robots.outcomes import UsageWrong

_PROBE_BYTES = 1024 * 1024  # a first report and its receipt fit into it

_CAUSES = {
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "this user may not write files of that size",
    errno.EACCES: "this user may not write there",
    errno.EPERM: "this user may not write there",
    errno.ENOTDIR: "a part of that path is not a folder",
    errno.EEXIST: "there is a file of that name",
    errno.ENAMETOOLONG: "the path is too long",
    errno.ELOOP: "its links lead in a circle",
}


@dataclass(frozen=True)
class Home:
    """Where things lie. The folders exist, 0700; so does the database file, 0600."""

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file; what SQLite puts beside it takes over its mode."""
        return self.root / "robot.sqlite"

    @property
    def downloads(self) -> Path:
        return self.root / "downloads"

    @property
    def evidence(self) -> Path:
        return self.root / "evidence"

    @property
    def receipts(self) -> Path:
        return self.root / "receipts"

    @property
    def locks(self) -> Path:
        return self.root / "locks"

    @property
    def browser(self) -> Path:
        return self.root / "browser"

    @property
    def folders(self) -> tuple[Path, ...]:
        return (self.downloads, self.evidence, self.receipts, self.locks, self.browser)

    def open_to_others(self) -> list[Path]:
        """Everything here that somebody besides the owner could read or change, for `robot doctor`.

        What lies in a closed folder is out of reach whatever its own mode says, so a closed home has at most itself.
        """
        if not _is_open(self.root):
            return []
        return [self.root, *sorted(path for path in self.root.rglob("*") if not path.is_symlink() and _is_open(path))]


def prepare_home(home: Path) -> Home:
    """Make what is missing, and try whether it can be written to; anything in the way is `UsageWrong`.

    From here on this process makes files for its owner alone (umask 077): the browser, SQLite and libraries
    write under the home too and know nothing of this rule.
    """
    os.umask(0o077)
    made = Home(home)
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        _close_to_others(home)
        for folder in made.folders:
            folder.mkdir(mode=0o700, exist_ok=True)
            if _is_open(folder):
                folder.chmod(0o700)
        made.database.touch(mode=0o600)
        if _is_open(made.database):
            made.database.chmod(0o600)
        with tempfile.TemporaryFile(dir=home) as probe:
            probe.write(bytes(_PROBE_BYTES))
    except OSError as error:
        cause = _CAUSES.get(error.errno or 0, (error.strerror or "it does not answer").lower())
        raise UsageWrong(
            f"the robot's home {home} cannot be used: {cause}",
            "Name a folder that this user may write to, with --home or the variable ROBOT_HOME, and see that its disk "
            "has room.",
        ) from error
    return made


def _close_to_others(home: Path) -> None:
    if not _is_open(home):
        return
    ours = any((home / name).exists() for name in ("robot.sqlite", "downloads"))
    if not ours and any(home.iterdir()):
        raise UsageWrong(
            f"the folder {home} holds other things and is open to other users, so the robot will not make it its home",
            f"Name a new folder with --home or ROBOT_HOME, or close this one: chmod 700 {home}",
        )
    home.chmod(0o700)
    if _is_open(home):  # a file system without modes, such as a memory stick's
        raise UsageWrong(
            f"the robot's home {home} cannot be closed to other users: its file system keeps no modes",
            "Name a folder on a local disk with --home or ROBOT_HOME.",
        )


def _is_open(path: Path) -> bool:
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)
