"""The tables of the configuration for what runs unattended: `[database]`, `[schedule]`, `[notices]`, `[keeping]`.

A database's address and those of notices may hold a password or a token, so both count as secrets.
"""

import re
from datetime import time, timedelta
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr

from export_robots import config_kinds as kinds

_HOUR = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_DAYS = re.compile(r"(\d{1,4})\s*d")
_AFTER_A_NOTICE_URL = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_POSTGRES = ("postgresql", "postgres", "postgresql+psycopg")


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


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
    if parts.scheme not in _POSTGRES or not parts.path.strip("/"):
        raise kinds.Wrong(
            "must be a PostgreSQL address like postgresql://robot@db.example.com/robot; without it the database is a "
            "file in the robot's home"
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


Hour = Annotated[time, BeforeValidator(hour)]
Days = Annotated[timedelta, BeforeValidator(days)]
Pauses = Annotated[tuple[timedelta, ...], BeforeValidator(pauses)]
CountOrNone = Annotated[int, BeforeValidator(count_or_none)]
DatabaseUrl = Annotated[SecretStr, BeforeValidator(database_url)]
NoticeUrls = Annotated[tuple[SecretStr, ...], BeforeValidator(notice_urls)]


class DatabaseSettings(kinds.Table):
    """Where the ledger is kept; without an address, in a SQLite file of the home."""

    url: DatabaseUrl | None = None


class ScheduleSettings(kinds.Table):
    """What `robot serve` goes by.

    `due_hour` is in the client's zone, on the 1st; `close_by` counts from the 1st 00:00 in the client's zone.
    `pauses` are those after the first, second and further failures that may pass; the last one repeats.
    `at_once` is this machine's, and 0 lets memory and cores decide; `at_once_per_crm` and `starts_per_minute` are each
    CRM's, over all machines.
    """

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


class NoticesSettings(kinds.Table):
    """Whom to tell; `credentials.Secrets.notice_urls` knows those of the keyring too."""

    urls: NoticeUrls = ()
    log_format: Annotated[LogFormat, kinds.word_of(LogFormat)] = LogFormat.TEXT


class KeepingSettings(kinds.Table):
    """How long a closed delivery's files are kept: those with leads, screenshots and traces, and mails."""

    leads: Days = timedelta(days=400)
    evidence: Days = timedelta(days=60)
    mails: Days = timedelta(days=400)
