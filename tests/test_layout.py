"""The drawing of docs/architecture.md, held against the code."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Who may import what of ours; a package stands for everything below it. What is not named here stands at the top: the
# command line, and what it puts together.
MAY_IMPORT = {
    "export_robots.crm": {
        "export_robots.crm",
        "export_robots.robot",
        "export_robots.controls",
        "export_robots.periods",
        "export_robots.outcomes",
    },
    "export_robots.controls": {
        "export_robots.controls",
        "export_robots.visit",
        "export_robots.periods",
        "export_robots.outcomes",
        "export_robots.clock",
    },
    "export_robots.reports": {"export_robots.reports", "export_robots.periods", "export_robots.outcomes"},
    "report_mailbox": {"report_mailbox"},
    "export_robots.outcomes": set(),
    "export_robots.clock": set(),
    "export_robots.periods": {"export_robots.outcomes"},
    "export_robots.clients": {"export_robots.outcomes", "export_robots.periods", "export_robots.spelling"},
    "export_robots.robot": {
        "export_robots.controls",
        "export_robots.visit",
        "export_robots.periods",
        "export_robots.outcomes",
    },
}

# Nobody below the command line may lean on what stands above it.
ABOVE = ("export_robots.cli", "export_robots.doctor", "export_robots.runs", "emulated_world", "tests")
BELOW = re.compile(r"export_robots\.(crm|controls|reports|robot|visit|browser|portal|settings|credentials)\b")


@cache
def modules() -> dict[str, Path]:
    found = {}
    for source in (ROOT / "robots", ROOT / "mailbox"):
        for path in source.rglob("*.py"):
            name = ".".join(path.relative_to(source).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


def imports(module: str, path: Path) -> Iterator[str]:
    """Every module of ours that is imported there, inside functions too, but not merely for its types."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        below
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for below in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively, and names are easier to follow whole"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in modules() else str(node.module)


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:  # an unpacked archive
        return [path for source in ("robots", "mailbox", "scripts", "docs") for path in (ROOT / source).rglob("*.*")]
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_pythons_own_mailbox_is_not_hidden() -> None:
    code = "import mailbox; print(mailbox.Maildir.__name__, mailbox.__file__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Maildir ")
    assert str(ROOT / "mailbox") not in done.stdout


@pytest.mark.parametrize("path", ["mailbox/__init__.py", "robots/__init__.py", "tests/mailbox", "fixtures/__init__.py"])
def test_source_roots_are_no_packages(path: str) -> None:
    assert not (ROOT / path).exists()


def test_imports_point_one_way() -> None:
    wrong = []
    for module, path in modules().items():
        for imported in imports(module, path):
            if not imported.startswith(("export_robots", "report_mailbox", "emulated_world", "tests")):
                continue
            rule = next((rule for rule in sorted(MAY_IMPORT, key=len, reverse=True) if is_within(module, rule)), None)
            if rule and not any(is_within(imported, allowed) for allowed in MAY_IMPORT[rule]):
                wrong.append(f"{module} imports {imported}")
            if BELOW.match(module) and any(is_within(imported, above) for above in ABOVE):
                wrong.append(f"{module} imports {imported}, which stands above it")
            if is_within(imported, "emulated_world") and not module.startswith("export_robots.cli_demo"):
                wrong.append(f"{module} imports the emulated world")
    assert sorted(set(wrong)) == []


def test_only_the_clock_asks_for_the_time() -> None:
    asking = re.compile(r"\b(datetime\.now|datetime\.utcnow|date\.today|time\.time)\(")
    found = [
        module
        for module, path in modules().items()
        if module.startswith("export_robots")
        and module != "export_robots.clock"
        and asking.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_every_module_of_ours_says_what_it_is_for() -> None:
    silent = [
        name
        for name, path in modules().items()
        if path.read_text(encoding="utf-8").strip()
        and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_no_file_says_where_packages_come_from() -> None:
    # Each machine's own configuration says so. The words are split, so that this file passes too.
    hosts = re.compile(r"(registry\.npm|files\.python" + r"hosted|pypi\.(org|io)|npm" + r"js\.|/simple/[a-z])")
    sources = re.compile(r"^\s*(--(extra-)?index-url|--find-links|-i )|\"resolved\":", re.MULTILINE)
    found = []
    for path in tracked():
        if path.suffix in {".png", ".zip", ".eml", ".xlsx"} or path.name == Path(__file__).name:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if hosts.search(text) or sources.search(text):
            found.append(str(path.relative_to(ROOT)))
    assert found == []


def test_exact_versions_are_locked_with_hashes_and_by_one_tool() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in tracked()}
    assert {
        "requirements.lock",
        "fixtures/package-lock.json",
        "scripts/locks/uv.txt",
        "scripts/locks/node.txt",
    } <= names
    assert "uv.lock" not in names
    for name in ("requirements.lock", "scripts/locks/uv.txt", "scripts/locks/node.txt"):
        pinned = re.findall(
            r"^([A-Za-z0-9._\[\]-]+)==[^\\\n]+\\\n    --hash=", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE
        )
        listed = re.findall(r"^[A-Za-z0-9]", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
        assert len(pinned) == len(listed) > 0
