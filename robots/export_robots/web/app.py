"""The page's addresses; who may ask for them, and what a browser may do with what it is given: show it."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from export_robots.config_schedule import StatusPageSettings
from export_robots.outcomes import UsageWrong
from export_robots.runs.database import DatabaseUnusable
from export_robots.web.answers import Answers
from export_robots.web.drawing import STYLE_HASH
from export_robots.web.wanted import Wanted

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src '{STYLE_HASH}'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def app(answers: Answers, settings: StatusPageSettings) -> ASGIApp:
    """Reads alone: every route takes GET and HEAD."""

    async def page(request: Request) -> Response:
        return await _answer(request, answers, answers.page, HTMLResponse)

    async def status_json(request: Request) -> Response:
        return await _answer(request, answers, answers.object, _Json)

    async def healthz(request: Request) -> Response:
        if await answers.is_healthy():
            return PlainTextResponse("ok\n")
        return PlainTextResponse("the robot's database cannot be used\n", 503)

    served = Starlette(
        routes=[Route("/", page), Route("/status.json", status_json), Route("/healthz", healthz)],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts(settings), www_redirect=False)],
    )
    return _WithHeaders(served)


def hosts(settings: StatusPageSettings) -> list[str]:
    """What a browser may call this server: somebody else's page, whose name leads to this machine, is refused."""
    configured = settings.address.host if settings.address else "localhost"
    own = f"[{configured}]" if ":" in configured else configured
    named = [f"[{name}]" if ":" in name else name.rstrip(".") for name in settings.hosts]
    return [*_LOOPBACK, own, *named]


class _Json(Response):
    media_type = "application/json"


async def _answer(
    request: Request, answers: Answers, make: Callable[[Wanted], Awaitable[bytes]], kind: type[Response]
) -> Response:
    wanted = None
    try:
        wanted = Wanted.of(request.query_params)
        return kind(await make(wanted))
    except UsageWrong as error:
        return HTMLResponse(answers.trouble(wanted, error), 503 if isinstance(error, DatabaseUnusable) else 400)


class _WithHeaders:
    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._inner(scope, receive, with_headers)
