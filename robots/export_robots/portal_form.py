"""The portal's form as a person sees it: which field wants what, which box is which, where the file goes in.

The real form is not documented beyond its address and one box, so nothing here knows a name or an id: fields are told
by their labels, placeholders and the words beside them, in English and French.
"""

import re
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import ElementHandle, Frame, JSHandle, Page
from playwright.async_api import Error as PlaywrightError

from export_robots.origins import Origin, parse_origin

_SCAN = Path(__file__).with_name("portal_form.js").read_text(encoding="utf-8")

BOX = "CRM Leads"
_BOX_NAMES = ("crm leads", "leads crm", "crm lead", "prospects crm")

_EMAIL = re.compile(r"e-?mail|courriel|adresse électronique", re.IGNORECASE)
_DEALERSHIP = (
    re.compile(r"dealer|concession", re.IGNORECASE),
    re.compile(r"\b(?:store|rooftop|magasin|succursale|établissement)\b", re.IGNORECASE),
    re.compile(
        r"\b(?:company|client|business|organi[sz]ation|entreprise|société|compagnie|account name)\b", re.IGNORECASE
    ),
    re.compile(r"^\W*(?:name|nom)\W*$", re.IGNORECASE),
)
_NOT_DEALERSHIP = re.compile(
    r"group|\bcode\b|\bid\b|\bnumber\b|numéro|phone|téléphone|\burl\b|web|address|adresse|\bcity\b|ville|contact|"
    r"first name|last name|prénom|your name|votre nom|file|fichier|search|recherche|password|mot de passe",
    re.IGNORECASE,
)
_SIDE_FORMS = re.compile(
    r"newsletter|subscribe|infolettre|abonne|search|recherche|log ?in|sign ?in|connexion", re.IGNORECASE
)

