"""The `[mailbox]` table of the configuration.

What is not given is None where the mailbox library has a default of its own: importing that takes its time.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, field_validator

from export_robots import config_kinds as kinds


class Security(StrEnum):
    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"


class Auth(StrEnum):
    PASSWORD = "password"  # noqa: S105 - the word itself
    GOOGLE = "google"
    MICROSOFT = "microsoft"


class Unsigned(StrEnum):
    BY_POLICY = "by_policy"
    HOLD = "hold"
    ACCEPT = "accept"


class LimitSettings(kinds.Table):
    """What one mail may cost: bytes, numbers, and the time to take it apart."""

    mail: kinds.Size | None = None
    unpacked: kinds.Size | None = None
    header: kinds.Size | None = None
    parts: kinds.Count | None = None
    packed_files: kinds.Count | None = None
    parse: kinds.Duration | None = None


class MailboxSettings(kinds.Table):
    """Where the reports arrive. Password, client secret and tokens are asked of `credentials.Secrets`."""

    host: kinds.Host
    security: Annotated[Security, kinds.word_of(Security)] = Security.TLS
    port: kinds.Port = Field(default_factory=lambda known: 993 if known.get("security") is Security.TLS else 143)
    username: kinds.Text
    auth: Annotated[Auth, kinds.word_of(Auth)] = Auth.PASSWORD
    password: kinds.Secret | None = None
    client_id: kinds.Text | None = Field(default=None, validate_default=True)
    client_secret: kinds.Secret | None = None
    tenant: kinds.Tenant | None = None
    folder: kinds.Text = "INBOX"
    done_folder: kinds.Text | None = None
    authserv_id: kinds.Text | None = None
    delivery_headers: kinds.HeaderNames | None = None
    unsigned: Annotated[Unsigned, kinds.word_of(Unsigned)] = Field(default_factory=lambda known: _unsigned(known))
    limits: LimitSettings = LimitSettings()

    @field_validator("security")
    @classmethod
    def _plain_text_stays_on_this_machine(cls, security: Security, info: Any) -> Security:
        if security is Security.NONE and not kinds.is_loopback(info.data.get("host", "localhost")):
            raise kinds.Wrong('must be "tls" or "starttls": "none" is only for a server on this machine')
        return security

    @field_validator("client_id")
    @classmethod
    def _an_application_is_named(cls, client_id: str | None, info: Any) -> str | None:
        auth = info.data.get("auth")
        if client_id is None and auth in (Auth.GOOGLE, Auth.MICROSOFT):
            raise kinds.Wrong(f'is missing: with auth = "{auth}" it names the application that was registered')
        return client_id

    @field_validator("password", "client_id", "client_secret", "tenant")
    @classmethod
    def _it_belongs_to_the_kind_of_sign_in(cls, value: Any, info: Any) -> Any:
        auth = info.data.get("auth")
        if value is not None and auth is not None and auth not in _BELONGS_TO[info.field_name]:
            kinds_of = " or ".join(f'"{each}"' for each in _BELONGS_TO[info.field_name])
            raise kinds.Wrong(f'is only for auth = {kinds_of}, and here it is "{auth}": remove it')
        return value

    @field_validator("done_folder")
    @classmethod
    def _finished_mails_leave_the_folder(cls, done_folder: str | None, info: Any) -> str | None:
        if done_folder is not None and done_folder == info.data.get("folder"):
            raise kinds.Wrong("must be another folder than the one that is read")
        return done_folder


def _unsigned(known: dict[str, Any]) -> Unsigned:
    """A server on this machine that takes plain text is given its mail here: no domain has signed it."""
    return Unsigned.ACCEPT if known.get("security") is Security.NONE else Unsigned.BY_POLICY


_BELONGS_TO = {
    "password": (Auth.PASSWORD,),
    "client_id": (Auth.GOOGLE, Auth.MICROSOFT),
    "client_secret": (Auth.GOOGLE,),
    "tenant": (Auth.MICROSOFT,),
}
