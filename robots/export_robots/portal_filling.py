"""Filling in the portal's form: the dealership, an address where one is asked for, “CRM Leads” and no other box.

Everything is read back. What the form demands beyond that nobody has told the robot, so it stops there.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from playwright.async_api import Error as PlaywrightError

from export_robots.outcomes import UploadFailed
from export_robots.portal_form import BOX, Control, PortalForm, same_name
from export_robots.portal_page import PortalPage

if TYPE_CHECKING:
    from export_robots.visit import Visit


class FormFilling:
    """`cannot` makes the error for a form that cannot be filled in, from what was seen and a hint."""

    def __init__(
        self,
        visit: "Visit",
        page: PortalPage,
        dealership: str,
        email: str | None,
        cannot: Callable[[str, str], UploadFailed],
    ) -> None:
        self.ticked = False
        """Whether “CRM Leads”, and nothing else, is ticked on this page or was on an earlier one."""
        self._page = page
        self._keyboard = visit.page.keyboard
        self._patience = visit.step_timeout.total_seconds()
        self._dealership = dealership
        self._email = email
        self._cannot = cannot

    async def fill(self) -> PortalForm:
        """Fill in and tick what this page has, read it back, and return the page as it then is."""
        form = await self._page.look()
        for control in form.dealership_fields():
            await self._write(control, self._dealership)
        if self._email:
            for control in form.email_fields():
                await self._write(control, self._email)
        await self._tick(await self._page.look())
        form = await self._page.look()
        self._read_back(form)
        known = [*form.dealership_fields(), *(form.email_fields() if self._email else [])]
        if missing := form.unfillable(known):
            names = ", ".join(f"“{control.name.strip(' *')}”" for control in missing)
            raise self._cannot(
                f"the portal's form demands what the robot does not know: {names}",
                "For an e-mail address put `email` under [portal] in the configuration; else post the file by hand.",
            )
        return form

    async def _write(self, control: Control, value: str) -> None:
        if not control.visible or control.disabled or control.facts.get("readonly"):
            return
        if control.kind == "text":
            await control.element.fill(value)
            return
        for option in control.facts["options"]:
            if same_name(option["text"], value) and not option["disabled"]:
                await control.element.select_option(label=option["text"])
                return
        raise self._cannot(f"the portal's list “{control.name}” does not have the dealership's name", "")

    async def _tick(self, form: PortalForm) -> None:
        """Tick “CRM Leads” and nothing else."""
        if choice := form.target_select():
            await choice[0].element.select_option(label=choice[1])
        elif (target := form.target_box()) is None:
            for opener in form.openers():
                await opener.target.click()
                if (await self._page.look()).target_box():
                    break
                await self._keyboard.press("Escape")
            form = await self._page.look()
        for control in form.boxes():
            if control.checked and not _same(control, form.target_box()):
                await self._toggle(control)
                form = await self._page.look()
        # Found anew: a click may have drawn the boxes anew.
        target = (await self._page.look()).target_box()
        if target and not target.checked:
            await self._toggle(target)
        if form.openers():
            await self._keyboard.press("Escape")

    async def _toggle(self, control: Control) -> None:
        if control.disabled:
            raise self._cannot(f"the portal's box “{control.name}” cannot be changed", "")
        with suppress(PlaywrightError):
            await control.target.click(timeout=min(5.0, self._patience) * 1000)
            return
        await control.element.dispatch_event("click")  # its label is covered, or a link stands in it

    def _read_back(self, form: PortalForm) -> None:
        for control in form.dealership_fields():
            if (
                control.kind == "text"
                and control.visible
                and control.facts["value"].strip() != self._dealership.strip()
            ):
                raise self._cannot(f"the portal's field “{control.name}” does not hold the dealership's name", "")
        target = form.target_box()
        others = [control.name for control in form.boxes() if control.checked and not _same(control, target)]
        if others:
            raise self._cannot(f"the portal's box “{others[0]}” stays ticked", "")
        if target:
            if not target.checked:
                raise self._cannot(f"the portal's box “{BOX}” does not stay ticked", "")
            self.ticked = True
        elif choice := form.target_select():
            chosen = [option["text"] for option in choice[0].facts["options"] if option["selected"]]
            if chosen != [choice[1]]:
                raise self._cannot(f"the portal's list “{choice[0].name}” does not stay on “{BOX}”", "")
            self.ticked = True
        elif any(same_name(str(opener.facts["shows"]), BOX) for opener in form.openers()):
            self.ticked = True


def _same(one: Control, other: Control | None) -> bool:
    return other is not None and one.name == other.name and one.form == other.form
