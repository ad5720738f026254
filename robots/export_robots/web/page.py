"""The status page while `robot serve` serves: in its loop, and of no consequence for the month."""

import asyncio
import errno
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta

import uvicorn

from export_robots import config_kinds
from export_robots.config_schedule import PageAddress
from export_robots.runs.ledger import Ledger
from export_robots.settings import Settings
from export_robots.web.answers import Answers
from export_robots.web.app import app

_AGAIN = timedelta(seconds=30)
_GRACE = 2  # seconds that an answer which is under way has, when the process ends
_MOST_CONNECTIONS = 200
_WAITING = 64  # connections that the system holds until they are taken up
_HINT = '`[status_page] address` in the configuration names another, or "off".'

_log = logging.getLogger(__name__)


@asynccontextmanager
async def status_page(settings: Settings, ledger: Ledger, secrets: Callable[[], Iterable[str]]) -> AsyncIterator[None]:
    """Show the page as long as this is open. Whatever becomes of it is logged, and never raised."""
    address = settings.status_page.address
    assert address, "the page is switched off"
    answers = Answers(settings, ledger, secrets)
    server = _Server(
        uvicorn.Config(
            app(answers, settings.status_page),
            interface="asgi3",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=_GRACE,
        )
    )
    serving = asyncio.create_task(_serve(server, address), name="status page")
    serving.add_done_callback(_log_defect)
    try:
        yield
    finally:
        server.end()
        if not server.started:
            serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        answers.close()


async def _serve(server: "_Server", address: PageAddress) -> None:
    listener = await _listen(address)
    bound = PageAddress(address.host, listener.getsockname()[1])
    _log.info("the status page is at http://%s/", bound)
    if not config_kinds.is_loopback(address.host):
        _log.warning(
            "the status page at %s has no sign-in of its own: put it behind a proxy that has (docs/unattended.md)",
            bound,
        )
    await server.serve(sockets=[listener])


async def _listen(address: PageAddress) -> socket.socket:
    """Another process may have the address: then it is tried again now and then, and nothing else waits for it."""
    told = ""
    while True:
        try:
            return _bound(address)
        except OSError as error:
            why = "another process has the address" if error.errno == errno.EADDRINUSE else str(error.strerror or error)
            if why != told:
                _log.warning(
                    "there is no status page at %s: %s. Everything else goes on. hint: %s", address, why, _HINT
                )
                told = why
        await asyncio.sleep(_AGAIN.total_seconds())


def _bound(address: PageAddress) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    return socket.create_server(address, family=family, backlog=_WAITING)


def _log_defect(serving: "asyncio.Task[None]") -> None:
    if not serving.cancelled() and (error := serving.exception()):
        _log.error("the status page has ended; everything else goes on", exc_info=error)


class _Server(uvicorn.Server):
    """Uvicorn as a guest: no signal handlers, no waking up to look whether it should end, no browser waited for."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ending = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        await self._ending.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets=sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    def end(self) -> None:
        self._ending.set()
