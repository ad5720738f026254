"""Secrets: from the configuration file or the environment, and otherwise from the system keyring.

They are known by name: `mailbox.password`, `clients.abc.activix.password`, `clients.abc.activix.totp_secret`, and for a
rooftop `clients.abc.rooftops.abc-autos-north.activix.password`. In the keyring they lie under the service
`export-robots`.
"""

import base64
import hashlib
import hmac
import os
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr
from pydantic_core import PydanticCustomError

from export_robots.clients import Account
from export_robots.config_kinds import totp_secret
from export_robots.config_schedule import notice_urls
from export_robots.outcomes import RobotDefect, UsageWrong
from export_robots.spelling import did_you_mean

if TYPE_CHECKING:
    from export_robots.settings import Settings

_Answer = TypeVar("_Answer")

SERVICE = "export-robots"
NOTICES = "notices.urls"
MAILBOX_TOKEN = "mailbox.token"  # noqa: S105 - a name
"""What `robot mailbox connect` stores: refresh and access token of the mailbox's user, at Google or Microsoft."""

_TOKEN = 16  # letters; no word that a path is made of is that long

KEYRING_DEADLINE_SECONDS = 60.0  # long enough to type the keyring's own password into the window that it may open

_WITHOUT_KEYRING = (
    "On a machine without a desktop keyring there are three ways: keep the secret in credentials.toml, readable by you "
    "alone (chmod 600); set its ROBOT_... variable; or name another keyring in PYTHON_KEYRING_BACKEND."
)
_MAILBOX_SECRETS = {
    "password": ("mailbox.password",),
    "google": ("mailbox.client_secret", MAILBOX_TOKEN),
    "microsoft": (MAILBOX_TOKEN,),
}
_SCRYPT = {"n": 2**14, "r": 8, "p": 1}  # 16 MB and about 50 ms for each guess


class SecretSource(StrEnum):
    FILE = "file"
    ENVIRONMENT = "environment"
    KEYRING = "keyring"
    MISSING = "missing"


@dataclass(frozen=True)
class ExpectedSecret:
    """A secret that the configuration calls for, and where it is. An optional one may well be missing.

    `place` is the file, the variable or the keyring's name; for a missing one, the variable that would set it, if any.
    """

    name: str
    source: SecretSource
    place: str
    optional: bool


class Secrets:
    """Hands out the secrets of one configuration, asking the keyring at most once for each."""

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings
        self._asked: dict[str, SecretStr | None] = {}
        self._met: set[str] = set()

    def __repr__(self) -> str:
        return "Secrets(**********)"

    def password(self, account: Account) -> SecretStr:
        """The account's password; none anywhere is `UsageWrong`."""
        return self._require(f"{account.secret_prefix}.password", f"the password of the {account}")

    def totp_secret(self, account: Account) -> SecretStr | None:
        """The account's authenticator secret in base 32, or None: most accounts have none.

        A machine without a keyring has none either: that is no mistake here, since the password came from elsewhere.
        """
        name = f"{account.secret_prefix}.totp_secret"
        try:
            found = self._find(name)
        except KeyringUnusable:
            self._asked[name] = found = None
        if found is None:
            return None
        try:
            return totp_secret(found)
        except PydanticCustomError as wrong:
            problem = str(wrong)
        raise UsageWrong(f"{name} in the keyring {problem}", f"Store the right one: robot credentials set {name}")

    def mailbox_password(self) -> SecretStr:
        """The mailbox's password; none anywhere is `UsageWrong`."""
        self._settings.require_mailbox()
        return self._require("mailbox.password", "the mailbox's password")

    def client_secret(self) -> SecretStr:
        """The secret of the application that is registered at Google; none anywhere is `UsageWrong`."""
        return self._require("mailbox.client_secret", "the client secret of the mailbox's application")

    def notice_urls(self) -> list[str]:
        """Where notices go: the configuration's addresses, or else those in the keyring; none is no mistake."""
        urls = self._settings.notices.urls
        if not urls:
            try:
                kept = self._find(NOTICES)
            except KeyringUnusable:
                self._asked[NOTICES] = kept = None
            urls = notice_urls(kept.get_secret_value()) if kept else ()
        plain = [url.get_secret_value() for url in urls]
        self.meet(plain)
        return plain

    def mailbox_token(self) -> str | None:
        """What is kept of the mailbox's consent, asked of the keyring anew: another process may have renewed it."""
        kept: str | None = _keyring(lambda keyring: keyring.get_password(SERVICE, MAILBOX_TOKEN))
        return kept

    def keep_mailbox_token(self, kept: str) -> None:
        """Into the keyring; one that does not keep it is `KeyringUnusable`."""
        _store(MAILBOX_TOKEN, kept)

    def meet(self, secrets: Iterable[str]) -> None:
        """Secrets that this process came by otherwise, for redaction."""
        self._met.update(secrets)

    @property
    def locks(self) -> Path:
        """The folder for what only one process may do with a secret at a time."""
        return self._settings.home / "locks"

    def all(self) -> list[str]:
        """The plain value of every secret known to this process, for redaction.

        One that lies in the keyring and was not asked for is not among them: it cannot have been typed or sent.
        """
        values = [*self._settings.secrets.values(), *(value for value in list(self._asked.values()) if value)]
        plain = {value.get_secret_value() for value in values} | self._met
        return sorted(plain.union(*(_in_address(each) for each in plain if "://" in each)))

    def fingerprint(self, name: str) -> str:
        """A salted digest of the named secret, by which it is recognised later without being stored."""
        return fingerprint(self._require(name, name))

    def _require(self, name: str, what: str) -> SecretStr:
        try:
            found = self._find(name)
        except KeyringUnusable as error:
            raise KeyringUnusable(f"{what} is not in the configuration, and {error.saw}") from error
        if found is None:
            raise UsageWrong(
                f"{what} is not stored anywhere",
                f"Store it with `{how_to_store(name)}`, or set the variable {variable_of(name)}.",
            )
        return found

    def _find(self, name: str) -> SecretStr | None:
        if name in self._settings.secrets:
            return self._settings.secrets[name]
        if name not in self._asked:
            value = _keyring(lambda keyring: keyring.get_password(SERVICE, name))
            self._asked[name] = SecretStr(value) if value else None
        return self._asked[name]


