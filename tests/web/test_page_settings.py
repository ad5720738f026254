"""The table [status_page], and that nobody pays for the page who has none."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from export_robots.config_schedule import PageAddress, StatusPageSettings
from export_robots.outcomes import UsageWrong
from export_robots.settings import Settings, load_settings
from export_robots.web import page_of
from tests.web.conftest import CONFIG

ROOT = Path(__file__).parents[2]


def page_settings(folder: Path, table: str, **env: str) -> StatusPageSettings:
    config = folder / "credentials.toml"
    config.write_text(f"[status_page]\n{table}\n", "utf-8")
    return load_settings(config, folder / "home", env).status_page


@pytest.mark.parametrize(
    ("table", "address"),
    [
        ("", PageAddress("127.0.0.1", 8350)),
        ('address = "[::1]:9000"', PageAddress("::1", 9000)),
        ('address = "Robot.Example.com:80"', PageAddress("robot.example.com", 80)),
        ('address = "127.0.0.1:0"', PageAddress("127.0.0.1", 0)),
        ('address = "off"', None),
    ],
)
def test_the_address_is_a_host_and_a_port_or_off(tmp_path: Path, table: str, address: PageAddress | None) -> None:
    assert page_settings(tmp_path, table).address == address


def test_the_environment_can_say_the_same(tmp_path: Path) -> None:
    found = page_settings(tmp_path, "", ROBOT_STATUS_PAGE__ADDRESS="off", ROBOT_STATUS_PAGE__HOSTS="a.example.com, B")
    assert (found.address, found.hosts) == (None, ("a.example.com", "b"))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        *(
            (f'address = "{each}"', 'status_page.address must be a host and a port, like "127.0.0.1:8350", or "off"')
            for each in ("", "8350", "127.0.0.1", "http://127.0.0.1:8350", "::1:8350", "a b:80", "x:65536", "[x]:80")
        ),
        ("address = 8350", "status_page.address must be a host and a port"),
        ("address = false", "status_page.address must be a host and a port"),
        ('hosts = ["https://robot.example.com"]', "status_page.hosts must be a list of names"),
        ('hosts = ["*"]', "status_page.hosts must be a list of names"),
        ('adress = "off"', "status_page.adress is not known here; did you mean “address”?"),
    ],
)
def test_a_mistake_is_refused_when_robot_serve_starts(tmp_path: Path, table: str, words: str) -> None:
    with pytest.raises(UsageWrong, match=re.escape(words)) as caught:
        page_settings(tmp_path, table)
    assert caught.value.hint


def test_without_a_page_what_it_is_made_of_is_not_even_imported() -> None:
    assert page_of(replace(CONFIG, status_page=StatusPageSettings(address=None))) is None
    assert page_of(Settings(Path("home"))) is not None
    program = (
        "import sys\n"
        "import export_robots.web, export_robots.runs.serving, export_robots.runs.month_shown\n"
        "assert not {'starlette', 'uvicorn', 'jinja2'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_wheel_has_what_the_page_is_drawn_with() -> None:
    files = {each.distribution_path for each in WheelBuilder(str(ROOT)).recurse_included_files()}
    drawn = {f"export_robots/web/templates/{name}" for name in ("base.html", "month.html", "trouble.html", "style.css")}
    assert drawn <= files
