import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from export_robots.config_mailbox import Security
from export_robots.credentials import Secrets
from export_robots.outcomes import UsageWrong
from export_robots.periods import Month
from export_robots.runs.mailbox_access import limits_of, mailbox_of
from export_robots.settings import Settings, load_settings
from report_mailbox.mailbox import DELIVERY_HEADERS, Limits

Load = Callable[..., Settings]
Write = Callable[[str], Path]

ROOT = Path(__file__).parents[2]
SECRET = "correct horse 18 battery!"
HOST = 'host = "imap.example.com"'
ACTIVIX = "[clients.abc.activix]"
DEALERSHIP = 'dealership = "ABC Autos"'


def refusal(load: Load, *args: str, **env: str) -> UsageWrong:
    with pytest.raises(UsageWrong) as caught:
        load(*args, **env)
    assert SECRET not in "".join((str(caught.value), caught.value.hint, *caught.value.reasons))
    assert caught.value.__context__ is None or SECRET not in repr(caught.value.__context__.__dict__)
    return caught.value


def test_the_model_file_loads_as_it_is(tmp_path: Path) -> None:
    path = Path(shutil.copy(ROOT / "credentials.example.toml", tmp_path / "credentials.toml"))
    settings = load_settings(path, tmp_path / "home", {})
    assert settings.mailbox is not None
    assert (settings.mailbox.host, settings.mailbox.port, settings.mailbox.security) == (
        "imap.example.com",
        993,
        Security.TLS,
    )
    assert settings.client("abc").account("activix").username == "datateam+abcautos@example.com"
    assert not settings.secrets


@pytest.mark.parametrize(
    ("auth", "others"),
    [
        ("password", ("client_id", "client_secret", "tenant")),
        ("google", ("password", "tenant")),
        ("microsoft", ("password", "client_secret")),
    ],
)
def test_the_model_file_loads_with_every_commented_key_switched_on(
    write: Write, tmp_path: Path, auth: str, others: tuple[str, ...]
) -> None:
    lines = (ROOT / "credentials.example.toml").read_text(encoding="utf-8").splitlines()
    off = re.compile(r"# (\[\[|\[|  \[|  |)[a-z_.]+(\]|\]\]| = .*)$")
    text = "\n".join(line.removeprefix("# ") if off.match(line) else line for line in lines)
    for key in others:  # which belong to another kind of sign-in
        text = re.sub(rf"^{key} = .*$", "", text, count=1, flags=re.MULTILINE)
    text = text.replace('auth = "password"', f'auth = "{auth}"').replace('client_id = ""', 'client_id = "an-app"')
    text = re.sub('(password|client_secret) = ""', rf'\1 = "{SECRET}"', text)
    text = text.replace('totp_secret = ""', 'totp_secret = "JBSW Y3DP EHPK 3PXP"')
    settings = load_settings(write(text), tmp_path / "home", {})
    assert [account.dealership for account in settings.accounts] == ["ABC Autos", "ABC Autos North"]
    assert settings.accounts[0].report_senders == ("activix.ca",)
    assert settings.mailbox is not None
    assert str(settings.mailbox.auth) == auth
    mailbox, usual = mailbox_of(settings.mailbox, Secrets(settings)), Limits()
    assert limits_of(settings.mailbox) == usual
    assert (mailbox.delivery_headers, mailbox.unsigned) == (DELIVERY_HEADERS, "by_policy")
    assert settings.browser.executable == Path("/usr/bin/chromium")
    assert settings.secrets["clients.abc.activix.totp_secret"].get_secret_value() == "JBSWY3DPEHPK3PXP"


def test_a_client_has_its_accounts_with_the_main_rooftop_first(load: Load) -> None:
    client = load().client("abc")
    assert (client.dealership, client.starts, client.timezone) == (
        "ABC Autos",
        Month(2026, 5),
        ZoneInfo("America/Toronto"),
    )
    main, north = client.accounts("activix")
    assert (main.rooftop, main.dealership, main.url, main.report_deadline) == (
        None,
        "ABC Autos",
        None,
        timedelta(minutes=30),
    )
    assert (north.rooftop, north.dealership) == ("ABC Autos North", "ABC Autos North")
    assert main.id == "activix:datateam+abcautos@example.com"
    assert client.account("activix", "abc autos") == main
    assert client.account("activix", "ABC Autos North") == north


