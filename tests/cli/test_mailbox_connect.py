"""`robot mailbox connect`, and what `credentials` and `doctor` say of what it stored."""

import io
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import keyring
import pytest

from emulated_world.dovecot import Dovecot
from export_robots import cli_mailbox_connect, cli_output
from export_robots.credentials import MAILBOX_TOKEN, SERVICE, Secrets
from export_robots.doctor import Finding, Level, _mailbox, _mailbox_consent, _secrets
from export_robots.mailbox_tokens import KeyringGrants
from export_robots.settings import Settings, load_settings
from report_mailbox import oauth_google, oauth_microsoft
from tests.cli.conftest import Robot
from tests.conftest import Run
from tests.mail.signing_in.oauth_server import CLIENT_ID, CLIENT_SECRET, CODE, OAuthWorld, oauth_world
from tests.settings.file_keyring import FileKeyring

ROOT = Path(__file__).parents[2]
USER = "datateam@example.com"


@pytest.fixture(autouse=True)
def keyring_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("KEYRING_FILE", str(tmp_path / "keyring.json"))
    before = keyring.get_keyring()
    keyring.set_keyring(FileKeyring())  # type: ignore[no-untyped-call]
    yield tmp_path / "keyring.json"
    keyring.set_keyring(before)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OAuthWorld]:
    with oauth_world(tmp_path, USER) as world:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(world.certificate))
        monkeypatch.setenv("SSL_CERT_FILE", str(world.certificate))
        monkeypatch.setattr(oauth_microsoft, "HOST", world.host)
        monkeypatch.setattr(oauth_google, "SITE", world.site)
        monkeypatch.setattr(oauth_google, "TOKEN_ADDRESS", world.token_address)
        yield world


@pytest.fixture
def dovecot(run: Run, world: OAuthWorld) -> Iterator[Dovecot]:
    server = Dovecot(username=USER, password="none yet")
    run(server.__aenter__())

    def take(token: str) -> None:
        before = server.passwd_file.stat().st_mtime
        server.passwd_file.write_text(f"{USER}:{{PLAIN}}{token}::::::\n", "utf-8")
        os.utime(server.passwd_file, (before + 1, before + 1))  # by which Dovecot sees that it was rewritten

    world.on_token = take
    yield server
    run(server.__aexit__(None, None, None))


Configure = Callable[..., Path]


