"""Which Chromium to start, and with which switches."""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from export_robots.outcomes import UsageWrong

if TYPE_CHECKING:
    from export_robots.settings import BrowserSettings

INSTALL_HINT = (
    "Install Chrome, Chromium or Edge, or run `playwright install chromium`; "
    "a browser elsewhere is named with `executable` under [browser] in the configuration."
)

# Playwright's logs that show what is sent.
_LOGS = ("api", "channel", "protocol", "server", "input", "browser")
# Per channel: programs on the PATH (Linux), then the places where the installers of macOS and Windows put them.
_CHANNELS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "chrome": (
        ("google-chrome-stable", "google-chrome"),
        ("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",),
        (r"Google\Chrome\Application\chrome.exe",),
    ),
    "chromium": (
        ("chromium", "chromium-browser"),
        ("/Applications/Chromium.app/Contents/MacOS/Chromium",),
        (r"Chromium\Application\chrome.exe",),
    ),
    "msedge": (
        ("microsoft-edge-stable", "microsoft-edge"),
        ("/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",),
        (r"Microsoft\Edge\Application\msedge.exe",),
    ),
}


def find_chromium(settings: "BrowserSettings", *, bundled: str | None = None) -> Path:
    """The browser's program: the one that is configured, else an installed one, else `bundled` (Playwright's own).

    Raises `UsageWrong` if there is none, or if the configured one is not there.
    """
    if settings.executable:
        path = settings.executable.expanduser()
        if not path.is_file():
            raise UsageWrong(f"the configured browser {path} is not there", INSTALL_HINT)
        if not os.access(path, os.X_OK):
            raise UsageWrong(f"the configured browser {path} may not be executed", f"Run `chmod +x {path}`.")
        return path
    if settings.channel:
        if settings.channel not in _CHANNELS:
            known = ", ".join(sorted(_CHANNELS))
            raise UsageWrong(f"“{settings.channel}” is not a browser channel", f"Use one of: {known}.")
        for path in _installed(settings.channel):
            return path
        raise UsageWrong(f"no browser of the configured channel “{settings.channel}” is installed", INSTALL_HINT)
    for channel in _CHANNELS:
        for path in _installed(channel):
            return path
    if bundled and Path(bundled).is_file():
        return Path(bundled)
    raise UsageWrong("no Chrome, Chromium or Edge was found on this machine", INSTALL_HINT)


def _installed(channel: str) -> Iterator[Path]:
    programs, applications, windows = _CHANNELS[channel]
    for program in programs:
        if found := shutil.which(program):
            yield Path(found)
    candidates: list[Path] = []
    if sys.platform == "darwin":
        candidates = [Path(home + application) for home in ("", str(Path.home())) for application in applications]
    elif sys.platform == "win32":
        roots = [os.environ.get(name) for name in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA")]
        candidates = [Path(root) / place for root in roots if root for place in windows]
    for candidate in candidates:
        if candidate.is_file():
            yield candidate


def require_display(headed: bool) -> None:
    """Raise `UsageWrong` if a window is wanted on a machine that cannot show one."""
    if (
        headed
        and sys.platform.startswith("linux")
        and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    ):
        raise UsageWrong(
            "--headed was given, and this machine has no display",
            "Leave --headed out, or run the command with `xvfb-run -a`.",
        )


def require_discretion() -> None:
    """Raise `UsageWrong` if the environment makes Playwright print all that goes to the browser, passwords too.

    Playwright reads these variables when it is imported, so that it is too late to take them away.
    """
    wanted = [name for name in re.split(r"[\s,]+", os.environ.get("DEBUG", "")) if name and not name.startswith("-")]
    patterns = [re.compile(".*".join(re.escape(part) for part in name.split("*"))) for name in wanted]
    telling = ["DEBUG"] if any(pattern.fullmatch(f"pw:{log}") for pattern in patterns for log in _LOGS) else []
    telling += [name for name in ("DEBUGP", "PWDEBUG") if os.environ.get(name)]
    if telling:
        raise UsageWrong(
            f"the variable {telling[0]} is set, and Playwright would print what it types, passwords too",
            f"Run `unset {telling[0]}`, then the same command again.",
        )


def may_sandbox() -> bool:
    """Whether Chromium's sandbox can be had: it refuses to start for root."""
    return not hasattr(os, "geteuid") or os.geteuid() != 0


# A later --disable-features takes the place of an earlier one, so that Playwright's own list is repeated here; a test
# holds it against the driver that is installed.
PLAYWRIGHTS_DISABLED_FEATURES = (
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "LensOverlay",
    "MediaRouter",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "TcpPortRandomizationWin",
    "OptimizationHints",
    "NetworkTimeServiceQuerying",
    "AimEnabled",
    "PreconnectToSearch",
    "msForceBrowserSignIn",
    "msEdgeUpdateLaunchServicesPreferredVersion",
)
# Each window of the new headless mode keeps a renderer of 40-60 MB ready for a list below an address bar nobody sees.
_NEEDLESS_FEATURES = ("WebUIOmniboxPopup", "WebUIOmniboxAimPopup")

# What a browser does of its own accord is of no use here: update itself, sync, ask its maker. Crash reports would hold
# what was in the browser's memory, passwords too.
SWITCHES = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-crash-reporter",
    "--disable-save-password-bubble",
    "--no-first-run",
    f"--disable-features={','.join((*PLAYWRIGHTS_DISABLED_FEATURES, *_NEEDLESS_FEATURES))}",
)
