"""What is kept of a visit that failed, so that somebody can see why without seeing a lead or a secret.

`steps.json` is always written; after a failure also `screenshot.png`, `page.txt` and `trace.zip`. Each is made without
what must not be kept, then looked through for every secret while still in memory, and written only if it holds none.
Keeping evidence has a deadline of its own and cannot change how a run ended.
"""

import asyncio
import io
import json
import logging
import os
import re
import zipfile
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page

from export_robots.outcomes import RobotError
from export_robots.redaction import CannotScan, Redactor, SecretScan, bare_url

if TYPE_CHECKING:
    from export_robots.visit import Visit

_log = logging.getLogger(__name__)

_MASKING = Path(__file__).with_name("masking.js").read_text(encoding="utf-8")
# In case the page draws itself anew between the masking and the picture.
_COVERING = """
:is(td, tbody th, [role=gridcell], [role=cell], [role=rowheader], dd):not([data-robot-kept]),
:is(td, tbody th, [role=gridcell], [role=cell], [role=rowheader], dd):not([data-robot-kept]) *,
:is(input, textarea):not([type=button]):not([type=submit]):not([type=reset])
{ color: transparent !important; -webkit-text-fill-color: transparent !important; text-shadow: none !important; }
"""
_HIDE_FRAMES = "iframe, frame, object, embed { visibility: hidden !important; }"

_PAGES = 4  # the newest ones
_SHORT = 5.0  # seconds, for one look at one page
_LONG = 15.0


class EvidenceFolder:
    """The evidence of one run. `secrets` gives every secret that is known; it is asked when evidence is kept."""

    def __init__(
        self,
        folder: Path,
        secrets: Callable[[], Iterable[str]],
        *,
        keep_addresses: Collection[str] = (),
        size_limit: int = 20 * 1024 * 1024,
    ) -> None:
        self.folder = folder
        self._secrets = secrets
        self._keep = tuple(keep_addresses)
        self._size_limit = size_limit

    async def keep(self, visit: "Visit", failure: BaseException | None) -> None:
        """Write what is to be kept of `visit`, which ended with `failure` or well."""
        secrets = [*self._secrets(), *visit.secrets]
        keep = [*self._keep, *visit.own_addresses]
        await _Keeping(self, visit, Redactor(secrets, keep), SecretScan(secrets), keep).run(failure)

    def used(self) -> int:
        return sum(file.stat().st_size for file in self.folder.glob("*") if file.is_file())

    def number(self) -> str:
        """Distinguishes the visits of one run: "", "-2", "-3"."""
        count = len(list(self.folder.glob("steps*.json"))) + 1
        return "" if count == 1 else f"-{count}"

    def fits(self, size: int) -> bool:
        return self.used() + size <= self._size_limit


@dataclass(frozen=True)
class _Seen:
    """A page after masking; `whole` is false if a frame could not be masked and has to be hidden."""

    text: str
    before: str
    changed: int
    whole: bool


