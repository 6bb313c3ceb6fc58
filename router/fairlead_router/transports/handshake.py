"""The opening handshake of a WebSocket client, judged (RFC 6455, 4.2.1). picows only ever sees those that are good.

It reads less than the RFC allows (`Connection: keep-alive, Upgrade` is what Firefox sends) and checks less
than it demands; so it is given `CANONICAL_REQUEST` in the place of what came.
"""

import base64
import binascii
from collections.abc import Mapping
from http import HTTPStatus

import msgspec

from fairlead_router.transports.http_request import HttpRefusal, HttpRequest

VERSION = "13"

CANONICAL_REQUEST = (
    b"GET / HTTP/1.1\r\nHost: _\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n\r\n"
)

_KEY_BYTES = 16


class Handshake(msgspec.Struct, frozen=True):
    """What of a good handshake matters."""

    subprotocol: str
    key: str

    def canonical(self) -> bytes:
        """The same, as every implementation understands it."""
        return CANONICAL_REQUEST % self.key.encode()


def asks_for_websocket(request: HttpRequest) -> bool:
    """Whether it means to be a handshake; whether it is a good one is another question."""
    return "websocket" in (element.lower() for element in request.elements("upgrade"))


def read_handshake(request: HttpRequest, subprotocols: Mapping[str, object]) -> Handshake:
    """The first subprotocol that the client offers and we have is chosen. Raises HttpRefusal."""
    if request.method != "GET" or request.version == "1.0":
        raise _bad(f"a WebSocket handshake is a GET of HTTP/1.1, not {request.method} of HTTP/{request.version}")
    if "upgrade" not in (element.lower() for element in request.elements("connection")):
        raise _bad("the Connection header of a WebSocket handshake has 'Upgrade'")
    if request.values("transfer-encoding") or request.value("content-length") not in (None, "0"):
        raise _bad("a WebSocket handshake has no body")
    if request.value("sec-websocket-version") != VERSION:
        text = f"only version {VERSION} of WebSocket is spoken here"
        raise HttpRefusal(HTTPStatus.UPGRADE_REQUIRED, text, {"Sec-WebSocket-Version": VERSION, "Upgrade": "websocket"})
    key = request.value("sec-websocket-key") or ""
    if not _is_key(key):
        raise _bad(f"Sec-WebSocket-Key {key[:100]!r} must be {_KEY_BYTES} bytes in base64")
    offered = request.elements("sec-websocket-protocol")
    chosen = next((name for name in offered if name in subprotocols), None)
    if chosen is None:
        names = ", ".join(offered)[:200] or "none"
        raise _bad(f"Sec-WebSocket-Protocol {names!r} has none of {', '.join(subprotocols)}")
    return Handshake(chosen, key)


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == _KEY_BYTES
    except (binascii.Error, ValueError):
        return False


def _bad(text: str) -> HttpRefusal:
    return HttpRefusal(HTTPStatus.BAD_REQUEST, text)
