"""Handing a finished file to the upload portal, once, and waiting until the portal says that it has it.

The order is always the same: everything is filled in and read back, the caller writes down that the file is about to
be posted, the file is added, the form is sent. A page that posts as soon as a file is dropped is thereby never ahead.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from export_robots import clock
from export_robots.outcomes import RobotError, SiteDown, UploadFailed
from export_robots.portal_answer import Judgement, Verdict, is_final, judge
from export_robots.portal_filling import FormFilling
from export_robots.portal_form import BOX, PortalForm
from export_robots.portal_page import PortalPage
from export_robots.portal_posts import PostGuard
from export_robots.redaction import Redactor

if TYPE_CHECKING:
    from export_robots.browser import Browser
    from export_robots.evidence import EvidenceFolder
    from export_robots.settings import PortalSettings
    from export_robots.visit import Progress, Visit

_PAGES = 6  # of a form in several steps
_LOOK_EVERY = 0.1  # seconds
_POSTS_AT_ONCE = 0.5  # seconds after which a page that posts by itself has begun to


class UploadNotStarted(UploadFailed):
    """It failed before anything was posted: the portal does not have the file."""

    remedy = "Nothing was posted. Open the portal's page by hand, and post the file there if need be."


class PortalDown(UploadNotStarted):
    """The portal did not answer, or was in maintenance, before anything was posted."""

    remedy = "Nothing was posted, and the file is kept. Run the same command again later: it goes on with the upload."


class UploadUnconfirmed(UploadFailed):
    """The file was or may have been posted, and the portal did not say clearly that it has it."""

    remedy = (
        "Ask whether the portal has the file. If not, post it with `robot deliver`; it is not posted again by itself."
    )


@dataclass(frozen=True)
class PortalAnswer:
    """The portal's own words, its reference where it gave one, and when (UTC)."""

    text: str
    reference: str | None
    at: datetime


async def upload(
    browser: "Browser",
    portal: "PortalSettings",
    file: Path,
    *,
    dealership: str,
    evidence: "EvidenceFolder | None",
    progress: "Progress | None",
    before_post: Callable[[], Awaitable[None]],
    email: str | None = None,
    confirmation: str | None = None,
    sending_within: timedelta = timedelta(minutes=15),
) -> PortalAnswer:
    """Post `file` under its own name and return the portal's confirmation.

    `before_post` is awaited before the file is added to the page; until it has returned nothing is posted. `email` is
    given where the form asks for an address and the configuration names none. `confirmation` is a further text that
    counts as a yes.

    Raises `UploadNotStarted` if certainly nothing was posted, `UploadFailed` if the portal refused the file, and
    `UploadUnconfirmed` in every other case, silence and a cut connection among them.
    """
    run = evidence.folder.name if evidence else "upload"
    async with browser.visit(
        portal.url, run=run, evidence=evidence, progress=progress, service_workers="block"
    ) as visit:
        guard = PostGuard(visit.origin, file)
        work = _Upload(visit, guard, portal.url, file, dealership, portal.email or email, confirmation, sending_within)
        try:
            return await work.run(before_post)
        except UploadFailed:
            raise
        except RobotError as error:
            raise work.meaning(error) from None


