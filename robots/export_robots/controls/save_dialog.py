"""The dialog in which a view is saved: its title, its range of dates, and the subscription that mails it."""

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from export_robots.controls.choices import choose
from export_robots.controls.drop_down import DropDown
from export_robots.controls.moments import Moment, ShownMoment
from export_robots.controls.notices import FAILURE, Notices
from export_robots.controls.screen import Gone, Scope, Screen, Thing
from export_robots.controls.words import Words, fold
from export_robots.outcomes import SiteChanged, SiteDown

TITLE = Words("Title", "Name", "View name", "View title", "Report name", "Titre", "Nom", "Nom de la vue",
              "Titre de la vue", "Nom du rapport")  # fmt: skip
DATE_RANGE = Words("Date range", "Range", "Dates", "Period", "Plage de dates", "Intervalle de dates", "Période",
                   "Intervalle", "Plage")  # fmt: skip
ADD = Words("Add subscription", "Add a subscription", "Subscribe", "Ajouter un abonnement", "Ajouter l'abonnement",
            "Ajouter abonnement", "S'abonner", "Abonner")  # fmt: skip
SUBSCRIPTION = Words("Subscription", "Edit subscription", "Abonnement", "Modifier l'abonnement")
FREQUENCY = Words("Frequency", "Repeat", "Repeats", "Recurrence", "Every", "Schedule", "Fréquence", "Récurrence",
                  "Répétition", "Répéter", "Périodicité")  # fmt: skip
KIND = Words("Export type", "Type", "Format", "File type", "File format", "Report type", "Export format",
             "Type d'exportation", "Type d'export", "Type de fichier", "Format de fichier", "Format du fichier",
             "Type de rapport", "Format d'exportation")  # fmt: skip
FIRST = Words("First execution date", "First execution", "First run", "First execution on", "Start date", "Starting",
              "Date de première exécution", "Première exécution", "Date de la première exécution",
              "Date de début", "Première exécution le")  # fmt: skip
TIME = Words("Time", "Hour", "At", "Execution time", "Time of execution", "Time of day", "First execution time",
             "Heure", "À", "Heure d'exécution", "Heure de la première exécution",
             "Heure de première exécution")  # fmt: skip
NEW = Words("New", "Save as new", "Save as new view", "Save new", "Create", "Create new", "Nouveau", "Nouvelle",
            "Nouvelle vue", "Enregistrer comme nouvelle", "Enregistrer comme nouvelle vue", "Créer")  # fmt: skip
SAVE = Words("Save", "Update", "Save changes", "Update view", "Save view", "OK", "Apply", "Enregistrer", "Sauvegarder",
             "Mettre à jour", "Modifier", "Enregistrer les modifications", "Enregistrer la vue",
             "Appliquer")  # fmt: skip
CANCEL = Words("Cancel", "Close", "Annuler", "Fermer")
# By which a choice without a label is known.
OFTEN = Words("None", "Daily", "Weekly", "Monthly", "Every day", "Every week", "Every month", "Aucun", "Aucune",
              "Quotidien", "Quotidienne", "Hebdomadaire", "Mensuel", "Mensuelle", "Chaque jour", "Chaque semaine",
              "Chaque mois", "Tous les jours", "Toutes les semaines", "Tous les mois")  # fmt: skip
_NOTHING = Words()
KINDS = Words("CSV", "Excel", "PDF", "XLSX", "Text", "Texte")
NONE = Words("None", "Never", "No subscription", "Off", "Aucun", "Aucune", "Jamais")
_SAVED = re.compile(
    r"\b(saved|created|updated|enregistree?s?|sauvegardee?s?|creee?s?|mise? a jour|success\w*|succes)\b"
)
_WRONG = re.compile(
    FAILURE.pattern
    + r"|\b(required|obligatoire|requise?s?|invalid\w*|must|doi(t|vent)|already|deja|too (long|short)|trop)\b"
)
# “It may take a minute for schedule to save initially”, says the help page.
SAVE_SECONDS = 90.0


@dataclass(frozen=True)
class SaveSettings:
    """What a view is to be saved with; `first_execution` is local to the account, to the minute."""

    title: str
    date_range: Words
    frequency: Words
    kind: Words
    first_execution: datetime


