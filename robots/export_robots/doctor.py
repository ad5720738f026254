"""`robot doctor`: looks at everything an export stands on, end to end, and names the mend for each thing that is wrong.

Nothing is signed in to but the mailbox, nothing is asked of a CRM or the portal but whether it answers.
"""

import asyncio
import shutil
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from export_robots import clock
from export_robots.outcomes import RobotError
from export_robots.settings import Settings, load_settings

if TYPE_CHECKING:
    from export_robots.home import Home

_ANSWER_SECONDS = 15
_LITTLE_ROOM = 1_000_000_000  # bytes; a busy month's reports and evidence
_NO_ROOM = 200_000_000
_CLOCK_TOLERANCE = timedelta(minutes=2)  # the mailbox tells old mail from new by the clock


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """`saw` is one sentence without a full stop, `mend` what to do about it, empty for what is well."""

    level: Level
    about: str
    saw: str
    mend: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"level": str(self.level), "about": self.about, "saw": self.saw, "mend": self.mend or None}

    def __str__(self) -> str:
        mend = "".join(f"\n      {line}" for line in self.mend.splitlines())
        return f"{self.level:4}  {self.about}: {self.saw}{mend}"


def ok(about: str, saw: str) -> Finding:
    return Finding(Level.OK, about, saw)


def bad(about: str, error: RobotError) -> list[Finding]:
    return [Finding(Level.BAD, about, reason, error.hint) for reason in error.reasons or (error.saw,)]


async def findings(config: Path | None, home: Path | None) -> AsyncIterator[Finding]:
    """In the order in which an export meets the things, each finding as soon as it is made.

    What cannot be looked at without something that is wrong is left out.
    """
    try:
        settings = load_settings(config, home)
    except RobotError as error:
        for finding in bad("configuration", error):
            yield finding
        return
    for finding in _configuration(settings):
        yield finding
    prepared: Home | None = None
    try:
        from export_robots.home import prepare_home

        prepared = prepare_home(settings.home)
    except RobotError as error:
        for finding in bad("home", error):
            yield finding
    if prepared:
        for finding in [*_home(prepared), *_locks(prepared)]:
            yield finding
        for finding in await _tried("database", lambda: _database(settings, prepared)):
            yield finding
    for finding in _time_zones(settings):
        yield finding
    for finding in await asyncio.to_thread(_secrets, settings):
        yield finding
    for finding in await _tried("browser", lambda: _browser(settings, prepared)):
        yield finding
    for look in (_mailbox, _mailbox_consent, _notices):
        for finding in await asyncio.to_thread(look, settings):
            yield finding
    for about, url in _addresses(settings):
        for finding in await asyncio.to_thread(_reachable, about, url):
            yield finding


