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

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


@contextmanager
def postgres() -> Iterator[str]:
    """Its address for SQLAlchemy. It refuses to run as root, and is run as `nobody` then."""
    assert PROGRAMS is not None, "PostgreSQL is not installed"
    folder = Path(mkdtemp(prefix="postgres-"))
    data = folder / "data"
    prefix: list[str] = []
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        prefix = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    def call(program: str, *arguments: str) -> None:
        command = [*prefix, str(PROGRAMS / program), "-D", str(data), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, timeout=60)

    try:
        call("initdb", "-U", "tests", "--auth=trust", "--no-sync", "--no-instructions", "-E", "UTF8")
        settings = f"-h 127.0.0.1 -p {port} -k {folder} -F"
        call("pg_ctl", "start", "-w", "-l", str(folder / "log"), "-o", settings)
        try:
            yield f"postgresql+psycopg://tests@127.0.0.1:{port}/postgres"
        finally:
            call("pg_ctl", "stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder)
