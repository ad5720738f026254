"""Whom the exports are for: clients, their rooftops and their CRM accounts, as the configuration names them.

Nothing here holds a secret: those are asked of `credentials.Secrets` by an account.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from export_robots.outcomes import UsageWrong
from export_robots.periods import Month
from export_robots.spelling import did_you_mean

REPORT_DEADLINE = timedelta(minutes=30)

CRM_KEYS = (
    "activix",
    "autoraptor",
    "carlocrm",
    "cdk",
    "dealercenter",
    "dealerpeak",
    "dealersocket",
    "dealr_cloud",
    "drivecentric",
    "keyloop",
    "momentum",
    "newtech",
    "oplogic",
    "promax",
    "reynolds",
    "spaceauto",
    "tekion",
    "thecrm",
    "vinsolutions",
    "vision",
    "web_control",
)
"""Every CRM that may have an account table, whether its steps are known yet or not."""


def slug(name: str) -> str:
    """A rooftop's name as it stands in secrets' names: `ABC Autos North` is `abc-autos-north`, `Côté` is `cote`."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    return re.sub(r"[\W_]+", "-", plain.casefold()).strip("-")


@dataclass(frozen=True)
class Account:
    """One sign-in to one CRM. `url` and `report_senders` are None and empty where the CRM's own are meant.

    `subscription_date_field`: the CRM's name of the date by which a subscription chooses leads; empty: the robot's own.
    """

    client_key: str
    crm: str
    dealership: str
    rooftop: str | None
    url: str | None
    username: str
    report_senders: tuple[str, ...]
    report_deadline: timedelta
    zone: ZoneInfo
    subscription_date_field: str = ""

    @property
    def id(self) -> str:
        """The same from run to run and whatever else changes in the configuration: one sign-in of one CRM."""
        return f"{self.crm}:{self.username.lower()}"

    @property
    def secret_prefix(self) -> str:
        """Where its secrets are kept: `clients.abc.activix`, `clients.abc.rooftops.abc-autos-north.activix`."""
        rooftop = f".rooftops.{slug(self.rooftop)}" if self.rooftop else ""
        return f"clients.{self.client_key}{rooftop}.{self.crm}"

    def __str__(self) -> str:
        return f"{self.crm} account of {self.dealership}"


@dataclass(frozen=True)
class Rooftop:
    """One location with sign-ins of its own. The first of a client's rooftops is the main one, without `name`."""

    name: str | None
    accounts: Mapping[str, Account] = field(default_factory=dict)


@dataclass(frozen=True)
class Client:
    """A dealership as the configuration describes it. `starts` is the first month of service."""

    key: str
    dealership: str
    starts: Month | None
    timezone: ZoneInfo
    rooftops: tuple[Rooftop, ...]

    @property
    def rooftop_names(self) -> list[str]:
        """What `--rooftop` takes: the main one is named by the dealership's own name."""
        return [rooftop.name or self.dealership for rooftop in self.rooftops]

    @property
    def crms(self) -> list[str]:
        """Every CRM in which this client has an account somewhere."""
        return sorted({crm for rooftop in self.rooftops for crm in rooftop.accounts})

    def accounts(self, crm: str) -> list[Account]:
        """This CRM's accounts, the main rooftop's first; empty where there is none."""
        return [rooftop.accounts[crm] for rooftop in self.rooftops if crm in rooftop.accounts]

    def rooftop(self, name: str | None) -> Rooftop:
        """The rooftop of that name, or the main one; a name that nobody has is `UsageWrong`."""
        wanted = (name or self.dealership).strip().casefold()
        for rooftop in self.rooftops:
            if (rooftop.name or self.dealership).casefold() == wanted:
                return rooftop
        raise UsageWrong(
            f"client “{self.key}” has no rooftop “{name}”{did_you_mean(str(name), self.rooftop_names)}",
            f"Its rooftops are: {', '.join(self.rooftop_names)}.",
        )

    def account(self, crm: str, rooftop: str | None = None) -> Account:
        """The account of one rooftop, the main one unless named; none there is `UsageWrong`."""
        place = self.rooftop(rooftop)
        if crm in place.accounts:
            return place.accounts[crm]
        where = f"rooftop “{place.name}” of client “{self.key}”" if place.name else f"client “{self.key}”"
        others = [name for name, other in zip(self.rooftop_names, self.rooftops, strict=True) if crm in other.accounts]
        if others:
            hint = f"This CRM's accounts belong to: {', '.join(others)}. Name one with --rooftop."
        elif place.name:
            hint = f"Add the table [clients.{self.key}.rooftops.{crm}] with its username under that rooftop."
        else:
            hint = f"Add the table [clients.{self.key}.{crm}] with its username to the configuration file."
        raise UsageWrong(f"{where} has no account at {crm}{did_you_mean(crm, self.crms)}", hint)
