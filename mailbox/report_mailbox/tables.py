"""The ledger's tables. They hold no mail content, no subjects, no codes and no secrets.

`mail_folders`       how far each folder has been listed
`mail_messages`      one row for each mail, with its one decision
`mail_expectations`  what is expected, and what became of it
`mail_parts`         the files that mails brought
`mail_handed`        what was handed over: at most one row for each expectation
`mail_verdicts`      what was found out about the senders of mails, by the mails' bytes
`mail_past`          decisions that were replaced by later ones
`mail_words`         what people have said about mails: release this one, ignore that one
`mail_looks`         when each folder was looked into last
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

metadata = MetaData()


class Moment(TypeDecorator[datetime]):
    """An aware time, kept in UTC without its zone: SQLite has none."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC).replace(tzinfo=None) if value is not None else None

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None else None


folders = Table(
    "mail_folders",
    metadata,
    Column("account", String(320), primary_key=True),
    Column("folder", String(250), primary_key=True),
    Column("uidvalidity", BigInteger, primary_key=True),
    Column(
        "listed_to", BigInteger, nullable=False
    ),  # every UID up to this one that came since `listed_since` has a row
    Column("listed_since", Moment, nullable=False),
)

messages = Table(
    "mail_messages",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account", String(320), nullable=False),
    Column("folder", String(250), nullable=False),
    Column("uidvalidity", BigInteger, nullable=False),
    Column("uid", BigInteger, nullable=False),
    Column("message_id", String(250)),
    Column("content_sha256", String(64)),  # without trace headers: the same for two copies of one mail
    Column("raw_sha256", String(64)),  # names the file in spool/ once that is safe on disk
    Column("size", BigInteger),
    Column("received", Moment),
    Column("address", String(320)),  # which of our addresses it was delivered to
    Column("sender_domain", String(255)),
    Column("fetches", Integer, nullable=False, default=0),
    Column("attempts", Integer, nullable=False, default=0),
    Column("decision", String(20)),  # a matching.Fate; NULL: not decided yet
    Column("reason", Text),
    Column("final", Boolean, nullable=False, default=False),
    Column("expectation_id", String(250)),
    Column("decided_at", Moment),
    Column("marked_at", Moment),  # when the mailbox was told, after the decision
    Column("mark_attempts", Integer, nullable=False, default=0),
    UniqueConstraint("account", "folder", "uidvalidity", "uid", name="uq_mail_messages_place"),
    Index("ix_mail_messages_content", "account", "content_sha256"),
    # What each pass asks for (undecided, unmarked) and what a new expectation looks back at: never all that ever came.
    Index("ix_mail_messages_decision", "account", "folder", "decision"),
    Index("ix_mail_messages_marking", "account", "folder", "uidvalidity", "decision", "marked_at"),
    Index("ix_mail_messages_address", "account", "folder", "address", "received"),
    sqlite_autoincrement=True,
)

expectations = Table(
    "mail_expectations",
    metadata,
    Column("id", String(250), primary_key=True),
    Column("account", String(320), nullable=False),
    Column("address", String(320), nullable=False),
    Column("senders", JSON, nullable=False),
    Column("link_hosts", JSON, nullable=False),
    Column("newer_than", Moment, nullable=False),
    Column("state", String(20), nullable=False),  # open, answered, withdrawn
    Column("looked_back", Boolean, nullable=False),  # at mails that had come before the expectation
    Column("changed_at", Moment, nullable=False),
    Index("ix_mail_expectations_state", "account", "state"),
)

parts = Table(
    "mail_parts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("message_row", ForeignKey("mail_messages.id"), nullable=False),
    Column("name", String(250), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("file", String(250), nullable=False),  # inside the collector's folder
    UniqueConstraint("message_row", "sha256", name="uq_mail_parts_content"),
    Index("ix_mail_parts_sha256", "sha256"),
)

handed = Table(
    "mail_handed",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("expectation_id", ForeignKey("mail_expectations.id"), nullable=False, unique=True),
    Column("message_row", ForeignKey("mail_messages.id"), nullable=False),
    Column("kind", String(20), nullable=False),  # report, rejection, link
    Column("name", String(250), nullable=False, default=""),
    Column("sha256", String(64)),
    Column("file", String(250)),
    Column("link", Text),
    Column("reason", Text, nullable=False, default=""),
    Column("handed_at", Moment, nullable=False),
    Column("taken_at", Moment),
    Index("ix_mail_handed_sha256", "sha256"),
    sqlite_autoincrement=True,  # a number once handed out never comes again, also after `give_back`
)

past = Table(
    "mail_past",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("message_row", ForeignKey("mail_messages.id"), nullable=False),
    Column("decision", String(20), nullable=False),
    Column("reason", Text),
    Column("decided_at", Moment),
    Index("ix_mail_past_message", "message_row"),
)

words = Table(
    "mail_words",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("message_row", ForeignKey("mail_messages.id"), nullable=False),
    Column("word", String(20), nullable=False),  # a records.Word
    Column("said_by", String(250), nullable=False),
    Column("said_at", Moment, nullable=False),
    Column("over", Text, nullable=False),  # why the mail was held when they said it
    Column("note", Text, nullable=False, default=""),  # their own reason
    Column("expectation_id", String(250)),
    Column("sha256", String(64)),  # of the file they meant
    Index("ix_mail_words_message", "message_row"),
)

looks = Table(
    "mail_looks",
    metadata,
    Column("account", String(320), primary_key=True),
    Column("folder", String(250), primary_key=True),
    Column("looked_at", Moment, nullable=False),
)

verdicts = Table(
    "mail_verdicts",
    metadata,
    Column("account", String(320), primary_key=True),
    Column("raw_sha256", String(64), primary_key=True),
    Column("domain", String(255), nullable=False),  # of From
    Column("standing", String(20), nullable=False),  # a dkim_check.Standing
    Column("reason", Text, nullable=False),
    Column("checked_at", Moment, nullable=False),
    Index("ix_mail_verdicts_domain", "account", "standing"),
)
