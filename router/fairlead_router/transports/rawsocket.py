"""WAMP over RawSocket: between an asyncio transport and a Connection (spec: Advanced Profile, RawSocket Transport).

The handshake has been judged by the door. RawSocket has no close frame: who breaks its rules is told by
ABORT, and then the connection ends.
"""

import asyncio
from typing import Any

from fairlead_router.connection import Connection
from fairlead_router.errors import ProtocolViolation, SessionError
from fairlead_router.transports.farewell import Farewell
from fairlead_router.transports.peers import Arrival, Silence, Verdict
from fairlead_router.transports.rawsocket_frames import FrameReader, FrameType, Handshake, frame, longest_message
from fairlead_router.transports.sockets import bound_output, leave_silence_to_kernel, reset

_PING = frame(FrameType.PING, b"")


class RawSocketPeer(asyncio.Protocol):
    """One RawSocket connection."""

    def __init__(self, arrival: Arrival, handshake: Handshake) -> None:
        self._arrival = arrival
        self._limits = arrival.router.limits
        self._network = arrival.network
        self._reply = handshake.reply
        self._max_bytes = handshake.wire.max_bytes
        self._reader = FrameReader(longest_message(self._limits))
        self._silence = Silence(self._limits)
        self._was_heard = True
        self._is_paused = False
        self._is_closing = False
        self._connection = Connection(arrival.router, handshake.serializer, handshake.wire, self, peer=arrival.details)

    # --- called by asyncio --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The door has handed over."""
        bound_output(self._network, self._limits)
        self._arrival.opened(self)
        self._network.write(self._reply)

    def data_received(self, data: bytes) -> None:
        """Some bytes: parts of frames, or many of them."""
        self._was_heard = True
        if self._is_closing:
            return
        try:
            for kind, payload in self._reader.feed(data):
                if kind is FrameType.MESSAGE:
                    self._connection.receive(payload)
                elif kind is FrameType.PING:
                    self._on_ping(payload)
        except ProtocolViolation as error:
            self._connection.fail(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, however it ended."""
        self._is_closing = True
        self._arrival.lost(self)
        self._connection.lost()

    def pause_writing(self) -> None:
        """The transport's buffer is full."""
        self._is_paused = True
        self._connection.pause()

    def resume_writing(self) -> None:
        """The transport's buffer has drained."""
        self._is_paused = False
        self._network.resume_reading()
        self._connection.resume()

    # --- called by the connection (ByteTransport) ---------------------------------------------

    def write(self, frames: list[Any]) -> None:
        """Hand ready frames to the network in one write."""
        if not self._is_closing:
            (ready,) = frames  # run together by the wire
            self._network.write(ready)

    def close(self, error: SessionError | None) -> None:
        """Close in order: what is written already is still sent."""
        if not self._is_closing:
            self._is_closing = True
            Farewell.begin(self._network, self._limits)

    def abort(self) -> None:
        """Reset the connection."""
        reset(self._network)

    # --- called by the listener ---------------------------------------------------------------

    def shut_down(self) -> None:
        """The router closes."""
        self._connection.shut_down()

    def keep_alive(self) -> None:
        """Ping a silent peer, give up one that stays silent.

        Autobahn|Python ends the connection on a PING (asyncio) or reads nothing any more (Twisted): whether such a peer
        is still there, the kernel finds out (sockets.py).
        """
        if self._connection.is_autobahn_python:
            leave_silence_to_kernel(self._network, self._limits)
            return
        was_heard, self._was_heard = self._was_heard, False
        verdict = self._silence.judge(was_heard)
        if verdict is Verdict.GIVE_UP:
            self.abort()
        elif verdict is Verdict.PING:
            self.write([_PING])

    def _on_ping(self, payload: bytes) -> None:
        """Each gets its PONG. One that does not read them is not read either: they would pile up in the transport."""
        if len(payload) > self._max_bytes:
            raise ProtocolViolation(f"a PING of {len(payload)} bytes has no PONG of at most {self._max_bytes}")
        self.write([frame(FrameType.PONG, payload)])
        if self._is_paused:
            self._network.pause_reading()
