"""The tables of what runs unattended: [database], [schedule], [notices] and [keeping]."""

import re
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from export_robots.config_schedule import LogFormat
from export_robots.credentials import NOTICES, Secrets, forget_secret, list_secrets, set_secret
from export_robots.home import Home
from export_robots.outcomes import UsageWrong
from export_robots.periods import Month
from export_robots.runs.database import database_url
from tests.settings.conftest import Load

URL = "postgresql://robot:s3cret-word@db.example.com/robot"
MAIL = "mailtos://ops:pass-word-9@example.com?to=a@example.com,b@example.com"
HOOK = "https://hooks.example.com/services/T0123456789abcdefghij"


def with_table(model: str, table: str) -> str:
    return model.replace("[clients.abc]", f"{table}\n\n[clients.abc]", 1)


def test_without_the_tables_the_usual_values_hold(load: Load) -> None:
    settings = load()
    schedule, keeping = settings.schedule, settings.keeping
    assert (schedule.due_hour, schedule.close_by) == (time(9), timedelta(hours=36))
    assert [each.total_seconds() / 60 for each in schedule.pauses] == [5, 15, 60, 180]
    assert (schedule.sign_ins_per_day, schedule.same_failure, schedule.at_once_per_crm) == (4, 3, 4)
    assert (schedule.starts_per_minute, schedule.at_once, schedule.code_patience) == (6, 0, timedelta(minutes=10))
    assert (keeping.leads.days, keeping.shared.days, keeping.evidence.days, keeping.mails.days) == (400, 14, 60, 400)
    assert (settings.notices.urls, settings.notices.log_format) == ((), LogFormat.TEXT)
    assert database_url(settings, Home(Path("/home/robot"))) == "sqlite:////home/robot/robot.sqlite"


def test_what_the_file_says_is_read(load: Load, model: str) -> None:
    tables = f"""
[database]
url = "{URL}"
[schedule]
due_hour = "7:30"
first_month = "2026-11"
pauses = ["1m", "2h"]
at_once = 3
[notices]
urls = ["{MAIL}", "{HOOK}"]
log_format = "json"
[keeping]
evidence = "14d"
[schedule.crms.autoraptor]
at_once = 2
"""
    settings = load(with_table(model, tables))
    assert settings.schedule.due_hour == time(7, 30)
    assert settings.schedule.pauses == (timedelta(minutes=1), timedelta(hours=2))
    assert settings.schedule.limits_of("autoraptor") == (2, 6)
    assert settings.schedule.limits_of("activix") == (4, 6)
    assert settings.schedule.first_month == Month(2026, 11)
    assert (settings.schedule.at_once, settings.keeping.evidence.days) == (3, 14)
    assert settings.notices.log_format is LogFormat.JSON
    assert Secrets(settings).notice_urls() == [MAIL, HOOK]
    assert database_url(settings, Home(Path("/x"))) == URL.replace("postgresql", "postgresql+psycopg")


def test_the_environment_can_say_the_same(load: Load) -> None:
    settings = load(
        ROBOT_DATABASE__URL=URL,
        ROBOT_SCHEDULE__PAUSES="1m, 2h",
        ROBOT_SCHEDULE__AT_ONCE="0",
        ROBOT_NOTICES__URLS=f"{MAIL}, {HOOK}",
        ROBOT_KEEPING__LEADS="30d",
    )
    assert settings.schedule.pauses == (timedelta(minutes=1), timedelta(hours=2))
    assert Secrets(settings).notice_urls() == [MAIL, HOOK]
    assert settings.keeping.leads == timedelta(days=30)
    assert settings.database.url
    assert settings.secret_places["database.url"] == "ROBOT_DATABASE__URL"


