"""Scheme, host and port: what decides where a password may be typed, a link followed, a file posted."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from export_robots.outcomes import UsageWrong

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Origin:
    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        """As a browser writes it in `location.origin`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" if self.port == _PORTS[self.scheme] else f"{self.scheme}://{host}:{self.port}"


def parse_origin(url: str) -> Origin | None:
    """The origin of an address; None for anything that is not http or https with a host."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or "\\" in parts.netloc:
        return None
    try:
        host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode()
    except UnicodeError:
        return None
    return Origin(parts.scheme, host, port or _PORTS[parts.scheme])


def origin_of(url: str) -> Origin:
    """The origin of an address from the configuration. Raises `UsageWrong` unless it is https, or on this machine."""
    origin = parse_origin(url)
    if origin is None:
        raise UsageWrong(f"“{url}” is not a web address", "Write it whole, for example https://crm.example.com/.")
    if origin.scheme != "https" and not is_loopback(origin.host):
        raise UsageWrong(
            f"{origin} is not encrypted: a password typed there could be read on the way",
            "Use the https address; plain http is accepted for this machine only.",
        )
    return origin


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
