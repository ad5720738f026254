"""The named steps of a written procedure."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from export_robots.controls.screen import Screen
from export_robots.visit import Visit

Rest = ParamSpec("Rest")
Result = TypeVar("Result")


class Procedure(Protocol):
    """What has steps: a robot."""

    visit: Visit
    screen: Screen


Actor = TypeVar("Actor", bound=Procedure)
Method = Callable[Concatenate[Actor, Rest], Coroutine[Any, Any, Result]]


def step(name: str, *, once: bool = False) -> Callable[[Method[Actor, Rest, Result]], Method[Actor, Rest, Result]]:
    """A method that is one step, as progress, evidence and errors name it.

    It is started over if the page is replaced in the middle of it, unless it may be done only `once`.
    """

    def named(method: Method[Actor, Rest, Result]) -> Method[Actor, Rest, Result]:
        @wraps(method)
        async def in_step(self: Actor, /, *args: Rest.args, **kwargs: Rest.kwargs) -> Result:
            async with self.visit.step(name):
                if once:
                    return await method(self, *args, **kwargs)
                return await self.screen.steadily(lambda: method(self, *args, **kwargs))

        return in_step

    return named
