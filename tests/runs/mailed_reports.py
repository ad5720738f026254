"""Reports that a test mails itself, in the place of the quick CRM, which has been told to mail none."""

from datetime import date
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from tests.runs.conftest import Place
from tests.runs.quick_crm import csv_of

ADDRESS = "datateam+abcautos@example.com"


def report_text(place: Place) -> str:
    """What the CRM would mail for the last request."""
    asked = place.requests[-1]
    account = place.world.accounts[asked["username"]]
    return csv_of(place.world, account, date.fromisoformat(asked["first"]), date.fromisoformat(asked["last"]))[0]


def mail(
    place: Place,
    *files: tuple[str, str],
    sender: str = "reports@crm-mailer.example",
    to: str = ADDRESS,
    subject: str = "Your report",
) -> None:
    """A mail that is delivered to `to`, with files of (name, text)."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, ADDRESS, subject
    message["Date"], message["Message-ID"] = format_datetime(place.world.now()), make_msgid(domain="crm-mailer.example")
    message.set_content("Your report is attached.")
    for name, text in files:
        message.add_attachment(text.encode(), maintype="text", subtype="csv", filename=name)
    place.world.call(place.world.mail.send(sender, to, message))
