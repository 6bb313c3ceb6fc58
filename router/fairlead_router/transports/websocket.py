"""WAMP over WebSocket: picows parses the frames, everything else of RFC 6455 that it leaves to us is here.

That is: joining fragments, UTF-8 of text messages, message size, reserved bits, close codes, and framing
what goes out. Frames that go out are built once for all receivers of a serializer and given to the
transport ready-made.
"""

import logging
import struct
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

from fairlead_router.connection import Connection, Gatekeeper
from fairlead_router.errors import SessionError
from fairlead_router.messages import Message
from fairlead_router.outbox import Wire
from fairlead_router.payload import Payload
from fairlead_router.serializers import BY_SUBPROTOCOL, SERIALIZERS, Serializer
from fairlead_router.transcode import Codec
from fairlead_router.transports.sockets import reset, set_socket_options

log = logging.getLogger(__name__)

READ_BUFFER_BYTES = 1024
"""Per connection, at first: 14.6 kB an idle connection in all, with picows' default 28.7 kB were measured."""

_TEXT = 0x81
_BINARY = 0x82
_SHORT = 126
_MEDIUM = 1 << 16


class WebSocketWire:
    """Messages of one serializer as WebSocket frames. One instance for all connections: frames are shared."""

    def __init__(self, serializer: Serializer) -> None:
        self.codec: Codec = serializer.codec
        self._encode = serializer.encode
        self._opcode = _TEXT if serializer.is_text else _BINARY

    def frame(self, message: Message, payload: Payload) -> bytes:
        """One unmasked frame (RFC 6455, 5.2)."""
        body = self._encode(message, payload.to(self.codec))
        size = len(body)
        if size < _SHORT:
            return b"%c%c%b" % (self._opcode, size, body)
        if size < _MEDIUM:
            return struct.pack("!BBH", self._opcode, 126, size) + body
        return struct.pack("!BBQ", self._opcode, 127, size) + body

    def size(self, frame: Any) -> int:
        """Bytes on the wire."""
        return len(frame)


_WIRES: dict[str, Wire] = {serializer.subprotocol: WebSocketWire(serializer) for serializer in SERIALIZERS}


