"""The mailbox's password that was refused."""

from tests.runs.conftest import Place, Robot

EXPORT = ("export", "activix", "--client", "abc", "--json")
UNCHANGED = "has refused the user name or password"


def test_it_is_not_sent_again_by_another_process_until_it_is_changed(quick: Place, robot: Robot) -> None:
    quick.configure(mailbox__password="outdated")
    first = robot(quick, *EXPORT)
    assert UNCHANGED not in first.json["reasons"][0]
    again = robot(quick, *EXPORT)
    assert UNCHANGED in again.json["reasons"][0]
    assert "outdated" not in (quick.home / "mailbox-refused.json").read_text("utf-8")
    quick.configure()
    assert robot(quick, *EXPORT).json["outcome"] == "delivered"


def test_whoever_runs_doctor_has_it_sent_once_more(quick: Place, robot: Robot) -> None:
    quick.configure(mailbox__password="outdated")
    robot(quick, *EXPORT)
    said = robot(quick, "doctor").json["text"]
    assert "refuses the user name or password" in said
    assert UNCHANGED not in said
    assert UNCHANGED in robot(quick, *EXPORT).json["reasons"][0]
