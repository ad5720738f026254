"""Signs mails as a sender's server does, with a key made once, and publishes the key."""

import base64
import subprocess
from functools import cache

import dkim

from tests.mail.dns_server import DnsServer

DOMAIN = "activix.ca"
SELECTOR = "k1"


@cache
def key(bits: int = 2048) -> bytes:
    """A private RSA key, PEM."""
    made = subprocess.run(["openssl", "genrsa", "-traditional", str(bits)], capture_output=True, check=True)
    return made.stdout


@cache
def public(bits: int = 2048) -> bytes:
    """Its public half as in DNS."""
    made = subprocess.run(
        ["openssl", "rsa", "-pubout", "-outform", "DER"], input=key(bits), capture_output=True, check=True
    )
    return base64.b64encode(made.stdout)


def publish(
    server: DnsServer, domain: str = DOMAIN, *, bits: int = 2048, tags: bytes = b"", selector: str = SELECTOR
) -> None:
    server.records[f"{selector}._domainkey.{domain}"] = [b"v=DKIM1; k=rsa; " + tags + b"p=" + public(bits)]


def sign(
    raw: bytes,
    domain: str = DOMAIN,
    *,
    bits: int = 2048,
    covers: tuple[bytes, ...] = (b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type"),
    length: bool = False,
    algorithm: bytes = b"rsa-sha256",
    expires: int | None = None,
    selector: str = SELECTOR,
) -> bytes:
    """The mail with a signature on top. `expires` is seconds since 1970."""
    signer = _Signer(raw, signature_algorithm=algorithm, expires=expires)
    signature: bytes = signer.sign(
        selector.encode(), domain.encode(), key(bits), include_headers=covers, length=length,
        canonicalize=(b"relaxed", b"relaxed"),
    )  # fmt: skip
    return signature + raw


class _Signer(dkim.DKIM):  # type: ignore[misc]  # it publishes no types
    """dkimpy cannot write x=; it is put in where the other fields are."""

    def __init__(self, raw: bytes, *, signature_algorithm: bytes, expires: int | None) -> None:
        super().__init__(raw, signature_algorithm=signature_algorithm, minkey=512)
        self._expires = expires

    def gen_header(self, fields: list[tuple[bytes, bytes]], *rest: object, **named: object) -> bytes:
        if self._expires is not None:
            fields.insert(4, (b"x", str(self._expires).encode()))
            fields[:] = [each for each in fields if each[0] != b"t"]
        header: bytes = super().gen_header(fields, *rest, **named)
        return header