class _Upload:
    def __init__(
        self,
        visit: "Visit",
        guard: PostGuard,
        url: str,
        file: Path,
        dealership: str,
        email: str | None,
        confirmation: str | None,
        sending_within: timedelta,
    ) -> None:
        self._visit = visit
        self._guard = guard
        self._page = PortalPage(visit)
        self._filling = FormFilling(visit, self._page, dealership, email, self._cannot_be_sent)
        self._url = url
        self._file = file
        self._confirmation = confirmation
        self._sending_within = sending_within
        self._patience = visit.step_timeout.total_seconds()
        self._added = False
        self._before: set[str] = set()
        self._redactor = Redactor([], [email] if email else [])

    async def run(self, before_post: Callable[[], Awaitable[None]]) -> PortalAnswer:
        visit = self._visit
        async with visit.step("open the portal"):
            await self._guard.attach(visit.context)
            await visit.goto(self._url)
            await self._require_own_origin()
            await self._ready()
        for page in range(_PAGES):
            async with visit.step("fill in the portal's form" if page == 0 else "fill in the portal's next page"):
                form = await self._filling.fill()
            wizard = form.submit_button() is None and form.onward_button() is not None
            if form.takes_file and not self._added:
                if not self._filling.ticked and not wizard:
                    raise UploadNotStarted(f"the portal's form has no box “{BOX}”")
                async with visit.step("add the file"):
                    await before_post()
                    self._guard.open()
                    self._before = set(await self._page.lines())
                    self._added = True
                    await self._add_file(form)
            if not wizard and self._added:
                break
            async with visit.step("go on to the portal's next page"):
                await self._go_on()
        else:
            raise UploadNotStarted(f"the portal's form did not come to an end after {_PAGES} pages")
        if not self._filling.ticked:
            raise self._cannot_be_sent(f"the portal's form has no box “{BOX}”")
        async with visit.step("send the file to the portal"):
            return await self._send()

    def meaning(self, error: RobotError) -> RobotError:
        """What an error of the page says about the file."""
        guard = self._guard
        if guard.sent == 0 and not guard.other_channel:
            if guard.foreign_host:
                return self._foreign()
            kind = PortalDown if isinstance(error, SiteDown) else UploadNotStarted
            return kind(f"at the portal, {error.saw}", kind.remedy if error.hint == type(error).remedy else error.hint)
        if any(answer.refused for answer in guard.answers):
            return self._refused()
        return UploadUnconfirmed(f"the file was posted, and then {error.saw}")

    # Before the file is added.

    async def _require_own_origin(self) -> None:
        if not await self._page.is_the_portals():
            raise UploadNotStarted(
                "the portal's page leads to another address than the configured one",
                "Open the portal by hand; if it has moved, put its new address under [portal] in the configuration.",
            )

    async def _ready(self) -> None:
        """Wait until there is a form to fill in, and put away what lies over it."""
        deadline = time.monotonic() + self._patience
        form = await self._page.look()
        while not (form.takes_file or form.onward_button() or form.boxes()) and time.monotonic() < deadline:
            await self._moment()
            form = await self._page.look()
        await self._page.put_cookie_banner_away(form)

    # The file.

    async def _add_file(self, form: PortalForm) -> None:
        if form.several_inputs() and form.file_input() is None:
            raise self._cannot_be_sent(
                "the portal's form has several places for a file, and does not say which is for leads"
            )
        await self._page.put(self._file, form)
        deadline = time.monotonic() + self._patience
        while not await self._holds_file():
            if self._guard.sent or self._guard.changed.is_set():
                return
            if time.monotonic() > deadline:
                raise self._cannot_be_sent("the portal's page does not show the file that was added to it")
            await self._moment()

    async def _holds_file(self) -> bool:
        """Whether the page holds or shows exactly our file."""
        size = self._file.stat().st_size
        held = [
            tuple(entry) for control in (await self._page.look()).controls for entry in control.facts.get("files", [])
        ]
        if held:
            if held != [(self._file.name, size)]:
                raise self._cannot_be_sent("the portal's page holds another file than the one that was added")
            return True
        shown = "\n".join(line for line in await self._page.lines() if line not in self._before)
        return self._file.name in " ".join(shown.split()) or self._file.stem in shown

    # Sending.

    async def _go_on(self) -> None:
        form = await self._page.look()
        button = form.onward_button()
        if button is None:
            raise self._cannot_be_sent("the portal's page has neither a place for the file nor a button to go on")
        before = await self._page.lines()
        await button.target.click()
        deadline = time.monotonic() + self._patience
        while await self._page.lines() == before:
            if time.monotonic() > deadline:
                raise self._cannot_be_sent(f"the portal's button “{button.name}” led nowhere")
            await self._moment()
        await self._require_own_origin()

    async def _send(self) -> PortalAnswer:
        with suppress(TimeoutError):  # a page that posts as soon as it has the file
            ordinary = await self._is_ordinary()
            await asyncio.wait_for(self._guard.changed.wait(), _LOOK_EVERY if ordinary else _POSTS_AT_ONCE)
        if self._guard.sent:
            judgement = await self._settled()
            button = (await self._page.look()).submit_button()
            if button is None or button.disabled or not await self._wants_sending(judgement):
                return await self._answer(judgement)
        await self._press()
        return await self._answer(await self._settled())

    async def _is_ordinary(self) -> bool:
        """Whether the file lies in a form that has a button of its own to send it: nobody makes that post by itself."""
        form = await self._page.look()
        button = form.submit_button()
        return bool(
            button
            and not button.disabled
            and button.form >= 0
            and any(control.facts.get("files") and control.form == button.form for control in form.controls)
        )

    async def _wants_sending(self, judgement: Judgement) -> bool:
        """Whether a page that has posted the file by itself still waits for its form to be sent."""
        return not (judgement.verdict is Verdict.YES and is_final(judgement.text, self._file.name))

    async def _press(self) -> None:
        deadline = time.monotonic() + self._patience
        form = await self._page.look()
        while (button := form.submit_button()) is None or button.disabled:
            if time.monotonic() > deadline:
                state = "is greyed out" if button else "is not there"
                raise self._cannot_be_sent(f"the portal's button that sends the form {state}")
            await self._moment()
            form = await self._page.look()
        goal = await self._page.goal_of(button)
        if goal and goal != str(self._visit.origin):
            raise self._cannot_be_sent("the portal's form would send the file to another address")
        await button.target.click(no_wait_after=True)

    async def _settled(self) -> Judgement:
        """Wait for the portal's answer to the post and for its page to say something; raise if it says no."""
        guard = self._guard
        begun = time.monotonic()
        answered_at: float | None = None
        judgement = Judgement(Verdict.WAIT)
        while True:
            if guard.foreign_host:
                raise self._foreign()
            if any(answer.status == 0 for answer in guard.answers):
                raise UploadUnconfirmed("the portal cut the connection before it answered to the file")
            now = time.monotonic()
            if guard.sent and not guard.pending and answered_at is None:
                answered_at = now
            if guard.pending:
                answered_at = None
                if now - begun > self._sending_within.total_seconds():
                    raise UploadUnconfirmed(f"the portal did not answer to the file within {self._sending_within}")
            elif now - (answered_at or begun) > self._patience:
                break
            else:
                judgement = await self._judgement()
                if not guard.sent and not guard.other_channel:
                    if judgement.verdict in (Verdict.NO, Verdict.DOUBT) and now - begun > 2:
                        break
                elif judgement.verdict is not Verdict.WAIT:
                    await asyncio.sleep(2 * _LOOK_EVERY)  # a page may show two things one after the other
                    if await self._judgement() == judgement and not guard.pending:
                        break
            await self._moment()
        if any(answer.refused for answer in guard.answers):
            raise self._refused(judgement.text)
        if not guard.sent and not guard.other_channel:
            what = f"the portal's page did not send the file: it says “{self._said(judgement.text)}”"
            raise UploadNotStarted(what if judgement.text else "the portal's page did not send the file")
        if judgement.verdict is Verdict.NO:
            raise UploadFailed(f"the portal refused the file: “{self._said(judgement.text)}”")
        return judgement

    async def _answer(self, judgement: Judgement) -> PortalAnswer:
        if judgement.verdict is Verdict.YES:
            if not await self._page.is_the_portals():
                raise UploadUnconfirmed("after the file was posted the portal led to another address")
            if not all(answer.taken for answer in self._guard.answers):
                raise UploadUnconfirmed("the portal's page says that it has the file, its answer says that it has not")
            return PortalAnswer(self._said(judgement.text), judgement.reference, clock.now())
        if judgement.verdict is Verdict.DOUBT:
            raise UploadUnconfirmed(f"the portal's answer to the file is not clear: “{self._said(judgement.text)}”")
        raise UploadUnconfirmed(
            f"the file was posted, and the portal did not say within {self._patience:.0f} seconds that it has it"
        )

    async def _judgement(self) -> Judgement:
        new = [line for line in await self._page.lines() if line not in self._before]
        new += [shown.text for shown in self._visit.dialogs]
        return judge(new, self._file.name, self._confirmation)

    # What went wrong.

    def _cannot_be_sent(self, saw: str, hint: str = "") -> UploadFailed:
        if self._guard.sent or self._guard.other_channel:
            return UploadUnconfirmed(f"the file may have been posted, and then {saw}")
        return UploadNotStarted(saw, hint)

    def _foreign(self) -> UploadFailed:
        host = self._guard.foreign_host
        kind = UploadUnconfirmed if self._guard.sent else UploadNotStarted
        return kind(
            f"the portal's page wanted to send the file to {host}, which is not the portal; it was not sent there",
            "Open the portal by hand and see whether this is meant; the robot posts to the configured address only.",
        )

    def _refused(self, text: str = "") -> UploadFailed:
        status = next(answer.status for answer in self._guard.answers if answer.refused)
        said = f": “{self._said(text)}”" if text else ""
        return UploadFailed(f"the portal answered to the file with HTTP {status}{said}")

    def _said(self, text: str) -> str:
        return self._redactor.text(text)[:200]

    async def _moment(self) -> None:
        await asyncio.sleep(_LOOK_EVERY)