class _Keeping:
    """The keeping of one visit's evidence."""

    def __init__(
        self, folder: EvidenceFolder, visit: "Visit", redactor: Redactor, scan: SecretScan, keep: list[str]
    ) -> None:
        self._folder = folder
        self._visit = visit
        self._redactor = redactor
        self._scan = scan
        self._keep = keep
        self._dropped: dict[str, str] = {}
        self._number = ""

    async def run(self, failure: BaseException | None) -> None:
        self._folder.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._number = self._folder.number()
        try:
            if isinstance(failure, Exception):
                await self._pages()
                await self._trace()
        finally:
            self._steps(failure)

    async def _pages(self) -> None:
        texts = []
        for index, page in enumerate(reversed(self._visit.pages[-_PAGES:])):
            name = "screenshot.png" if index == 0 else f"screenshot-page{index + 1}.png"
            try:
                texts.append(await self._page(page, name))
            except (PlaywrightError, TimeoutError) as error:
                self._dropped[name] = f"the page could not be looked at ({type(error).__name__})"
        if texts:
            self._write("page.txt", "\n\n".join(texts).encode())

    async def _page(self, page: Page, name: str) -> str:
        """Picture one page and return its text, both without what could be a lead's."""
        seen = await self._masked(page)
        text = self._redactor.text(f"{bare_url(page.url)}\n{seen.text}")
        if self._scan.finds_in_text(seen.before) or self._scan.finds_in_text(seen.text):
            self._dropped[name] = "the page showed a secret"
            return text
        self._dropped[name] = "the page could not be pictured in time"
        with suppress(PlaywrightError, TimeoutError):
            for _ in range(3):
                style = _COVERING if seen.whole else _COVERING + _HIDE_FRAMES
                async with asyncio.timeout(_LONG):
                    picture = await page.screenshot(style=style, animations="disabled", timeout=_LONG * 1000)
                seen = await self._masked(page)
                if not seen.changed:
                    del self._dropped[name]
                    self._write(name, picture)
                    break
                self._dropped[name] = "the page kept drawing itself anew while it was pictured"
        return text

    async def _masked(self, page: Page) -> "_Seen":
        """Take out of the page what could be a lead's, in all its frames."""
        parts: list[str] = []
        before: list[str] = []
        changed = 0
        whole = True
        for frame in page.frames:
            try:
                async with asyncio.timeout(_SHORT if frame is page.main_frame else 1):
                    seen = await frame.evaluate(_MASKING, {"keep": [address.lower() for address in self._keep]})
            except (PlaywrightError, TimeoutError):
                if frame is page.main_frame:
                    raise
                whole = False
                continue
            parts += [f"title: {seen['title']}", str(seen["text"]), "", "controls:", *seen["controls"], ""]
            before.append(str(seen["before"]))
            changed += int(seen["changed"])
        return _Seen("\n".join(parts), "\n".join(before), changed, whole)

    async def _trace(self) -> None:
        raw = self._visit.scratch / "trace.zip"
        try:
            async with asyncio.timeout(_LONG):
                await self._visit.context.tracing.stop(path=raw)
            self._write("trace.zip", trimmed_trace(raw.read_bytes(), self._redactor))
        except (PlaywrightError, TimeoutError, OSError, ValueError, zipfile.BadZipFile) as error:
            self._dropped["trace.zip"] = f"it could not be had ({type(error).__name__})"
        finally:
            raw.unlink(missing_ok=True)

    def _steps(self, failure: BaseException | None) -> None:
        visit = self._visit
        said: dict[str, Any] = {
            "run": visit.run,
            "address": bare_url(visit.url),
            "ended": "well" if failure is None else type(failure).__name__,
            "saw": self._redactor.text(failure.saw) if isinstance(failure, RobotError) else None,
            "steps": [record.as_json() for record in visit.steps],
            "dialogs": [{"kind": shown.kind, "text": self._redactor.text(shown.text)[:200]} for shown in visit.dialogs],
            "console": [_without_values(self._redactor.text(line)) for line in visit.observed.console[:50]],
            "playwright": [_without_page(self._redactor.text(text))[:4000] for text in visit.observed.playwright[-5:]],
            "not_kept": self._dropped,
        }
        if self._scan.too_short:
            said["remark"] = f"{self._scan.too_short} secrets are too short to be looked for in what is kept"
        name = f"steps{self._number}.json"
        if self._write("steps.json", _json(said)):
            return
        # Names of steps are the robot's own words; whatever held the secret came from the page.
        bare = {key: said[key] for key in ("run", "ended")} | {"not_kept": self._dropped}
        if not self._write("steps.json", _json(bare)):
            _log.warning("%s was not kept: %s", name, self._dropped.get("steps.json"))

    def _write(self, name: str, data: bytes) -> bool:
        """Write a file, for its owner only, if it holds no secret and there is room."""
        try:
            if self._scan.finds(data):
                self._dropped[name] = "it held a secret"
                return False
        except CannotScan as error:
            self._dropped[name] = f"it could not be looked through for secrets: {error}"
            return False
        if not self._folder.fits(len(data)):
            self._dropped[name] = "the run's evidence would have become too large"
            return False
        stem, dot, suffix = name.rpartition(".")
        path = self._folder.folder / f"{stem}{self._number}{dot}{suffix}"
        partial = path.with_name(f".{path.name}.part")
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)
        partial.replace(path)
        return True