def test_the_environment_counts_before_the_file_key_by_key(load: Load) -> None:
    settings = load(
        ROBOT_MAILBOX__HOST="mail.example.com",
        ROBOT_CLIENTS__ABC__ACTIVIX__PASSWORD=SECRET,
        ROBOT_CLIENTS__ABC__ACTIVIX__REPORT_DEADLINE="45s",
        ROBOT_CLIENTS__ABC__ACTIVIX__REPORT_SENDERS="activix.ca, reports@example.com",
        ROBOT_CLIENTS__ABC__ROOFTOPS__ABC_AUTOS_NORTH__ACTIVIX__URL="https://crm.example.com/",
        ROBOT_OPTIONS="--loglevel debug",
        ROBOT_MAILBOX__FOLDER="",
    )
    assert settings.mailbox is not None
    assert (settings.mailbox.host, settings.mailbox.username) == ("mail.example.com", "datateam@example.com")
    assert settings.mailbox.folder == "INBOX"
    main, north = settings.client("abc").accounts("activix")
    assert main.report_deadline == timedelta(seconds=45)
    assert main.report_senders == ("activix.ca", "reports@example.com")
    assert north.url == "https://crm.example.com/"
    assert settings.secrets["clients.abc.activix.password"].get_secret_value() == SECRET
    assert SECRET not in repr(settings)


def test_everything_can_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    env = {
        "ROBOT_HOME": str(tmp_path / "home"),
        "ROBOT_MAILBOX__HOST": "imap.example.com",
        "ROBOT_MAILBOX__USERNAME": "datateam@example.com",
        "ROBOT_MAILBOX__PORT": "1143",
        "ROBOT_MAILBOX__SECURITY": "starttls",
        "ROBOT_CLIENTS__ABC__DEALERSHIP": "ABC Autos",
        "ROBOT_CLIENTS__ABC__STARTS": "2026-05",
        "ROBOT_CLIENTS__ABC__TIMEZONE": "America/Toronto",
        "ROBOT_CLIENTS__ABC__DEALR_CLOUD__USERNAME": "datateam+abc@example.com",
        "ROBOT_CLIENTS__ABC__ROOFTOPS__NORTH__NAME": "North",
        "ROBOT_CLIENTS__ABC__ROOFTOPS__NORTH__DEALR_CLOUD__USERNAME": "datateam+north@example.com",
    }
    settings = load_settings(None, None, env)
    assert settings.config_file is None
    assert settings.home == tmp_path / "home"
    assert settings.mailbox is not None
    assert settings.mailbox.port == 1143
    assert [account.username for account in settings.client("abc").accounts("dealr_cloud")] == [
        "datateam+abc@example.com",
        "datateam+north@example.com",
    ]


def test_a_variable_finds_a_client_whose_key_has_a_hyphen(load: Load, model: str) -> None:
    settings = load(
        model.replace("clients.abc", "clients.abc-autos"), ROBOT_CLIENTS__ABC_AUTOS__ACTIVIX__PASSWORD=SECRET
    )
    assert list(settings.clients) == ["abc-autos"]
    assert list(settings.secrets) == ["clients.abc-autos.activix.password"]


def test_the_file_is_looked_for_in_the_order_that_is_documented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    import platformdirs

    users = platformdirs.user_config_path("export-robots") / "credentials.toml"
    users.parent.mkdir(parents=True)
    named, variables = tmp_path / "named.toml", tmp_path / "variable.toml"
    for path in (named, variables, work / "credentials.toml", users):
        path.write_text(model, encoding="utf-8")
    env = {"ROBOT_CONFIG": str(variables)}
    assert load_settings(named, None, env).config_file == named
    assert load_settings(None, None, env).config_file == variables
    assert load_settings(None, None, {}).config_file == work / "credentials.toml"
    (work / "credentials.toml").unlink()
    assert load_settings(None, None, {}).config_file == users
    users.unlink()
    empty = load_settings(None, None, {})
    assert empty.config_file is None
    with pytest.raises(UsageWrong, match="there is no client “abc”") as caught:
        empty.client("abc")
    assert str(users) in caught.value.hint


