"""`robot demo`: the real export, as an operator would run it, against the emulated world on this machine.

Everything it shows happens in an ordinary run; beside it, a picture is taken at the end of each step.
"""

import html
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from export_robots import clock
from export_robots.cli_interruption import run_interruptibly
from export_robots.cli_output import out, say, show
from export_robots.cli_work import work
from export_robots.outcomes import UsageWrong
from export_robots.periods import Month, Period
from export_robots.runs.results import Result

if TYPE_CHECKING:
    from export_robots.browser import Browser
    from export_robots.progress import Showing
    from export_robots.visit import Visit

CLIENT = "abc"
_MARK = ".made-by-robot-demo"


def show_demo(folder: Path, *, site: str, portal: str, headed: bool) -> int:
    """Leave in `folder` what an export leaves behind, the pictures, and a configuration to go on with."""
    _make_room(folder)
    say(f"An emulated Activix ({site}), upload portal ({portal}) and mailbox are started; nothing in it is real.")
    pictures = Pictures(folder / "pictures")
    with _world(site, portal, folder) as world:
        config = world.write_credentials(folder / "credentials.toml", folder / "home")
        result = _export(config, folder / "home", pictures, headed=headed)
        if result.outcome.succeeded:
            run_interruptibly(pictures.sheet(result, world.portal_url))
        code = show([result], as_json=False)
        if code == 0:
            out(_what_is_there(result, folder, world.received))
        return code


def _export(config: Path, folder: Path, pictures: "Pictures", *, headed: bool) -> Result:
    from export_robots.home import prepare_home
    from export_robots.settings import load_settings

    settings = load_settings(config, folder)
    home = prepare_home(folder)
    client = settings.client(CLIENT)
    period = Period.last_full_month(clock.now(), client.timezone)

    async def do(browser: "Browser", progress: "Showing") -> list[Result]:
        from export_robots.runs.exporting import export_all
        from export_robots.runs.running import Wanted

        pictured = cast("Browser", _Pictured(browser, pictures))
        accounts = client.accounts("activix")
        return await export_all(settings, home, accounts, period, wanted=Wanted(), browser=pictured, progress=progress)

    return work(settings, home, do, headed=headed, early=True)[0]


class Pictures:
    """Takes a picture at the end of each step. A real run keeps none, since they would show leads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken: list[tuple[str, Path]] = []
        folder.mkdir(parents=True, exist_ok=True)

    def attach(self, visit: "Visit") -> None:
        step = visit.step

        @asynccontextmanager
        async def pictured(name: str) -> AsyncIterator[None]:
            async with step(name):
                yield
                if visit.current_step == name:  # not one inside another
                    await self._take(visit, name)

        setattr(visit, "step", pictured)  # noqa: B010 - for mypy a method cannot be assigned to

    async def sheet(self, result: Result, url: str) -> None:
        """All pictures with their steps, as a page and as one picture of it."""
        from export_robots.browser import open_browser
        from export_robots.settings import BrowserSettings

        figures = "".join(
            f'<figure><img src="{path.name}"><figcaption>{number}. {html.escape(name)}</figcaption></figure>'
            for number, (name, path) in enumerate(self._taken, 1)
        )
        title = f"{result.client} {result.crm} {(result.period or ('',))[0]}: {result.outcome}"
        page = self._folder / "index.html"
        page.write_text(_SHEET.replace("TITLE", html.escape(title)).replace("FIGURES", figures), "utf-8")
        async with open_browser(BrowserSettings()) as browser, browser.visit(url, run="demo") as visit:
            await visit.page.goto(page.as_uri())
            await visit.page.screenshot(path=self._folder / "all.png", full_page=True)

    async def _take(self, visit: "Visit", name: str) -> None:
        path = self._folder / f"{len(self._taken) + 1:02}-{''.join(c if c.isalnum() else '-' for c in name)}.png"
        await visit.pages[-1].screenshot(path=path, animations="disabled")
        self._taken.append((name, path))


class _Pictured:
    def __init__(self, browser: "Browser", pictures: Pictures) -> None:
        self._browser = browser
        self._pictures = pictures

    async def close(self) -> None:
        await self._browser.close()

    @asynccontextmanager
    async def visit(self, *args: Any, **options: Any) -> AsyncIterator["Visit"]:
        async with self._browser.visit(*args, **options) as visit:
            self._pictures.attach(visit)
            yield visit


@contextmanager
def _world(site: str, portal: str, folder: Path) -> Iterator[Any]:
    try:
        from emulated_world.world import PORTALS, SITES, running_world
    except ImportError as error:
        raise UsageWrong(
            f"the demo needs the emulated world, which is not here ({error})",
            "It is in the source checkout only: run `make demo` there.",
        ) from None
    for name, known in ((site, SITES), (portal, PORTALS)):
        if name not in known:
            raise UsageWrong(f"“{name}” is not one of: {', '.join(known)}", "`robot demo --help` says what it takes.")
    with running_world(site=site, portal=portal, folder=folder) as world:
        yield world


def _make_room(folder: Path) -> None:
    """What an earlier demo left is removed; anything else is not touched."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / _MARK).exists():
            raise UsageWrong(f"{folder} holds other things", "Name a new folder for the demo with --home.")
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / _MARK).touch()


def _what_is_there(result: Result, folder: Path, received: Path) -> str:
    assert result.file
    assert result.period
    earlier = Month.parse(result.period[0]).plus(-1)
    return "\n".join(
        (
            f"  receipt        {result.file}.receipt.json",
            f"  at the portal  {next(iter(sorted(received.iterdir())), received)}",
            f"  pictures       {folder / 'pictures' / 'index.html'}, and all in one: {folder / 'pictures' / 'all.png'}",
            "",
            "Go on by yourself. In one terminal:",
            f"  {sys.executable} -m emulated_world --folder {folder}   (--help: what else it can do)",
            "In another:",
            f"  {sys.argv[0]} --config {folder / 'credentials.toml'} --home {folder / 'home'} "
            f"export activix --client {CLIENT} --month {earlier}",
        )
    )


_SHEET = """<!doctype html>
<meta charset="utf-8"><title>TITLE</title>
<style>
body { font: 16px/1.4 system-ui, sans-serif; margin: 24px; background: #f4f4f2; color: #222; max-width: 1400px }
main { display: grid; grid-template-columns: repeat(3, 1fr); gap: 20px }
figure { margin: 0; background: #fff; padding: 10px; border-radius: 6px; box-shadow: 0 1px 4px #0003 }
img { width: 100%; display: block } figcaption { padding-top: 8px; font-weight: 600 }
</style>
<h1>TITLE</h1><main>FIGURES</main>
"""
