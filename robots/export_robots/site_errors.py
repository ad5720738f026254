"""What Playwright's errors mean: the page is not what the robot knows, the site is down, or the browser died."""

import re
from typing import ClassVar

from export_robots.outcomes import Outcome, RobotError

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
# How Playwright's call log writes a locator, and how a person would say it.
_LOOKED_FOR = (
    (re.compile(r'get_by_role\("(\w+)", name=' + _QUOTED + r"(?:, exact=True)?\)"), "{0} “{1}”"),
    (re.compile(r'get_by_role\("(\w+)", name=re\.compile\(r' + _QUOTED), "{0} like “{1}”"),
    (re.compile(r'get_by_role\("(\w+)"'), "{0}"),
    (re.compile(r"get_by_label\(" + _QUOTED), "field “{0}”"),
    (re.compile(r"get_by_placeholder\(" + _QUOTED), "field “{0}”"),
    (re.compile(r"get_by_text\(" + _QUOTED), "text “{0}”"),
    (re.compile(r"get_by_(?:title|alt_text)\(" + _QUOTED), "“{0}”"),
    (re.compile(r"get_by_label\(re\.compile\(r" + _QUOTED), "field like “{0}”"),
    (re.compile(r"get_by_placeholder\(re\.compile\(r" + _QUOTED), "field like “{0}”"),
    (re.compile(r"get_by_text\(re\.compile\(r" + _QUOTED), "text like “{0}”"),
)
_STATES = (
    ("strict mode violation", "there are several of them"),
    ("intercepts pointer events", "something lies over it"),
    ("element is not enabled", "it is greyed out"),
    ("element is not stable", "it does not stop moving"),
    ("element is outside of the viewport", "it lies outside of the page"),
    ("element is not editable", "it cannot be written into"),
    ("element is not visible", "it is not visible"),
    ("did not find some options", "it has no such entry"),
)
_GONE = (
    "Target page, context or browser has been closed",
    "Browser has been closed",
    "Browser closed",
    "Connection closed",
    "Target closed",
    "Target crashed",
    "Page crashed",
)
_NO_NET = re.compile(r"net::(ERR_[A-Z_0-9]+)")
# ERR_ABORTED is the browser's own: a download began, or another page was asked for meanwhile.
_OWN_NET = {"ERR_ABORTED", "ERR_BLOCKED_BY_CLIENT"}
_NET_WORDS = (
    ("ERR_CONNECTION_REFUSED", "it refuses the connection"),
    ("ERR_NAME_NOT_RESOLVED", "its name is not known to the DNS"),
    ("ERR_INTERNET_DISCONNECTED", "this machine has no network"),
    ("ERR_CERT", "its certificate is not accepted"),
    ("ERR_SSL", "no secure connection came about"),
    ("ERR_CONNECTION_TIMED_OUT", "it does not answer"),
    ("ERR_TIMED_OUT", "it does not answer"),
    ("ERR_CONNECTION", "it broke the connection"),
    ("ERR_EMPTY_RESPONSE", "it closed the connection without an answer"),
    ("ERR_PROXY", "the proxy does not let it through"),
    ("ERR_TUNNEL", "the proxy does not let it through"),
    ("ERR_TOO_MANY_REDIRECTS", "it redirects in a circle"),
)

MAINTENANCE = re.compile(
    r"maintenance|temporarily (?:unavailable|down|offline)|be (?:right )?back (?:soon|shortly|later)|"
    r"service (?:is )?unavailable|scheduled (?:downtime|outage)|"
    r"(?:temporairement|momentanément) (?:indisponible|hors)|service (?:est )?indisponible|"
    r"de retour (?:bientôt|sous peu)|"
    r"bad gateway|gateway time-?out",
    re.IGNORECASE,
)


class BrowserCrashed(RobotError):
    """The browser or its page died; that says nothing about the CRM."""

    outcome: ClassVar = Outcome.INTERNAL
    remedy = "Run the same command again; if it happens again, name another browser under [browser]."


def browser_is_gone(message: str) -> bool:
    return any(sign in message for sign in _GONE)


def net_error(message: str) -> str | None:
    """Why the site could not be reached, in words, or None if the message speaks of something else."""
    match = _NO_NET.search(message)
    if not match or match[1] in _OWN_NET:
        return None
    return next((words for sign, words in _NET_WORDS if match[1].startswith(sign)), "it cannot be reached") + (
        f" ({match[1]})"
    )


def looked_for(message: str) -> str:
    """What a Playwright call waited for and how it was found, in words: “button “Save”: it is greyed out”."""
    match = re.search(r"(?:waiting for|strict mode violation:|Locator:) +(\S.*)", message)
    what = match[1].strip() if match else ""
    what = re.sub(r" to be (?:visible|hidden|attached|detached)$| resolved to \d+ elements:?$", "", what)
    # The last part of a chain is the thing itself, the parts before it say where.
    said = next((form.format(*found[-1]) for form, found in _found(what) if found), what[:120])
    otherwise = "it could not be used" if "locator resolved to" in message else "it was not there"
    state = next((words for sign, words in _STATES if sign in message), otherwise)
    if not said:
        return message.splitlines()[0][:160] if message else "something on the page"
    return f"{said}: {state}"


def _found(what: str) -> list[tuple[str, list[tuple[str, ...]]]]:
    last = re.split(r"\)\.(?=get_by|locator|filter)", what)[-1] if "filter(" not in what else what
    found = []
    for pattern, form in _LOOKED_FOR:
        matches = [match.groups() for match in pattern.finditer(last)]
        found.append((form, matches))
    return found
