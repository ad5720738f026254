#!/usr/bin/env python3
"""Set up what the robot needs on this machine, from nothing but Python 3.11 and make.

    python3 scripts/setup.py run      what `robot` and its demo need
    python3 scripts/setup.py test     that, and what the tests need
    python3 scripts/setup.py check    only what the linters need

Each step says what it does and why, is skipped when its result is there and its inputs are as they were, and ends with
a hint when it fails. Interrupted half-way, it is mended by running it again. It writes into `.venv`, `.cache` and
`fixtures/node_modules` alone, unless it is root and a Debian package is missing. Standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 11)
OLDEST_NODE = 18
SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


class Failed(Exception):
    """A step could not be done; the hint says what a person can do about it."""

    def __init__(self, saw: str, hint: str) -> None:
        super().__init__(saw)
        self.hint = hint


class SetUp:
    """The steps, for one checkout under `root`."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.cache = root / ".cache"
        self.venv = root / ".venv"
        self.python = self.venv / "bin" / "python"
        self.node_modules = root / "fixtures" / "node_modules"
        self._apt_lists_are_new = False

    def uv(self) -> Path:
        """Find or fetch uv, which makes the environment."""
        own = [self.cache / "uv" / "bin" / "uv", self.cache / "uv-alone" / "bin" / "uv"]
        for found in [shutil.which("uv"), *own]:
            if found and works([found, "--version"]):
                tell("uv", f"there: {found}")
                return Path(found)
        lock = self.root / "scripts" / "locks" / "uv.txt"
        pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", str(lock)]
        with doing("uv", "fetching it into .cache: it installs the exact versions of the lock"):
            shutil.rmtree(self.cache / "uv", ignore_errors=True)
            try:
                self.run("uv", [sys.executable, "-m", "venv", str(self.cache / "uv")])
                self.run("uv", [str(self.cache / "uv" / "bin" / "python"), *pip])
            except Failed as no_venv:  # Debian's python3 comes without ensurepip
                shutil.rmtree(self.cache / "uv-alone", ignore_errors=True)
                if not works([sys.executable, "-m", "pip", "--version"]) and not self.apt("uv", "python3-pip"):
                    raise Failed(
                        "uv could not be fetched: this Python has neither a working venv nor pip",
                        "apt-get install python3-venv (or your system's package of that kind), or install uv yourself.",
                    ) from no_venv
                self.run("uv", [sys.executable, *pip, "--target", str(self.cache / "uv-alone")])
        return next(path for path in own if path.exists())

    def environment(self, uv: Path) -> None:
        """Make `.venv` as requirements.lock says, with this project in it as `robot`."""
        lock, project = self.root / "requirements.lock", self.root / "pyproject.toml"
        stamp = Stamp(self, "environment", sys.version, lock, project)
        if stamp.holds() and (self.venv / "bin" / "robot").exists() and works([self.python, "-c", ""]):
            tell("environment", "as it was: .venv")
            return
        with doing("environment", "installing the locked versions into .venv, so that they are the same everywhere"):
            stamp.clear()
            if not works([self.python, "-c", f"import sys; assert sys.version_info[:2] == {sys.version_info[:2]}"]):
                self.run("environment", [uv, "venv", "--clear", "--python", sys.executable, self.venv])
            sync: list[str | Path] = [
                uv,
                "pip",
                "sync",
                "--compile-bytecode",
                "--require-hashes",
                "--python",
                self.python,
                lock,
            ]
            self.run("environment", sync)
            editable = ["--no-deps", "--no-build-isolation", "--editable", str(self.root)]
            self.run("environment", [uv, "pip", "install", "--python", self.python, *editable])
        stamp.set()

    def browser(self) -> None:
        """See that a Chromium is there and starts, and fetch one if not."""
        named = os.environ.get("ROBOT_BROWSER__EXECUTABLE", "")
        found = self.cache / "browser"  # its path, version and greeting, from the last time that it was tried
        path = Path(found.read_text(encoding="utf-8").split("\t")[0]) if found.exists() else None
        stamp = Stamp(self, "browser", named, os.environ.get("PATH", ""), self.root / "requirements.lock", path)
        if path and path.exists() and stamp.holds():
            tell("browser", f"as it was: {path}")
            return
        with doing("browser", "trying whether a Chromium is there and starts: the robot works in one"):
            answer = self._try_browser()
            if not answer and named:
                raise Failed(
                    f"the browser named by ROBOT_BROWSER__EXECUTABLE, {named}, does not start{self.log_of('browser')}",
                    "Name another, or unset the variable: then one is looked for.",
                )
        if not answer:
            with doing("browser", "fetching Playwright's own Chromium: no installed browser starts"):
                with contextlib.suppress(Failed):  # it has nothing to fetch for some systems, or may not
                    self.run("browser", [self.venv / "bin" / "playwright", "install", "chromium"], minutes=15)
                answer = self._try_browser()
                if not answer:
                    tell("", "that did not help")
        if not answer and self.apt("browser", "chromium", "fonts-liberation"):
            answer = self._try_browser()
        if not answer:
            raise Failed(
                f"no Chromium starts here{self.log_of('browser')}",
                "Install Chrome, Chromium or Edge (Debian: apt-get install chromium), or name one in the variable "
                "ROBOT_BROWSER__EXECUTABLE.",
            )
        found.write_text(answer, encoding="utf-8")
        tell("browser", "there: {} {}".format(*answer.split("\t")))
        Stamp(self, "browser", *stamp.inputs[:-1], Path(answer.split("\t")[0])).set()

    def node(self, uv: Path) -> Path:
        """Find or fetch Node and npm, which fetch what the emulated sites' pages are built with. Returns npm."""
        own = self.cache / "node"
        for npm in [shutil.which("npm"), own / "bin" / "npm"]:
            if npm and works([npm, "--version"], env=self.with_node(npm)) and node_version(npm) >= OLDEST_NODE:
                tell("node", f"there: {npm}")
                return Path(npm)
        lock = self.root / "scripts" / "locks" / "node.txt"
        with doing("node", "fetching it into .cache: the emulated sites' widgets come from npm"):
            self.run("node", [uv, "venv", "--clear", "--python", sys.executable, own])
            self.run("node", [uv, "pip", "install", "--require-hashes", "--python", own / "bin" / "python", "-r", lock])
            if not works([own / "bin" / "npm", "--version"], env=self.with_node(own / "bin" / "npm")):
                raise Failed(
                    "the fetched Node does not start", "Install Node 18 or newer with npm, then run this again."
                )
        return own / "bin" / "npm"

    def sites(self, npm: Path) -> None:
        """Install the emulated sites' widget libraries, as their lock says; none of their scripts is run."""
        folder = self.root / "fixtures"
        stamp = Stamp(self, "sites", folder / "package.json", folder / "package-lock.json")
        if stamp.holds() and self.node_modules.is_dir():
            tell("sites", "as they were: fixtures/node_modules")
            return
        with doing("sites", "installing the emulated sites' widgets into fixtures/node_modules"):
            stamp.clear()
            quiet = ["--ignore-scripts", "--no-audit", "--no-fund"]
            self.run("sites", [npm, "ci", *quiet], cwd=folder, env=self.with_node(npm))
        stamp.set()

    def dovecot(self) -> None:
        """Find or install the IMAP server that the mail's tests also run against."""
        if dovecot() or (self.apt("dovecot", "dovecot-imapd", "dovecot-lmtpd") and dovecot()):
            tell("dovecot", f"there: {dovecot()}")
        else:
            tell("dovecot", "NOT there: the tests marked `dovecot` are left out")
            tell("", "hint: apt-get install dovecot-imapd dovecot-lmtpd")

    def apt(self, step: str, *packages: str) -> bool:
        """Install Debian packages if this is root on such a machine; whether that was done."""
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            return False
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        with doing(step, f"installing the Debian package {' and '.join(packages)}: nothing else was found"):
            try:
                if not self._apt_lists_are_new:
                    self.run(step, ["apt-get", "update", "-q"], env=env)
                    self._apt_lists_are_new = True
                self.run(step, ["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages], env=env)
            except Failed:
                return False
        return True

    def run(
        self,
        step: str,
        command: list[str | Path],
        *,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        minutes: float = 30,
    ) -> str:
        """Run a command with its output in the step's log; a failure shows the log's end."""
        log = self.cache / "logs" / f"{step}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            done = subprocess.run(
                [str(part) for part in command],
                cwd=cwd or self.root,
                env=for_children(env or os.environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                timeout=minutes * 60,
                check=False,
            )
            output, status = done.stdout, done.returncode
        except subprocess.TimeoutExpired as error:
            output, status = f"{error.output or ''}\nno answer in {minutes} minutes", 1
        except OSError as error:
            output, status = str(error), 1
        with log.open("a", encoding="utf-8") as file:
            file.write(f"$ {' '.join(str(part) for part in command)}\n{output}\n")
        if status:
            raise Failed(
                f"`{' '.join(Path(part).name if i == 0 else str(part) for i, part in enumerate(command))}` failed:\n"
                + "\n".join("    " + line for line in output.strip().splitlines()[-12:]),
                f"The whole output is in {log}. If the network was away, run the same command again.",
            )
        return output

    def log_of(self, step: str) -> str:
        log = self.cache / "logs" / f"{step}.log"
        return f" (see {log})" if log.exists() else ""

    def with_node(self, npm: str | Path) -> dict[str, str]:
        """The environment in which npm finds the Node that lies beside it."""
        return {**os.environ, "PATH": f"{Path(npm).parent}{os.pathsep}{os.environ.get('PATH', '')}"}

    def _try_browser(self) -> str:
        try:
            return (
                self.run("browser", [self.python, self.root / "scripts" / "try_browser.py"], minutes=3)
                .strip()
                .splitlines()[-1]
            )
        except Failed:
            return ""


class Stamp:
    """Remembers what a step was done with, so that it is done again only when that has changed."""

    def __init__(self, setup: SetUp, name: str, *inputs: str | Path | None) -> None:
        self.inputs = inputs
        self.path = setup.cache / "stamps" / name

    def holds(self) -> bool:
        return self.path.exists() and self.path.read_text(encoding="ascii") == self._digest()

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)

    def set(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self._digest(), encoding="ascii")

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for given in self.inputs:
            if not isinstance(given, Path):
                what = str(given).encode()
            elif given.is_relative_to(self.path.parents[2]):
                what = given.read_bytes()
            else:  # a program of this machine: its size and age stand for it
                status = given.stat() if given.exists() else None
                what = f"{given} {status.st_size} {status.st_mtime_ns}".encode() if status else b"none"
            digest.update(len(what).to_bytes(8, "big") + what)
        return digest.hexdigest()


def dovecot() -> str | None:
    return shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def works(command: list[str | Path], env: dict[str, str] | None = None) -> bool:
    try:
        run = subprocess.run(
            [str(part) for part in command],
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return run.returncode == 0


def node_version(npm: str | Path) -> int:
    """The major version of the Node beside this npm, or of the one on the PATH; 0 where there is none."""
    beside = Path(npm).parent / "node"
    try:
        answer = subprocess.run(
            [str(beside) if beside.exists() else "node", "--version"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    major = answer.strip().lstrip("v").split(".")[0]
    return int(major) if major.isdecimal() else 0


def for_children(env: dict[str, str] | os._Environ[str]) -> dict[str, str]:
    """The environment without another Python's traces, and with a company's own certificates and package mirror."""
    kept = {name: value for name, value in env.items() if name not in {"PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"}}
    kept.setdefault("UV_PYTHON_DOWNLOADS", "never")
    if SYSTEM_CERTIFICATES.exists():
        kept.setdefault("SSL_CERT_FILE", str(SYSTEM_CERTIFICATES))
        kept.setdefault("NODE_EXTRA_CA_CERTS", str(SYSTEM_CERTIFICATES))
    if env.get("PIP_INDEX_URL"):
        kept.setdefault("UV_DEFAULT_INDEX", env["PIP_INDEX_URL"])
    if not os.access(Path.home(), os.W_OK):  # a container's user often has no home
        kept.setdefault("UV_CACHE_DIR", str(ROOT / ".cache" / "uv-cache"))
        kept.setdefault("NPM_CONFIG_CACHE", str(ROOT / ".cache" / "npm-cache"))
        kept.setdefault("PIP_CACHE_DIR", str(ROOT / ".cache" / "pip-cache"))
    return kept


def tell(step: str, words: str) -> None:
    print(f"{step:<12} {words}", flush=True)


@contextlib.contextmanager
def doing(step: str, words: str) -> Iterator[None]:
    started = time.monotonic()
    tell(step, f"{words} ...")
    yield
    tell("", f"done in {time.monotonic() - started:.0f} s")


@contextlib.contextmanager
def alone(cache: Path) -> Iterator[None]:
    """Wait until no other set-up of this checkout is running."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("", "waiting for another set-up of this checkout to end ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def find_python(version: tuple[int, int] = sys.version_info[:2]) -> str | None:
    """A Python to go on with instead of this one, or None if this one is new enough."""
    if version >= OLDEST_PYTHON:
        return None
    for name in ("python3.14", "python3.13", "python3.12", "python3.11"):
        if found := shutil.which(name):
            return found
    raise Failed(
        f"this is Python {version[0]}.{version[1]}, and the robot needs 3.11 or newer",
        "Install it (Debian 12 or newer: apt-get install python3), then run this again.",
    )


def main(profile: str) -> int:
    try:
        if python := find_python():
            os.execv(python, [python, *sys.argv])  # noqa: S606  # the same script, under the Python just found
        setup = SetUp()
        with alone(setup.cache):
            uv = setup.uv()
            setup.environment(uv)
            if profile != "check":
                setup.browser()
                setup.sites(setup.node(uv))
            if profile == "test":
                setup.dovecot()
    except Failed as failure:
        print(f"error: {failure}\nhint: {failure.hint}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error}\nhint: This checkout must be writable, and its disk have room.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: run the same command again to go on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    if sys.argv[1:] not in (["run"], ["test"], ["check"]):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