def test_a_named_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageWrong, match=r"nowhere\.toml cannot be read: it is not there"):
        load_settings(tmp_path / "nowhere.toml", None, {})
    with pytest.raises(UsageWrong, match="it is a folder"):
        load_settings(tmp_path, None, {})


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[mailbox]\nhost = \n", "line 2, column 8"),
        ('[mailbox]\nhost = "a"\n\npassword = "correct horse 18 battery!\n', "line 4, column 38"),
        ("[clients.abc]\nstarts = 2026-05\n", "line 2, column 14"),
        ('[mailbox]\npassword = "correct horse\\qbattery"\n', "line 2, column 28"),
        ("[mailbox]\nhost = 'a'\n[mailbox]\n", "line 3, column 9"),
        ("a = '''\nnever ends", "line 2, column 11"),
    ],
)
def test_broken_toml_is_told_by_line_and_column(write: Write, text: str, place: str) -> None:
    path = write(text)
    error = refusal(lambda: load_settings(path, None, {}))
    assert str(error).startswith(f"{path}, {place}: ")
    assert "correct" not in str(error)


def test_a_file_in_another_encoding_is_told_by_its_line(write: Write, model: str) -> None:
    path = write("")
    path.write_bytes(model.replace("ABC Autos", "Autos Café").encode("cp1252"))
    with pytest.raises(UsageWrong, match="line 7: the file is not written in UTF-8"):
        load_settings(path, None, {})


def test_a_file_from_windows_with_a_byte_order_mark_is_read(write: Write, model: str) -> None:
    path = write("")
    path.write_bytes(b"\xef\xbb\xbf" + model.replace("\n", "\r\n").encode())
    assert "abc" in load_settings(path, None, {}).clients


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('starts = "2026-05"', 'starts = "May"', "line 8: clients.abc.starts must be a month like 2026-05, in quotes"),
        ('starts = "2026-05"', "starts = 2026-05-01", "clients.abc.starts must be a month like 2026-05, in quotes"),
        ('starts = "2026-05"', "", "line 6: clients.abc.starts is missing"),
        ('"America/Toronto"', '"America/Toronot"', "“America/Toronot” is none; did you mean “America/Toronto”"),
        ('"America/Toronto"', '"Toronto"', "did you mean “America/Toronto”?"),
        ('"America/Toronto"', '"../../etc/passwd"', "clients.abc.timezone must be a time zone"),
        (DEALERSHIP, 'dealership = ""', "line 7: clients.abc.dealership is empty"),
        (DEALERSHIP, "dealership = 7", "clients.abc.dealership must be text in quotes"),
        (ACTIVIX, "[clients.abc.activx]", "line 11: clients.abc.activx is not known here; did you mean “activix”"),
        (
            "dealership =",
            "dealershp = 1\ndealership =",
            "clients.abc.dealershp is not known here; did you mean “dealership”",
        ),
        ("[mailbox]", "[mail_box]", "line 2: mail_box is not known here; did you mean “mailbox”"),
        ("[mailbox]", "portal = 3\n[mailbox]", "line 2: portal must be a table"),
        (HOST, 'host = "https://imap.example.com"', "mailbox.host must be a server's name alone"),
        (HOST, 'host = "a.b"\nport = 99999', "mailbox.port must be a whole number"),
        (HOST, 'host = "a.b"\nport = true', "mailbox.port must be a whole number"),
        (HOST, 'host = "a.b"\nsecurity = "ssl"', 'mailbox.security must be "tls", "starttls" or "none"'),
        (HOST, 'host = "a.b"\nsecurity = "none"', '"none" is only for a server on this machine'),
        ("+abcautos@example.com", "", "line 12: clients.abc.activix.username must be an e-mail address"),
        (ACTIVIX, f"{ACTIVIX}\nreport_deadline = 30", "must be a time with its unit"),
        (ACTIVIX, f'{ACTIVIX}\nreport_deadline = "0s"', "must be longer than nothing"),
        (ACTIVIX, f'{ACTIVIX}\nreport_senders = ["ca"]', "must be a list of whole domains or addresses"),
        (ACTIVIX, f"{ACTIVIX}\nreport_senders = []", "must be a list of domains or addresses"),
        (ACTIVIX, f'{ACTIVIX}\nurl = "http://crm.example.com"', "must begin with https://"),
        (ACTIVIX, f'{ACTIVIX}\nurl = "crm.example.com"', "must be an address like https://"),
        (ACTIVIX, f'{ACTIVIX}\nurl = "https://me:{SECRET}@crm.example.com"', "must be an address"),
        (ACTIVIX, f'{ACTIVIX}\npasword = "{SECRET}"', "did you mean “password”"),
        (ACTIVIX, f"{ACTIVIX}\npassword = 12345678", "clients.abc.activix.password must be text in quotes"),
        (ACTIVIX, f'{ACTIVIX}\npassword = ""', "clients.abc.activix.password is empty"),
        (ACTIVIX, f'{ACTIVIX}\ntotp_secret = "{SECRET}"', "must be an authenticator secret"),
        ("clients.abc", "clients.ABC", "must be a short name of small letters"),
        ('name = "ABC Autos North"', "", "line 14: clients.abc.rooftops.number-1.name is missing"),
        ('name = "ABC Autos North"', 'name = "ABC  autos"', "are the same or too much alike"),
        ("datateam+abcautosnorth", "DataTeam+abcautos", "have the same username: their reports come to one address"),
        ("[mailbox]", "[browser]\nexecutable = 'chromium'\n[mailbox]", "browser.executable must be a whole path"),
    ],
)
def test_each_mistake_is_named_in_plain_words(load: Load, model: str, before: str, after: str, words: str) -> None:
    assert before in model
    error = refusal(load, model.replace(before, after))
    assert words in "\n".join((str(error), *error.reasons))
    assert "credentials.example.toml" in error.hint


