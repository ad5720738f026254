"""A new account: the address that the dealership gives it, and the letters that ask for what it needs. Text only."""

import re
import unicodedata
from dataclasses import dataclass

from export_robots.catalogue import BY_KEY, robot_class
from export_robots.clients import Account, Client
from export_robots.outcomes import StepsUnknown, UsageWrong
from export_robots.robot import AccountNeeds, AccountShown

APPROVED = "APPROVED FOR EXPORT"


def tag_of(dealership: str) -> str:
    """What stands behind the plus: the name's letters and digits, small, without accents and spaces."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", dealership) if not unicodedata.combining(letter))
    return re.sub(r"[^a-z0-9]", "", plain.casefold())


def address_of(dealership: str, mailbox_user: str) -> str:
    """`datateam+abcautos@example.com`. A name or a mailbox that gives no address is `UsageWrong`."""
    local, at, domain = mailbox_user.partition("@")
    if not at:
        raise UsageWrong(
            f"the mailbox's user name {mailbox_user} is no address, so no address for {dealership} can be made of it",
            'Give the mailbox its whole address: username = "datateam@example.com" in [mailbox].',
        )
    tag = tag_of(dealership)
    if not tag:
        raise UsageWrong(f"“{dealership}” has no letter that an address can hold", "Write it in Latin letters.")
    return f"{local.partition('+')[0]}+{tag}@{domain}"


def addresses(client: Client, mailbox_user: str) -> list[tuple[str, str]]:
    """The dealership's name and address, and those of its rooftops; two that are the same are `UsageWrong`."""
    found = [(name, address_of(name, mailbox_user)) for name in client.rooftop_names]
    by_address: dict[str, str] = {}
    for name, address in found:
        if address in by_address:
            raise UsageWrong(
                f"“{by_address[address]}” and “{name}” would have the same address {address}",
                "Give one of them another name in the configuration.",
            )
        by_address[address] = name
    return found


@dataclass(frozen=True)
class Letters:
    """Filled in and ready to be sent: to the dealership, and to the CRM's support."""

    dealership: str
    support: str


def letters(account: Account, crm_label: str, address: str) -> Letters:
    """The two letters for an account. A CRM whose demands nobody has written down is `StepsUnknown`."""
    needs = _needs(account.crm)
    return Letters(
        _to_dealership(account.dealership, crm_label, address, needs),
        _to_support(account.dealership, crm_label, address, needs),
    )


def missing(shown: AccountShown | None, account: Account, address: str) -> list[str]:
    """What the account still needs, as sentences without a full stop; `shown` None: nobody has looked."""
    found = []
    if account.username.casefold() != address.casefold():
        found.append(f"the account is {account.username}, and by the dealership's name it would be {address}")
    if shown is None:
        return found
    needs = _needs(account.crm)
    if shown.role_fits is False:
        found.append(f"the profile's Role is “{shown.role}”, and has to be {needs.role}")
    if shown.title_fits is False:
        found.append(f"the profile's Title is “{shown.title}”, and has to be {needs.title}")
    if shown.role_fits is None or shown.title_fits is None:
        asked = f"ask whether Role is {needs.role} and Title {needs.title}"
        found.append(f"the page does not show all of the profile: {asked}")
    if not shown.may_export:
        found.append(f"{needs.permission} is not offered: the CRM's support has not granted the permission to export")
    return found


def _needs(crm: str) -> AccountNeeds:
    robot = robot_class(crm)
    if robot is None or robot.account_needs is None:
        raise StepsUnknown(f"what an account of {BY_KEY[crm].label} needs is not known")
    return robot.account_needs


def _to_dealership(dealership: str, crm_label: str, address: str, needs: AccountNeeds) -> str:
    return f"""Subject: {crm_label}: an account for exporting the leads of {dealership}

Hello,

so that we can export the leads of {dealership} for you each month, please add a user to {crm_label}:

  E-mail address:  {address}
  Role:            {needs.role}
  Title:           {needs.title}

Both settings are needed: without them the user can make no report.

We also need your approval to ask the support of {crm_label} for the permission to export ("{needs.permission}").
Please reply with the login information and the words

  {APPROVED}

If there are further rooftops, each needs a user of its own.

Thank you
"""


def _to_support(dealership: str, crm_label: str, address: str, needs: AccountNeeds) -> str:
    return f"""To: {needs.support}
Subject: Export capabilities ({needs.permission}) for {dealership}

Hello,

please grant the user {address} of {dealership} Export capabilities ({needs.permission}) in {crm_label}.
The dealership has approved it: {APPROVED}. The user's profile has Role = {needs.role} and Title = {needs.title}.

Please confirm once access is granted.

Thank you
"""
