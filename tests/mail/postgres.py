"""A PostgreSQL of a test's own, where its programs are installed: on a free port, in a folder of its own."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from sqlalchemy import create_engine, text

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


@contextmanager
def postgres() -> Iterator[str]:
    """Its address for SQLAlchemy. It refuses to run as root, and is run as `nobody` then."""
    assert PROGRAMS is not None, "PostgreSQL is not installed"
    folder = Path(mkdtemp(prefix="postgres-"))
    data = folder / "data"
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    try:
        _call(data, "initdb", "-U", "tests", "--auth=trust", "--no-sync", "--no-instructions", "-E", "UTF8")
        settings = f"-h 127.0.0.1 -p {port} -k {folder} -F"
        _call(data, "pg_ctl", "start", "-w", "-l", str(folder / "log"), "-o", settings)
        try:
            yield f"postgresql+psycopg://tests@127.0.0.1:{port}/postgres"
        finally:
            _call(data, "pg_ctl", "stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder)


def restart(url: str) -> None:
    """As a crash and a restart by its keeper: all connections end at once, and for a while there are none."""
    engine = create_engine(url)
    with engine.connect() as connection:
        data = Path(connection.execute(text("SHOW data_directory")).scalar_one())
    engine.dispose()
    _call(data, "pg_ctl", "restart", "-w", "-m", "immediate", "-l", str(data.parent / "log"))


def _call(data: Path, program: str, *arguments: str) -> None:
    assert PROGRAMS is not None
    prefix: list[str] = []
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        prefix = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    command = [*prefix, str(PROGRAMS / program), "-D", str(data), *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=data.parent, timeout=60)