class KeyringUnusable(UsageWrong):
    """There is no system keyring, or it is locked or does not answer."""

    remedy = _WITHOUT_KEYRING


def set_secret(settings: "Settings", name: str, value: SecretStr) -> None:
    """Store a secret in the keyring and read it back; a name that the configuration has no use for is `UsageWrong`."""
    _require_expected(settings, name)
    if name == MAILBOX_TOKEN:
        raise UsageWrong(f"{name} cannot be typed: it comes from Google or Microsoft", how_to_store(name))
    plain = value.get_secret_value()
    if not plain.strip():
        raise UsageWrong(f"{name} was not stored: it is empty", "Type or pipe in the secret itself.")
    if name == NOTICES:
        try:
            notice_urls(plain)
        except PydanticCustomError as wrong:
            raise UsageWrong(f"{name} {wrong}", "Several have a comma or a space between them.") from None
    if name.endswith(".totp_secret"):
        try:
            plain = totp_secret(value).get_secret_value()
        except PydanticCustomError as wrong:
            raise UsageWrong(f"{name} {wrong}", "Copy it from the CRM's page once more.") from None
    _store(name, plain)


def forget_secret(name: str) -> None:
    """Remove a secret from the keyring; one that is not there is `UsageWrong`. Files and variables are left alone."""

    def remove(keyring: Any) -> bool:
        if keyring.get_password(SERVICE, name) is None:
            return False
        keyring.delete_password(SERVICE, name)
        return True

    if not _keyring(remove):
        raise UsageWrong(
            f"the keyring has no secret {name}", "`robot credentials list` shows the names and where each one is kept."
        )


def list_secrets(settings: "Settings") -> list[ExpectedSecret]:
    """Every secret that the configuration calls for, in its order, and where it is; no value is shown or kept.

    A keyring that cannot be used has none of them; `check_keyring` says what is the matter with it.
    """
    names = expected_names(settings)
    if not settings.notices.urls:
        names.append(NOTICES)
    others = [name for name in names if name not in settings.secrets]
    try:
        in_keyring = _keyring(lambda keyring: {name for name in others if keyring.get_password(SERVICE, name)})
    except KeyringUnusable:
        in_keyring = set()
    found = [_where(settings, name, in_keyring=name in in_keyring) for name in names]
    return [each for each in found if each.name != NOTICES or each.source is SecretSource.KEYRING]


def check_keyring() -> str:
    """Store, read and remove a trial value, for `robot doctor`, and return the keyring's name.

    Raises:
        KeyringUnusable: There is none, or it is locked, or does not keep what it is given.
    """

    def ask(keyring: Any) -> str | None:
        trial = base64.b64encode(os.urandom(9)).decode("ascii")
        keyring.set_password(SERVICE, "trial", trial)
        kept = keyring.get_password(SERVICE, "trial") == trial
        if kept:
            keyring.delete_password(SERVICE, "trial")
        return str(keyring.get_keyring().name) if kept else None

    name = _keyring(ask)
    if name is None:
        raise KeyringUnusable("the system keyring takes secrets without keeping them")
    return name


def expected_names(settings: "Settings") -> list[str]:
    """The names of all secrets that the configuration has a use for."""
    names = list(_MAILBOX_SECRETS[settings.mailbox.auth]) if settings.mailbox else []
    for account in settings.accounts:
        names += [f"{account.secret_prefix}.password", f"{account.secret_prefix}.totp_secret"]
    return names