def test_what_is_secret_in_an_address_is_known_for_redaction_and_never_shown(load: Load) -> None:
    settings = load(ROBOT_DATABASE__URL=URL, ROBOT_NOTICES__URLS=f"{MAIL} {HOOK}")
    assert {"s3cret-word", "pass-word-9", "T0123456789abcdefghij", HOOK} <= set(Secrets(settings).all())
    for word in ("s3cret-word", "pass-word-9", "T0123456789abcdefghij"):
        assert word not in repr(settings)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (f'[database]\nurl = "{URL.replace("postgresql", "mysql")}"', "database.url must be a PostgreSQL address"),
        ('[database]\nurl = "postgresql://db.example.com"', "database.url must be a PostgreSQL address"),
        (f'[database]\nurl = "{URL.replace("-word", "@word")}"', "database.url must have its password between : and @"),
        (f'[database]\nurl = "{URL.replace("-word", "#word")}"', "the signs @ : / ? # % in a password written as %40"),
        (f'[database]\nurl = "{URL.replace("-word", "/word")}"', "the signs @ : / ? # % in a password written as %40"),
        ('[database]\nurl = "postgresql://a/b?password=s3cret"', "database.url must have its password between : and @"),
        ("[database]\nurl = 5432", "database.url must be text in quotes"),
        ('[database]\nuri = "x"', "database.uri is not known here; did you mean “url”?"),
        ('[schedule]\ndue_hour = "25:00"', 'schedule.due_hour must be a time of day like "09:00"'),
        ("[schedule]\ndue_hour = 9", 'schedule.due_hour must be a time of day like "09:00"'),
        ("[schedule]\npauses = []", "schedule.pauses must be a list of times with their units"),
        ('[schedule]\npauses = ["soon"]', "schedule.pauses must be a time with its unit"),
        ("[schedule]\nat_once = -1", "schedule.at_once must be a whole number"),
        ("[schedule]\nsame_failure = 0", "schedule.same_failure must be a whole number from 1"),
        ("[schedule.crms.actvix]\nat_once = 2", "schedule.crms.actvix names no CRM; did you mean “activix”?"),
        (
            "[schedule.crms.activix]\nat_ones = 2",
            "schedule.crms.activix.at_ones is not known here; did",
        ),
        ('[notices]\nurls = ["ops@example.com"]', "notices.urls must be a list of addresses"),
        ('[notices]\nlog_format = "xml"', 'notices.log_format must be "text" or "json"'),
        ('[keeping]\nleads = "0d"', 'keeping.leads must be a number of days, in quotes: "400d"'),
        ("[keeping]\nshared = 14", 'keeping.shared must be a number of days, in quotes: "400d"'),
        ('[keeping]\nstored = "14d"', "keeping.stored is not known here; did you mean “shared”?"),
        ('[schedule]\nclose_by = "10d"', "schedule.close_by must be a time with its unit"),
        ('[keeping]\nleads = "2h"', 'keeping.leads must be a number of days, in quotes: "400d"'),
    ],
)
def test_a_mistake_is_said_with_its_key_and_without_a_secret(load: Load, model: str, table: str, words: str) -> None:
    with pytest.raises(UsageWrong, match=re.escape(words)) as caught:
        load(with_table(model, table))
    assert "s3cret" not in str(caught.value)
    assert caught.value.hint
    assert "line " in str(caught.value)


def test_an_address_on_the_command_line_counts_before_the_others(load: Load) -> None:
    settings = load(ROBOT_DATABASE__URL=URL).with_database("postgres://other.example.com/robot")
    assert settings.database.url == SecretStr("postgresql+psycopg://other.example.com/robot")
    assert settings.secret_places["database.url"] == "--database"
    with pytest.raises(UsageWrong, match="--database must be a PostgreSQL address"):
        load().with_database("sqlite:///here.sqlite")


def test_addresses_of_notices_can_lie_in_the_keyring(load: Load, memory_keyring: Any) -> None:
    settings = load()
    assert NOTICES not in {each.name for each in list_secrets(settings)}
    assert Secrets(settings).notice_urls() == []
    with pytest.raises(UsageWrong, match="must be a list of addresses"):
        set_secret(settings, NOTICES, SecretStr("ops@example.com"))
    set_secret(settings, NOTICES, SecretStr(f"{MAIL} {HOOK}"))
    assert NOTICES in {each.name for each in list_secrets(settings)}
    secrets = Secrets(settings)
    assert secrets.notice_urls() == [MAIL, HOOK]
    assert HOOK in secrets.all()
    forget_secret(NOTICES)
    assert Secrets(load(ROBOT_NOTICES__URLS=HOOK)).notice_urls() == [HOOK]


@pytest.mark.parametrize("table", [f'[database]\nurl = "{URL}"', f'[notices]\nurls = ["{HOOK}"]'])
def test_a_file_with_an_address_that_may_hold_a_secret_is_for_its_owner_alone(
    tmp_path: Path, model: str, table: str
) -> None:
    from export_robots.settings import load_settings

    path = tmp_path / "open.toml"
    path.write_text(with_table(model, table), "utf-8")
    path.chmod(0o644)
    with pytest.raises(UsageWrong, match="holds a secret, and other users"):
        load_settings(path, tmp_path, {})
