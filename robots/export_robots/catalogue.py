"""The honest catalogue: every CRM that dealerships here use, and what of its export is known.

An entry without a robot is no promise. `robot crms` takes the CRMs that have a robot from `crm/` itself.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from export_robots.clients import slug
from export_robots.spelling import did_you_mean

if TYPE_CHECKING:
    from export_robots.robot import CrmRobot


@dataclass(frozen=True)
class Entry:
    """`delivery` is how its reports arrive as far as anybody has read; `known` says what of the steps is."""

    key: str
    label: str
    delivery: str
    known: str


ENTRIES = (
    Entry("activix", "Activix CRM", "e-mailed", "every step, from the export's own help page"),
    Entry("autoraptor", "AutoRaptor", "unknown", "the sign-in; nothing after Up Sheets"),
    Entry("carlocrm", "CarloCRM", "unknown", "the menus; neither the address nor an export"),
    Entry("cdk", "CDK CRM", "list on screen", "the sign-in, the report and its dates; not the export button"),
    Entry("dealercenter", "DealerCenter", "unknown", "the sign-in, with its compulsory code; nothing after Reports"),
    Entry("dealerpeak", "DealerPeak", "unknown", "the sign-in, with a code by text message; no export step"),
    Entry("dealersocket", "DealerSocket", "download", "the sign-in and the report viewer; not the report's name"),
    Entry("dealr_cloud", "Dealr.Cloud", "unknown", "the sign-in; nothing after Leads"),
    Entry("drivecentric", "DriveCentric", "download", "the sign-in, the list and its menu; not the download entry"),
    Entry("keyloop", "Keyloop", "unknown", "nothing"),
    Entry("momentum", "Momentum", "unknown", "the names of two report files"),
    Entry("newtech", "NewTech", "unknown", "nothing"),
    Entry("oplogic", "OpLogic", "download", "the sign-in and the first half of the steps"),
    Entry("promax", "ProMax", "download", "the steps for sales; not those for leads"),
    Entry("reynolds", "Reynolds & Reynolds FOCUS", "unknown", "the sign-in and a part of the steps"),
    Entry("spaceauto", "SpaceAuto", "unknown", "the menus; neither the address nor an export"),
    Entry("tekion", "Tekion", "unknown", "the sign-in, with a code by mail, and a part of the steps"),
    Entry("thecrm", "TheCRM", "unknown", "the sign-in; no export step"),
    Entry("vinsolutions", "VinSolutions", "download", "the sign-in and most of the steps"),
    Entry("vision", "Vision CRM", "unknown", "nothing"),
    Entry("web_control", "Dominion Web Control", "download", "the sign-in and the wizard; not its last step"),
)

_ROBOTS = Path(__file__).parent / "crm"

BY_KEY = {entry.key: entry for entry in ENTRIES}


def find(word: str) -> Entry | None:
    """By key or by label, whichever way its letters are written."""
    wanted = word.strip().casefold()
    return next((entry for entry in ENTRIES if wanted in (entry.key, entry.label.casefold())), None)


def key_of(label: str) -> str:
    """A key for a CRM that is not in the catalogue, so that a report exported by hand can be delivered all the same."""
    return slug(label).replace("-", "_")


def nearest(word: str) -> str:
    """`; did you mean “activix”?`, or nothing."""
    by_label = {entry.label: entry.key for entry in ENTRIES}
    return did_you_mean(word, BY_KEY) or did_you_mean(word, by_label)


def has_robot(key: str) -> bool:
    """The same as asking for its class, without the third of a second that importing one takes."""
    return (_ROBOTS / f"{key}.py").exists()


def robot_class(key: str) -> "type[CrmRobot] | None":
    """The CRM's robot, if it has one."""
    from export_robots.crm import robots

    return robots().get(key)
