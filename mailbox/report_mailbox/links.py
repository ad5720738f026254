"""The link to a report in a mail that has no attachment.

Such mails hold many links: pictures, help, unsubscribing. Only one that speaks of a download or a report counts, and
only one may do so best.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import SplitResult, urlsplit

from report_mailbox.mailbox import is_loopback

_LONGEST = 2_000  # characters of an address
_MOST = 500  # links in one mail
_URL = re.compile(r"https?://[^\s<>\"'\x00-\x1f]+", re.IGNORECASE)
_FILE = re.compile(r"\.(csv|zip|gz|xlsx?)$", re.IGNORECASE)
_DOWNLOAD = re.compile(r"download|t[ée]l[ée]charg", re.IGNORECASE)
_REPORT = re.compile(r"report|rapport|export|csv", re.IGNORECASE)
_NOT_IT = re.compile(
    r"unsubscribe|d[ée]sabonn|preferences|privacy|help|support|twitter|facebook|linkedin", re.IGNORECASE
)


@dataclass(frozen=True)
class Link:
    url: str
    text: str

    @property
    def promise(self) -> int:
        """How much it looks like the way to the report; 0: not at all."""
        split = _split(self.url)
        words = f"{self.text} {split.path} {split.query}" if split else ""
        if not words or _NOT_IT.search(words):
            return 0
        return (
            4 * bool(split and _FILE.search(split.path))
            + 2 * bool(_DOWNLOAD.search(words))
            + 1 * bool(_REPORT.search(words))
        )


@dataclass(frozen=True)
class ForeignLink:
    """A link that looks like the report's and leads to a host that is not to be followed."""

    host: str


@dataclass(frozen=True)
class SeveralLinks:
    count: int


def links_in(texts: Iterable[tuple[bool, str]]) -> list[Link]:
    found: dict[str, Link] = {}
    for is_html, text in texts:
        links = _html_links(text) if is_html else [Link(url.rstrip(".,;:!?)]"), "") for url in _URL.findall(text)]
        for link in links:
            if len(link.url) > _LONGEST or len(found) >= _MOST:
                continue
            known = found.get(link.url)
            if known is None or len(known.text) < len(link.text):
                found[link.url] = link
    return list(found.values())


def report_link(links: Sequence[Link], hosts: Iterable[str]) -> Link | ForeignLink | SeveralLinks | None:
    allowed = [link for link in links if link.promise and follows(link.url, hosts)]
    if allowed:
        best = max(link.promise for link in allowed)
        top = [link for link in allowed if link.promise == best]
        return top[0] if len(top) == 1 else SeveralLinks(len(top))
    # "Download our app" is no report: elsewhere it has to speak of both.
    foreign = [split.hostname for link in links if link.promise >= 3 and (split := _split(link.url)) and split.hostname]
    return ForeignLink(foreign[0]) if foreign else None


def follows(url: str, hosts: Iterable[str]) -> bool:
    """Whether the link leads to exactly one of the hosts: encrypted, on the usual port or the one that was named."""
    split = _split(url)
    if split is None or not split.hostname:
        return False
    try:
        port = split.port
    except ValueError:
        return False
    host = split.hostname.casefold().rstrip(".")
    if split.scheme != "https" and not is_loopback(host):
        return False
    named = {each.casefold() for each in hosts}
    if port is None or (split.scheme == "https" and port == 443) or is_loopback(host):
        return host in named or f"{host}:{port}" in named
    return f"{host}:{port}" in named


def _split(url: str) -> SplitResult | None:
    if "\\" in url or any(ord(character) <= 32 or 127 <= ord(character) <= 160 for character in url):
        return None
    try:
        split = urlsplit(url)
    except ValueError:
        return None
    # `https://crm.example.com@evil.example/` shows one host and leads to another; other letters may be folded to ours.
    if "@" in split.netloc or not split.netloc.isascii() or split.scheme.casefold() not in {"http", "https"}:
        return None
    return split


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[Link] = []
        self._url: str | None = None
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._finish()
            self._url = next((value.strip() for name, value in attrs if name == "href" and value), None)

    def handle_data(self, data: str) -> None:
        if self._url:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._finish()

    def close(self) -> None:
        super().close()
        self._finish()

    def _finish(self) -> None:
        if self._url and self._url.casefold().startswith(("http://", "https://")):
            self.links.append(Link(self._url, " ".join("".join(self._text).split())[:200]))
        self._url, self._text = None, []


def _html_links(text: str) -> list[Link]:
    anchors = _Anchors()
    try:
        anchors.feed(text)
        anchors.close()
    except (ValueError, AssertionError):  # unfinished declarations
        return anchors.links
    return anchors.links