class WebSocketPeer(WSListener):
    """One WebSocket connection: between picows and a Connection."""

    __slots__ = (
        "_connection",
        "_expected",
        "_fragments",
        "_heard_at",
        "_is_closing",
        "_is_paused",
        "_network",
        "_open_peers",
        "_pinged_at",
        "_router",
        "_serializer",
        "_transport",
        "_was_heard",
        "_wire",
    )

    def __init__(self, router: Gatekeeper, subprotocol: str, open_peers: "set[WebSocketPeer]") -> None:
        self._router = router
        self._serializer = BY_SUBPROTOCOL[subprotocol]
        self._wire = _WIRES[subprotocol]
        self._expected = WSMsgType.TEXT if self._serializer.is_text else WSMsgType.BINARY
        self._open_peers = open_peers
        self._fragments: bytearray | None = None
        self._was_heard = True
        self._heard_at = 0.0
        self._pinged_at: float | None = None
        self._is_closing = False
        self._is_paused = False

    # --- called by picows ---------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The handshake is done."""
        self._transport = transport
        self._network = transport.underlying_transport
        set_socket_options(self._network, self._router.limits)
        self._connection = Connection(self._router, self._serializer, self._wire, self)
        self._open_peers.add(self)

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
        self._open_peers.discard(self)
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
        self._network.write(frames[0] if len(frames) == 1 else b"".join(frames))

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

    def keep_alive(self, now: float) -> None:
        """Ping a silent peer, give up one that stays silent. Costs nothing per message and no task per connection."""
        limits = self._router.limits
        if self._is_closing:
            self.abort()
        elif self._transport.is_close_frame_sent:
            self._is_closing = True
        elif self._was_heard:
            self._was_heard = False
            self._heard_at = now
            self._pinged_at = None
        elif self._pinged_at is not None:
            if now - self._pinged_at > limits.ping_timeout_s:
                self.abort()
        elif now - self._heard_at > limits.ping_interval_s:
            self._pinged_at = now
            self._transport.send_ping()

    # --- frames that are not a whole message --------------------------------------------------

    def _on_other_frame(self, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.PING:
            self._on_ping(frame)
        elif frame.msg_type == WSMsgType.PONG:
            pass
        elif frame.msg_type == WSMsgType.CLOSE:
            self._on_close()
        elif frame.msg_type == WSMsgType.CONTINUATION:
            self._on_continuation(frame)
        elif self._fragments is not None:
            self._fail(WSCloseCode.PROTOCOL_ERROR, "a new message began inside a fragmented one")
        elif frame.msg_type != self._expected:
            kind = "text" if self._serializer.is_text else "binary"
            self._fail(WSCloseCode.UNSUPPORTED_DATA, f"{self._serializer.subprotocol} uses {kind} messages")
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
        if self._serializer.is_text and not _is_utf8(data):
            self._fail(WSCloseCode.INVALID_TEXT, "a text message is not valid UTF-8")
        else:
            self._connection.receive(data)

    def _on_close(self) -> None:
        if not self._transport.is_close_frame_sent:
            self._transport.send_close(WSCloseCode.OK)
        self._transport.disconnect()

    def _fail(self, code: WSCloseCode, reason: str) -> None:
        """The peer broke RFC 6455: its session is over, and the close frame says why."""
        self._connection.lost()
        self._close(code, reason)

    def _close(self, code: WSCloseCode, reason: str) -> None:
        if not self._transport.is_close_frame_sent:
            self._transport.send_close(code, reason.encode()[:_MAX_CLOSE_REASON])
            self._router.host.call_later(self._router.limits.close_timeout_s, self.abort)


_MAX_CLOSE_REASON = 123
"""A control frame has at most 125 bytes, two of them the code (RFC 6455, 5.5)."""


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


_VERSION_HEADER = "Sec-WebSocket-Version"
_VERSION = "13"
"""picows does not look; a server says what it speaks (RFC 6455, 4.2.2)."""


def choose_subprotocol(request: WSUpgradeRequest) -> str | None:
    """The first that the client offers and we have."""
    offered = request.headers.get("Sec-WebSocket-Protocol", "")
    names = (name.strip() for name in offered.split(","))
    return next((name for name in names if name in BY_SUBPROTOCOL), None)


def websocket_protocol(router: Gatekeeper, open_peers: set[WebSocketPeer]) -> Any:
    """A picows protocol for one connection. The only place that knows picows' private constructor."""
    return WSProtocol(
        None,  # host and port: client side only
        None,  # path: client side only
        False,  # is_client_side
        lambda request: _accept(router, request, open_peers),
        _picows_log,
        True,  # disconnect_on_exception
        router.limits.hello_timeout_s,  # handshake timeout
        False,  # enable_auto_ping: keep_alive does it without a task per connection
        30.0,  # its idle timeout
        30.0,  # its reply timeout
        WSAutoPingStrategy.PING_WHEN_IDLE,
        False,  # enable_auto_pong: it answers however much is waiting to be written
        router.limits.message_bytes,
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


def _accept(
    router: Gatekeeper, request: WSUpgradeRequest, open_peers: set[WebSocketPeer]
) -> WSUpgradeResponseWithListener:
    subprotocol = choose_subprotocol(request)
    if subprotocol is None:
        offered = request.headers.get("Sec-WebSocket-Protocol", "none")
        text = f"Sec-WebSocket-Protocol {offered[:200]!r} has none of {', '.join(BY_SUBPROTOCOL)}\n"
        return WSUpgradeResponseWithListener(WSUpgradeResponse.create_error_response(400, text.encode()), None)
    if request.headers.get(_VERSION_HEADER) != _VERSION:
        refusal = WSUpgradeResponse.create_error_response(426, b"only 13 is spoken\n", {_VERSION_HEADER: _VERSION})
        return WSUpgradeResponseWithListener(refusal, None)
    response = WSUpgradeResponse.create_101_response({"Sec-WebSocket-Protocol": subprotocol})
    return WSUpgradeResponseWithListener(response, WebSocketPeer(router, subprotocol, open_peers))
