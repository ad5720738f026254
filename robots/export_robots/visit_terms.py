"""What a visit is given, and what it takes down."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pydantic import SecretStr


@dataclass(frozen=True)
class Login:
    """User name and password of the delegated account."""

    username: str
    password: SecretStr


class SignInCodes(Protocol):
    """Where sign-in codes come from. None: the code cannot be had without a person."""

    async def totp(self) -> str | None: ...

    async def mailed(self, newer_than: datetime) -> str | None: ...

    async def told(self, saw: str) -> str | None:
        """The code that a person tells, who reads what was seen; only where people are asked."""


class NoCodes:
    async def totp(self) -> str | None:
        return None

    async def mailed(self, newer_than: datetime) -> str | None:
        return None

    async def told(self, saw: str) -> str | None:
        return None


class Progress(Protocol):
    """Who is told how far a run has come."""

    def started(self, step: str) -> None: ...

    def finished(self, step: str, seconds: float) -> None: ...

    def note(self, text: str) -> None: ...


class NoProgress:
    def started(self, step: str) -> None:
        pass

    def finished(self, step: str, seconds: float) -> None:
        pass

    def note(self, text: str) -> None:
        pass


@dataclass
class StepRecord:
    """One step as it goes into `steps.json`; `failed` is the class of the error that ended it."""

    name: str
    depth: int
    started_at: datetime
    seconds: float | None = None
    failed: str | None = None

    def as_json(self) -> dict[str, str | int | float | None]:
        return {
            "step": self.name,
            "depth": self.depth,
            "started_at": self.started_at.isoformat(timespec="milliseconds"),
            "seconds": self.seconds,
            "failed": self.failed,
        }


@dataclass(frozen=True)
class ShownDialog:
    """An alert, confirm, prompt or beforeunload box that the page opened; it has been answered already."""

    kind: str
    text: str


@dataclass
class Observed:
    """What the browser reported beside the page; for the evidence, which redacts it."""

    console: list[str] = field(default_factory=list)
    playwright: list[str] = field(default_factory=list)
    server_errors: list[tuple[float, int]] = field(default_factory=list)  # loop-independent monotonic time, status
