"""Notices to the world outside: by mail, chat or anything else that Apprise knows, each channel once per notice.

A channel's address may hold a password or a token: it is never logged, stored or told, only its number and kind.
"""

import hashlib
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apprise import Apprise

_PATIENCE = 30.0  # seconds for one channel

_log = logging.getLogger("export_robots.notices")


class Channels:
    """Where notices go: addresses in Apprise's words."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = {_fingerprint(address): address for address in addresses}

    def __len__(self) -> int:
        return len(self._addresses)

    def send(self, title: str, text: str, *, alarm: bool, have: Sequence[str] = ()) -> list[str]:
        """The fingerprints of the channels that have it after this; those in `have` are not asked again."""
        reached = [each for each in have if each in self._addresses]
        for number, (fingerprint, address) in enumerate(self._addresses.items(), start=1):
            if fingerprint not in reached and _reach(number, address, title, text, alarm=alarm):
                reached.append(fingerprint)
        return reached


def kinds_of(addresses: Sequence[str]) -> list[str | None]:
    """What each address leads to, such as Slack; None: it is not understood. Nothing is sent."""
    from apprise import Apprise

    _quiet()
    return [_kind(Apprise(), address) for address in addresses]


def _kind(channel: "Apprise", address: str) -> str | None:
    if not channel.add(address):
        return None
    return next((str(service.service_name) for service in channel), "unknown")


def _reach(number: int, address: str, title: str, text: str, *, alarm: bool) -> bool:
    from apprise import Apprise, AppriseAsset, NotifyType  # slow to import, and so are all its services

    _quiet()
    channel = Apprise(asset=AppriseAsset(app_id="export-robots", app_desc="export-robots", async_mode=False))
    if not channel.add(address):
        _log.error("notice channel %d has no address that can be used: see urls under [notices]", number)
        return False
    kind = NotifyType.WARNING if alarm else NotifyType.INFO
    if channel.notify(body=text, title=title, notify_type=kind, timeout=_PATIENCE):
        return True
    name = next((str(service.service_name) for service in channel), "unknown")
    _log.warning("notice channel %d (%s) did not take a notice", number, name)
    return False


def _fingerprint(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:16]


def _quiet() -> None:
    """Apprise's own log quotes addresses."""
    log = logging.getLogger("apprise")
    log.handlers = [logging.NullHandler()]
    log.propagate = False
