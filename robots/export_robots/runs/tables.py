"""The ledger's tables: expected deliveries and what became of them.

They lie in the same database as the workflow engine's own tables. Times are UTC and aware. No secret and no row of
a report is kept here: of a file only its place, its hash and what was counted in it.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, Index, Text, TypeDecorator, false
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SCHEMA_VERSION = 3


class How(StrEnum):
    """Whose doing a report is: what a request is made by, and by what a delivery's report came in the end."""

    EXPORT = "export"
    REPULL = "re-pull"  # the saved report, asked for by us
    SUBSCRIPTION = "subscription"  # the saved report, mailed by the CRM of its own accord
    BY_HAND = "by hand"
    UNCHANGED = "unchanged"  # asked for again, and the same as what was delivered: nothing was sent


class State(StrEnum):
    """Where an expected delivery stands. Only the last three close it."""

    EXPECTED = "expected"  # nothing usable was asked for yet
    REQUESTED = "requested"  # the CRM was asked, or may have been; the report is not here
    COLLECTED = "collected"  # the report lies on disk
    POSTED = "posted"  # the file was, or may have been, posted; the portal has not confirmed it
    DELIVERED = "delivered"
    VERIFIED_EMPTY = "verified_empty"
    WAIVED = "waived"  # a named person said that it is not wanted, and why


class UtcTime(TypeDecorator[datetime]):
    """An aware time, stored as UTC; SQLite would otherwise hand it back without its zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("the ledger keeps aware times only")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None else None


class Base(DeclarativeBase):
    type_annotation_map = {str: Text, datetime: UtcTime, list[str]: JSON, list[Any]: JSON, dict[str, Any]: JSON}  # noqa: RUF012


class SchemaRow(Base):
    """Which shape the tables have; exactly one row."""

    __tablename__ = "ledger_schema"
    version: Mapped[int] = mapped_column(primary_key=True)


class DeliveryRow(Base):
    """One expected delivery: client × CRM × rooftop × period, fixed when it is created.

    A period that is delivered once and asked for `--again` has a row for each time; `again` counts them from 1.
    """

    __tablename__ = "deliveries"
    __table_args__ = (Index("ix_deliveries_period_end", "period_end", "period_start"),)
    id: Mapped[str] = mapped_column(primary_key=True)
    client: Mapped[str] = mapped_column(index=True)
    crm: Mapped[str]
    crm_label: Mapped[str]
    rooftop: Mapped[str | None]
    period_start: Mapped[str] = mapped_column(index=True)
    period_end: Mapped[str]
    again: Mapped[int] = mapped_column(default=1, server_default="1")
    split: Mapped[bool] = mapped_column(default=False, server_default=false())
    """The CRM takes no range this long: each month is a delivery of its own, and this one is not pursued."""
    asked_by: Mapped[str] = mapped_column(default=How.EXPORT, server_default=How.EXPORT)
    """How the last attempt is to ask the CRM: a `How`."""
    state: Mapped[str] = mapped_column(default=State.EXPECTED)
    attempt: Mapped[int] = mapped_column(default=0)
    upload: Mapped[bool] = mapped_column(default=True)
    """Whether the last attempt was to go as far as the portal."""
    outcome: Mapped[str | None]
    """How the last attempt ended; empty while one is under way."""
    reasons: Mapped[list[str]] = mapped_column(default=list)
    next: Mapped[str | None]
    evidence: Mapped[str | None]
    how: Mapped[str | None]
    """How the report came, a `How`; empty until the delivery is closed."""
    why: Mapped[str | None]
    """Why it was asked for as it was, where that is not the usual way; one sentence without a full stop."""
    approved: Mapped[str | None]
    """The hash of the received file that a person said may be sent after all."""
    file_id: Mapped[int | None]
    due_at: Mapped[datetime | None] = mapped_column(index=True)
    """When it should be closed; open after that is an alarm. Empty: nobody asked for it by a time."""
    transient: Mapped[bool] = mapped_column(default=False, server_default=false())
    """The last attempt ended by something that may pass by itself."""
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    """How many attempts in a row ended so."""
    retry_at: Mapped[datetime | None]
    """Not before then is it tried again by itself."""
    step: Mapped[str | None]
    """In which step the last attempt failed, in the robot's words; the same for every account of a CRM."""
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class RequestRow(Base):
    """One request of a report. The row is written before the CRM is asked, and filled in when it has accepted.

    What a subscription mails is a request too, which the CRM makes to itself: `intended_at` is the start of its day,
    `requested_at` the time that it was set to, `deadline_at` when it is missed.
    """

    __tablename__ = "requests"
    id: Mapped[int] = mapped_column(primary_key=True)
    delivery_id: Mapped[str] = mapped_column(ForeignKey("deliveries.id"), index=True)
    attempt: Mapped[int]
    how: Mapped[str] = mapped_column(default=How.EXPORT, server_default=How.EXPORT)
    why: Mapped[str | None]
    intended_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    """When the robot came back from the CRM, accepted or not; empty: it was interrupted while it asked."""
    requested_at: Mapped[datetime | None]
    """When the CRM was asked; empty unless it accepted."""
    deadline_at: Mapped[datetime | None]
    account: Mapped[str | None]
    first: Mapped[str | None]
    last: Mapped[str | None]
    rows_shown: Mapped[int | None]
    says_empty: Mapped[bool] = mapped_column(default=False)
    acknowledgement: Mapped[str | None]
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    answered: Mapped[bool] = mapped_column(default=False)
    """A report came for it, good or bad."""


