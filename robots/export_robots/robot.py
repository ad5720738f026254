"""What every CRM's robot can do, and what it declares about itself.

A robot is the written procedure of one CRM. It is handed a `Visit` (one browser context with one account) and brings it
to the point where the CRM has accepted the request for a report. How the report then arrives is declared, not coded:
`Delivery.MAILED` reports come to the mailbox and are collected there; a `Delivery.DOWNLOADED` one is handed back as the
path of the downloaded file in `ReportRequest.report`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from export_robots.controls import RangeLimited, Screen
from export_robots.outcomes import SiteChanged, StepsUnknown
from export_robots.periods import Period

if TYPE_CHECKING:
    from export_robots.visit import Visit

__all__ = [
    "AccountNeeds",
    "AccountShown",
    "CrmRobot",
    "Delivery",
    "Foundation",
    "RangeLimited",
    "ReportRequest",
    "SavedReport",
    "SavedReportMissing",
    "SubscriptionPlan",
]


class Delivery(Enum):
    """How a CRM hands over the report that was requested."""

    MAILED = "e-mailed"
    DOWNLOADED = "downloaded"


class Foundation(Enum):
    """How well a robot's steps are founded; `robot crms` shows it."""

    DOCUMENTED = "documented"  # the vendor's or the customer's own help page describes each step
    PARTLY = "partly documented"  # some steps are judgement
    UNKNOWN = "unknown"  # the steps are not known: `steps_unknown`


@dataclass(frozen=True)
class ReportRequest:
    """What the CRM showed when it accepted the request. It goes into the receipt: no secret, no lead's data.

    `requested_at` is taken (UTC) before the click that asks, so that a report mailed at once is newer than it.
    `first` and `last` are the days read back from the page, both included; `rows_shown` is the page's own count of what
    the report will hold, or None where the page shows none; `says_empty` is true only if the page itself says that
    there is nothing in the period.
    """

    requested_at: datetime
    account: str | None
    first: date
    last: date
    rows_shown: int | None
    says_empty: bool
    acknowledgement: str
    settings: Mapping[str, str] = field(default_factory=dict)
    report: Path | None = None


@dataclass(frozen=True)
class SubscriptionPlan:
    """What is to be saved in the CRM, so that it mails last month's report each month by itself.

    `first_execution` is naive, in the account's zone, to the minute; a CRM that offers only some minutes takes the
    nearest one before it. `date_field` is the page's own name of the date that says which leads belong to a month;
    empty: the robot's own choice.
    """

    title: str
    first_execution: datetime
    date_field: str = ""


@dataclass(frozen=True)
class SavedReport:
    """What the CRM showed of the saved report when it was opened anew after saving.

    `how` is "made", "repaired" or "as it was"; `notes` are sentences for a person: what was corrected, what there is
    twice. `read_back` is what was seen, for the receipt. No lead's data.
    """

    title: str
    date_range: str
    frequency: str
    export_type: str
    first_execution: datetime
    date_field: str
    hidden_column: str
    how: str
    read_back: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class AccountNeeds:
    """What an account must have before it may export: `role`, `title` and `permission` in the CRM's own words.

    `support` is the address of those who grant the permission.
    """

    role: str
    title: str
    permission: str
    support: str


@dataclass(frozen=True)
class AccountShown:
    """What the CRM shows of the account itself; None for what it does not show.

    `role` and `title` are the page's words, `role_fits` and `title_fits` say whether they are what exporting needs.
    `may_export` is whether the report can be asked for.
    """

    role: str | None
    title: str | None
    role_fits: bool | None
    title_fits: bool | None
    may_export: bool
    account: str | None = None


class SavedReportMissing(SiteChanged):
    """There is no saved report of this title among the account's own."""

    remedy = "Save it with `robot subscribe`; until then the report is asked for with `robot export`."


class CrmRobot(ABC):
    """One CRM's procedure. Subclasses live in `crm/`, one file each, and are found by `export_robots.crm.robots()`."""

    key: ClassVar[str]
    """The word on the command line and in the configuration, e.g. `activix`."""
    label: ClassVar[str]
    """The name in file names, e.g. `Activix CRM`."""
    url: ClassVar[str]
    """The public address, used unless the account names its own."""
    delivery: ClassVar[Delivery]
    foundation: ClassVar[Foundation]
    source: ClassVar[str]
    """The document that the steps follow."""
    report_senders: ClassVar[tuple[str, ...]] = ()
    """Domains or addresses that may send this CRM's reports, unless the account names its own."""
    export_permission: ClassVar[str] = ""
    """Whom to ask for what when the account may not export: one sentence, shown as the hint."""
    account_needs: ClassVar[AccountNeeds | None] = None
    """What a new account is asked to be given; None where nobody has written that down."""
    column_aliases: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """This CRM's header texts per required field (`reports.fields`), beside the general ones."""
    known_caps: ClassVar[tuple[int, ...]] = ()
    """Row counts at which this CRM is known to cut a report off."""

    def __init__(self, visit: "Visit") -> None:
        self.visit = visit
        self.screen = Screen(visit)

    @abstractmethod
    async def sign_in(self) -> None:
        """Sign in with the visit's login. Raises the outcome that the CRM shows; never tries a password twice."""

    @abstractmethod
    async def request_report(self, period: Period) -> ReportRequest:
        """Make the CRM produce the report for `period`, reading back each setting before the request is sent."""

    async def subscribe(self, plan: SubscriptionPlan) -> SavedReport:
        """Have the CRM mail last month's report each month, by making or repairing the saved report `plan.title`.

        Nothing counts that was not read back after the page was loaded anew. Raises `StepsUnknown` where the CRM's
        steps for it are not known.
        """
        raise StepsUnknown(f"how {self.label} is made to mail a report each month is not known")

    async def rerun(self, title: str, period: Period, last_month: bool, date_field: str = "") -> ReportRequest:
        """Ask for `period` by the saved report `title`; with `last_month` it shows `period` by itself.

        `date_field` as in `SubscriptionPlan`.

        Raises `SavedReportMissing` before anything is asked for if there is no such saved report, and `StepsUnknown`
        where the CRM has none.
        """
        raise StepsUnknown(f"how a saved report of {self.label} is asked for again is not known")

    async def look_at_account(self) -> AccountShown:
        """Read what the CRM shows of the account, and change nothing. Raises `StepsUnknown` where that is unknown."""
        raise StepsUnknown(f"where {self.label} shows an account's own settings is not known")
