"""The [mailbox] table: sign-in, delivery headers and limits."""

import re
from datetime import timedelta

import pytest

from export_robots.config_mailbox import Auth, Unsigned
from export_robots.credentials import Secrets
from export_robots.outcomes import UsageWrong
from export_robots.runs.mailbox_access import limits_of, mailbox_of
from report_mailbox.mailbox import Limits
from tests.settings.conftest import Load

SECRET = "correct horse 18 battery!"
HOST = 'host = "imap.example.com"'


def with_lines(model: str, *lines: str, limits: str = "") -> str:
    table = f"\n[mailbox.limits]\n{limits}\n\n[clients.abc]" if limits else "[clients.abc]"
    return model.replace(HOST, "\n".join((HOST, *lines))).replace("[clients.abc]", table, 1)


def test_a_mailbox_signs_in_with_a_password_unless_it_says_otherwise(load: Load) -> None:
    mailbox = load().require_mailbox()
    assert (mailbox.auth, mailbox.unsigned, mailbox.done_folder) == (Auth.PASSWORD, Unsigned.BY_POLICY, None)


def test_mail_on_a_server_of_this_machine_needs_no_signature_unless_that_is_said(load: Load, model: str) -> None:
    here = model.replace(HOST, 'host = "127.0.0.1"\nsecurity = "none"')
    assert load(here).require_mailbox().unsigned is Unsigned.ACCEPT
    strict = here.replace('security = "none"', 'security = "none"\nunsigned = "by_policy"')
    assert load(strict).require_mailbox().unsigned is Unsigned.BY_POLICY


def test_what_is_set_reaches_the_mailbox(load: Load, model: str) -> None:
    lines = ('done_folder = "Done"', 'unsigned = "hold"', 'delivery_headers = ["X-Envelope-To:", "To"]')
    settings = load(with_lines(model, *lines))
    mailbox = mailbox_of(settings.require_mailbox(), Secrets(settings))
    assert (mailbox.done_folder, mailbox.unsigned, mailbox.delivery_headers) == (
        "Done",
        "hold",
        ("X-Envelope-To", "To"),
    )


def test_the_limits_are_read_with_their_units_and_the_others_stay(load: Load, model: str) -> None:
    text = with_lines(model, limits='mail = "25MB"\nunpacked = "2 gb"\nparts = 50\nparse = "90s"')
    assert limits_of(load(text).require_mailbox()) == Limits(
        mail_bytes=25_000_000, unpacked_bytes=2_000_000_000, parts=50, parse=timedelta(seconds=90)
    )


def test_limits_and_lists_can_come_from_the_environment(load: Load) -> None:
    settings = load(
        ROBOT_MAILBOX__LIMITS__MAIL="500KB",
        ROBOT_MAILBOX__LIMITS__PACKED_FILES="7",
        ROBOT_MAILBOX__DELIVERY_HEADERS="Delivered-To, X-Original-To",
        ROBOT_MAILBOX__AUTH="google",
        ROBOT_MAILBOX__CLIENT_ID="an-app",
        ROBOT_MAILBOX__CLIENT_SECRET=SECRET,
    )
    mailbox = settings.require_mailbox()
    assert limits_of(mailbox) == Limits(mail_bytes=500_000, packed_files=7)
    assert mailbox.delivery_headers == ("Delivered-To", "X-Original-To")
    assert settings.secrets["mailbox.client_secret"].get_secret_value() == SECRET
    assert settings.secret_places["mailbox.client_secret"] == "ROBOT_MAILBOX__CLIENT_SECRET"
    assert SECRET in Secrets(settings).all()
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('auth = "oauth"', 'line 4: mailbox.auth must be "password", "google" or "microsoft"'),
        ('auth = "google"', 'mailbox.client_id is missing: with auth = "google" it names the application'),
        ('auth = "microsoft"', 'mailbox.client_id is missing: with auth = "microsoft" it names the application'),
        ('client_id = "an-app"', 'line 4: mailbox.client_id is only for auth = "google" or "microsoft"'),
        (f'client_secret = "{SECRET}"', 'line 4: mailbox.client_secret is only for auth = "google", and here it is'),
        ('tenant = "common"', 'line 4: mailbox.tenant is only for auth = "microsoft", and here it is "password"'),
        (f'password = "{SECRET}"\nauth = "google"\nclient_id = "a"', 'mailbox.password is only for auth = "password"'),
        (
            'auth = "microsoft"\nclient_id = "a"\ntenant = "a/b"',
            "line 6: mailbox.tenant must be a Microsoft 365 tenant",
        ),
        ('unsigned = "maybe"', 'line 4: mailbox.unsigned must be "by_policy", "hold" or "accept"'),
        ('done_folder = "INBOX"', "line 4: mailbox.done_folder must be another folder than the one that is read"),
        ("delivery_headers = []", "line 4: mailbox.delivery_headers must be a list of mail headers"),
        ('delivery_headers = ["Delivered To"]', "“Delivered To” is none"),
        ('delivery_headers = ["To", "to"]', "line 4: mailbox.delivery_headers names a header twice"),
        ('folders = "INBOX"', "mailbox.folders is not known here; did you mean “folder” or “done_folder”?"),
    ],
)
def test_a_mistake_about_the_mailbox_is_named_with_its_line(load: Load, model: str, line: str, words: str) -> None:
    with pytest.raises(UsageWrong, match=re.escape(words)) as caught:
        load(with_lines(model, line))
    assert SECRET not in "".join((str(caught.value), caught.value.hint, *caught.value.reasons))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('mail = "60"', "line 8: mailbox.limits.mail must be a size with its unit"),
        ("mail = 60000000", "line 8: mailbox.limits.mail must be a size with its unit"),
        ('header = "0KB"', "mailbox.limits.header must be a size with its unit"),
        ("parts = 0", "line 8: mailbox.limits.parts must be a whole number from 1"),
        ("packed_files = true", "line 8: mailbox.limits.packed_files must be a whole number from 1"),
        ('parse = "fast"', "line 8: mailbox.limits.parse must be a time with its unit"),
        ('unpackt = "1MB"', "line 8: mailbox.limits.unpackt is not known here; did you mean “unpacked”?"),
    ],
)
def test_a_mistake_in_the_limits_is_named_with_its_line(load: Load, model: str, line: str, words: str) -> None:
    with pytest.raises(UsageWrong, match=re.escape(words)):
        load(with_lines(model, limits=line))
