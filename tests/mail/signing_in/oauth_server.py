"""Google's and Microsoft's sign-in, emulated over https on loopback, with a person who does what the test says.

The access tokens it issues are written into Dovecot's password file, where XOAUTH2 looks for them: a token is good
until the next one is issued.
"""

import base64
import json
import ssl
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

CLIENT_ID = "11111111-2222-4333-8444-555555555555"
CLIENT_SECRET = "GOCSPX-of-the-client"
CODE = "FJC-QRT-9"

Answer = tuple[int, dict[str, Any]]


class OAuthWorld:
    """`person` is `consents`, `waits` (with a device code), `declines` or `unticks` (the permission to read mail)."""

    def __init__(self, username: str) -> None:
        self.username = username  # who is signed in there
        self.person = "consents"
        self.lifetime = 3600  # seconds, of an access token
        self.device_code_lifetime = 900
        self.rotates = True
        self.answers: deque[Answer] = deque()  # of the token endpoint, before its own; status 0 is none at all
        self.asked: list[str] = []  # of the token endpoint: the kinds of grant
        self.refresh_tokens: set[str] = set()
        self.access_tokens: list[str] = []
        self.on_token: Callable[[str], None] = lambda _: None
        self.port = 0
        self.certificate = Path()
        self._number = 0
        self._challenge = ""
        self._lock = threading.Lock()

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    @property
    def site(self) -> str:
        return f"https://{self.host}/o/oauth2/auth"

    @property
    def token_address(self) -> str:
        return f"https://{self.host}/token"

    def secrets(self) -> set[str]:
        return {*self.refresh_tokens, *self.access_tokens, CLIENT_SECRET}

    def withdraw(self) -> None:
        """The consent is taken back, or the password was changed."""
        self.refresh_tokens.clear()

    def token(self, form: dict[str, str], *, google: bool) -> Answer:
        with self._lock:
            kind = form.get("grant_type", "")
            self.asked.append(kind.rpartition(":")[2])
            if self.answers:
                return self.answers.popleft()
            if google and form.get("client_secret") != CLIENT_SECRET:
                return 401, {"error": "invalid_client", "error_description": "The provided client secret is invalid."}
            if kind == "refresh_token":
                if form["refresh_token"] not in self.refresh_tokens:
                    return 400, {"error": "invalid_grant", "error_description": "AADSTS50173: The grant has expired."}
                if self.rotates:
                    self.refresh_tokens.discard(form["refresh_token"])
                return 200, self._tokens(google=google, renewed=self.rotates)
            if kind.endswith(":device_code"):
                errors = {"waits": "authorization_pending", "declines": "authorization_declined"}
                if error := errors.get(self.person):
                    return 400, {"error": error, "error_description": f"AADSTS70016: {error}"}
                return 200, self._tokens(google=False, renewed=True)
            if kind == "authorization_code" and form.get("code") == "the-code" and form.get("code_verifier"):
                return 200, self._tokens(google=True, renewed=True)
            return 400, {"error": "unsupported_grant_type"}

    def _tokens(self, *, google: bool, renewed: bool) -> dict[str, Any]:
        self._number += 1
        token = f"access-{self._number}-{id(self):x}"
        self.access_tokens.append(token)
        self.on_token(token)
        answer: dict[str, Any] = {"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime}
        if renewed:
            answer["refresh_token"] = f"refresh-{self._number}-{id(self):x}"
            self.refresh_tokens.add(answer["refresh_token"])
        claims = {"aud": CLIENT_ID, "iss": f"https://{self.host}/t/v2.0", "sub": "1", "exp": int(time()) + 3600}
        claims |= {"email": self.username} if google else {"preferred_username": self.username, "oid": "1", "tid": "t"}
        answer["id_token"] = ".".join((_packed({"alg": "none"}), _packed(claims), "c2ln"))
        if google:
            mail = "" if self.person == "unticks" else " https://mail.google.com/"
            answer["scope"] = f"https://www.googleapis.com/auth/userinfo.email openid{mail}"
        else:
            answer["scope"] = "https://outlook.office365.com/IMAP.AccessAsUser.All"
            answer["client_info"] = _packed({"uid": "1", "utid": "t"})
        return answer

    def consent_page(self, asked: dict[str, str]) -> str:
        """Where the browser is sent after the person has decided."""
        outcome = {"error": "access_denied"} if self.person == "declines" else {"code": "the-code"}
        return f"{asked['redirect_uri']}?{urlencode({'state': asked['state'], **outcome})}"

    def device_code(self) -> dict[str, Any]:
        return {
            "device_code": "the-device-code",
            "user_code": CODE,
            "verification_uri": "https://login.example.com/device",
            "expires_in": self.device_code_lifetime,
            "interval": 0,
            "message": "",
        }

    def discovery(self, tenant: str) -> dict[str, str]:
        base = f"https://{self.host}/{tenant}"
        return {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
        }


@contextmanager
def oauth_world(folder: Path, username: str) -> Iterator[OAuthWorld]:
    world = OAuthWorld(username)
    world.certificate, key = folder / "oauth.pem", folder / "oauth.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out",
         world.certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(world.certificate, key)
    server = _Server(("127.0.0.1", 0), world)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    world.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield world
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], world: OAuthWorld) -> None:
        super().__init__(address, _Visit)
        self.world = world

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away before it was answered is no matter here."""


class _Visit(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.endswith("/.well-known/openid-configuration"):
            tenant = parts.path.split("/")[1]
            if tenant == "nowhere.example.com":
                self._answer(400, {"error": "invalid_tenant"})
            else:
                self._answer(200, self.server.world.discovery(tenant))
            return
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.send_response(302)
        self.send_header("Location", self.server.world.consent_page(asked))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        if basic := self.headers.get("Authorization", "").removeprefix("Basic "):
            form["client_id"], _, form["client_secret"] = base64.b64decode(basic).decode().partition(":")
        if self.path.endswith("/devicecode"):
            self._answer(200, self.server.world.device_code())
        else:
            self._answer(*self.server.world.token(form, google=self.path == "/token"))

    def _answer(self, status: int, facts: dict[str, Any]) -> None:
        if not status:
            self.close_connection = True
            return
        body = json.dumps(facts).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: pytest shows what matters."""


def _packed(facts: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(facts).encode()).decode().rstrip("=")
