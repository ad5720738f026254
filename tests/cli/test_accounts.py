"""`robot address` and the letters of `robot onboard`, without a CRM."""

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from export_robots.clients import Account
from export_robots.crm.activix import Activix
from export_robots.onboarding import address_of, letters, missing, tag_of
from export_robots.outcomes import StepsUnknown, UsageWrong
from export_robots.robot import AccountShown
from tests.cli.conftest import CONFIGURATION, Robot

ADDRESS = "datateam+abcautos@example.com"


def account_in(crm: str) -> Account:
    return Account("abc", crm, "ABC Autos", None, None, ADDRESS, (), timedelta(1), ZoneInfo("UTC"))


@pytest.mark.parametrize(
    ("name", "tag"),
    [("ABC Autos", "abcautos"), ("Autos Lévis (2010) inc.", "autoslevis2010inc"), ("L'Étoile & Fils", "letoilefils")],
)
def test_the_tag_is_letters_and_digits_of_the_name(name: str, tag: str) -> None:
    assert tag_of(name) == tag


def test_the_address_is_the_mailboxs_with_the_dealerships_name(robot: Robot, config: Path) -> None:
    answer = robot("address", "--client", "abc", "--config", str(config))
    assert (answer.code, answer.out) == (0, "datateam+abcautos@example.com\n")


def test_rooftops_have_addresses_of_their_own(robot: Robot, config: Path) -> None:
    config.write_text(
        CONFIGURATION
        + '\n[[clients.abc.rooftops]]\nname = "ABC Autos North"\n[clients.abc.rooftops.activix]\n'
        + 'username = "datateam+abcautosnorth@example.com"\n',
        "utf-8",
    )
    answer = robot("address", "--client", "abc", "--config", str(config), "--json")
    assert [each["address"] for each in answer.json["addresses"]] == [
        "datateam+abcautos@example.com",
        "datateam+abcautosnorth@example.com",
    ]


def test_a_mailbox_without_an_address_and_a_name_without_letters_are_said() -> None:
    with pytest.raises(UsageWrong, match="is no address"):
        address_of("ABC Autos", "datateam")
    with pytest.raises(UsageWrong, match="has no letter"):
        address_of("!!!", "datateam@example.com")


def test_without_a_password_the_letters_are_printed_and_nobody_is_asked(
    robot: Robot, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text(CONFIGURATION.replace('password = "canary-password"\n', ""), "utf-8")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    answer = robot("onboard", "activix", "--client", "abc", "--config", str(config), "--home", str(config.parent / "h"))
    assert answer.code == 0, answer.said
    for words in ("APPROVED FOR EXPORT", "Manager", "Sales Director", "datateam+abcautos@example.com"):
        assert words in answer.out
    assert "To: support@activix.ca" in answer.out
    assert "robot credentials set clients.abc.activix.password" in answer.said


def test_no_letters_are_written_for_a_crm_whose_demands_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StepsUnknown, match="what an account of VinSolutions needs is not known"):
        letters(account_in("vinsolutions"), "VinSolutions", ADDRESS)
    monkeypatch.delattr(Activix, "account_needs")
    with pytest.raises(StepsUnknown, match="what an account of Activix CRM needs is not known"):
        letters(account_in("activix"), "Activix CRM", ADDRESS)


def test_what_is_missing_is_named_one_by_one() -> None:
    address, account = ADDRESS, account_in("activix")
    right = AccountShown("Manager", "Sales Director", True, True, True)
    assert missing(right, account, address) == []
    wrong = AccountShown("Advisor", "Salesperson", False, False, False)
    found = missing(wrong, account, address)
    assert [word in sentence for word, sentence in zip(("Advisor", "Salesperson", "Generate"), found, strict=True)] == [
        True, True, True,
    ]  # fmt: skip
    assert "would be datateam+other@example.com" in missing(right, account, "datateam+other@example.com")[0]
    unseen = AccountShown(None, None, None, None, True)
    assert "does not show" in missing(unseen, account, address)[0]
