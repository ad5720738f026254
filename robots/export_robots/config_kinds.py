"""The kinds of value that the configuration holds: how each is written, and what is said when it is not.

Each message follows the key's name: `clients.abc.starts` “must be a month like 2026-05”. It repeats the value only
where nobody would put a secret.
"""

import ipaddress
import re
import zoneinfo
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr
from pydantic_core import PydanticCustomError

from export_robots.clients import slug
from export_robots.outcomes import UsageWrong
from export_robots.periods import Month as _Month
from export_robots.spelling import did_you_mean

_DURATION = re.compile(r"(\d{1,6})\s*([smh])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}
_LONGEST = timedelta(days=7)
_SIZE = re.compile(r"(\d{1,6})\s*(KB|MB|GB)", re.IGNORECASE)
_SIZE_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9}
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,76}")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_EMAIL = re.compile(r"[^\s@\"<>(),:;\[\]\\]+@([^\s@]+)")
_CLIENT_KEY = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")
_BASE32 = re.compile(r"[A-Z2-7]{16,}=*")


class Table(BaseModel):
    """A table of the configuration: no keys but its own, and no value in what is said of a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Wrong(PydanticCustomError):
    """A value is not what its key takes; `words` follow the key's name."""

    def __new__(cls, words: str) -> "Wrong":
        return super().__new__(cls, "words", "{words}", {"words": words})


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise Wrong("must be text in quotes")
    if not value.strip():
        raise Wrong("is empty: give it a value, or remove the line")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in value):
        raise Wrong("must be one line of text")
    return value.strip()


def rooftop_name(value: Any) -> str:
    name = text(value)
    if not slug(name):
        raise Wrong("must have a letter or digit in it")
    return name


def secret(value: Any) -> SecretStr:
    """Kept as it is, spaces at its ends and all."""
    if isinstance(value, SecretStr):
        return value
    text(value)
    return SecretStr(value)


def totp_secret(value: Any) -> SecretStr:
    """An authenticator's secret as sites show it: with spaces or hyphens, in small letters or capitals."""
    plain = value.get_secret_value() if isinstance(value, SecretStr) else text(value)
    letters = re.sub(r"[\s-]", "", plain).upper()
    if not _BASE32.fullmatch(letters):
        raise Wrong(
            "must be an authenticator secret: the letters A-Z and digits 2-7, 16 or more, that stand beside the QR code"
        )
    return SecretStr(letters)


def month(value: Any) -> _Month:
    if isinstance(value, str):
        try:
            return _Month.parse(value)
        except UsageWrong:
            pass
    raise Wrong("must be a month like 2026-05, in quotes")


def time_zone(value: Any) -> zoneinfo.ZoneInfo:
    name = text(value)
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        pass
    names = zoneinfo.available_timezones()
    # "Toronto" alone is what people write: the last word counts as the name too.
    cities = {zone.rpartition("/")[2]: zone for zone in sorted(names)}
    city = cities.get(name.strip().replace(" ", "_").title())
    near = f"; did you mean “{city}”?" if city else did_you_mean(name, names)
    raise Wrong(f"must be a time zone like America/Toronto, and “{name[:60]}” is none{near}")


def duration(value: Any) -> timedelta:
    match = _DURATION.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    if not match:
        raise Wrong('must be a time with its unit, in quotes: "45s", "30m" or "2h"')
    length = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if not timedelta() < length <= _LONGEST:
        raise Wrong("must be longer than nothing and no longer than a week")
    return length


def size(value: Any) -> int:
    """Bytes; a kilobyte is a thousand of them."""
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    number = int(match[1]) * _SIZE_UNITS[match[2].upper()] if match else 0
    if not number:
        raise Wrong('must be a size with its unit, in quotes: "500KB", "60MB" or "2GB"')
    return number


def count(value: Any) -> int:
    number = int(value) if isinstance(value, str) and value.strip().isdecimal() else value
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= 1_000_000:
        raise Wrong("must be a whole number from 1 to 1000000")
    return number


def header_names(value: Any) -> tuple[str, ...]:
    """Names of mail headers; a variable holds them with commas between."""
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names or not all(isinstance(name, str) for name in names):
        raise Wrong('must be a list of mail headers: ["Delivered-To"]')
    plain = tuple(name.strip().removesuffix(":") for name in names)
    if wrong := next((name for name in plain if not _HEADER_NAME.fullmatch(name)), None):
        raise Wrong(f'must be a list of mail headers: ["Delivered-To"]; “{wrong[:60]}” is none')
    if len({name.casefold() for name in plain}) < len(plain):
        raise Wrong("names a header twice")
    return plain


