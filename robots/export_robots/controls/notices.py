"""What a page says in answer to a click: toasts, alerts, dialogs, or a sentence on the next page."""

import re

from export_robots.controls.screen import Screen
from export_robots.controls.words import fold

FAILURE = re.compile(
    r"\b(error|erreur|failed|failure|echoue|echec|impossible|could not|cannot|can't|unable|denied|refuse|not allowed|"
    r"n'a pas pu|n'ont pas pu|sorry|desole|try again|reessayer|something went wrong|exceeded|depasse|limit)\b"
)


class Notices:
    """Remembers every text that comes up after `listen`, however shortly it is shown."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._dialogs = 0
        self._before: frozenset[str] = frozenset()

    async def listen(self) -> None:
        self._dialogs = len(self._screen.visit.dialogs)
        self._before = frozenset(await self._screen.look("listen"))

    async def heard(self) -> list[str]:
        """The texts that have come up since, the page's own boxes (alert) among them."""
        boxes = [dialog.text for dialog in self._screen.visit.dialogs[self._dialogs :] if dialog.kind == "alert"]
        texts: list[str] = await self._screen.look("messages")
        return [*boxes, *(text for text in texts if text not in self._before)]

    async def answer(self, positive: re.Pattern[str]) -> tuple[str, bool] | None:
        """The first text that agrees (`positive`, against the folded text) or refuses, and whether it agrees."""
        heard = await self.heard()
        for text in heard:
            if positive.search(fold(text)) and not FAILURE.search(fold(text)):
                return text, True
        for text in heard:
            if FAILURE.search(fold(text)):
                return text, False
        return None
