import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from export_robots import clock
from export_robots.home import prepare_home
from export_robots.outcomes import UsageWrong

NOBODY = 65534


@pytest.fixture(autouse=True)
def umask_as_it_was() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_in_a_new_home_is_its_owners_alone(tmp_path: Path) -> None:
    home = prepare_home(tmp_path / "a" / "home")
    assert {mode(path) for path in (home.root, *home.folders)} == {0o700}
    assert mode(home.database) == 0o600
    later = home.downloads / "written later by a library.csv"
    later.touch()
    assert mode(later) == 0o600
    assert home.open_to_others() == []


def test_preparing_a_home_again_keeps_what_is_in_it(tmp_path: Path) -> None:
    home = prepare_home(tmp_path / "home")
    home.database.write_text("rows", encoding="ascii")
    assert prepare_home(tmp_path / "home") == home
    assert home.database.read_text(encoding="ascii") == "rows"


def test_a_home_that_was_opened_is_closed_again(tmp_path: Path) -> None:
    home = prepare_home(tmp_path / "home")
    for path in (home.root, home.evidence):
        path.chmod(0o755)
    home.database.chmod(0o644)
    assert home.open_to_others() == [home.root, home.evidence, home.database]
    prepare_home(home.root)
    assert home.open_to_others() == []
    assert (mode(home.root), mode(home.evidence), mode(home.database)) == (0o700, 0o700, 0o600)


def test_a_folder_of_other_things_is_not_closed_to_their_readers(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "somebody's").touch()
    shared.chmod(0o755)
    with pytest.raises(UsageWrong, match="holds other things and is open to other users"):
        prepare_home(shared)
    assert mode(shared) == 0o755
    assert [path.name for path in shared.iterdir()] == ["somebody's"]


def test_a_file_in_the_homes_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    with pytest.raises(UsageWrong, match="cannot be used: there is a file of that name"):
        prepare_home(tmp_path / "home")
    with pytest.raises(UsageWrong, match="a part of that path is not a folder"):
        prepare_home(tmp_path / "home" / "below")


def prepare_elsewhere(home: Path, before: str = "pass", *, user: int | None = None) -> str:
    """Prepare a home in a process of its own, after `before`; returns what it printed."""
    code = f"""
import sys, os, resource
from pathlib import Path
from export_robots.home import prepare_home
from export_robots.outcomes import UsageWrong
{before}
try:
    prepare_home(Path(sys.argv[1]))
except UsageWrong as error:
    print(error, error.hint, sep="\\n")
"""
    drop = f"import os; os.setgid({user}); os.setuid({user})\n" if user is not None else ""
    code = code.replace("try:", f"{drop}try:", 1)
    done = subprocess.run([sys.executable, "-c", code, str(home)], capture_output=True, text=True, check=True)
    return done.stdout


def test_a_folder_that_this_user_may_not_write_to_is_told(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    answer = prepare_elsewhere(locked / "home", user=NOBODY if os.geteuid() == 0 else None)
    assert "cannot be used: this user may not write there" in answer
    assert "--home or the variable ROBOT_HOME" in answer


def test_a_full_disk_is_told_before_anything_is_begun(tmp_path: Path) -> None:
    limited = "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))"
    answer = prepare_elsewhere(tmp_path / "home", limited)
    assert "cannot be used: this user may not write files of that size" in answer


def test_the_time_is_aware_and_in_utc() -> None:
    assert clock.now().tzinfo is UTC
    assert clock.now().utcoffset() == timedelta()