@dataclass(frozen=True)
class ShownSettings:
    """What the dialog shows. Without a subscription `frequency` and what follows are empty."""

    title: str
    date_range: str
    frequency: str = ""
    kind: str = ""
    first_execution: ShownMoment = field(default_factory=lambda: ShownMoment(""))

    def differences(self, wanted: SaveSettings) -> list[str]:
        """In words for a person; empty if all is as wanted."""
        found = []
        if " ".join(self.title.split()) != wanted.title:
            found.append(f"its title reads “{self.title}”")
        if not wanted.date_range.matches(self.date_range):
            found.append(f"its date range is “{self.date_range}” and not {wanted.date_range}")
        if not self.frequency and not self.kind:
            return [*found, "it has no subscription"]
        if not wanted.frequency.matches(self.frequency):
            found.append(f"its frequency is “{self.frequency}” and not {wanted.frequency}")
        if not (wanted.kind.matches(self.kind) or wanted.kind.within(self.kind)):
            found.append(f"its subscription mails “{self.kind}” and not {wanted.kind}")
        if self.first_execution.fitting(wanted.first_execution) is None:
            found.append(
                f"its first execution is “{self.first_execution.text}” and not {wanted.first_execution:%Y-%m-%d %H:%M}"
            )
        return found


class SaveDialog:
    """The open dialog."""

    def __init__(self, screen: Screen, scope: list[Thing]) -> None:
        self._screen = screen
        self._scope = scope

    @classmethod
    async def open(cls, screen: Screen, opener: Thing, what: str) -> "SaveDialog":
        async def with_title(scope: Scope) -> bool | None:
            if await _title_field(screen, scope) is None:
                return None
            return bool(await _buttons(screen, scope, NEW) or await _buttons(screen, scope, SAVE)) or None

        scope, _ = await screen.open(opener, with_title, what)
        dialog = cls(screen, scope)
        await dialog._still()
        return dialog

    async def read(self) -> ShownSettings:
        title = await _title_field(self._screen, self._scope)
        shown = str((await self._screen.look("controlTexts", [title]) or [""])[0]) if title else ""
        date_range = await self._chosen(DATE_RANGE)
        if not await self._unfolded():
            await self._unfold(to_read=True)
        if not await self._unfolded():
            return ShownSettings(shown, date_range)
        frequency = await self._chosen(FREQUENCY, OFTEN)
        if NONE.matches(frequency):
            return ShownSettings(shown, date_range)
        return ShownSettings(shown, date_range, frequency, await self._chosen(KIND, KINDS), await self._moment().read())

    async def fill(self, wanted: SaveSettings) -> None:
        """Set everything that is not as wanted, and read it back."""
        await self._type_title(wanted.title)
        await self._choose(DATE_RANGE, wanted.date_range)
        if not await self._unfolded():
            await self._unfold(to_read=False)
            await self._screen.until("the settings of the subscription", self._unfolded)
            await self._still()
        await self._choose(FREQUENCY, wanted.frequency, OFTEN)
        await self._still()
        await self._choose(KIND, wanted.kind, KINDS)
        if (await self._moment().read()).fitting(wanted.first_execution) is None:
            await self._moment().set(wanted.first_execution)
        if left := (await self.read()).differences(wanted):
            raise SiteChanged(f"the view was to be saved, and in its dialog {left[0]}")

    async def rename(self, title: str) -> None:
        """Give it another title and no subscription."""
        await self._type_title(title)
        if await self._unfolded():
            if any(tick["checked"] for tick in await self._subscribing()):
                await self._unfold(to_read=False)
            else:
                await self._choose(FREQUENCY, NONE, OFTEN)

    async def offers_new(self) -> bool:
        return bool(await _buttons(self._screen, self._scope, NEW))

    async def offers_update(self) -> bool:
        return bool(await _buttons(self._screen, self._scope, SAVE))

    async def save(self, words: Words) -> str:
        """Click the button known by `words`; what the site says, empty if the dialog only closes.

        Raises `SiteChanged` if it refuses, `SiteDown` if it does not answer. Only opening it anew tells what was kept.
        """
        notices = Notices(self._screen)
        button = (await _buttons(self._screen, self._scope, words))[0]
        await notices.listen()
        with suppress(Gone):
            await self._screen.click(button)

        async def answered() -> tuple[str, bool] | None:
            heard = await notices.heard()
            closed = await self._screen.gone(self._scope)
            for text in heard:
                if _SAVED.search(fold(text)) and not _WRONG.search(fold(text)):
                    return text, True
            for text in heard:
                if _WRONG.search(fold(text)) and not closed and not self._screen.under_way:
                    return text, False
            return ("", True) if closed and not self._screen.under_way else None

        answer = await self._screen.within(SAVE_SECONDS, answered)
        if answer is None:
            if self._screen.under_way:
                raise SiteDown(f"the site did not answer within {SAVE_SECONDS:.0f} seconds when a view was saved")
            raise SiteChanged(f"{words} was clicked, and the site did not save the view")
        text, agreed = answer
        if not agreed:
            raise SiteChanged(f"the site was asked to save the view and answered “{text[:160]}”")
        with suppress(Gone):
            if await self._screen.within(3.0, lambda: self._screen.gone(self._scope)) is None:
                await self.cancel()
        return text[:200]

    async def cancel(self) -> None:
        with suppress(Gone):
            if buttons := await _buttons(self._screen, self._scope, CANCEL):
                await self._screen.click(buttons[-1])
                if await self._screen.within(2.0, lambda: self._screen.gone(self._scope)):
                    return
        await self._screen.close(self._scope)

    async def _still(self) -> None:
        """What unfolds or fades in is waited for: its fields move away from under the mouse."""

        async def still() -> bool | None:
            return not await self._screen.look("moving", self._scope) or None

        await self._screen.within(2.0, still)

    async def _type_title(self, title: str) -> None:
        field = await self._screen.until("the title of the view", lambda: _title_field(self._screen, self._scope))
        element = await self._screen.handle(field)
        if await element.input_value() != title:
            await element.fill(title)
        if await element.input_value() != title:
            raise SiteChanged(f"the title “{title}” was typed, and the field reads “{await element.input_value()}”")

    async def _group(self, label: Words) -> list[Thing]:
        return await self._screen.look("labelled", self._scope, label.folded) or []

    async def _chosen(self, label: Words, offered: Words = _NOTHING) -> str:
        """What is chosen under a label, or without one among what is `offered`: a box's text, or what is ticked."""
        group = await self._group(label)
        boxes = await self._screen.look("dropDowns", group or self._scope)
        ticked = [
            tick["label"] for tick in await self._screen.look("ticks", group or self._scope) if tick["checked"] is True
        ]
        if not group:
            ticked = [text for text in ticked if offered.matches(text)]
            boxes = [box for box in boxes if offered.matches(box["value"])]
        if boxes:
            return await DropDown(self._screen, boxes[0]["el"], str(label)).shown()
        if ticked or not group:
            return str(ticked[0]) if len(ticked) == 1 else ""
        return str((await self._screen.look("controlTexts", group) or [""])[0])

    async def _choose(self, label: Words, wanted: Words, offered: Words = _NOTHING) -> None:
        if wanted.matches(await self._chosen(label, offered)):
            return
        scope: list[Thing] = await self._group(label)
        if not scope:
            boxes = await self._screen.look("dropDowns", self._scope)
            scope = [box["el"] for box in boxes if offered.matches(box["value"])] or self._scope
        await choose(self._screen, scope, wanted, f"{label} of the saved view")

    async def _unfolded(self) -> bool | None:
        """True if the settings of a subscription are shown."""
        return bool(await self._group(FREQUENCY) or await self._group(FIRST)) or None

    async def _unfold(self, *, to_read: bool) -> None:
        """Click what adds a subscription; to read, only what shows one that there is."""
        for tick in await self._subscribing():
            if to_read:
                return
            await self._screen.click(tick["row"])
            if await self._screen.within(2.0, self._unfolded) is None:
                await (await self._screen.handle(tick["tick"])).dispatch_event("click")
            return
        opener = await self._screen.find(SUBSCRIPTION, scope=self._scope)
        if opener is None and not to_read:
            opener = await self._screen.until(f"{ADD}", lambda: self._screen.find(ADD, scope=self._scope))
        if opener is not None:
            await self._screen.click(opener)
            await self._screen.within(2.0, self._unfolded)
            await self._still()

    async def _subscribing(self) -> list[dict[str, Thing]]:
        return [
            tick
            for tick in await self._screen.look("ticks", self._scope)
            if ADD.matches(tick["label"]) or SUBSCRIPTION.matches(tick["label"])
        ]

    def _moment(self) -> Moment:
        async def scope() -> list[Thing]:
            first = await self._group(FIRST)
            return first or await self._group(TIME)

        async def time_scope() -> list[Thing]:
            return await self._group(TIME)

        return Moment(self._screen, scope, time_scope)


async def _title_field(screen: Screen, scope: Scope) -> Thing | None:
    fields = [entry for entry in await screen.look("fields", scope) if entry["editable"] and entry["type"] == "text"]
    for entry in fields:
        if any(TITLE.matches(name) for name in entry["names"]):
            named: Thing = entry["el"]
            return named
    group = await screen.look("labelled", scope, TITLE.folded)
    for entry in await screen.look("fields", group) if group else []:
        labelled: Thing = entry["el"]
        return labelled
    return None


async def _buttons(screen: Screen, scope: Scope, words: Words) -> list[Thing]:
    found = await screen.look("find", {"words": words.folded, "scope": scope})
    return [thing for thing in found if await screen.look("isButton", thing) and await screen.look("enabled", thing)]
