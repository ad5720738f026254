"""What a command hands back for one delivery: the object that `--json` prints, and what the text output is made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from export_robots.outcomes import Outcome


@dataclass(frozen=True)
class Result:
    """`evidence` and `note` are for the eyes of the person at the terminal only; `--json` does not hold them.

    `subscription` is what the CRM showed of a saved report; only `robot subscribe` has it.
    """

    outcome: Outcome
    client: str | None = None
    crm: str | None = None
    rooftop: str | None = None
    period: tuple[str, str] | None = None
    file: str | None = None
    file_name: str | None = None
    rows: int | None = None
    sha256: str | None = None
    run: str | None = None
    reasons: tuple[str, ...] = ()
    next: str | None = None
    evidence: str | None = None
    note: str | None = None
    subscription: dict[str, Any] | None = None
    differs: bool = False
    """Asked for again, and not what was delivered: it waits for a person's word."""

    def as_json(self) -> dict[str, Any]:
        more = {"subscription": self.subscription} if self.subscription else {}
        return {
            "outcome": str(self.outcome),
            "client": self.client,
            "crm": self.crm,
            "rooftop": self.rooftop,
            "period": list(self.period) if self.period else None,
            "file": self.file,
            "file_name": self.file_name,
            "rows": self.rows,
            "sha256": self.sha256,
            "run": self.run,
            "reasons": list(self.reasons),
            "next": self.next,
            **more,
        }


def worst(results: Sequence[Result]) -> Outcome:
    """The outcome that several end with together: a failure before any success, and the higher exit code."""
    return max((result.outcome for result in results), key=_badness)


def _badness(outcome: Outcome) -> tuple[int, int]:
    # A defect of the robot has the exit code 1 and is worse than all that have a name.
    code = 99 if outcome is Outcome.INTERNAL else outcome.exit_code
    milder = [Outcome.DELIVERED, Outcome.VERIFIED_EMPTY, Outcome.COLLECTED, Outcome.REQUESTED]
    return code, milder.index(outcome) if outcome in milder else 0


def together(results: Sequence[Result]) -> dict[str, Any]:
    """The one JSON object of a command: of its one delivery, or of several with the worst outcome first."""
    if len(results) == 1:
        return results[0].as_json()
    return {"outcome": str(worst(results)), "results": [result.as_json() for result in results]}
