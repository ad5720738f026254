"""`robot serve` as a process, with its page in a browser."""

import socket

import pytest
from playwright.sync_api import Browser, expect

from tests.runs.conftest import Place, quick, wait_until
from tests.runs.serving import ledger_of, serving, wait_for_all, with_clients
from tests.web.conftest import looking, rows, wait_for_address

__all__ = ["quick"]

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("serve")]


def test_robot_serve_shows_its_month_and_ends_with_browsers_connected(quick: Place, chromium: Browser) -> None:
    with_clients(quick, 2, status_page__address="127.0.0.1:0")
    with ledger_of(quick) as ledger, serving(quick) as served, looking(chromium) as page:
        url = wait_for_address(lambda: served.said)
        wait_for_all(ledger, 2, served)

        def is_closed() -> bool:
            page.goto(url)
            return "2 of 2 closed" in page.title()

        wait_until(is_closed, "the page has seen it")
        expect(page.get_by_role("region", name="The month")).to_contain_text("Closed")
        assert [row[:4] for row in rows(page)] == [[key, "activix", "", "✓ delivered"] for key in ("d00", "d01")]
        machines = page.get_by_role("table", name="Machines that serve")
        expect(machines.get_by_role("row").nth(1)).to_contain_text(str(served.process.pid))
        assert page.goto(f"{url}healthz").text() == "ok\n"  # type: ignore[union-attr]  # it has answered
        host, port = url.removeprefix("http://").rstrip("/").split(":")
        with socket.create_connection((host, int(port))) as half:
            half.sendall(b"GET / HTTP/1.1\r\n")
            assert served.end() == 0, served.said
    assert "Traceback" not in served.said
