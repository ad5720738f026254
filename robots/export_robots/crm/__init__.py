"""One file per CRM and nothing else: a listing of this folder is the list of CRMs that a robot serves."""

from functools import cache
from importlib import import_module
from inspect import isclass
from pkgutil import iter_modules

from export_robots.robot import CrmRobot


@cache
def robots() -> dict[str, type[CrmRobot]]:
    """Every robot by its key. Importing them imports Playwright, which takes a third of a second."""
    found: dict[str, type[CrmRobot]] = {}
    for module in iter_modules(__path__):
        for thing in vars(import_module(f"{__name__}.{module.name}")).values():
            if isclass(thing) and issubclass(thing, CrmRobot) and thing is not CrmRobot:
                found[thing.key] = thing
    return found