def word_of(words: type[StrEnum]) -> BeforeValidator:
    """One of the enumeration's words, exactly as it is written."""

    def check(value: Any) -> StrEnum:
        if isinstance(value, str) and value in set(words):
            return words(value)
        *others, last = (f'"{word}"' for word in words)
        raise Wrong(f"must be {', '.join(others)} or {last}")

    return BeforeValidator(check)


def tenant(value: Any) -> str:
    """A Microsoft 365 tenant: `common`, `organizations`, its domain or its number."""
    name = text(value)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]{0,99}", name):
        raise Wrong("must be a Microsoft 365 tenant: its domain, like example.onmicrosoft.com, its id, or common")
    return name


def email(value: Any) -> str:
    address = text(value)
    match = _EMAIL.fullmatch(address)
    if not match or not _HOST.fullmatch(match[1].lower()):
        raise Wrong("must be an e-mail address like datateam+abcautos@example.com")
    return address


def senders(value: Any) -> tuple[str, ...]:
    """Domains or addresses, in small letters; a variable holds them with commas between."""
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names or not all(isinstance(name, str) for name in names):
        raise Wrong('must be a list of domains or addresses: ["activix.ca"]')
    plain = tuple(name.strip().lower().removeprefix("@") for name in names)
    for name in plain:
        if not _DOMAIN.fullmatch(name.rpartition("@")[2]) or ("@" in name and not _EMAIL.fullmatch(name)):
            raise Wrong('must be a list of whole domains or addresses: ["activix.ca", "reports@example.com"]')
    return plain


def host(value: Any) -> str:
    name = text(value).lower()
    if not _HOST.fullmatch(name) and not _is_address(name):
        raise Wrong("must be a server's name alone, like imap.example.com, without https:// or a port")
    return name


def port(value: Any) -> int:
    number = int(value) if isinstance(value, str) and value.strip().isdecimal() else value
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= 65535:
        raise Wrong("must be a whole number from 1 to 65535")
    return number


def url(value: Any) -> str:
    """An https address, or an http one on this machine. One with a password in it is refused without being shown."""
    address = text(value)
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"https", "http"} or not parts.hostname or re.search(r"\s", address):
        raise Wrong("must be an address like https://crm.example.com/")
    if "@" in parts.netloc:
        raise Wrong("must be an address without a user name or password in it")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise Wrong("must begin with https://: anybody on the way could read what goes over http")
    return address


def whole_path(value: Any) -> Path:
    path = Path(text(str(value) if isinstance(value, Path) else value)).expanduser()
    if not path.is_absolute():
        raise Wrong("must be a whole path, like /usr/bin/chromium")
    return path


def client_key(value: Any) -> str:
    key = text(value)
    if not _CLIENT_KEY.fullmatch(key) or len(key) > 60:
        raise Wrong("must be a short name of small letters, digits and single hyphens, like abc-autos")
    return key


def is_loopback(name: str) -> bool:
    """Whether only this machine itself can be behind that name."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    return _is_address(name) and ipaddress.ip_address(name).is_loopback


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


Text = Annotated[str, BeforeValidator(text)]
RooftopName = Annotated[str, BeforeValidator(rooftop_name)]
Secret = Annotated[SecretStr, BeforeValidator(secret)]
TotpSecret = Annotated[SecretStr, BeforeValidator(totp_secret)]
Month = Annotated[_Month, BeforeValidator(month)]
TimeZone = Annotated[zoneinfo.ZoneInfo, BeforeValidator(time_zone)]
Duration = Annotated[timedelta, BeforeValidator(duration)]
Size = Annotated[int, BeforeValidator(size)]
Count = Annotated[int, BeforeValidator(count)]
Tenant = Annotated[str, BeforeValidator(tenant)]
HeaderNames = Annotated[tuple[str, ...], BeforeValidator(header_names)]
Email = Annotated[str, BeforeValidator(email)]
Senders = Annotated[tuple[str, ...], BeforeValidator(senders)]
Host = Annotated[str, BeforeValidator(host)]
Port = Annotated[int, BeforeValidator(port)]
Url = Annotated[str, BeforeValidator(url)]
WholePath = Annotated[Path, BeforeValidator(whole_path)]
ClientKey = Annotated[str, BeforeValidator(client_key)]
