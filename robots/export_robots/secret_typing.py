"""Typing a password or a sign-in code so that nothing but the field sees it.

Playwright's own `fill` and `type` write what they type into its trace and its debug log. Here the value goes through a
raw DevTools session, which neither records, into one function that runs in the frame of the field: it checks where it
is and what the field is, writes, and reads back, all in one go, so that nothing can change between the check and the
typing.
"""

import asyncio
import secrets
from contextlib import suppress
from typing import Any

from playwright.async_api import BrowserContext, CDPSession, ElementHandle, Frame, Locator
from playwright.async_api import Error as PlaywrightError

from export_robots.origins import Origin

# Returns a word. `execCommand` and not `.value =`: it makes the events of real typing, which frameworks listen for.
_TYPE = """function (secret, origin, kinds) {
    if (!(this instanceof HTMLInputElement)) return 'not an input';
    if (location.origin !== origin || self.origin !== origin) return 'origin';
    // A row of boxes for one digit each: they say so, or are as narrow as a digit and as many as the code has.
    const row = [...(this.form || this.getRootNode()).querySelectorAll('input')].filter(
        box => box.type === this.type && box.checkVisibility()
            && (box.maxLength === 1 || box.getBoundingClientRect().width < 80));
    const single = secret.length > 1 && kinds.length > 1
        && (this.maxLength === 1 || (row.length === secret.length && row[0] === this));
    const boxes = single ? row : [this];
    if (boxes.length > 1 && (boxes.length !== secret.length || boxes[0] !== this)) return 'boxes';
    const form = this.form;
    if (form) {
        const targets = [form.getAttribute('action')];
        for (const button of form.querySelectorAll('[formaction]')) targets.push(button.getAttribute('formaction'));
        for (const target of targets) {
            if (!target || /^\\s*javascript:/i.test(target)) continue;
            let goal;
            try { goal = new URL(target, document.baseURI).origin; } catch { return 'form'; }
            if (goal !== origin) return 'form';
        }
    }
    for (const [index, box] of boxes.entries()) {
        if (!kinds.includes(box.type)) return 'type';
        const place = box.getBoundingClientRect();
        // A code's boxes may only be drawn, over a tiny field that takes the keys and says what it is for.
        const least = kinds.length > 1 && box.autocomplete === 'one-time-code' ? 1 : 2;
        const small = place.width < least || place.height < least;
        if (small || !box.checkVisibility({visibilityProperty: true})) return 'hidden';
        if (box.matches(':disabled')) return 'disabled';
        if (box.readOnly) return 'read-only';
        const value = boxes.length > 1 ? secret[index] : secret;
        box.focus();
        if (box.getRootNode().activeElement !== box || box.type !== this.type) return 'focus';
        box.select();
        if (!document.execCommand('insertText', false, value)) {
            const own = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
            own.call(box, value);
            box.dispatchEvent(new InputEvent('input', {bubbles: true, inputType: 'insertText'}));
            box.dispatchEvent(new Event('change', {bubbles: true}));
        }
        // A row of boxes may send itself off once the last one is filled, and be gone.
        if (box.isConnected && boxes.length === 1 && box.value.length !== value.length) {
            box.value = '';
            return 'not held';
        }
    }
    return 'done';
}"""

_REFUSALS = {
    "not an input": "what was found is not an input field",
    "origin": "the page is not on the CRM's own address",
    "boxes": "the row of boxes does not have one box per digit",
    "form": "the form would send it to another address",
    "type": "the field is of another kind",
    "hidden": "the field cannot be seen",
    "disabled": "the field is greyed out",
    "read-only": "the field cannot be written into",
    "focus": "the page takes the focus away from the field",
    "not held": "the field does not hold what was typed",
    "gone": "the field went away",
}


async def type_secret(
    context: BrowserContext, field: Locator, secret: str, origin: Origin, kinds: tuple[str, ...]
) -> str | None:
    """Type `secret` into `field` and return None, or the reason why not, for a sentence.

    Playwright's errors come through while the field is being found. Afterwards nothing that is raised holds the secret.
    """
    await field.wait_for(state="visible")
    handle = await field.element_handle()
    frame = await handle.owner_frame()
    if frame is None:
        return _REFUSALS["gone"]
    name = f"field{secrets.token_hex(8)}"
    try:
        # Some pages lift `readonly` or build the real field only once it has the focus.
        await handle.focus()
        await handle.evaluate("(field, name) => { globalThis[name] = field; }", name)
        session, element = await _in_devtools(context, frame, name)
        if session is None or element is None:
            return _REFUSALS["gone"]
        try:
            said = await _call(session, element, [secret, str(origin), list(kinds)])
        finally:
            with suppress(PlaywrightError):
                await session.detach()
    except PlaywrightError:
        said = "gone"  # and the error's text is not looked at: the page may have put anything in it
    if said != "done":
        return _REFUSALS.get(said, "the field did not take it")
    if len(kinds) == 1 and not await _holds(handle, len(secret.encode("utf-16-le")) // 2):
        return _REFUSALS["not held"]
    return None


async def _holds(handle: ElementHandle, length: int) -> bool:
    """Whether the field still holds as much after the page has had its say (some clear or cut what was typed)."""
    try:
        async with asyncio.timeout(5):
            return bool(
                await handle.evaluate(
                    "(field, length) => new Promise(resolve => requestAnimationFrame(() => setTimeout("
                    "() => resolve(field.isConnected && field.value.length === length), 0)))",
                    length,
                )
            )
    except (PlaywrightError, TimeoutError):
        return False


async def _in_devtools(context: BrowserContext, frame: Frame, name: str) -> tuple[CDPSession | None, str | None]:
    """The DevTools session of the frame's process, and the id there of the element that is called `name`."""
    targets: list[Any] = [frame.page]
    if frame.parent_frame:
        targets.insert(0, frame)
    for target in targets:
        try:
            session = await context.new_cdp_session(target)
        except PlaywrightError:
            continue  # the frame lives in its page's process and has no session of its own
        worlds: list[int] = []
        session.on("Runtime.executionContextCreated", lambda event, worlds=worlds: _add_world(worlds, event))
        await session.send("Runtime.enable")
        for world in worlds:
            with suppress(PlaywrightError):  # that frame has gone meanwhile
                answer = await session.send(
                    "Runtime.evaluate", {"expression": f"globalThis[{name!r}]", "contextId": world}
                )
                if answer["result"].get("subtype") == "node":
                    await session.send("Runtime.disable")
                    return session, str(answer["result"]["objectId"])
        await session.detach()
    return None, None


def _add_world(worlds: list[int], event: dict[str, Any]) -> None:
    if event["context"].get("auxData", {}).get("isDefault"):
        worlds.append(int(event["context"]["id"]))


async def _call(session: CDPSession, element: str, arguments: list[Any]) -> str:
    answer = await session.send(
        "Runtime.callFunctionOn",
        {
            "functionDeclaration": _TYPE,
            "objectId": element,
            "arguments": [{"value": argument} for argument in arguments],
            "returnByValue": True,
        },
    )
    return str(answer["result"].get("value"))
