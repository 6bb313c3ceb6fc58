"""A Listener: one endpoint where the router takes connections."""

import asyncio
import socket
import ssl

import msgspec

from fairlead_router.host import Timer
from fairlead_router.transports.acceptor import Acceptor
from fairlead_router.transports.door import Door
from fairlead_router.transports.endpoints import Endpoint, open_sockets
from fairlead_router.transports.peers import look_interval_s
from fairlead_router.transports.policy import DoorPolicy
from fairlead_router.transports.sockets import prepare_listening
from fairlead_router.transports.unix_socket import SocketFile


class Listener:
    """Takes connections until it is closed. Create it with `Router.listen`."""

    def __init__(self, policy: DoorPolicy) -> None:
        self._policy = policy
        self._router = policy.router
        self._acceptor: Acceptor | None = None
        self._socket_file: SocketFile | None = None
        self._endpoint = ""
        self._port = 0
        self._timer: Timer | None = None

    async def start(self, endpoint: Endpoint, tls: ssl.SSLContext | None, unix_mode: int) -> None:
        """Bind. Raises OSError where that cannot be done."""
        sockets = await open_sockets(endpoint, unix_mode)
        if endpoint.scheme == "unix":
            self._socket_file = SocketFile(endpoint.path)
        if sockets[0].family in (socket.AF_INET, socket.AF_INET6):
            self._port = sockets[0].getsockname()[1]
        self._endpoint = str(msgspec.structs.replace(endpoint, port=self._port))
        limits = self._router.limits
        prepare_listening(sockets, limits)
        self._acceptor = Acceptor(sockets, lambda: Door(self._policy), self._may_enter, self._policy.admission.counters)
        if tls is not None:
            self._acceptor.speak_tls(tls, limits)
        self._acceptor.start()
        self._keep_alive()

    @property
    def endpoint(self) -> str:
        """What was asked for, with the port that is bound."""
        return self._endpoint

    @property
    def port(self) -> int:
        """The port bound, also when 0 was asked for; 0 for a Unix socket."""
        return self._port

    @property
    def connections(self) -> int:
        """Open connections that speak WAMP, over whatever transport."""
        return len(self._policy.open_peers)

    def stop_accepting(self) -> None:
        """No new connections from now on, and those that have no session yet get none."""
        if self._acceptor is not None:
            self._acceptor.close()
        if self._socket_file is not None:
            self._socket_file.remove()
            self._socket_file = None
        for door in list(self._policy.waiting):
            door.close()
        for peer in list(self._policy.open_peers):
            peer.shut_down()

    async def close(self) -> None:
        """Stop, and reset what is still connected after sessions have had their time to leave."""
        self.stop_accepting()
        if self._timer is not None:
            self._timer.cancel()
        if self._acceptor is not None:
            await self._acceptor.wait_closed()
        for peer in list(self._policy.open_peers):
            peer.abort()
        while self._policy.open_peers or self._policy.waiting:  # noqa: ASYNC110 - aborted: gone in a turn or two
            await asyncio.sleep(0)

    def _may_enter(self) -> bool:
        assert self._acceptor is not None
        return self._policy.admission.may_enter(self._acceptor.opening)

    def _keep_alive(self) -> None:
        self._timer = self._router.host.call_later(look_interval_s(self._router.limits), self._keep_alive)
        for peer in list(self._policy.open_peers):
            peer.keep_alive()
