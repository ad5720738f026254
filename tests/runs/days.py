"""A clock that tests move."""

import pytest

from export_robots import clock


class Days:
    def __init__(self) -> None:
        self.now = clock.now()


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Days:
    made = Days()
    monkeypatch.setattr(clock, "now", lambda: made.now)
    return made
