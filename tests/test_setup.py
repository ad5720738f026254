"""The set-up scripts, as far as they go without fetching anything; CI itself begins with the rest."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"set_up_{name}", ROOT / "scripts" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def setup() -> Any:
    return script("setup")


@pytest.fixture
def checkout(tmp_path: Path, setup: Any) -> Any:
    """The steps for a checkout of its own, whose environment is the one that the tests run in."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    made = setup.SetUp(tmp_path)
    made.python = Path(sys.executable)
    return made


def test_a_python_that_is_too_old_gives_way_to_a_newer_one(
    tmp_path: Path, setup: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = tmp_path / "python3.12"
    newer.write_text("#!/bin/sh\n", encoding="ascii")
    newer.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert setup.find_python((3, 11)) is None
    assert setup.find_python((3, 9)) == str(newer)
    newer.unlink()
    with pytest.raises(setup.Failed, match=r"this is Python 3\.9, and the robot needs 3\.11 or newer") as caught:
        setup.find_python((3, 9))
    assert "Install it" in caught.value.hint


def test_the_script_is_read_by_older_pythons_too() -> None:
    # It has to run far enough there to say what is missing: newer syntax would be its end.
    compile((ROOT / "scripts" / "setup.py").read_text(encoding="utf-8"), "setup.py", "exec", dont_inherit=True)
    import ast

    ast.parse((ROOT / "scripts" / "setup.py").read_text(encoding="utf-8"), feature_version=(3, 8))


def test_a_stamp_holds_until_what_it_was_made_of_changes(checkout: Any, setup: Any) -> None:
    lock, outside = checkout.root / "requirements.lock", Path(sys.executable)

    def stamp(*more: str) -> Any:
        return setup.Stamp(checkout, "step", "3.11", lock, outside, *more)

    assert not stamp().holds()
    stamp().set()
    assert stamp().holds()
    assert not stamp("another").holds()
    lock.write_text("changed\n", encoding="ascii")
    assert not stamp().holds()
    stamp().set()
    stamp().clear()
    assert not stamp().holds()


def test_a_failing_command_shows_its_end_and_where_the_rest_is(checkout: Any, setup: Any) -> None:
    with pytest.raises(setup.Failed, match="the registry is away") as caught:
        checkout.run("sites", [sys.executable, "-c", "import sys; print('the registry is away'); sys.exit(3)"])
    log = checkout.cache / "logs" / "sites.log"
    assert str(log) in caught.value.hint
    assert "the registry is away" in log.read_text(encoding="utf-8")
    with pytest.raises(setup.Failed, match="nowhere"):
        checkout.run("sites", [checkout.root / "nowhere"])


@pytest.mark.browser
def test_the_browser_is_started_once_and_then_remembered(checkout: Any, capsys: pytest.CaptureFixture[str]) -> None:
    checkout.browser()
    assert re.search(r"browser +there: /\S+ \d+\.", capsys.readouterr().out)
    checkout.browser()
    assert "browser      as it was: /" in capsys.readouterr().out


def test_a_named_browser_that_does_not_start_is_told_and_not_replaced(
    checkout: Any, setup: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOT_BROWSER__EXECUTABLE", "/nowhere/chromium")
    with pytest.raises(setup.Failed, match="ROBOT_BROWSER__EXECUTABLE, /nowhere/chromium, does not start") as caught:
        checkout.browser()
    assert "unset the variable" in caught.value.hint
    assert not (checkout.cache / "browser").exists()


def test_an_ordinary_user_is_told_what_to_install(
    checkout: Any, setup: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(checkout.root))  # neither apt-get nor Dovecot
    monkeypatch.setattr(setup, "dovecot", lambda: None)
    checkout.dovecot()
    said = capsys.readouterr().out
    assert "the tests marked `dovecot` are left out" in said
    assert "hint: apt-get install dovecot-imapd dovecot-lmtpd" in said


def test_two_set_ups_of_one_checkout_take_turns(checkout: Any) -> None:
    code = f"""
import importlib.util, pathlib, sys
spec = importlib.util.spec_from_file_location("set_up", {str(ROOT / "scripts" / "setup.py")!r})
module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
with module.alone(pathlib.Path({str(checkout.cache)!r})):
    print("in", flush=True); sys.stdin.readline(); print("out", flush=True)
"""
    start = [sys.executable, "-c", code]
    first = subprocess.Popen(start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert first.stdin
    assert first.stdout
    assert first.stdout.readline() == "in\n"
    second = subprocess.Popen(start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert second.stdout
    assert "waiting for another set-up of this checkout" in second.stdout.readline()
    assert second.poll() is None
    assert first.communicate("\n")[0] == "out\n"
    assert second.communicate("\n")[0] == "in\nout\n"


def test_the_lock_is_in_step_with_the_project() -> None:
    assert script("lock").is_in_step(ROOT), "make lock"


def test_a_changed_dependency_puts_the_lock_out_of_step_and_other_changes_do_not(checkout: Any) -> None:
    lock = script("lock")
    project = checkout.root / "pyproject.toml"
    text = project.read_text(encoding="utf-8")
    project.write_text(text.replace("line-length = 120", "line-length = 99"), encoding="utf-8")
    assert lock.is_in_step(checkout.root)
    project.write_text(text.replace('"keyring>=25.6"', '"keyring>=25.7"'), encoding="utf-8")
    assert not lock.is_in_step(checkout.root)


@pytest.mark.parametrize("target", ["setup", "demo", "test", "check", "fix", "bench", "lock", "clean"])
def test_make_knows_each_target(target: str) -> None:
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout
    assert not done.stderr


def test_make_without_python_says_what_to_install(tmp_path: Path) -> None:
    for name in ("sh", "make"):
        found = shutil.which(name)
        assert found
        (tmp_path / name).symlink_to(found)
    done = subprocess.run(
        ["make", "setup"], cwd=ROOT, capture_output=True, text=True, check=False, env={"PATH": str(tmp_path)}
    )
    assert done.returncode == 2
    assert "no python3 was found: install Python 3.11 or newer" in done.stderr
