"""The portal's page: what it shows, and how a file gets onto it."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.async_api import Error as PlaywrightError

from export_robots.portal_form import Control, PortalForm

if TYPE_CHECKING:
    from export_robots.visit import Visit

_CHOOSER = 1500  # milliseconds until the box for choosing a file has opened

_COOKIE_BANNER = """() => [...document.querySelectorAll('div, section, aside, dialog, [role=dialog], footer')].some(
    element => element.checkVisibility() && element.innerText.length < 1500
        && /cookie|t[ée]moins? (de connexion|de navigation)/i.test(element.innerText)
        && (/fixed|sticky/.test(getComputedStyle(element).position) || element.matches('dialog, [role=dialog]')))"""
_TEXT = """() => {
    const texts = [document.body?.innerText ?? ''];
    for (const { shadowRoot } of document.querySelectorAll('*')) {
        if (shadowRoot) texts.push(...[...shadowRoot.children].map(element => element.innerText ?? ''));
    }
    return texts.join('\\n');
}"""
_FORM_GOAL = """button => {
    const form = button.form ?? button.closest('form');
    const goal = button.getAttribute('formaction') || form?.getAttribute('action');
    return goal && !/^\\s*javascript:/i.test(goal) ? new URL(goal, document.baseURI).origin : '';
}"""
# The file comes out of an input made for it, so that it need not be handed over as a text.
_MAKE_INPUT = """() => {
    const input = document.createElement('input');
    input.type = 'file';
    input.hidden = true;
    input.dataset.robot = 'file';
    document.body.append(input);
}"""
_DROP = """zone => {
    const input = document.querySelector('input[data-robot=file]');
    const carried = new DataTransfer();
    carried.items.add(input.files[0]);
    input.remove();
    for (const kind of ['dragenter', 'dragover', 'drop']) {
        zone.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: carried}));
    }
}"""


class PortalPage:
    def __init__(self, visit: "Visit") -> None:
        self._visit = visit

    async def look(self) -> PortalForm:
        return await PortalForm.seen_on(self._visit.page, self._visit.origin)

    async def is_the_portals(self) -> bool:
        return bool(await self._visit.page.evaluate("location.origin") == str(self._visit.origin))

    async def put_cookie_banner_away(self, form: PortalForm) -> None:
        if await self._visit.page.evaluate(_COOKIE_BANNER) and (button := form.cookie_button()):
            await button.target.click()

    async def lines(self) -> list[str]:
        """The lines that the page shows, those of its frames included."""
        lines: list[str] = []
        for frame in self._visit.page.frames:
            with suppress(PlaywrightError):  # between two pages there is nothing to read
                text = str(await frame.evaluate(_TEXT))
                lines += [" ".join(line.split()) for line in text.splitlines() if line.strip()]
        return lines

    async def goal_of(self, button: Control) -> str:
        """The origin that the button's form is sent to; empty where a script decides."""
        return str(await button.element.evaluate(_FORM_GOAL))

    async def put(self, file: Path, form: PortalForm) -> None:
        """Add the file as the page offers it: its input, the box that a click opens, or by dropping it."""
        if control := form.file_input():
            await control.element.set_input_files(file)
        elif not await self._choose(file, form):
            frame = form.frame or self._visit.page.main_frame
            await frame.evaluate(_MAKE_INPUT)
            await frame.set_input_files("input[data-robot=file]", file)
            await form.zones()[0].element.evaluate(_DROP)

    async def _choose(self, file: Path, form: PortalForm) -> bool:
        for zone in form.zones()[:4]:
            with suppress(PlaywrightError):
                async with self._visit.page.expect_file_chooser(timeout=_CHOOSER) as chooser:
                    await zone.target.click(timeout=_CHOOSER)
                await (await chooser.value).set_files(file)
                return True
        return False
