"""WAMP over WebSocket: picows parses the frames, everything else of RFC 6455 that it leaves to us is here.

That is: joining fragments, UTF-8 of text messages, message size, reserved bits and close codes; the handshake
has been judged before (handshake.py). Frames that go out are built once for all receivers of a serializer
(websocket_frames.py) and given to the transport ready-made.
"""

import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # private, hence picows is pinned exactly

from fairlead_router.connection import Connection
from fairlead_router.errors import ProtocolViolation, SessionError
from fairlead_router.host import Timer
from fairlead_router.transports.peers import Arrival, Silence, Verdict
from fairlead_router.transports.sockets import bound_output, reset
from fairlead_router.transports.websocket_frames import BatchedWire, Subprotocol

READ_BUFFER_BYTES = 1024
"""Per connection, at first: 14.6 kB an idle connection in all, with picows' default 28.7 kB were measured."""


class WebSocketPeer(WSListener):
    """One WebSocket connection: between picows and a Connection."""

    __slots__ = (
        "_arrival",
        "_close_timer",
        "_connection",
        "_expected",
        "_fragments",
        "_is_paused",
        "_network",
        "_router",
        "_serializer",
        "_silence",
        "_subprotocol",
        "_take",
        "_transport",
        "_was_heard",
    )

    def __init__(self, arrival: Arrival, subprotocol: Subprotocol) -> None:
        self._arrival = arrival
        self._router = arrival.router
        self._network = arrival.network
        self._subprotocol = subprotocol
        self._serializer = subprotocol.serializer
        self._expected = WSMsgType.TEXT if self._serializer.is_text else WSMsgType.BINARY
        self._fragments: bytearray | None = None
        self._silence = Silence(arrival.router.limits)
        self._was_heard = True
        self._is_paused = False
        self._close_timer: Timer | None = None

    # --- called by picows ---------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The handshake is done."""
        self._transport = transport
        bound_output(self._network, self._router.limits)
        self._connection = Connection(
            self._router, self._serializer, self._subprotocol.wire, self, peer=self._arrival.details
        )
        self._take = self._taker()
        self._arrival.opened(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """One frame; nearly always one whole message."""
        self._was_heard = True
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            self._fail(WSCloseCode.PROTOCOL_ERROR, "reserved bits are set and no extension was agreed")
        elif frame.msg_type == self._expected and frame.fin and self._fragments is None:
            self._receive(frame.get_payload_as_bytes())
        else:
            self._on_other_frame(frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The connection is gone, however it ended."""
        if self._close_timer is not None:
            self._close_timer.cancel()
        self._arrival.lost(self)
        self._connection.lost()

    def pause_writing(self) -> None:
        """The transport's buffer is full."""
        self._is_paused = True
        self._connection.pause()

    def resume_writing(self) -> None:
        """The transport's buffer has drained."""
        self._is_paused = False
        self._connection.resume()

    # --- called by the connection (ByteTransport) ---------------------------------------------

    def write(self, frames: list[Any]) -> None:
        """Hand ready frames to the network in one write. Nothing follows a close frame (RFC 6455, 5.5.1)."""
        if self._transport.is_close_frame_sent:
            return
        (ready,) = frames  # run together by the wire
        self._network.write(ready)

    def close(self, error: SessionError | None) -> None:
        """Close in order: what is written already is still sent."""
        if error is None:
            self._close(WSCloseCode.OK, "")
        else:
            self._close(WSCloseCode.POLICY_VIOLATION, error.uri)

    def abort(self) -> None:
        """Reset the connection: the kernel forgets what it has not sent (SO_LINGER of zero)."""
        if not self._transport.is_disconnected:
            reset(self._network)

    # --- called by the listener ---------------------------------------------------------------

    def shut_down(self) -> None:
        """The router closes."""
        self._connection.shut_down()

    def keep_alive(self) -> None:
        """Ping a silent peer, give up one that stays silent. After a close frame another timer runs."""
        if self._transport.is_close_frame_sent:
            return
        was_heard, self._was_heard = self._was_heard, False
        verdict = self._silence.judge(was_heard)
        if verdict is Verdict.GIVE_UP:
            self.abort()
        elif verdict is Verdict.PING:
            self._transport.send_ping()

    # --- frames that are not a whole message --------------------------------------------------

    def _on_other_frame(self, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.PING:
            self._on_ping(frame)
        elif frame.msg_type == WSMsgType.PONG:
            pass
        elif frame.msg_type == WSMsgType.CLOSE:
            self._on_close(frame)
        elif frame.msg_type == WSMsgType.CONTINUATION:
            self._on_continuation(frame)
        elif self._fragments is not None:
            self._fail(WSCloseCode.PROTOCOL_ERROR, "a new message began inside a fragmented one")
        elif frame.msg_type != self._expected:
            kind = "text" if self._serializer.is_text else "binary"
            self._fail(WSCloseCode.UNSUPPORTED_DATA, f"{self._subprotocol.name} uses {kind} messages")
        else:
            self._fragments = bytearray()
            self._add_fragment(frame)

    def _on_ping(self, frame: WSFrame) -> None:
        """One that does not read its PONGs gets none: they would pile up in the transport."""
        if not self._is_paused and not self._transport.is_close_frame_sent:
            self._transport.send_pong(frame.get_payload_as_bytes())

    def _on_continuation(self, frame: WSFrame) -> None:
        if self._fragments is None:
            self._fail(WSCloseCode.PROTOCOL_ERROR, "a continuation frame without a beginning")
            return
        self._add_fragment(frame)
        if frame.fin and self._fragments is not None:
            message, self._fragments = bytes(self._fragments), None
            self._receive(message)

    def _add_fragment(self, frame: WSFrame) -> None:
        assert self._fragments is not None
        if len(self._fragments) + frame.payload_size > self._router.limits.message_bytes:
            self._fragments = None
            limit = self._router.limits.message_bytes
            self._fail(WSCloseCode.MESSAGE_TOO_BIG, f"a message may have at most {limit} bytes")
            return
        self._fragments += frame.get_payload_as_memoryview()

    def _receive(self, data: bytes) -> None:
        """A whole WebSocket message."""
        if self._serializer.is_text:
            try:
                data.decode()
            except UnicodeDecodeError:
                self._fail(WSCloseCode.INVALID_TEXT, "a text message is not valid UTF-8")
                return
        self._take(data)

    def _taker(self) -> Callable[[bytes], None]:
        """Who takes a whole WebSocket message: here it is one message of WAMP."""
        return self._connection.receive

    def _on_close(self, frame: WSFrame) -> None:
        """Answered by the same code (RFC 6455, 5.5.1). picows has checked the UTF-8 of the reason."""
        code = int.from_bytes(frame.get_payload_as_memoryview()[:2]) or None
        if frame.payload_size and not _may_be_sent(code):
            self._fail(WSCloseCode.PROTOCOL_ERROR, f"{code} is no close code that may be sent")
            return
        self._send_close(frame.get_close_code() if code else WSCloseCode.OK)
        self._network.close()

    def _fail(self, code: WSCloseCode, reason: str) -> None:
        """The peer broke RFC 6455: its session is over, and the close frame says why."""
        self._connection.lost()
        self._close(code, reason)

    def _close(self, code: WSCloseCode, reason: str) -> None:
        self._send_close(code, reason.encode()[:_MAX_CLOSE_REASON].decode(errors="ignore"))

    def _send_close(self, code: WSCloseCode, reason: str | None = None) -> None:
        """Once. A peer that then does not read or not close is not waited for long."""
        if not self._transport.is_close_frame_sent:
            self._transport.send_close(code, reason)
            self._close_timer = self._router.host.call_later(self._router.limits.close_timeout_s, self.abort)


class BatchedWebSocketPeer(WebSocketPeer):
    """A connection on which one WebSocket message is a batch of WAMP messages (Advanced Profile, Message Batching).

    A long batch is handled over several turns of the loop; what comes behind it waits, and is not read.
    """

    __slots__ = ("_is_handling", "_waiting", "_wire")

    def __init__(self, arrival: Arrival, subprotocol: Subprotocol) -> None:
        super().__init__(arrival, subprotocol)
        assert isinstance(subprotocol.wire, BatchedWire)
        self._wire: BatchedWire = subprotocol.wire
        self._waiting: deque[bytes] = deque()
        self._is_handling = False

    def write(self, frames: list[Any]) -> None:
        """All that is written at once is one WebSocket message."""
        if not self._transport.is_close_frame_sent:
            self._network.write(self._wire.message(frames))

    def _taker(self) -> Callable[[bytes], None]:
        return self._take_batch

    def _take_batch(self, data: bytes) -> None:
        assert self._subprotocol.split is not None
        try:
            self._waiting.extend(self._subprotocol.split(data))
        except ProtocolViolation as error:
            self._waiting.clear()
            self._fail(WSCloseCode.PROTOCOL_ERROR, error.text)
            return
        if not self._is_handling:
            self._handle_waiting()

    def _handle_waiting(self) -> None:
        """As much as one turn may take; then the network is held until the rest is handled."""
        left = self._router.limits.unread_bytes
        while self._waiting and left > 0:
            message = self._waiting.popleft()
            left -= len(message) + 1  # empty ones are work too
            self._connection.receive(message)
        was_handling, self._is_handling = self._is_handling, bool(self._waiting)
        if self._is_handling:
            self._network.pause_reading()
            self._router.host.call_soon(self._handle_waiting)
        elif was_handling:
            self._network.resume_reading()

    def _on_close(self, frame: WSFrame) -> None:
        """What came before it counts."""
        while self._waiting:
            self._connection.receive(self._waiting.popleft())
        super()._on_close(frame)


_MAX_CLOSE_REASON = 123
"""A control frame has at most 125 bytes, two of them the code (RFC 6455, 5.5)."""


def _may_be_sent(code: int | None) -> bool:
    """Whether a close frame may have this code: others are reserved, or say what happened without one (7.4.1)."""
    return code is not None and (code in _CLOSE_CODES or 3000 <= code < 5000)


_CLOSE_CODES = frozenset((1000, 1001, 1002, 1003, *range(1007, 1015)))


def websocket_protocol(arrival: Arrival, subprotocol: Subprotocol, headers: Mapping[str, str]) -> Any:
    """A picows protocol for one connection whose handshake is good. `headers` are more of them for the answer.

    The only place that knows picows' private constructor.
    """
    peer_type = WebSocketPeer if subprotocol.split is None else BatchedWebSocketPeer

    def accept(_request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
        response = WSUpgradeResponse.create_101_response({"Sec-WebSocket-Protocol": subprotocol.name, **headers})
        return WSUpgradeResponseWithListener(response, peer_type(arrival, subprotocol))

    limits = arrival.router.limits
    return WSProtocol(
        None,  # host and port: client side only
        None,  # path: client side only
        False,  # is_client_side
        accept,
        _picows_log,
        True,  # disconnect_on_exception
        limits.hello_timeout_s,  # handshake timeout
        False,  # enable_auto_ping: keep_alive does it without a task per connection
        30.0,  # its idle timeout
        30.0,  # its reply timeout
        WSAutoPingStrategy.PING_WHEN_IDLE,
        False,  # enable_auto_pong: it answers however much is waiting to be written
        limits.message_bytes,
        None,  # extra headers: client side only
        READ_BUFFER_BYTES,
    )


class _PicowsLog(logging.LoggerAdapter[logging.Logger]):
    """picows reports what peers send wrong as errors: they are told by a close frame, and the log is for our own.

    An adapter, because picows makes a child logger for each connection out of a plain logger.
    """

    def error(self, msg: object, *args: object, **kwargs: Any) -> None:
        self.debug(msg, *args, **kwargs)


_picows_log = _PicowsLog(logging.getLogger("fairlead_router.picows"), {})
