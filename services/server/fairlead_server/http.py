"""Plain HTTP on the server's port: page, logs, /health, /ready, /metrics. WebSockets go to the router.

Every request names a Host and perhaps an Origin, and both are checked first: any web page that a user opens can reach a
port of that user's machine, by its own name (DNS rebinding) or across origins. What is refused gets 403 and nothing of
ours. Nothing here needs a login but the logs (download/), because nothing else is secret: the page is the same for
everybody, and tokens stay in the fragment of its URL, which browsers do not send.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Literal

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

from fairlead_router import HttpGuard, Realm
from fairlead_router.transports.http_request import HttpRefusal
from fairlead_server import VERSION, download
from fairlead_server.metrics import CONTENT_TYPE, Metrics
from fairlead_server.page import NOT_BUILT

WEBSOCKET_PATH = "/ws"

# Open at once: pages and probes need one for a moment, and the router's own limits of connections are for WAMP.
HTTP_CONNECTIONS = 1_000

# How long one is kept for a next request. aiohttp's default, an hour, lets strangers keep all of them.
HTTP_IDLE_S = 15.0

State = Literal["starting", "ok", "suspended", "stopping"]

# The page's scripts and styles are files of their own, so nothing inline is allowed and an injected tag does nothing.
# 'self' covers the WebSocket too. Nobody may frame the page (clickjacking), and no URL of it leaves as a referrer.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": f"Fairlead/{VERSION}",
}

# Vite names what lies in assets/ after its content; the index names those, so a kept one would ask for files that a
# newer build no longer has.
KEPT_FOR_A_YEAR = "public, max-age=31536000, immutable"
NOT_KEPT = "no-store"

NO_HANDSHAKE = "This is for WebSocket clients that speak WAMP: wamp.2.json, wamp.2.msgpack or wamp.2.cbor.\n"
NOT_FOUND = "There is nothing here. The page is at /, WebSocket clients connect to /ws.\n"


class HttpService:
    """The application and what it knows of the server: where the page is, and how far the server has come."""

    def __init__(
        self, page: Path | None, guard: HttpGuard, metrics: Metrics | None = None, realm: Realm | None = None
    ) -> None:
        """Without `metrics` there is nothing at /metrics, without the `realm` of a log service nothing at /logs."""
        self.state: State = "starting"
        self._page = page
        self.application = web.Application(middlewares=[guarding(guard)])
        self.application.on_response_prepare.append(_add_headers)
        self.application.router.add_get("/health", self._health)
        self.application.router.add_get("/ready", self._ready)
        if metrics is not None:
            self.application.router.add_get("/metrics", _metrics_of(metrics))
        if realm is not None:
            self.application.router.add_get(download.PATH, download.Downloads(realm).answer, allow_head=False)
        self.application.router.add_get(WEBSOCKET_PATH, _no_handshake)
        self.application.router.add_get("/{path:.*}", self._file)

    @property
    def has_page(self) -> bool:
        """Whether the page is built."""
        return self._page is not None

    async def _health(self, _request: web.Request) -> web.Response:
        """Whether this process does its work: for who would start it anew otherwise."""
        body = msgspec.json.encode({"status": self.state, "version": VERSION})
        return web.Response(body=body, content_type="application/json", status=503 if self.state == "starting" else 200)

    async def _ready(self, _request: web.Request) -> web.Response:
        """Whether new connections are welcome: for who spreads them."""
        return web.Response(text=f"{self.state}\n", status=200 if self.state == "ok" else 503)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["path"] or "index.html"
        if self._page is None:
            if name == "index.html":
                return web.Response(text=NOT_BUILT, status=503)
            raise web.HTTPNotFound(text=NOT_FOUND)
        file = file_below(self._page, name)
        if file is None:
            raise web.HTTPNotFound(text=NOT_FOUND)
        kept = KEPT_FOR_A_YEAR if name.startswith("assets/") else NOT_KEPT
        return web.FileResponse(file, headers={"Cache-Control": kept})


def _metrics_of(metrics: Metrics) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    return answer


def bounded(server: web.Server, most: int = HTTP_CONNECTIONS) -> Callable[[], asyncio.Protocol]:
    """What `Router.listen` asks for each connection's protocol. It raises HttpRefusal where there are too many."""

    def protocol() -> asyncio.Protocol:
        if len(server.connections) >= most:
            text = f"{most} HTTP connections are open already"
            raise HttpRefusal(HTTPStatus.SERVICE_UNAVAILABLE, text, {"Retry-After": "1"})
        return server()

    return protocol


class QuietAboutPeers(logging.Filter):
    """Drops what aiohttp logs, with a traceback, of requests that are no HTTP: a peer's mistake is no line of ours."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is worth a line."""
        return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)


def http_log() -> logging.Logger:
    """Where aiohttp's own server part writes."""
    log = logging.getLogger("fairlead_server.http")
    log.addFilter(QuietAboutPeers())
    return log


async def _no_handshake(_request: web.Request) -> web.Response:
    """Who speaks WebSocket has been taken by the router before."""
    return web.Response(status=426, text=NO_HANDSHAKE, headers={"Upgrade": "websocket", "Connection": "Upgrade"})


def guarding(guard: HttpGuard) -> Middleware:
    """Refuses before anything else. The router's door has judged the first request of a connection, this all later."""

    @web.middleware
    async def judge(request: web.Request, handler: Handler) -> web.StreamResponse:
        refusal = guard.refusal(request.headers.get("Host"), request.headers.get("Origin"))
        if refusal is not None:
            raise web.HTTPForbidden(text=f"{refusal}\n")
        return await handler(request)

    return judge


def file_below(directory: Path, name: str) -> Path | None:
    """The regular file of that name in or under the directory; None for all else, links to elsewhere included."""
    try:
        file = (directory / name).resolve()
        is_ours = file.is_relative_to(directory.resolve()) and file.is_file()
    except (OSError, ValueError):  # too long, or a NUL in it
        return None
    return file if is_ours else None


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(SECURITY_HEADERS)
    response.headers.setdefault("Cache-Control", NOT_KEPT)
