"""Watches a mailbox for reports that are expected, and hands each over exactly once.

    mailbox = Mailbox("imap.example.com", 993, "datateam@example.com", password=lambda: ...)
    collector = Collector(mailbox, engine, folder, accept)
    collector.ledger.expect(Expectation("abc 2026-10", "datateam+abc@example.com", ("crm.example",), newer_than=now))
    for handed in collector.wait(until=deadline):
        ...
        collector.ledger.taken(handed.id)

It knows nothing of robots: `accept` says whether a file is what an expectation is about.
"""

from report_mailbox.codes import CodeMark, CodeReader
from report_mailbox.collector import Collector
from report_mailbox.errors import (
    MailboxBusy,
    MailboxConsentNeeded,
    MailboxError,
    MailboxFolderMissing,
    MailboxLost,
    MailboxMisconfigured,
    MailboxNotConnected,
    MailboxProtocol,
    MailboxSignInRefused,
    MailboxThrottled,
    MailboxUnreachable,
)
from report_mailbox.health import MailboxHealth, probe
from report_mailbox.inspecting import Inspection, MailNotHere, OpenedMail, why_not
from report_mailbox.ledger import Ledger
from report_mailbox.mailbox import Limits, Mailbox, Pace, TokenSource
from report_mailbox.mails import readable
from report_mailbox.matching import Acceptance, Expectation, Fate, Verdict
from report_mailbox.records import Handed, HandedKind, HeldMail, KeptPart, KnownMail, Word
from report_mailbox.releasing import NotReleased, Releasing

__all__ = [
    "Acceptance",
    "CodeMark",
    "CodeReader",
    "Collector",
    "Expectation",
    "Fate",
    "Handed",
    "HandedKind",
    "HeldMail",
    "Inspection",
    "KeptPart",
    "KnownMail",
    "Ledger",
    "Limits",
    "MailNotHere",
    "Mailbox",
    "MailboxBusy",
    "MailboxConsentNeeded",
    "MailboxError",
    "MailboxFolderMissing",
    "MailboxHealth",
    "MailboxLost",
    "MailboxMisconfigured",
    "MailboxNotConnected",
    "MailboxProtocol",
    "MailboxSignInRefused",
    "MailboxThrottled",
    "MailboxUnreachable",
    "NotReleased",
    "OpenedMail",
    "Pace",
    "Releasing",
    "TokenSource",
    "Verdict",
    "Word",
    "probe",
    "readable",
    "why_not",
]