def test_two_rooftops_of_one_name_are_refused(load: Load, model: str) -> None:
    with pytest.raises(UsageWrong, match="two rooftops whose names are the same or too much alike"):
        load(model + '\n[[clients.abc.rooftops]]\nname = "abc-autos north"\n')


def test_two_clients_with_one_address_are_refused_by_name(load: Load, model: str) -> None:
    other = """
[clients.xyz]
dealership = "XYZ Autos"
starts = "2026-05"
timezone = "America/Toronto"
[clients.xyz.vinsolutions]
username = "datateam+abcautos@example.com"
"""
    error = refusal(load, model + other)
    assert "clients.abc.activix and clients.xyz.vinsolutions have the same username" in str(error)


def test_all_mistakes_are_listed_in_one_error(load: Load, model: str) -> None:
    text = model.replace("2026-05", "May").replace("imap.example.com", "").replace("activix]", "activx]")
    error = refusal(load, text)
    assert str(error).endswith("credentials.toml has 4 mistakes")
    lines = [
        "credentials.toml, line 3",
        "credentials.toml, line 8",
        "credentials.toml, line 11",
        "credentials.toml, line 16",
    ]
    assert [reason.split(":")[0] for reason in error.reasons] == lines


def test_a_mistake_in_a_variable_is_named_by_the_variable(load: Load) -> None:
    error = refusal(load, ROBOT_CLIENTS__ABC__STARTS="May")
    assert "ROBOT_CLIENTS__ABC__STARTS must be a month like 2026-05" in str(error)
    error = refusal(load, ROBOT_MAILBOX__PASWORD=SECRET)
    assert "ROBOT_MAILBOX__PASWORD is not known here; did you mean “password”" in str(error)
    error = refusal(load, ROBOT_MAILBIX__PASSWORD=SECRET)
    assert "ROBOT_MAILBIX__PASSWORD is not known here; did you mean “mailbox”" in str(error)
    error = refusal(load, ROBOT_CLIENTS__ABX__ACTIVIX__PASSWORD=SECRET)
    assert "ROBOT_CLIENTS__ABX__ACTIVIX__PASSWORD is for clients.abx, which the file does not have" in str(error)
    assert "did you mean “abc”?" in str(error)
    error = refusal(
        load, ROBOT_MAILBOX__HOST="imap.example.com", ROBOT_CLIENTS__ABC=SECRET, ROBOT_CLIENTS__ABC__STARTS="x"
    )
    assert "ROBOT_CLIENTS__ABC is in the way of ROBOT_CLIENTS__ABC__STARTS" in str(error)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "mail.localhost"])