def _json(said: dict[str, Any]) -> bytes:
    return (json.dumps(said, indent=1, ensure_ascii=False) + "\n").encode()


def _without_values(line: str) -> str:
    """A console line without what stands in quotes or is long: scripts print the records that they choke on."""
    return re.sub(r"([\"'`{\[]).*", r"\1…", line)[:200]


def _without_page(text: str) -> str:
    """A call log without the elements that it quotes, whose text is the page's."""
    return "\n".join(_without_element(line) for line in text.splitlines())


_AFTER_ELEMENT = ("intercepts pointer events", "from ", "aka ")


def _without_element(line: str) -> str:
    match = re.search(r"<([a-zA-Z][\w-]*)", line)
    if not match:
        # `expect` quotes what a page shows without any mark.
        return re.sub(r"((?:Actual|unexpected) value:?\s).*", r"\1…", line)
    ending = next((f" {words}" for words in _AFTER_ELEMENT[:1] if words in line), "")
    return f"{line[: match.start()]}<{match[1]} …>{ending}"


def _without_typed(message: str) -> str:
    """A log line without what was typed: in quotes, except where those hold a locator or an address."""
    if message.lstrip().startswith(("waiting for", "navigating to", "Expect")):
        return message
    return re.sub(r"\".*\"", '"…"', message, flags=re.DOTALL)


# What a line of a trace may keep. Left out are results, console messages and everything that was typed or chosen.
_LINES: dict[str, tuple[str, ...]] = {
    "context-options": (
        "version", "type", "origin", "browserName", "playwrightVersion", "options", "platform", "wallTime",
        "monotonicTime", "sdkLanguage", "testIdAttributeName",
    ),
    "before": ("type", "callId", "startTime", "title", "class", "method", "pageId", "parentId", "stepId", "params"),
    "log": ("type", "callId", "time", "message"),
    "input": ("type", "callId", "point", "box"),
    "after": ("type", "callId", "endTime", "error"),
    "event": ("type", "time", "class", "method", "pageId"),
}  # fmt: skip
_PARAMS = ("selector", "url", "state", "strict", "timeout", "waitUntil", "button", "clickCount", "expression", "isNot")


def trimmed_trace(raw: bytes, redactor: Redactor) -> bytes:
    """A Playwright trace reduced to what was done when; the trace viewer still opens it."""
    kept = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if not name.endswith(".trace"):
                continue
            lines = [_trimmed(json.loads(line), redactor) for line in old.read(name).splitlines() if line.strip()]
            new.writestr(name, "\n".join(json.dumps(line) for line in lines if line) + "\n")
            new.writestr(name.removesuffix(".trace") + ".network", "")
    return kept.getvalue()


def _trimmed(line: dict[str, Any], redactor: Redactor) -> dict[str, Any] | None:
    allowed = _LINES.get(str(line.get("type")))
    if allowed is None:
        return None
    kept = {key: line[key] for key in allowed if key in line}
    if "params" in kept:
        params = {key: line["params"][key] for key in _PARAMS if key in line["params"]}
        if line.get("method") != "expect":
            params.pop("expression", None)
        kept["params"] = {
            key: redactor.text(value) if isinstance(value, str) else value for key, value in params.items()
        }
    if "message" in kept:
        kept["message"] = _without_typed(_without_element(redactor.text(str(kept["message"]))))
    if "error" in kept:
        error = line["error"].get("error", line["error"]) if isinstance(line["error"], dict) else {}
        message = _without_page(redactor.text(str(error.get("message", ""))))
        kept["error"] = {"name": str(error.get("name", "Error")), "message": message}
    if "options" in kept:
        kept["options"] = {"viewport": line["options"].get("viewport")}
    return kept
