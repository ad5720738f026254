"""What runs unattended, in the configuration: `[database]`, `[schedule]`, `[notices]`, `[keeping]`, `[status_page]`.

A database's address and those of notices may hold a password or a token, so both count as secrets.
"""

import re
from datetime import time, timedelta
from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from pydantic import BeforeValidator, Field, SecretStr

from export_robots import config_kinds as kinds
from export_robots.clients import CRM_KEYS
from export_robots.spelling import did_you_mean

_HOUR = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_DAYS = re.compile(r"(\d{1,4})\s*d")
_AFTER_A_NOTICE_URL = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_PAGE_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/\[\]]+)):(\d{1,5})")
_SIGNS = "the signs @ : / ? # % in a password written as %40 %3A %2F %3F %23 %25"
_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class PageAddress(NamedTuple):
    """Where the status page is served; port 0 is any free one, which the log then names."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def hour(value: Any) -> time:
    match = _HOUR.fullmatch(value.strip()) if isinstance(value, str) else None
    if not match:
        raise kinds.Wrong('must be a time of day like "09:00", in quotes')
    return time(int(match[1]), int(match[2]))


def days(value: Any) -> timedelta:
    match = _DAYS.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    if not match or not int(match[1]):
        raise kinds.Wrong('must be a number of days, in quotes: "400d"')
    return timedelta(days=int(match[1]))


def pauses(value: Any) -> tuple[timedelta, ...]:
    """How long to wait after the first failure, the second and so on; a variable holds them with commas between."""
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not listed:
        raise kinds.Wrong('must be a list of times with their units: ["5m", "15m", "1h"]')
    return tuple(kinds.duration(each) for each in listed)


def crm(value: Any) -> str:
    key = kinds.text(value)
    if key not in CRM_KEYS:
        raise kinds.Wrong(f"names no CRM{did_you_mean(key, CRM_KEYS)}")
    return key


def count_or_none(value: Any) -> int:
    return 0 if value in (0, "0") and not isinstance(value, bool) else kinds.count(value)


def database_url(value: Any) -> SecretStr:
    """A PostgreSQL address, with the driver that the robot brings along."""
    plain = value.get_secret_value() if isinstance(value, SecretStr) else kinds.text(value)
    try:
        parts = urlsplit(plain)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    # A host that begins in the middle of a password would be told in errors as the host.
    if parts.netloc.count("@") > 1 or "password" in dict(parse_qsl(parts.query)):
        raise kinds.Wrong(f"must have its password between : and @, with {_SIGNS}")
    if parts.scheme not in _POSTGRES or not parts.path.strip("/") or parts.fragment:
        raise kinds.Wrong(
            f"must be a PostgreSQL address like postgresql://robot:PASSWORD@db.example.com/robot, with {_SIGNS}; "
            "without it the database is a file in the robot's home"
        )
    return SecretStr("postgresql+psycopg" + plain[len(parts.scheme) :])


def notice_urls(value: Any) -> tuple[SecretStr, ...]:
    """Addresses in Apprise's words; a variable or the keyring holds them with commas or spaces between."""
    listed = _AFTER_A_NOTICE_URL.split(value.strip()) if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(each, str | SecretStr) for each in listed):
        raise kinds.Wrong('must be a list of addresses: ["mailtos://user:password@example.com?to=ops@example.com"]')
    plain = [each.get_secret_value() if isinstance(each, SecretStr) else each for each in listed]
    if not all(re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*://\S+", each.strip()) for each in plain):
        raise kinds.Wrong("must be a list of addresses, each with its kind in front, such as mailtos:// or slack://")
    return tuple(SecretStr(each.strip()) for each in plain)


def page_address(value: Any) -> PageAddress | None:
    """`127.0.0.1:8350`, `[::1]:8350`, or `off`, which is None."""
    if value is None or isinstance(value, PageAddress):
        return value
    if isinstance(value, str) and value.strip().lower() == "off":
        return None
    match = _PAGE_ADDRESS.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        if match:
            return PageAddress(kinds.host(match[1] or match[2]), int(match[3]) and kinds.port(match[3]))
    except kinds.Wrong:
        pass
    raise kinds.Wrong('must be a host and a port, like "127.0.0.1:8350", or "off"')


def hosts(value: Any) -> tuple[str, ...]:
    """Names, in small letters; a variable holds them with commas between."""
    listed = value.split(",") if isinstance(value, str) else value
    try:
        if isinstance(listed, list | tuple) and listed:
            return tuple(kinds.host(each) for each in listed)
    except kinds.Wrong:
        pass
    raise kinds.Wrong('must be a list of names without https:// or a port: ["robot.example.com"]')


Hour = Annotated[time, BeforeValidator(hour)]
Days = Annotated[timedelta, BeforeValidator(days)]
Pauses = Annotated[tuple[timedelta, ...], BeforeValidator(pauses)]
Crm = Annotated[str, BeforeValidator(crm)]
CountOrNone = Annotated[int, BeforeValidator(count_or_none)]
DatabaseUrl = Annotated[SecretStr, BeforeValidator(database_url)]
NoticeUrls = Annotated[tuple[SecretStr, ...], BeforeValidator(notice_urls)]
PageAddressOrNone = Annotated[PageAddress | None, BeforeValidator(page_address)]
Hosts = Annotated[tuple[str, ...], BeforeValidator(hosts)]


class DatabaseSettings(kinds.Table):
    """Where the ledger is kept; without an address, in a SQLite file of the home."""

    url: DatabaseUrl | None = None


class CrmLimits(kinds.Table):
    """One CRM's own limits; None: as all others have."""

    at_once: kinds.Count | None = None
    starts_per_minute: kinds.Count | None = None


class ScheduleSettings(kinds.Table):
    """What `robot serve` goes by.

    No month before `first_month` is expected by itself; None: the last full month is the first.
    `due_hour` is in the client's zone, on the 1st; `close_by` counts from the 1st 00:00 in the client's zone.
    `pauses` are those after the first, second and further failures that may pass; the last one repeats.
    `at_once` is this machine's, and 0 lets memory and cores decide; `at_once_per_crm` and `starts_per_minute` are each
    CRM's, over all machines, unless `crms` says otherwise for it.
    """

    first_month: kinds.Month | None = None
    due_hour: Hour = time(9)
    close_by: kinds.Duration = timedelta(hours=36)
    sign_ins_per_day: kinds.Count = 4
    pauses: Pauses = (
        timedelta(minutes=5),
        timedelta(minutes=15),
        timedelta(hours=1),
        timedelta(hours=3),
    )
    same_failure: kinds.Count = 3
    at_once_per_crm: kinds.Count = 4
    starts_per_minute: kinds.Count = 6
    at_once: CountOrNone = 0
    code_patience: kinds.Duration = timedelta(minutes=10)
    crms: dict[Crm, CrmLimits] = Field(default_factory=dict)

    def limits_of(self, crm: str) -> tuple[int, int]:
        """How many exports of the CRM may be under way at once, and how many may begin in a minute."""
        own = self.crms.get(crm, CrmLimits())
        return own.at_once or self.at_once_per_crm, own.starts_per_minute or self.starts_per_minute


class NoticesSettings(kinds.Table):
    """Whom to tell; `credentials.Secrets.notice_urls` knows those of the keyring too."""

    urls: NoticeUrls = ()
    log_format: Annotated[LogFormat, kinds.word_of(LogFormat)] = LogFormat.TEXT


class KeepingSettings(kinds.Table):
    """How long a closed delivery's files are kept: those with leads, screenshots and traces, and mails.

    `shared`: the copies of files and mails' headers that a server's database keeps for other machines.
    """

    leads: Days = timedelta(days=400)
    shared: Days = timedelta(days=14)
    evidence: Days = timedelta(days=60)
    mails: Days = timedelta(days=400)


class StatusPageSettings(kinds.Table):
    """The page of `robot serve`: where, or None for nowhere, and by which further names browsers may ask for it."""

    address: PageAddressOrNone = PageAddress("127.0.0.1", 8350)
    hosts: Hosts = ()
