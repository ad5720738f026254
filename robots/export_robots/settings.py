"""The configuration, judged: the TOML file and the environment become clients, mailbox, portal and browser settings.

`load_settings` touches nothing but the file that it reads. Every mistake is `UsageWrong`, with the key and its line or
its variable, never with a value that may be a secret. Importing this module is slow (pydantic): commands that need no
configuration should do without it.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
from pydantic import BaseModel, SecretStr, ValidationError, create_model
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from export_robots import config_kinds as kinds
from export_robots.clients import CRM_KEYS, REPORT_DEADLINE, Account, Client, Rooftop
from export_robots.config_file import (
    APP,
    SECRETS,
    Keys,
    Source,
    find_config,
    read_environment,
    read_file,
    usual_places,
)
from export_robots.config_mailbox import LimitSettings, MailboxSettings
from export_robots.config_mistakes import contradictions, refuse, sentences
from export_robots.config_schedule import (
    DatabaseSettings,
    KeepingSettings,
    NoticesSettings,
    ScheduleSettings,
    StatusPageSettings,
    database_url,
)
from export_robots.outcomes import UsageWrong
from export_robots.spelling import did_you_mean

PORTAL_URL = "https://upload.clarivoy.com/mtsa"


class PortalSettings(kinds.Table):
    """Where the finished file goes; `email` is what the portal's form is given, where it asks for an address."""

    url: kinds.Url = PORTAL_URL
    email: kinds.Email | None = None


class BrowserSettings(kinds.Table):
    """`executable` is a Chromium to use instead of the one found, `channel` an installed `chrome` or `msedge`.

    `at_once` is how many of a client's rooftops are worked on at the same time.
    """

    executable: kinds.WholePath | None = None
    channel: kinds.Text | None = None
    step_timeout: kinds.Duration = timedelta(seconds=30)
    at_once: kinds.Count = 3


class _Account(kinds.Table):
    url: kinds.Url | None = None
    username: kinds.Email
    password: kinds.Secret | None = None
    totp_secret: kinds.TotpSecret | None = None
    report_senders: kinds.Senders = ()
    report_deadline: kinds.Duration = REPORT_DEADLINE
    subscription_date_field: kinds.Text | None = None


class _RooftopKeys(kinds.Table):
    name: kinds.RooftopName


class _ClientKeys(kinds.Table):
    dealership: kinds.Text
    starts: kinds.Month
    timezone: kinds.TimeZone


if TYPE_CHECKING:
    _Rooftop = _RooftopKeys

    class _Client(_ClientKeys):
        rooftops: dict[str, _Rooftop]
else:  # with one optional account table for each CRM
    _accounts = dict.fromkeys(CRM_KEYS, (_Account | None, None))
    _Rooftop = create_model("_Rooftop", __base__=_RooftopKeys, **_accounts)
    _Client = create_model("_Client", __base__=_ClientKeys, rooftops=(dict[str, _Rooftop], {}), **_accounts)


class _Tables(BaseSettings):
    model_config = SettingsConfigDict(extra="forbid", hide_input_in_errors=True)

    mailbox: MailboxSettings | None = None
    portal: PortalSettings = PortalSettings()
    browser: BrowserSettings = BrowserSettings()
    database: DatabaseSettings = DatabaseSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    notices: NoticesSettings = NoticesSettings()
    keeping: KeepingSettings = KeepingSettings()
    status_page: StatusPageSettings = StatusPageSettings()
    clients: dict[kinds.ClientKey, _Client] = {}