def test_a_mailbox_on_this_machine_needs_no_tls(load: Load, model: str, host: str) -> None:
    settings = load(model.replace("imap.example.com", host).replace("[mailbox]", '[mailbox]\nsecurity = "none"'))
    assert settings.mailbox is not None
    assert (settings.mailbox.security, settings.mailbox.port) == (Security.NONE, 143)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o660])
def test_a_file_with_a_secret_that_others_can_read_is_refused(write: Write, model: str, mode: int) -> None:
    path = write(model.replace("[clients.abc.activix]", f'[clients.abc.activix]\npassword = "{SECRET}"'))
    path.chmod(mode)
    error = refusal(lambda: load_settings(path, None, {}))
    assert f"{path} holds a secret, and other users of this machine can get at it" in str(error)
    assert error.hint == f"chmod 600 {path}"
    path.chmod(0o400)
    assert load_settings(path, None, {}).secrets


def test_a_misspelt_secret_is_guarded_too(write: Write, model: str) -> None:
    path = write(model.replace("[clients.abc.activix]", f'[clients.abc.activix]\nPassw = "{SECRET}"'))
    path.chmod(0o644)
    assert "holds a secret" in str(refusal(lambda: load_settings(path, None, {})))


def test_a_file_without_secrets_may_be_read_by_everybody(write: Write, model: str) -> None:
    path = write(model)
    path.chmod(0o644)
    assert load_settings(path, None, {}).clients


def test_a_link_is_judged_by_what_it_leads_to(write: Write, model: str, tmp_path: Path) -> None:
    path = write(model.replace("[mailbox]", f'[mailbox]\npassword = "{SECRET}"'))
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    assert load_settings(link, None, {}).secrets
    path.chmod(0o644)
    assert "holds a secret" in str(refusal(lambda: load_settings(link, None, {})))


def test_an_unknown_client_is_answered_with_the_nearest(load: Load) -> None:
    with pytest.raises(UsageWrong, match="there is no client “abx”; did you mean “abc”") as caught:
        load().client("abx")
    assert "The clients are: abc." in caught.value.hint


def test_an_unknown_account_or_rooftop_says_what_there_is(load: Load) -> None:
    client = load().client("abc")
    with pytest.raises(UsageWrong, match="client “abc” has no account at vinsolutions") as caught:
        client.account("vinsolutions")
    assert "[clients.abc.vinsolutions]" in caught.value.hint
    with pytest.raises(UsageWrong, match="no rooftop “ABC Auto North”; did you mean “ABC Autos North”"):
        client.rooftop("ABC Auto North")
    assert client.accounts("vinsolutions") == []


def test_the_home_is_named_by_option_variable_or_default(
    write: Write, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = write(model)
    assert load_settings(path, tmp_path / "a", {"ROBOT_HOME": "/b"}).home == tmp_path / "a"
    assert load_settings(path, None, {"ROBOT_HOME": "~/b"}).home == tmp_path / "b"
    assert load_settings(path, None, {}).home.name == "export-robots"
    assert not (tmp_path / "a").exists()


def test_loading_does_not_import_the_keyring_or_the_browser() -> None:
    code = (
        "import sys, export_robots.credentials, export_robots.settings\n"
        "print({'keyring', 'playwright', 'dbos'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "set()"
