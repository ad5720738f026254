import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from export_robots import credentials
from export_robots.credentials import (
    KeyringUnusable,
    Secrets,
    SecretSource,
    check_keyring,
    fingerprint,
    forget_secret,
    list_secrets,
    matches,
    set_secret,
)
from export_robots.outcomes import UsageWrong
from export_robots.settings import Settings

Load = Callable[..., Settings]

PASSWORD = "correct horse 18 battery!"
ACCOUNT = "clients.abc.activix.password"


def test_a_password_in_the_environment_is_used_and_the_keyring_not_asked(load: Load, memory_keyring: Any) -> None:
    settings = load(ROBOT_CLIENTS__ABC__ACTIVIX__PASSWORD=PASSWORD)
    secrets = Secrets(settings)
    assert secrets.password(settings.accounts[0]).get_secret_value() == PASSWORD
    assert memory_keyring.asked == []
    assert secrets.all() == [PASSWORD]
    assert PASSWORD not in repr(secrets)


def test_a_password_that_is_nowhere_else_comes_from_the_keyring(load: Load, memory_keyring: Any) -> None:
    settings = load()
    main, north = settings.accounts
    set_secret(settings, ACCOUNT, SecretStr(PASSWORD))
    set_secret(settings, "clients.abc.rooftops.abc-autos-north.activix.password", SecretStr("of the north"))
    set_secret(settings, "mailbox.password", SecretStr("of the mailbox"))
    assert ("export-robots", ACCOUNT) in memory_keyring.kept
    secrets = Secrets(settings)
    assert secrets.password(main).get_secret_value() == PASSWORD
    assert secrets.password(north).get_secret_value() == "of the north"
    assert secrets.mailbox_password().get_secret_value() == "of the mailbox"
    assert secrets.totp_secret(main) is None
    assert secrets.all() == [PASSWORD, "of the mailbox", "of the north"]


def test_a_password_that_is_nowhere_is_asked_for_by_name(load: Load, memory_keyring: Any) -> None:
    settings = load()
    with pytest.raises(
        UsageWrong, match="the password of the activix account of ABC Autos North is not stored"
    ) as caught:
        Secrets(settings).password(settings.accounts[1])
    name = "clients.abc.rooftops.abc-autos-north.activix.password"
    assert f"`robot credentials set {name}`" in caught.value.hint
    assert "ROBOT_CLIENTS__ABC__ROOFTOPS__ABC_AUTOS_NORTH__ACTIVIX__PASSWORD" in caught.value.hint


def test_the_variable_that_is_named_is_the_one_that_is_read(load: Load) -> None:
    settings = load()
    for name in credentials.expected_names(settings):
        value = "JBSWY3DPEHPK3PXP" if name.endswith("totp_secret") else PASSWORD
        assert name in load(**{credentials.variable_of(name): value}).secrets


def test_an_authenticator_secret_is_stored_as_base_32_however_it_is_written(load: Load, memory_keyring: Any) -> None:
    settings = load()
    name = "clients.abc.activix.totp_secret"
    set_secret(settings, name, SecretStr("jbsw y3dp-ehpk 3pxp\n"))
    found = Secrets(settings).totp_secret(settings.accounts[0])
    assert found is not None
    assert found.get_secret_value() == "JBSWY3DPEHPK3PXP"
    with pytest.raises(UsageWrong, match="must be an authenticator secret"):
        set_secret(settings, name, SecretStr("123456"))


def test_only_secrets_that_the_configuration_has_a_use_for_are_stored(load: Load, memory_keyring: Any) -> None:
    settings = load()
    with pytest.raises(
        UsageWrong, match=r"no use for a secret clients\.abx\.activix\.password; did you mean"
    ) as caught:
        set_secret(settings, "clients.abx.activix.password", SecretStr(PASSWORD))
    assert PASSWORD not in str(caught.value)
    with pytest.raises(UsageWrong, match="it is empty"):
        set_secret(settings, ACCOUNT, SecretStr(" \n"))
    assert not memory_keyring.kept


def test_a_forgotten_secret_is_gone_and_cannot_be_forgotten_twice(load: Load, memory_keyring: Any) -> None:
    set_secret(load(), ACCOUNT, SecretStr(PASSWORD))
    forget_secret(ACCOUNT)
    assert not memory_keyring.kept
    with pytest.raises(UsageWrong, match=f"the keyring has no secret {ACCOUNT}"):
        forget_secret(ACCOUNT)


