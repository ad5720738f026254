"""A place that several machines share for what mails brought, beside the disk of the machine that collected it."""

from typing import Protocol


class Store(Protocol):
    def keep(self, name: str, content: bytes) -> None:
        """Keep a file under its hash, or a mail's headers under `headers_name`, before the decision is recorded."""

    def has(self, name: str) -> bool:
        """Whether another machine can have it from here."""


class NoStore:
    """One machine: its disk is enough."""

    def keep(self, name: str, content: bytes) -> None:
        return

    def has(self, name: str) -> bool:
        return False


def headers_name(raw_sha256: str) -> str:
    """Under which name the headers of a mail that was handed over are kept."""
    return f"headers:{raw_sha256}"