@dataclass(frozen=True)
class Settings:
    """What the configuration says. `secrets` are those given in it, by names such as `clients.abc.activix.password`."""

    home: Path
    config_file: Path | None = None
    mailbox: MailboxSettings | None = None
    portal: PortalSettings = field(default_factory=PortalSettings)
    browser: BrowserSettings = field(default_factory=BrowserSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    notices: NoticesSettings = field(default_factory=NoticesSettings)
    keeping: KeepingSettings = field(default_factory=KeepingSettings)
    status_page: StatusPageSettings = field(default_factory=StatusPageSettings)
    clients: Mapping[str, Client] = field(default_factory=dict)
    secrets: Mapping[str, SecretStr] = field(default_factory=dict, repr=False)
    secret_places: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def accounts(self) -> list[Account]:
        """Every account of every client, in the order of the file."""
        return [
            account
            for client in self.clients.values()
            for rooftop in client.rooftops
            for account in rooftop.accounts.values()
        ]

    def client(self, key: str) -> Client:
        """The client of that key; one that is not configured is `UsageWrong`."""
        if key in self.clients:
            return self.clients[key]
        if self.clients:
            hint = f"The clients are: {', '.join(self.clients)}."
        elif self.config_file:
            hint = f"{self.config_file} has no [clients.{key}] table yet; credentials.example.toml shows one."
        else:
            looked = " or ".join(str(path) for path in usual_places())
            hint = f"No configuration file was found at {looked}: copy credentials.example.toml there."
        raise UsageWrong(f"there is no client “{key}”{did_you_mean(key, self.clients)}", hint)

    def with_database(self, url: str) -> "Settings":
        """These settings with the database of a command line's `--database`; one that is none is `UsageWrong`."""
        try:
            address = database_url(url)
        except PydanticCustomError as wrong:
            problem = str(wrong)
        else:
            secrets = {**self.secrets, "database.url": address}
            places = {**self.secret_places, "database.url": "--database"}
            database = DatabaseSettings(url=address)
            return replace(self, database=database, secrets=secrets, secret_places=places)
        raise UsageWrong(f"--database {problem}", "Docs: docs/unattended.md, “The database”.")

    def require_mailbox(self) -> MailboxSettings:
        """The mailbox; none configured is `UsageWrong`."""
        if self.mailbox:
            return self.mailbox
        raise UsageWrong(
            "no mailbox is configured",
            "Add the table [mailbox] with host and username; credentials.example.toml has one.",
        )


def load_settings(config: Path | None, home: Path | None, env: Mapping[str, str] = os.environ) -> Settings:
    """Read the file and the environment. Anything wrong is one `UsageWrong`, whose `reasons` list all mistakes.

    No file is no mistake, unless one was named: everything can be set in the environment.
    """
    path = find_config(config, env)
    file = read_file(path) if path else Source()
    environment = read_environment(env, file.values)
    found: list[str] = []
    try:
        tables = _read(environment, file)
    except ValidationError as error:  # which holds the values: nothing is raised from inside here
        found = sentences(error, file, environment, _known)
    refuse(found, path)
    clients = {key: _client(key, table) for key, table in tables.clients.items()}
    refuse(contradictions(clients, file, environment), path)
    secrets = dict(_secrets(tables, clients))
    return Settings(
        home=_home(home, env),
        config_file=path,
        mailbox=tables.mailbox,
        portal=tables.portal,
        browser=tables.browser,
        database=tables.database,
        schedule=tables.schedule,
        notices=tables.notices,
        keeping=tables.keeping,
        status_page=tables.status_page,
        clients=clients,
        secrets={name: value for name, (value, _keys) in secrets.items()},
        secret_places={name: environment.variables.get(keys, str(path)) for name, (_value, keys) in secrets.items()},
    )


def _read(environment: Source, file: Source) -> _Tables:
    class FromBoth(_Tables):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_args: Any, **_kwargs: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            # The first counts before the second, key by key.
            return (
                InitSettingsSource(settings_cls, environment.values),
                InitSettingsSource(settings_cls, file.values),
            )

    return FromBoth()


def _home(named: Path | None, env: Mapping[str, str]) -> Path:
    home = named or (Path(env["ROBOT_HOME"]) if env.get("ROBOT_HOME") else platformdirs.user_data_path(APP))
    return home.expanduser().absolute()


def _known(table: Keys) -> list[str]:
    """The keys that a table takes, for naming the nearest to one that is not known."""
    model: type[BaseModel]
    match table:
        case ():
            model = _Tables
        case ("clients", _):
            model = _Client
        case ("clients", _, "rooftops", _):
            model = _Rooftop
        case ("clients", *_):
            model = _Account
        case ("mailbox", "limits"):
            model = LimitSettings
        case ("mailbox", *_):
            model = MailboxSettings
        case ("portal", *_):
            model = PortalSettings
        case ("database", *_):
            model = DatabaseSettings
        case ("schedule", *_):
            model = ScheduleSettings
        case ("notices", *_):
            model = NoticesSettings
        case ("keeping", *_):
            model = KeepingSettings
        case ("status_page", *_):
            model = StatusPageSettings
        case _:
            model = BrowserSettings
    return list(model.model_fields)


def _client(key: str, table: _Client) -> Client:
    def rooftop(name: str | None, keys: _Client | _Rooftop) -> Rooftop:
        accounts = {}
        for crm in CRM_KEYS:
            account: _Account | None = getattr(keys, crm)
            if account:
                accounts[crm] = Account(
                    client_key=key,
                    crm=crm,
                    dealership=name or table.dealership,
                    rooftop=name,
                    url=account.url,
                    username=account.username,
                    report_senders=account.report_senders,
                    report_deadline=account.report_deadline,
                    subscription_date_field=account.subscription_date_field or "",
                    zone=table.timezone,
                )
        return Rooftop(name, accounts)

    rooftops = (rooftop(None, table), *(rooftop(other.name, other) for other in table.rooftops.values()))
    return Client(key, table.dealership, table.starts, table.timezone, rooftops)


def _secrets(tables: _Tables, clients: Mapping[str, Client]) -> Iterator[tuple[str, tuple[SecretStr, Keys]]]:
    if tables.mailbox and tables.mailbox.password:
        yield "mailbox.password", (tables.mailbox.password, ("mailbox", "password"))
    if tables.mailbox and tables.mailbox.client_secret:
        yield "mailbox.client_secret", (tables.mailbox.client_secret, ("mailbox", "client_secret"))
    if tables.database.url:
        yield "database.url", (tables.database.url, ("database", "url"))
    for number, url in enumerate(tables.notices.urls, start=1):
        yield f"notices.urls.{number}", (url, ("notices", "urls"))
    for key, table in tables.clients.items():
        places: list[tuple[Keys, BaseModel]] = [(("clients", key), table)]
        places += [(("clients", key, "rooftops", word), rooftop) for word, rooftop in table.rooftops.items()]
        for (keys, model), rooftop in zip(places, clients[key].rooftops, strict=True):
            for crm, account in rooftop.accounts.items():
                for kind in SECRETS:
                    value = getattr(getattr(model, crm), kind)
                    if value:
                        yield f"{account.secret_prefix}.{kind}", (value, (*keys, crm, kind))
