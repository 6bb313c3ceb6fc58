"""A Listener: one address where the router takes connections."""

import asyncio
from collections.abc import Callable

import aiofastnet

from fairlead_router.connection import Gatekeeper
from fairlead_router.host import Timer
from fairlead_router.transports.door import Door, DoorPolicy
from fairlead_router.transports.http_guard import HttpGuard
from fairlead_router.transports.sockets import bound_input
from fairlead_router.transports.websocket import WebSocketPeer, websocket_protocol

HttpFactory = Callable[[], asyncio.Protocol]

BACKLOG = 4096
"""Connections that the kernel queues for us: thousands of clients come back at once after a restart."""


class Listener:
    """Takes connections until it is closed. Create it with `Router.listen`."""

    def __init__(self, router: Gatekeeper, guard: HttpGuard, path: str, http: HttpFactory | None) -> None:
        self._router = router
        self._peers: set[WebSocketPeer] = set()
        self._waiting: set[Door] = set()
        self._server: asyncio.Server | None = None
        self._port = 0
        self._timer: Timer | None = None
        self._policy = DoorPolicy(
            router.limits, guard, path, lambda: websocket_protocol(router, self._peers), http, self._waiting
        )

    async def start(self, host: str, port: int) -> None:
        """Bind. Raises OSError where that cannot be done."""
        loop = asyncio.get_running_loop()
        self._server = await aiofastnet.create_server(
            loop, lambda: Door(self._policy), host=host, port=port, backlog=BACKLOG
        )
        self._port = self._server.sockets[0].getsockname()[1]
        bound_input(self._server.sockets, self._router.limits)
        self._keep_alive()

    @property
    def port(self) -> int:
        """The port bound, also when 0 was asked for."""
        return self._port

    @property
    def connections(self) -> int:
        """Open WebSocket connections."""
        return len(self._peers)

    def stop_accepting(self) -> None:
        """No new connections from now on, and those that have no session yet get none."""
        if self._server is not None:
            self._server.close()
        for door in list(self._waiting):
            door.close()
        for peer in list(self._peers):
            peer.shut_down()

    async def close(self) -> None:
        """Stop, and reset what is still connected after sessions have had their time to leave."""
        self.stop_accepting()
        if self._timer is not None:
            self._timer.cancel()
        for peer in list(self._peers):
            peer.abort()
        while self._peers:  # noqa: ASYNC110 - aborted peers are gone after a turn or two
            await asyncio.sleep(0)

    def _keep_alive(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._router.limits.ping_interval_s / 2, self._keep_alive)
        now = loop.time()
        for peer in list(self._peers):
            peer.keep_alive(now)


def parse_endpoint(endpoint: str) -> tuple[str, int]:
    """`tcp://HOST:PORT` or `HOST:PORT`, an IPv6 host in brackets. Raises ValueError."""
    authority = endpoint.removeprefix("tcp://")
    host, separator, port = authority.rpartition(":")
    if not separator or not host or not port.isascii() or not port.isdigit() or int(port) > _MAX_PORT:
        raise ValueError(f"endpoint {endpoint!r} must be tcp://HOST:PORT with a port from 0 to {_MAX_PORT}")
    return host.strip("[]"), int(port)


_MAX_PORT = 65_535
