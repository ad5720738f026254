from collections.abc import Iterator
from pathlib import Path

import pytest

from report_mailbox.oauth_google import Google
from report_mailbox.oauth_microsoft import Microsoft
from tests.mail.signing_in.consenting import USER, google, microsoft
from tests.mail.signing_in.oauth_server import OAuthWorld, oauth_world


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OAuthWorld]:
    with oauth_world(tmp_path, USER) as world:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(world.certificate))
        monkeypatch.setenv("SSL_CERT_FILE", str(world.certificate))  # for the test's browser
        yield world


@pytest.fixture(params=["google", "microsoft"])
def provider(request: pytest.FixtureRequest, world: OAuthWorld) -> Google | Microsoft:
    return google(world) if request.param == "google" else microsoft(world)
