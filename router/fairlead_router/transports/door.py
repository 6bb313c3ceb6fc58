"""The door: one listener for everything. It reads the first bytes of a connection and hands it over.

| first bytes                          | goes to                                       |
|--------------------------------------|-----------------------------------------------|
| 0x7F                                 | RawSocket (rawsocket.py)                      |
| HTTP with `Upgrade: websocket`, path | picows (websocket.py)                         |
| other HTTP                           | the HTTP server that the program gave, if any |

Every HTTP request passes the Host and Origin rules (http_guard.py) first; a RawSocket client is no browser.
The door has a limit for the first bytes and for the time that they may take.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from fairlead_router.host import Timer
from fairlead_router.peer import PeerDetails
from fairlead_router.transports import rawsocket_frames
from fairlead_router.transports.admission import Entry
from fairlead_router.transports.cookies import COOKIE_NAME, new_cookie_id, read_cookies, set_cookie, take_cookie_id
from fairlead_router.transports.farewell import Farewell, PicowsNetwork
from fairlead_router.transports.forwarding import Origin
from fairlead_router.transports.handshake import asks_for_websocket, read_handshake
from fairlead_router.transports.http_request import FIRST_BYTES, HttpRefusal, HttpRequest, parse_request
from fairlead_router.transports.peers import Arrival
from fairlead_router.transports.policy import DoorPolicy
from fairlead_router.transports.rawsocket import RawSocketPeer
from fairlead_router.transports.rawsocket_frames import HandshakeError
from fairlead_router.transports.sockets import connected_origin
from fairlead_router.transports.tls import channel_id, verified_certificate
from fairlead_router.transports.websocket import websocket_protocol
from fairlead_router.transports.websocket_frames import SUBPROTOCOLS

_END_OF_HEAD = b"\r\n\r\n"


class Door(asyncio.Protocol):
    """The protocol of a connection until it is known what it is."""

    def __init__(self, policy: DoorPolicy) -> None:
        self._policy = policy
        self._seen = b""
        self._transport: Any = None
        self._entry: Entry | None = None
        self._timer: Timer | None = None
        self._is_closing = False

    # --- called by asyncio --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A stranger knocks."""
        self._transport = transport
        self._entry = self._policy.admission.enter()
        self._policy.waiting.add(self)
        self._timer = self._policy.router.host.call_later(self._policy.router.limits.hello_timeout_s, self.close)

    def data_received(self, data: bytes) -> None:
        """Collect the first bytes, then hand over."""
        if self._is_closing:
            return
        self._seen += data
        try:
            self._look()
        except HttpRefusal as refusal:
            self._refuse(refusal.response())

    def connection_lost(self, exc: Exception | None) -> None:
        """The stranger has gone."""
        self._leave()
        assert self._entry is not None
        self._entry.leave()

    # --- called by the listener ---------------------------------------------------------------

    def close(self) -> None:
        """Let the stranger go."""
        self._is_closing = True
        self._transport.abort()

    # --- what is it? --------------------------------------------------------------------------

    def _look(self) -> None:
        limit = self._policy.router.limits.http_head_bytes
        if self._seen[0] == rawsocket_frames.MAGIC:
            if len(self._seen) >= rawsocket_frames.HANDSHAKE_BYTES:
                self._open_rawsocket()
        elif self._seen[0] not in FIRST_BYTES:
            raise HttpRefusal(HTTPStatus.BAD_REQUEST, "this is not an HTTP request")
        elif _END_OF_HEAD in self._seen[:limit]:
            self._on_request()
        elif len(self._seen) > limit:
            raise HttpRefusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the head of the request is too long")

    def _open_rawsocket(self) -> None:
        assert self._entry is not None
        request, rest = self._seen[: rawsocket_frames.HANDSHAKE_BYTES], self._seen[rawsocket_frames.HANDSHAKE_BYTES :]
        handshake = rawsocket_frames.accept(request, self._policy.router.limits)
        if isinstance(handshake, HandshakeError):
            self._refuse(handshake.reply())
            return
        origin = connected_origin(self._transport)
        try:
            self._entry.admit(origin.address)
        except HttpRefusal:
            self._refuse(HandshakeError.CONNECTION_COUNT.reply())
            return
        arrival = self._arrival("rawsocket", handshake.serializer.codec, origin, {})
        protocol = RawSocketPeer(arrival, handshake)
        self._hand_over(protocol)
        if rest:
            protocol.data_received(rest)

    def _on_request(self) -> None:
        policy = self._policy
        head, rest = self._seen.split(_END_OF_HEAD, 1)
        request = parse_request(head)
        refusal = policy.guard.refusal(request.value("host"), request.value("origin"))
        if refusal is not None:
            raise HttpRefusal(HTTPStatus.FORBIDDEN, refusal)
        if request.path == policy.path and asks_for_websocket(request):
            self._open_websocket(request, rest)
        elif policy.http is not None:
            self._open_http(policy.http())
        else:
            raise HttpRefusal(HTTPStatus.NOT_FOUND, f"only WebSocket on {policy.path} is served here")

    def _open_websocket(self, request: HttpRequest, rest: bytes) -> None:
        assert self._entry is not None
        handshake = read_handshake(request, SUBPROTOCOLS)
        origin = self._policy.proxies.origin(connected_origin(self._transport), request)
        self._entry.admit(origin.address)
        cookies = read_cookies(request)
        headers: dict[str, str] = {}
        cookie_id = take_cookie_id(cookies, origin.is_secure)
        if self._policy.sets_cookies and cookie_id is None:
            cookie_id = new_cookie_id()
            headers["Set-Cookie"] = set_cookie(cookie_id, self._policy.path, origin.is_secure)
        if cookie_id is not None:
            cookies[COOKIE_NAME] = cookie_id
        subprotocol = SUBPROTOCOLS[handshake.subprotocol]
        arrival = self._arrival("websocket", subprotocol.serializer_name, origin, cookies)
        protocol = websocket_protocol(arrival, subprotocol, headers)
        self._hand_over(protocol, PicowsNetwork(self._transport, self._policy.router.limits))
        _feed(protocol, handshake.canonical() + rest)

    def _open_http(self, protocol: Any) -> None:
        """The connection is the program's own now, and no longer counted here."""
        assert self._entry is not None
        self._entry.leave()
        self._hand_over(protocol)
        protocol.data_received(self._seen)

    # --- handing over -------------------------------------------------------------------------

    def _arrival(self, transport: str, serializer: str, origin: Origin, cookies: dict[str, str]) -> Arrival:
        assert self._entry is not None
        details = PeerDetails(
            transport=transport,
            serializer=serializer,
            address=origin.address,
            is_secure=origin.is_secure,
            cookies=cookies,
            certificate=verified_certificate(self._transport),
            channel_id=channel_id(self._transport),
        )
        return Arrival(self._policy.router, self._transport, details, self._entry, self._policy.open_peers)

    def _hand_over(self, protocol: Any, network: Any = None) -> None:
        self._leave()
        self._transport.set_protocol(protocol)
        protocol.connection_made(network or self._transport)

    def _refuse(self, answer: bytes) -> None:
        """Say why. The stranger still counts until it is gone."""
        self._is_closing = True
        self._seen = b""
        self._cancel_timer()
        self._transport.write(answer)
        Farewell.begin(self._transport, self._policy.router.limits)

    def _leave(self) -> None:
        self._policy.waiting.discard(self)
        self._cancel_timer()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _feed(protocol: Any, data: bytes) -> None:
    """Give a buffered protocol what has been read already."""
    view = memoryview(data)
    while view:
        buffer = protocol.get_buffer(len(view))
        size = min(len(buffer), len(view))
        buffer[:size] = view[:size]
        view = view[size:]
        protocol.buffer_updated(size)
