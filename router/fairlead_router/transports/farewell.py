"""A farewell: the last words of a connection are sent, and what the peer still sends is read and forgotten.

A socket that is closed with input unread resets the connection: then the peer's sending fails, and it never
sees why. So after a refusal or a broken rule the connection stays half open until the peer closes, or
until it takes too long.
"""

import asyncio
from contextlib import suppress
from typing import Any

from fairlead_router.host import Timer
from fairlead_router.limits import Limits
from fairlead_router.transports.sockets import reset


class Farewell(asyncio.Protocol):
    """Takes the place of a connection's protocol, which is told when the connection is gone."""

    def __init__(self, transport: Any, protocol: Any, limits: Limits) -> None:
        self._protocol = protocol
        self._timer: Timer = asyncio.get_running_loop().call_later(limits.close_timeout_s, reset, transport)

    @classmethod
    def begin(cls, transport: Any, limits: Limits) -> None:
        """Say no more, and hear no more. Once is enough. TLS cannot be half closed, and does the same by itself."""
        protocol = transport.get_protocol()
        if isinstance(protocol, cls) or transport.is_closing():
            return
        transport.set_protocol(cls(transport, protocol, limits))
        if not transport.can_write_eof():
            transport.close()
            return
        with suppress(OSError):  # the peer has reset the connection, which the loop tells us in its next turn
            transport.write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._timer.cancel()
        self._protocol.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Too late."""

    def pause_writing(self) -> None:
        """What has been written still goes out."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """There may be something to write still: then it comes before the end."""
        self._protocol.resume_writing()


class PicowsNetwork:
    """A transport for picows: it closes with a farewell, and its socket's options are left alone.

    Only pings, pongs, close frames and the answer to the handshake go this way; messages go to the transport itself.
    """

    def __init__(self, transport: Any, limits: Limits) -> None:
        self._transport = transport
        self._limits = limits

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def close(self) -> None:
        """Called by picows 10 ms after it has sent a close frame because a frame was wrong."""
        Farewell.begin(self._transport, self._limits)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As the transport."""
        value = self._transport.get_extra_info(name, default)
        return _SocketAsItIs(value.fileno()) if name == "socket" else value


class _SocketAsItIs:
    """Picows sets TCP options, which a Unix socket does not have and others inherit (sockets.py), and logs four.

    These six system calls and their wrappers are 4 % of a connection.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def setsockopt(self, *_: Any) -> None:
        """Nothing is set."""

    def getsockopt(self, *_: Any) -> int:
        """For the log line, which nobody sees."""
        return 0
