"""The whole job, the real robot against the emulated sites: what each misbehaviour ends with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runs.conftest import Answer, Place, Robot, place_in

EXPORT = ("export", "activix", "--json", "--client")

pytestmark = pytest.mark.browser


@pytest.fixture
def classic(tmp_path: Path) -> Iterator[Place]:
    with place_in(tmp_path, site="classic") as place:
        yield place


@pytest.fixture
def vue(tmp_path: Path) -> Iterator[Place]:
    with place_in(tmp_path, site="vue") as place:
        yield place


def require_delivered(place: Place, answer: Answer) -> None:
    assert (answer.code, answer.json["outcome"]) == (0, "delivered"), answer.said
    assert [path.name for path in place.received] == [answer.json["file_name"]]
    assert place.received[0].read_bytes() == Path(answer.json["file"]).read_bytes()
    assert place.requests[-1]["rows"] == answer.json["rows"]


@pytest.mark.parametrize("misbehaviour", ["asks_totp", "page_crashes", "mails_zip"])
def test_the_classic_site_to_the_plain_portal(classic: Place, robot: Robot, misbehaviour: str) -> None:
    classic.world.misbehaviours.add(misbehaviour)
    require_delivered(classic, robot(classic, *EXPORT, "abc"))


@pytest.mark.dovecot
@pytest.mark.parametrize("misbehaviour", ["asks_mailed_code", "mails_link"])
def test_the_french_site_to_the_drop_area_with_mail_from_dovecot(
    tmp_path: Path, robot: Robot, misbehaviour: str
) -> None:
    with place_in(tmp_path, site="vue", portal="dropzone", mail="dovecot") as place:
        place.world.misbehaviours.add(misbehaviour)
        answer = robot(place, *EXPORT, "lmn")
        require_delivered(place, answer)
        assert answer.json["file_name"].startswith("Autos Lévis – Activix CRM – ")


@pytest.mark.parametrize(
    ("misbehaviour", "code", "outcome"),
    [
        ("refuses_password", 10, "sign_in_refused"),
        ("password_expired", 11, "action_needed"),
        ("shows_captcha", 11, "action_needed"),
        ("asks_sms_code", 12, "code_needed"),
        ("fails_with_503", 15, "site_down"),
    ],
)
def test_what_happens_at_the_sign_in(classic: Place, robot: Robot, misbehaviour: str, code: int, outcome: str) -> None:
    classic.world.misbehaviours.add(misbehaviour)
    require_failed(classic, robot(classic, *EXPORT, "abc"), code, outcome)
    assert not classic.requests


@pytest.mark.parametrize(
    ("misbehaviour", "code", "outcome"),
    [
        ("no_export_permission", 13, "permission_missing"),
        ("date_of_birth_stuck", 14, "site_changed"),
    ],
)
def test_what_happens_on_the_page_of_the_report(
    vue: Place, robot: Robot, misbehaviour: str, code: int, outcome: str
) -> None:
    vue.configure(browser__step_timeout="10s")
    vue.world.misbehaviours.add(misbehaviour)
    require_failed(vue, robot(vue, *EXPORT, "abc"), code, outcome)
    assert not vue.requests


@pytest.mark.parametrize(
    ("misbehaviour", "code", "outcome"),
    [
        ("never_mails", 16, "report_late"),
        ("mails_truncated", 17, "report_rejected"),
        ("silent", 18, "upload_failed"),
    ],
)
def test_what_happens_after_the_request(vue: Place, robot: Robot, misbehaviour: str, code: int, outcome: str) -> None:
    vue.configure(clients__abc__activix__report_deadline="5s", browser__step_timeout="10s")
    vue.world.misbehaviours.add(misbehaviour)
    answer = robot(vue, *EXPORT, "abc")
    assert (answer.code, answer.json["outcome"]) == (code, outcome), answer.said
    assert len(vue.requests) == 1
    assert answer.json["reasons"]
    assert answer.json["next"]


def require_failed(place: Place, answer: Answer, code: int, outcome: str) -> None:
    """The word, one sentence, a hint, the evidence, and nothing of a secret."""
    assert (answer.code, answer.json["outcome"]) == (code, outcome), answer.said
    assert answer.json["reasons"]
    assert answer.json["next"]
    assert f"{outcome}: {answer.json['reasons'][0]}" in answer.said
    assert f"hint: {answer.json['next']}" in answer.said
    evidence = Path(answer.said.partition("evidence: ")[2].splitlines()[0])
    assert (evidence / "steps.json").exists()
    assert place.world.accounts["datateam+abcautos@example.com"].password not in answer.said
    assert not place.received
