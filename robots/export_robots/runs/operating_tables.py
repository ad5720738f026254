"""The tables of what runs unattended: people's decisions, stopped CRMs, machines, sign-ins, questions, notices."""

from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from export_robots.runs.tables import Base


class DecisionRow(Base):
    """What a person decided: `waive`, `retry`, `confirm`, `resume` or `answer`."""

    __tablename__ = "decisions"
    id: Mapped[int] = mapped_column(primary_key=True)
    what: Mapped[str]
    delivery_id: Mapped[str | None] = mapped_column(index=True)
    """Empty where it is about a whole CRM."""
    crm: Mapped[str]
    who: Mapped[str]
    why: Mapped[str | None]
    at: Mapped[datetime]


class CrmRow(Base):
    """How a CRM fares: one account goes first, the others follow when it was green; a failure of many stops it."""

    __tablename__ = "crms"
    crm: Mapped[str] = mapped_column(primary_key=True)
    wave_from: Mapped[datetime]
    """Since when attempts count for what follows."""
    green_at: Mapped[datetime | None]
    """When the first report of this wave came that has passed its checks; empty: it is still awaited."""
    stopped_at: Mapped[datetime | None]
    signature: Mapped[str | None]
    """The failure that stopped it: outcome and step."""
    saw: Mapped[str | None]
    accounts: Mapped[list[Any]] = mapped_column(default=list)
    """The deliveries that failed so."""


class MachineRow(Base):
    """A `robot serve` process, by its executor id; alive while `seen_at` is recent."""

    __tablename__ = "machines"
    executor: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    pid: Mapped[int]
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class SignInRow(Base):
    """One visit to a CRM with an account, for the daily budget."""

    __tablename__ = "sign_ins"
    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(index=True)
    at: Mapped[datetime]
    run: Mapped[str]


class QuestionRow(Base):
    """A sign-in code that a run needs from a person. The code lies here only until it is used."""

    __tablename__ = "questions"
    run: Mapped[str] = mapped_column(primary_key=True)
    delivery_id: Mapped[str] = mapped_column(index=True)
    account: Mapped[str]
    saw: Mapped[str]
    asked_at: Mapped[datetime]
    open_until: Mapped[datetime | None]
    """Until when the page that wants it is kept open; empty: it is closed, and an answer begins with a new sign-in."""
    answer: Mapped[str | None]
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[str | None]


class NoticeRow(Base):
    """What people were told, once per `key`."""

    __tablename__ = "notices"
    key: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    """`alarm` or `summary`."""
    title: Mapped[str]
    text: Mapped[str]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    """When every channel had it; empty: not all of them have."""
    sent_to: Mapped[list[Any]] = mapped_column(default=list)
    """The channels that have it, each as a fingerprint of its address."""
    tries: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None]
    """Not before then is it tried again."""


class HeldAccountRow(Base):
    """Who holds an account, or held it last and died; only where the database is a server. The lock alone counts."""

    __tablename__ = "held_accounts"
    account: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    """Another word for each time that it is taken."""
    run: Mapped[str]
    host: Mapped[str]
    pid: Mapped[int]
    since: Mapped[datetime]


class StoredFileRow(Base):
    """The bytes of a report that several machines may need; only where the database is not this machine's own file."""

    __tablename__ = "stored_files"
    sha256: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    stored_at: Mapped[datetime]