_SUBMIT = re.compile(
    r"^\W*(?:submit|upload|send|transfer|deliver|envoyer|téléverser|soumettre|transmettre|transférer|charger|déposer)"
    r"(?: (?:all|now|the|my|your|les?|mes|vos|file|files|form|data|fichiers?|formulaire|données|maintenant))*\W*$",
    re.IGNORECASE,
)
_BEGINS_LIKE_SUBMIT = re.compile(r"\W*(?:submit|send|upload|envoy|télév|soum|transm)", re.IGNORECASE)
_ONWARD = re.compile(
    r"^\W*(?:next|continue|proceed|start|begin|suivant|continuer|poursuivre|commencer)\b", re.IGNORECASE
)
_FINISH = re.compile(r"^\W*(?:finish|confirm|done|complete|terminer|confirmer|valider)\b", re.IGNORECASE)
_NO_COOKIES = re.compile(
    r"^\W*(?:reject|decline|refuse|deny|(?:only )?(?:necessary|essential)|refuser|tout refuser|continuer sans)",
    re.IGNORECASE,
)
_COOKIES = re.compile(
    r"^\W*(?:accept|agree|allow|ok|got it|i understand|close|dismiss|accepter|d['’]accord|compris|fermer|×|✕)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Control:
    """Something on the page that can be operated. `target` is what to click for it, a label perhaps."""

    kind: str
    name: str
    hints: str
    required: bool
    visible: bool
    disabled: bool
    form: int
    facts: dict[str, Any]
    element: ElementHandle
    target: ElementHandle

    @property
    def checked(self) -> bool:
        return bool(self.facts.get("checked"))

    @property
    def words(self) -> str:
        return f"{self.name} | {self.hints}"


@dataclass
class PortalForm:
    """One look at the page. Look again after anything was operated: pages draw themselves anew."""

    controls: list[Control] = field(default_factory=list)
    frame: Frame | None = None

    @classmethod
    async def seen_on(cls, page: Page, origin: Origin) -> "PortalForm":
        """The form in the page or in one of its frames of the same origin: where the file goes in, if anywhere."""
        best = cls()
        for frame in page.frames:
            if frame is not page.main_frame and parse_origin(frame.url) != origin:
                continue
            with suppress(PlaywrightError):  # a frame that is just going away
                form = cls(await _controls(frame), frame)
                if frame is page.main_frame or (form.takes_file and not best.takes_file):
                    best = form
        return best

    @property
    def takes_file(self) -> bool:
        return any(control.kind in ("file", "zone") for control in self.controls)

    def of(self, *kinds: str) -> list[Control]:
        """The controls of the form that the file belongs to; where it belongs to none, all but a search or sign-in."""
        inputs = [control for control in self.controls if control.kind == "file"] or [
            control for control in self.controls if control.kind == "zone"
        ]
        homes = {control.form for control in inputs}
        chosen = [control for control in self.controls if control.kind in kinds]
        if inputs and -1 not in homes and any(_is_target(c.name) for c in self.controls if c.form in homes):
            return [control for control in chosen if control.form in homes]
        side = {
            control.form
            for control in self.controls
            if control.form >= 0 and control.form not in homes and _SIDE_FORMS.search(control.words)
        }
        return [control for control in chosen if control.form not in side]

    def dealership_fields(self) -> list[Control]:
        """The fields for the dealership's name; the most telling kind of label wins."""
        fields = [
            control
            for control in self.of("text", "select")
            if control.facts.get("type")
            not in ("email", "password", "tel", "url", "number", "date", "search", "textarea")
            and not _EMAIL.search(control.name)
            and not _NOT_DEALERSHIP.search(control.name)
        ]
        for wording in _DEALERSHIP:
            if found := [control for control in fields if wording.search(control.name or control.hints)]:
                return found
        return []

    def email_fields(self) -> list[Control]:
        return [c for c in self.of("text") if c.facts.get("type") == "email" or _EMAIL.search(c.name or c.hints)]

    def boxes(self) -> list[Control]:
        return [control for control in self.of("box") if control.visible]

    def target_box(self) -> Control | None:
        """The “CRM Leads” box or radio button; None if there is none, or more than one that could be meant."""
        shown = [control for control in self.of("box", "radio") if control.visible]
        exact = [control for control in shown if _plain(control.name) in _BOX_NAMES]
        if not exact:
            exact = [control for control in shown if _is_target(control.name)]
        return exact[0] if len(exact) == 1 else None

    def target_select(self) -> tuple[Control, str] | None:
        """A drop-down list that has “CRM Leads” among its entries, and that entry."""
        for control in self.of("select"):
            for option in control.facts["options"]:
                if _plain(option["text"]) in _BOX_NAMES:
                    return control, option["text"]
        return None

    def openers(self) -> list[Control]:
        return [control for control in self.of("opener") if control.visible and not control.disabled]

    def file_input(self) -> Control | None:
        """The one file input that the leads go into; None if there is none, or no telling which."""
        inputs = [control for control in self.controls if control.kind == "file" and not control.disabled]
        if len(inputs) > 1:
            named = [control for control in inputs if _is_target(control.name)]
            inputs = named or [control for control in inputs if control.visible] or inputs
        if len(inputs) > 1:
            inputs = [control for control in inputs if ".csv" in str(control.facts["accept"]).lower()]
        return inputs[0] if len(inputs) == 1 else None

    def several_inputs(self) -> bool:
        return sum(control.kind == "file" for control in self.controls) > 1

    def zones(self) -> list[Control]:
        """Places to click or drop a file on, the innermost first."""
        return sorted((c for c in self.controls if c.kind == "zone"), key=lambda control: int(control.facts["depth"]))

    def submit_button(self) -> Control | None:
        """The button that sends the form, enabled or not."""
        buttons = [control for control in self.of("button") if control.visible]
        for wording in (_SUBMIT, _FINISH):
            found = [control for control in buttons if wording.search(control.name)]
            homes = {control.form for control in self.controls if control.kind == "file"}
            found = [control for control in found if control.form in homes] or found
            found = [control for control in found if control.facts.get("submit")] or found
            if found:
                return found[-1]
        only = [control for control in buttons if control.facts.get("submit")]
        return only[0] if len(only) == 1 and _BEGINS_LIKE_SUBMIT.match(only[0].name) else None

    def onward_button(self) -> Control | None:
        found = [c for c in self.of("button") if c.visible and not c.disabled and _ONWARD.search(c.name)]
        return found[-1] if found else None

    def cookie_button(self) -> Control | None:
        buttons = [control for control in self.controls if control.kind == "button" and control.visible]
        for wording in (_NO_COOKIES, _COOKIES):
            for control in buttons:
                if wording.search(control.name):
                    return control
        return None

    def unfillable(self, known: Sequence[Control]) -> list[Control]:
        """Fields that must be filled in, are empty, and ask for something nobody told the robot."""
        missing = []
        for control in self.of("text", "select", "box", "radio"):
            if not control.required or not control.visible or control.disabled or control in known:
                continue
            if not _answered(control):
                missing.append(control)
        return missing


def _answered(control: Control) -> bool:
    match control.kind:
        case "text":
            return bool(control.facts["value"])
        case "select":
            return any(option["selected"] and option["value"] for option in control.facts["options"])
        case "box":
            return control.checked or _is_target(control.name)
    return True  # a radio button: the browser says whether one of its group is missing


async def _controls(frame: Frame) -> list[Control]:
    found = await frame.evaluate_handle(_SCAN)
    items: list[dict[str, Any]] = await (await found.get_property("items")).json_value()
    elements = await _handles(await found.get_property("elements"), len(items))
    targets = await _handles(await found.get_property("targets"), len(items))
    return [
        Control(
            item.pop("kind"),
            item.pop("name"),
            item.pop("hints"),
            item.pop("required"),
            item.pop("visible"),
            item.pop("disabled"),
            item.pop("form"),
            item,
            element,
            target,
        )
        for item, element, target in zip(items, elements, targets, strict=True)
    ]


async def _handles(array: JSHandle, count: int) -> list[ElementHandle]:
    properties = await array.get_properties()
    handles = [properties[str(index)].as_element() for index in range(count)]
    return [handle for handle in handles if handle is not None]


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"[^\w\s]|_", " ", re.sub(r"\((?:required|obligatoire)\)", " ", text)).split())


def _is_target(name: str) -> bool:
    """Whether a label is the box's with an explanation behind it: “CRM Leads (every lead created in the month)”."""
    plain = _plain(name)
    return any(plain == wanted or plain.startswith(f"{wanted} ") for wanted in _BOX_NAMES) and not re.match(
        r"(?:crm leads?|leads crm) (?:and|et|history|archive|historique)\b", plain
    )


def same_name(one: str, other: str) -> bool:
    return _plain(one) == _plain(other)