def test_the_list_says_where_each_secret_is_and_never_what_it_is(
    load: Load, model: str, memory_keyring: Any, tmp_path: Path
) -> None:
    text = model.replace("[mailbox]", f'[mailbox]\npassword = "{PASSWORD}"')
    settings = load(text, ROBOT_CLIENTS__ABC__ACTIVIX__PASSWORD=PASSWORD)
    set_secret(settings, "clients.abc.activix.totp_secret", SecretStr("JBSWY3DPEHPK3PXP"))
    found = list_secrets(settings)
    assert [(secret.name, secret.source, secret.place, secret.optional) for secret in found] == [
        ("mailbox.password", SecretSource.FILE, str(tmp_path / "credentials.toml"), False),
        (ACCOUNT, SecretSource.ENVIRONMENT, "ROBOT_CLIENTS__ABC__ACTIVIX__PASSWORD", False),
        ("clients.abc.activix.totp_secret", SecretSource.KEYRING, "export-robots", True),
        (
            "clients.abc.rooftops.abc-autos-north.activix.password",
            SecretSource.MISSING,
            "ROBOT_CLIENTS__ABC__ROOFTOPS__ABC_AUTOS_NORTH__ACTIVIX__PASSWORD",
            False,
        ),
        (
            "clients.abc.rooftops.abc-autos-north.activix.totp_secret",
            SecretSource.MISSING,
            "ROBOT_CLIENTS__ABC__ROOFTOPS__ABC_AUTOS_NORTH__ACTIVIX__TOTP_SECRET",
            True,
        ),
    ]
    assert PASSWORD not in repr(found)


def test_a_locked_keyring_is_told_with_the_three_ways_around_it(load: Load, use_keyring: Callable[..., Any]) -> None:
    use_keyring(locked=True)
    settings = load()
    with pytest.raises(KeyringUnusable, match="not in the configuration, and the system keyring is locked") as caught:
        Secrets(settings).password(settings.accounts[0])
    for way in ("chmod 600", "ROBOT_", "PYTHON_KEYRING_BACKEND"):
        assert way in caught.value.hint
    with pytest.raises(KeyringUnusable, match="the system keyring is locked"):
        set_secret(settings, ACCOUNT, SecretStr(PASSWORD))
    assert {secret.source for secret in list_secrets(settings)} == {SecretSource.MISSING}
    assert Secrets(settings).totp_secret(settings.accounts[0]) is None


def test_a_keyring_that_keeps_nothing_is_found_out(load: Load, use_keyring: Callable[..., Any]) -> None:
    use_keyring(forgetful=True)
    with pytest.raises(KeyringUnusable, match="without keeping it"):
        set_secret(load(), ACCOUNT, SecretStr(PASSWORD))
    with pytest.raises(KeyringUnusable, match="without keeping them"):
        check_keyring()


def test_a_keyring_that_never_answers_does_not_hold_the_robot_up(
    load: Load, memory_keyring: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    monkeypatch.setattr(memory_keyring, "get_password", lambda *_: released.wait(60))
    monkeypatch.setattr(credentials, "KEYRING_DEADLINE_SECONDS", 0.2)
    settings = load()
    with pytest.raises(KeyringUnusable, match="does not answer"):
        Secrets(settings).mailbox_password()
    released.set()


def test_a_working_keyring_passes_the_check_and_keeps_no_trial(memory_keyring: Any) -> None:
    assert "Keyring" in check_keyring()
    assert not memory_keyring.kept


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        ("keyring.backends.fail.Keyring", "this machine has no system keyring"),
        ("keyring.backends.nowhere.Keyring", "PYTHON_KEYRING_BACKEND names a keyring that is not installed"),
        ("keyring.backends.fail.Nothing", "PYTHON_KEYRING_BACKEND names a keyring that is not installed"),
        ("nonsense", "the system keyring cannot be used"),
    ],
)
def test_a_machine_without_keyring_is_told_the_three_ways(model: str, tmp_path: Path, backend: str, words: str) -> None:
    config = tmp_path / "credentials.toml"
    config.write_text(model, encoding="utf-8")
    code = """
import sys, pathlib
from export_robots.credentials import Secrets
from export_robots.outcomes import UsageWrong
from export_robots.settings import load_settings
settings = load_settings(pathlib.Path(sys.argv[1]), None, {})
try:
    Secrets(settings).password(settings.accounts[0])
except UsageWrong as error:
    print(error, error.hint, sep="\\n")
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(config)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHON_KEYRING_BACKEND": backend},
    )
    assert f"the password of the activix account of ABC Autos is not in the configuration, and {words}" in done.stdout
    assert "credentials.toml, readable by you alone (chmod 600)" in done.stdout
    assert not done.stderr


def test_a_fingerprint_recognises_the_same_password_and_does_not_hold_it(load: Load) -> None:
    secrets = Secrets(load(ROBOT_CLIENTS__ABC__ACTIVIX__PASSWORD=PASSWORD))
    taken = secrets.fingerprint(ACCOUNT)
    assert matches(taken, SecretStr(PASSWORD))
    assert not matches(taken, SecretStr(PASSWORD + " "))
    assert taken != fingerprint(SecretStr(PASSWORD))
    assert PASSWORD not in taken