@pytest.fixture
def configure(tmp_path: Path) -> Configure:
    def write(auth: str, port: int = 1, *, secret: bool = True, username: str = USER) -> Path:
        lines = [
            "[mailbox]", 'host = "127.0.0.1"', f"port = {port}", 'security = "none"', f'username = "{username}"',
            f'auth = "{auth}"',
        ]  # fmt: skip
        if auth != "password":
            lines.append(f'client_id = "{CLIENT_ID}"')
        if auth == "google" and secret:
            lines.append(f'client_secret = "{CLIENT_SECRET}"')
        path = tmp_path / "credentials.toml"
        path.touch(mode=0o600)
        path.write_text("\n".join(lines), "utf-8")
        return path

    return write


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opens the address that the command prints, as soon as it is printed."""

    def say_and_go(text: str) -> None:
        cli_output.say(text)
        if address := re.search(r"https://localhost\S+", text):
            threading.Thread(target=lambda: urlopen(address[0], timeout=10).close(), daemon=True).start()

    monkeypatch.setattr(cli_mailbox_connect, "say", say_and_go)


def connect(robot: Robot, config: Path, *options: str) -> tuple[int, str, str]:
    answer = robot("mailbox", "connect", "--no-browser", "--config", str(config), "--home", "home", *options)
    return answer.code, answer.out, answer.said


def settings_of(config: Path) -> Settings:
    return load_settings(config, Path("home"), {})


def about(findings: list[Finding]) -> list[tuple[Level, str]]:
    return [(finding.level, finding.about) for finding in findings]


@pytest.mark.dovecot
@pytest.mark.usefixtures("person")
@pytest.mark.parametrize("auth", ["google", "microsoft"])
def test_a_mailbox_is_connected_and_can_be_read_from_then_on(
    robot: Robot,
    dovecot: Dovecot,
    world: OAuthWorld,
    configure: Configure,
    keyring_file: Path,
    tmp_path: Path,
    auth: str,
) -> None:
    config = configure(auth, dovecot.imap_port)
    settings = settings_of(config)
    assert (Level.BAD, "mailbox sign-in") in about(_mailbox_consent(settings))
    assert [each.mend for each in _secrets(settings) if each.level is Level.BAD] == ["robot mailbox connect"]

    code, out, said = connect(robot, config)
    assert (code, out) == (
        0,
        f"the mailbox of {USER} is connected: INBOX at 127.0.0.1:{dovecot.imap_port} holds 0 mails\n",
    )
    wanted = {"microsoft": ("https://login.example.com/device", CODE), "google": (world.site, "ssh -L ")}
    for each in (*wanted[auth], f"sign in as {USER}"):
        assert each in said

    assert about(_mailbox(settings))[0] == (Level.OK, "mailbox")
    (consent,) = _mailbox_consent(settings)
    assert consent.saw.startswith(f"{USER} consented at {auth.capitalize()}; the access token was last renewed 20")
    listed = robot("credentials", "list", "--config", str(config))
    assert re.search(rf"^{re.escape(MAILBOX_TOKEN)} +keyring +{SERVICE}$", listed.out, re.MULTILINE)
    assert robot("credentials", "check", "--config", str(config)).code == 0

    secrets = world.secrets()
    assert not [secret for secret in secrets for text in (out, said, listed.out, str(consent)) if secret in text]
    files = [path for path in keyring_file.parent.rglob("*") if path.is_file() and "dovecot" not in str(path)]
    holding = {path for path in files for secret in secrets if secret.encode() in path.read_bytes()}
    assert holding - {config} == {keyring_file}

    assert robot("credentials", "forget", MAILBOX_TOKEN).out == f"{MAILBOX_TOKEN} is forgotten\n"
    assert _mailbox_consent(settings)[0].mend == "robot mailbox connect"


@pytest.mark.dovecot
@pytest.mark.usefixtures("person", "world")
@pytest.mark.parametrize("auth", ["google", "microsoft"])
def test_a_consent_that_does_not_open_the_mailbox_is_not_kept(
    robot: Robot, dovecot: Dovecot, world: OAuthWorld, configure: Configure, keyring_file: Path, auth: str
) -> None:
    world.on_token = lambda _: None
    code, out, said = connect(robot, configure(auth, dovecot.imap_port))
    assert (code, out) == (2, "")
    assert "the mailbox is not connected: " in said
    assert "refuses the access token" in said
    assert MAILBOX_TOKEN not in keyring_file.read_text("utf-8")


@pytest.mark.usefixtures("person", "world")
@pytest.mark.parametrize("auth", ["google", "microsoft"])
def test_a_consent_is_kept_while_the_mailbox_is_away(
    robot: Robot, configure: Configure, keyring_file: Path, auth: str
) -> None:
    code, _, said = connect(robot, configure(auth, 1))
    assert code == 2
    assert "the consent is stored, but the mailbox cannot be read: no connection" in said
    assert MAILBOX_TOKEN in keyring_file.read_text("utf-8")


@pytest.mark.usefixtures("person")
@pytest.mark.parametrize("auth", ["google", "microsoft"])
def test_another_account_is_told_by_name_and_nothing_is_kept(
    robot: Robot, world: OAuthWorld, configure: Configure, keyring_file: Path, auth: str
) -> None:
    world.username = "boss@example.com"
    code, _, said = connect(robot, configure(auth))
    assert code == 2
    assert f"boss@example.com consented, and the mailbox is that of {USER}" in said
    assert f"hint: Begin again in a private window, and sign in as {USER}." in said
    assert MAILBOX_TOKEN not in keyring_file.read_text("utf-8")


def test_a_mailbox_with_a_password_has_nothing_to_connect(robot: Robot, configure: Configure) -> None:
    code, _, said = connect(robot, configure("password"))
    assert code == 2
    assert "signs in with a password, so there is nothing to connect" in said


def test_a_missing_client_secret_is_told_with_its_command(robot: Robot, configure: Configure) -> None:
    code, _, said = connect(robot, configure("google", secret=False))
    assert code == 2
    assert "robot credentials set mailbox.client_secret" in said


def test_nobody_is_asked_to_consent_without_a_keyring(
    robot: Robot, world: OAuthWorld, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    from keyring.backends import fail

    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]
    code, _, said = connect(robot, configure("microsoft"))
    assert code == 2
    assert "this machine has no system keyring" in said
    assert not world.asked


def test_a_port_that_is_taken_is_named(robot: Robot, world: OAuthWorld, configure: Configure) -> None:
    code, _, said = connect(robot, configure("google"), "--port", str(world.port))
    assert code == 2
    assert f"port {world.port} of this machine cannot be listened on" in said


def test_the_token_cannot_be_typed(robot: Robot, configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("ya29.copied-from-somewhere\n"))
    answer = robot("credentials", "set", MAILBOX_TOKEN, "--config", str(configure("microsoft")))
    assert answer.code == 2
    assert "cannot be typed" in answer.said
    assert "hint: robot mailbox connect" in answer.said


@pytest.mark.usefixtures("person")
@pytest.mark.parametrize("auth", ["google", "microsoft"])
def test_processes_that_renew_at_once_renew_once_and_lose_nothing(
    robot: Robot, world: OAuthWorld, configure: Configure, keyring_file: Path, auth: str
) -> None:
    config = configure(auth)
    connect(robot, config)
    grants = KeyringGrants(Secrets(settings_of(config)))
    kept = grants.read()
    assert kept
    grants.write(replace(kept, expires=datetime.now(UTC) + timedelta(minutes=1)))
    code = f"""
import sys
from pathlib import Path
from export_robots.credentials import Secrets
from export_robots.mailbox_tokens import tokens_of
from export_robots.settings import load_settings
from report_mailbox import oauth_google, oauth_microsoft
oauth_microsoft.HOST = {world.host!r}
oauth_google.SITE, oauth_google.TOKEN_ADDRESS = {world.site!r}, {world.token_address!r}
settings = load_settings(Path(sys.argv[1]), Path("home"), {{}})
secrets = Secrets(settings)
token = tokens_of(settings.mailbox, secrets).token()
assert token in secrets.all()
print(token)
"""
    env = {**os.environ, "PYTHON_KEYRING_BACKEND": "tests.settings.file_keyring.FileKeyring", "PYTHONPATH": str(ROOT)}
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(config)], stdout=subprocess.PIPE, text=True, env=env)
        for _ in range(3)
    ]
    printed = [process.communicate(timeout=60)[0].strip() for process in started]
    assert printed == [world.access_tokens[1]] * 3
    assert world.asked.count("refresh_token") == 1
    again = grants.read()
    assert again
    assert again.secrets() >= world.refresh_tokens
