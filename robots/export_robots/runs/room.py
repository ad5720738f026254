"""Room on the disk of the robot's home: without it nothing is begun, and what fails says nothing about a site."""

import shutil

from export_robots.home import Home
from export_robots.outcomes import Outcome, RobotError, UsageWrong

_ROOM = 50_000_000  # bytes; a large report in its three copies, and the evidence
_ODD = frozenset({Outcome.SITE_CHANGED, Outcome.SITE_DOWN, Outcome.UPLOAD_FAILED, Outcome.INTERNAL})


class NoRoom(UsageWrong):
    """It may pass by itself: somebody makes room, or what is kept long enough is removed."""


def require_room(home: Home) -> None:
    """A run that fills the disk in its middle may leave something that only a person can settle."""
    free = shutil.disk_usage(home.root).free
    if free < _ROOM:
        raise NoRoom(
            f"only {free / 1e6:.0f} MB are free on the disk of the robot's home {home.root}",
            "Make room, or name a home on another disk with --home.",
        )


def blamed_on_the_disk(error: RobotError, home: Home) -> RobotError:
    """A browser that cannot write does odd things, which look like a changed site or like a mistake of ours."""
    if error.outcome in _ODD:
        try:
            require_room(home)
        except NoRoom as full:
            return full
    return error