class FileRow(Base):
    """One report on disk: as it came, and as it was checked and named."""

    __tablename__ = "files"
    id: Mapped[int] = mapped_column(primary_key=True)
    delivery_id: Mapped[str] = mapped_column(ForeignKey("deliveries.id"), index=True)
    request_id: Mapped[int | None]
    source: Mapped[str]
    """`mail`, `link`, `download` or `by hand`."""
    received_path: Mapped[str]
    received_sha256: Mapped[str]
    received_at: Mapped[datetime]
    mail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    checked: Mapped[bool] = mapped_column(default=False)
    refused: Mapped[bool] = mapped_column(default=False)
    findings: Mapped[list[str]] = mapped_column(default=list)
    rows: Mapped[int | None]
    columns: Mapped[int | None]
    fields: Mapped[list[Any]] = mapped_column(default=list)
    """Pairs: a field of the portal, and the header text it was found under."""
    first: Mapped[str | None]
    last: Mapped[str | None]
    encoding: Mapped[str | None]
    dialect: Mapped[str | None]
    has_date_of_birth: Mapped[bool] = mapped_column(default=False)
    date_of_birth_removed: Mapped[bool] = mapped_column(default=False)
    empty: Mapped[bool] = mapped_column(default=False)
    path: Mapped[str | None]
    """Where the named file lies."""
    name: Mapped[str | None]
    sha256: Mapped[str | None]
    """Of the named file, which is what is uploaded."""
    removed_at: Mapped[datetime | None]
    """When its keeping time was over: the leads are gone from the disk, this row and the receipt stay."""


class UploadRow(Base):
    """One post to the portal. The row is written before the click that posts."""

    __tablename__ = "uploads"
    id: Mapped[int] = mapped_column(primary_key=True)
    delivery_id: Mapped[str] = mapped_column(ForeignKey("deliveries.id"), index=True)
    file_id: Mapped[int]
    sha256: Mapped[str]
    intended_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    answer: Mapped[str]
    """`intended`, `confirmed`, `refused`, `unconfirmed`, or `settled` by a person's word."""
    text: Mapped[str | None]
    reference: Mapped[str | None]


class SubscriptionRow(Base):
    """A saved report that the CRM is to mail each month by itself: one per account."""

    __tablename__ = "subscriptions"
    account: Mapped[str] = mapped_column(primary_key=True)
    client: Mapped[str]
    crm: Mapped[str]
    crm_label: Mapped[str]
    rooftop: Mapped[str | None]
    title: Mapped[str]
    first_execution: Mapped[str]
    """Local to the account, to the minute, as `2026-12-01T03:17`; drawn once."""
    drawn_at: Mapped[datetime]
    verified_at: Mapped[datetime | None]
    """When the CRM last showed it as it should be; empty: never."""
    how: Mapped[str | None]
    shown: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What was read back. No lead's data."""


class UsedCodeRow(Base):
    """The last authenticator code that was used: not the code, but which one since 1970."""

    __tablename__ = "used_codes"
    account: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]


class RefusedPasswordRow(Base):
    """A password that a CRM refused, as a fingerprint: it is not sent again until the stored one differs."""

    __tablename__ = "refused_passwords"
    account: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    refused_at: Mapped[datetime]
    said: Mapped[str]