async def _tried(about: str, look: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    try:
        return await look()
    except RobotError as error:
        return bad(about, error)


def _configuration(settings: Settings) -> Iterator[Finding]:
    where = settings.config_file or "the environment"
    if not settings.clients:
        yield Finding(
            Level.BAD,
            "configuration",
            f"{where} names no client",
            "Copy credentials.example.toml to credentials.toml, and change what has to change.",
        )
        return
    accounts = len(settings.accounts)
    yield ok("configuration", f"{where} names {_count(len(settings.clients), 'client')}, {_count(accounts, 'account')}")


def _home(home: "Home") -> Iterator[Finding]:
    yield ok("home", f"{home.root} can be written to")
    if exposed := home.open_to_others():
        some = ", ".join(str(path) for path in exposed[:3])
        yield Finding(
            Level.BAD,
            "file modes",
            f"{_count(len(exposed), 'file')} under the home can be read by others: {some}",
            f"chmod -R go= {home.root}",
        )
    else:
        yield ok("file modes", "everything under the home is its owner's alone")
    free = shutil.disk_usage(home.root).free
    level = Level.BAD if free < _NO_ROOM else Level.WARN if free < _LITTLE_ROOM else Level.OK
    mend = "" if level is Level.OK else "Make room, or name a home on another disk with --home."
    yield Finding(level, "disk", f"{free / 1e9:.1f} GB are free", mend)


def _locks(home: "Home") -> Iterator[Finding]:
    from export_robots.runs.locks import is_held

    held = sorted(path.stem for path in home.locks.glob("*.lock") if is_held(path))
    if held:
        yield ok("locks", f"runs are under way now: {', '.join(held)}")
    left = [path for path in home.locks.glob("*.json") if path.stem not in held]
    if left:
        yield Finding(
            Level.WARN,
            "locks",
            f"{_count(len(left), 'run')} ended without letting go of its account: {left[0].stem}",
            "Its process was killed. Nothing is locked by it; run the same `robot export` again, and it goes on.",
        )
    elif not held:
        yield ok("locks", "no account is held")


async def _database(settings: Settings, home: "Home") -> list[Finding]:
    from export_robots.runs.database import database_url, open_database
    from export_robots.runs.engine import engine
    from export_robots.runs.ledger import Ledger
    from export_robots.runs.locks import AccountLocks

    url = database_url(settings, home)
    ledger = Ledger(open_database(url))
    try:
        async with engine(url):
            expected = len(ledger.deliveries())
        address = ledger.engine.url
        held = AccountLocks(ledger.engine, home).held() if settings.database.url else []
    finally:
        ledger.engine.dispose()
    name = home.database.name
    if settings.database.url:
        name = f"the PostgreSQL database {address.database} on {address.host or 'this machine'}"
    found = [ok("database", f"{name} opens and is up to date; {_count(expected, 'delivery', 'deliveries')}")]
    if held:
        found.append(ok("locks", f"accounts that runs of all machines hold now: {', '.join(held)}"))
    return found


def _time_zones(settings: Settings) -> Iterator[Finding]:
    zones = sorted({client.timezone.key for client in settings.clients.values()} or {"America/Toronto"})
    try:
        now = clock.now()
        times = ", ".join(f"{now.astimezone(ZoneInfo(zone)):%H:%M} in {zone}" for zone in zones)
    except ZoneInfoNotFoundError as error:
        yield Finding(Level.BAD, "time zones", f"there is no time zone data: {error}", "Install the package tzdata.")
        return
    yield ok("time zones", f"it is {times}")


def _secrets(settings: Settings) -> list[Finding]:
    from export_robots.credentials import SecretSource, check_keyring, how_to_store, list_secrets

    secrets = list_secrets(settings)
    missing = [each for each in secrets if each.source is SecretSource.MISSING and not each.optional]
    made: list[Finding] = []
    try:
        made.append(ok("keyring", f"{check_keyring()} can be used"))
    except RobotError as error:
        level = Level.BAD if missing else Level.WARN  # whoever keeps secrets in the file needs none
        made.append(Finding(level, "keyring", error.saw, error.hint))
    made += [
        Finding(Level.BAD, "secrets", f"{each.name} is not stored anywhere", how_to_store(each.name))
        for each in missing
    ]
    if not missing:
        made.append(ok("secrets", f"all {len(secrets)} that are needed are there" if secrets else "none is needed"))
    return made


async def _browser(settings: Settings, home: "Home | None") -> list[Finding]:
    from export_robots.browser import open_browser

    async with open_browser(settings.browser, folder=home.browser if home else None) as browser:
        return [ok("browser", f"Chromium {await browser.version()} starts")]


def _mailbox_consent(settings: Settings) -> list[Finding]:
    """Looked up after the sign-in, which may have renewed the token."""
    from export_robots.config_mailbox import Auth
    from export_robots.credentials import Secrets
    from report_mailbox.errors import MailboxError

    if settings.mailbox is None or settings.mailbox.auth is Auth.PASSWORD:
        return []
    from export_robots.mailbox_tokens import CONNECT, KeyringGrants, told

    try:
        grant = KeyringGrants(Secrets(settings)).read()
    except MailboxError as error:
        return [Finding(Level.BAD, "mailbox sign-in", error.saw, error.hint)]
    if grant is None:
        return [Finding(Level.BAD, "mailbox sign-in", "nobody has consented that the mailbox is read", CONNECT)]
    return [ok("mailbox sign-in", told(grant))]


def _notices(settings: Settings) -> list[Finding]:
    from export_robots.credentials import Secrets

    addresses = Secrets(settings).notice_urls()
    if not addresses:
        return [ok("notices", "none are sent; `robot serve` prints them")]
    from export_robots.runs.channels import kinds_of  # Apprise is slow to import

    kinds = kinds_of(addresses)
    for number, kind in enumerate(kinds, start=1):
        if kind is None:
            mend = "Apprise's own pages say how the service's address is written."
            return [Finding(Level.BAD, "notices", f"address {number} of [notices] urls is not understood", mend)]
    return [ok("notices", f"sent to: {', '.join(str(kind) for kind in kinds)}")]


def _mailbox(settings: Settings) -> list[Finding]:
    from export_robots.credentials import Secrets
    from export_robots.runs.mailbox_access import mailbox_of, refused_of
    from report_mailbox.errors import MailboxError, MailboxSignInRefused
    from report_mailbox.health import probe

    try:
        chosen = settings.require_mailbox()
        refused = refused_of(chosen, settings.home)
        # Whoever runs this wants to know whether it works by now: a password that was refused is sent once more.
        mailbox = mailbox_of(chosen, Secrets(settings))
        try:
            health = probe(mailbox)
        except MailboxSignInRefused:
            if mailbox.password:
                refused.add(mailbox.password())
            raise
        refused.forget()
    except MailboxError as error:
        return [Finding(Level.BAD, "mailbox", error.saw, error.hint)]
    except RobotError as error:
        return bad("mailbox", error)
    idle = "with IDLE" if health.idle else "without IDLE"
    made = [ok("mailbox", f"{health.username} at {health.place} lets us in, {health.folder} {idle}")]
    if not health.idle:
        made.append(Finding(Level.WARN, "mailbox", "its server has no IDLE: new mail is noticed late", _NO_IDLE_MEND))
    protected = health.protection
    level = Level.OK if protected.complete else Level.WARN
    return [*made, Finding(level, "forged mail", protected.saw, protected.mend)]


_NO_IDLE_MEND = "It works like this: new mail is asked for every 20 seconds."


def _addresses(settings: Settings) -> list[tuple[str, str]]:
    from export_robots.catalogue import robot_class

    addresses = {settings.portal.url: "portal"}
    for account in settings.accounts:
        robot = robot_class(account.crm)
        url = account.url or (robot.url if robot else None)
        if url:
            addresses.setdefault(url, account.crm)
    return [(about, url) for url, about in addresses.items()]


def _reachable(about: str, url: str) -> list[Finding]:
    """GET, without a sign-in; whatever is answered below 500 is an answer."""
    host = urlsplit(url).netloc.rpartition("@")[2]
    asked = clock.now()
    try:
        with closing(urllib.request.urlopen(url, timeout=_ANSWER_SECONDS)) as answer:  # noqa: S310 - settings allow http(s) only
            status, date = answer.status, answer.headers["Date"]
    except urllib.error.HTTPError as error:
        with error:
            status, date = error.code, error.headers["Date"]
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return [
            Finding(
                Level.BAD,
                about,
                f"{host} does not answer: {reason or type(error).__name__}",
                "Look whether the address in the configuration is right and this machine may connect to it.",
            )
        ]
    made = [ok(about, f"{host} answers")]
    if status >= 500:
        made = [Finding(Level.BAD, about, f"{host} answers with HTTP {status}", "Try again later.")]
    if date:
        apart = abs(asked - parsedate_to_datetime(date))
        if apart > _CLOCK_TOLERANCE:
            made.append(
                Finding(
                    Level.WARN,
                    "clock",
                    f"this machine's clock and that of {host} are {int(apart.total_seconds())} s apart",
                    "Have this machine's clock set from the network (NTP).",
                )
            )
    return made


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
