"""An Acceptor: takes connections from listening sockets and makes transports of them.

Where the process is out of descriptors or memory it rests for a while and goes on: the kernel queues what
comes meanwhile. Whoever is too many is closed at once (`may_enter`), before a TLS handshake costs anything.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any

import aiofastnet

from fairlead_router.counters import RouterCounters
from fairlead_router.host import Timer
from fairlead_router.limits import Limits
from fairlead_router.transports.sockets import TLS_RECORD_BYTES

log = logging.getLogger(__name__)

ACCEPTS_PER_TURN = 128
"""Established connections are not held up longer than that by a crowd at the door."""

REST_S = 1.0
"""How long to rest after an error of accept: descriptors come back when connections end. asyncio waits as long."""


class Acceptor:
    """Accepts on several sockets until it is closed."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        make_protocol: Callable[[], asyncio.Protocol],
        may_enter: Callable[[], bool],
        counters: RouterCounters,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._quiet_loop = _QuietLoop(self._loop)
        self._sockets = sockets
        self._make_protocol = make_protocol
        self._may_enter = may_enter
        self._counters = counters
        self._tls: dict[str, Any] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._resting: dict[socket.socket, Timer] = {}

    @property
    def opening(self) -> int:
        """Connections that have no protocol yet: a TLS handshake goes on."""
        return len(self._opening)

    def speak_tls(self, context: ssl.SSLContext, limits: Limits) -> None:
        """Every connection begins with a TLS handshake. Buffers are bounded as without TLS (sockets.py)."""
        self._tls = {
            "ssl": context,
            "ssl_handshake_timeout": limits.hello_timeout_s,
            "ssl_shutdown_timeout": limits.close_timeout_s,
            "ssl_incoming_bio_size": 2 * TLS_RECORD_BYTES,
            "ssl_outgoing_bio_size": max(limits.transport_bytes, TLS_RECORD_BYTES),
        }

    def start(self) -> None:
        """Accept from now on."""
        for listening in self._sockets:
            self._loop.add_reader(listening.fileno(), self._accept, listening)

    def close(self) -> None:
        """Accept no more; what is being opened is dropped."""
        for listening in self._sockets:
            if listening.fileno() >= 0:
                self._loop.remove_reader(listening.fileno())
                listening.close()
        for timer in self._resting.values():
            timer.cancel()
        for task in self._opening:
            task.cancel()

    async def wait_closed(self) -> None:
        """Until nothing is being opened any more."""
        await asyncio.gather(*self._opening, return_exceptions=True)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            try:
                accepted, _ = listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                self._rest(listening, error)
                return
            if self._may_enter():
                task = self._loop.create_task(self._open(accepted))
                self._opening.add(task)
                task.add_done_callback(self._opening.discard)
            else:
                accepted.close()

    def _rest(self, listening: socket.socket, error: OSError) -> None:
        """The kernel goes on reporting the socket as ready, so looking on would only burn the processor."""
        self._counters.accept_failures += 1
        log.warning("cannot accept connections for %g s: %s", REST_S, error.strerror or error)
        self._loop.remove_reader(listening.fileno())
        self._resting[listening] = self._loop.call_later(REST_S, self._resume, listening)

    def _resume(self, listening: socket.socket) -> None:
        del self._resting[listening]
        self._loop.add_reader(listening.fileno(), self._accept, listening)

    async def _open(self, accepted: socket.socket) -> None:
        try:
            loop: Any = self._quiet_loop if self._tls else self._loop
            await aiofastnet.connect_accepted_socket(loop, self._make_protocol, accepted, **self._tls)
        except OSError as error:  # ssl.SSLError is one: a peer's failed handshake is no line in the log
            self._counters.handshakes_failed += 1
            log.debug("a connection failed before it was open: %s", error)
            accepted.close()
        except asyncio.CancelledError:
            accepted.close()
            raise


class _QuietLoop:
    """The loop for aiofastnet's TLS, which takes a peer that hangs up within the handshake for a mistake of ours.

    It reports the class ConnectionResetError instead of an exception, so that asyncio would log each such stranger.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """What is a mistake of ours is still told."""
        if context.get("exception") is not ConnectionResetError:
            self._loop.call_exception_handler(context)