def how_to_store(name: str) -> str:
    """The command that stores the secret of that name."""
    return "robot mailbox connect" if name == MAILBOX_TOKEN else f"robot credentials set {name}"


def _in_address(url: str) -> set[str]:
    """What alone would open the door: the password of an address, and tokens in its path."""
    try:
        parts = urlsplit(url)
        found = {parts.password or "", unquote(parts.password or "")}
    except ValueError:
        return set()
    return {each for each in found if each} | {each for each in parts.path.split("/") if len(each) >= _TOKEN}


def variable_of(name: str) -> str:
    """The environment variable of a secret: `ROBOT_CLIENTS__ABC__ACTIVIX__PASSWORD`."""
    return "ROBOT_" + name.replace(".", "__").replace("-", "_").upper()


def _store(name: str, plain: str) -> None:
    def store(keyring: Any) -> bool:
        keyring.set_password(SERVICE, name, plain)
        return bool(keyring.get_password(SERVICE, name) == plain)

    if not _keyring(store):
        raise KeyringUnusable(f"the keyring took {name} without keeping it")


def fingerprint(secret: SecretStr) -> str:
    """A salted digest: it tells whether the same secret is there again, and not what it is."""
    salt = os.urandom(16)
    return "$".join(("scrypt", _text(salt), _text(_digest(secret, salt))))


def matches(fingerprint: str, secret: SecretStr) -> bool:
    """Whether the fingerprint was taken of this secret."""
    kind, salt, digest = fingerprint.split("$")
    if kind != "scrypt":
        raise RobotDefect(f"a fingerprint of the kind {kind} is not known")
    return hmac.compare_digest(_digest(secret, base64.b64decode(salt)), base64.b64decode(digest))


def _digest(secret: SecretStr, salt: bytes) -> bytes:
    return hashlib.scrypt(secret.get_secret_value().encode(), salt=salt, dklen=32, **_SCRYPT)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _where(settings: "Settings", name: str, *, in_keyring: bool) -> ExpectedSecret:
    optional = name.endswith(".totp_secret") or name == NOTICES
    if name in settings.secrets:
        place = settings.secret_places[name]
        source = SecretSource.FILE if place == str(settings.config_file) else SecretSource.ENVIRONMENT
        return ExpectedSecret(name, source, place, optional)
    if in_keyring:
        return ExpectedSecret(name, SecretSource.KEYRING, SERVICE, optional)
    place = "" if name == MAILBOX_TOKEN else variable_of(name)
    return ExpectedSecret(name, SecretSource.MISSING, place, optional)


def _require_expected(settings: "Settings", name: str) -> None:
    names = [*expected_names(settings), NOTICES]
    if name not in names:
        raise UsageWrong(
            f"the configuration has no use for a secret {name}{did_you_mean(name, names)}",
            "Add the account to the configuration file first; `robot credentials list` shows the names.",
        )


def _keyring(use: Callable[[Any], _Answer]) -> _Answer:
    """Call `use` with the keyring library; a keyring that is missing, locked or silent is `KeyringUnusable`.

    In a thread of its own, because a locked keyring may wait for ever for a window that nobody sees.
    """
    answer: Future[_Answer] = Future()

    def ask() -> None:
        try:
            import keyring  # slow, and most runs have their secrets elsewhere

            answer.set_result(use(keyring))
        except BaseException as error:  # raised again below, in the thread that asked
            answer.set_exception(error)

    threading.Thread(target=ask, name="keyring", daemon=True).start()
    try:
        return answer.result(KEYRING_DEADLINE_SECONDS)
    except TimeoutError as error:
        raise KeyringUnusable("the system keyring does not answer; it may be waiting for its own password") from error
    except _backend_errors() as error:
        raise KeyringUnusable(_cause(error)) from error


def _backend_errors() -> tuple[type[Exception], ...]:
    """What backends are known to raise; those that speak D-Bus let its libraries' errors through."""
    found: list[type[Exception]] = [ImportError, AttributeError, RuntimeError, ValueError, OSError]
    for module, name in (
        ("keyring.errors", "KeyringError"),
        ("secretstorage.exceptions", "SecretStorageException"),
        ("jeepney.wrappers", "DBusErrorResponse"),
    ):
        if module in sys.modules:
            found.append(getattr(sys.modules[module], name))
    return tuple(found)


def _cause(error: Exception) -> str:
    kind = type(error).__name__
    if kind == "NoKeyringError":
        return "this machine has no system keyring"
    if kind == "KeyringLocked":
        return "the system keyring is locked"
    if isinstance(error, ImportError | AttributeError) and os.environ.get("PYTHON_KEYRING_BACKEND"):
        return "PYTHON_KEYRING_BACKEND names a keyring that is not installed"
    return f"the system keyring cannot be used ({kind})"
