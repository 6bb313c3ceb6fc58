"""The door: one port for everything. It reads the first bytes of a connection and hands it over.

| first bytes                          | goes to                                      |
|--------------------------------------|----------------------------------------------|
| HTTP with `Upgrade: websocket`, path | picows (websocket.py)                        |
| other HTTP                           | the HTTP server that the program gave, if any |
| 0x7F                                 | RawSocket: not there yet, closed             |

Every connection passes the Host and Origin rules (http_guard.py) first. The door has a limit for the head
and for the time that it may take.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fairlead_router.host import Timer
from fairlead_router.limits import Limits
from fairlead_router.transports.http_guard import HttpGuard

_RAW_SOCKET_MAGIC = 0x7F
_END_OF_HEAD = b"\r\n\r\n"


class DoorPolicy:
    """What all connections of one listener share."""

    def __init__(
        self,
        limits: Limits,
        guard: HttpGuard,
        path: str,
        websocket: Callable[[], Any],
        http: Callable[[], asyncio.Protocol] | None,
        waiting: "set[Door]",
    ) -> None:
        self.limits = limits
        self.guard = guard
        self.path = path
        self.websocket = websocket
        self.http = http
        self.waiting = waiting


class Door(asyncio.Protocol):
    """The protocol of a connection until it is known what it is."""

    def __init__(self, policy: DoorPolicy) -> None:
        self._policy = policy
        self._seen = b""
        self._transport: Any = None
        self._timer: Timer | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A stranger knocks."""
        self._transport = transport
        self._policy.waiting.add(self)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._policy.limits.hello_timeout_s, self.close)

    def data_received(self, data: bytes) -> None:
        """Collect the head of an HTTP request, then hand over."""
        self._seen += data
        if self._seen[0] == _RAW_SOCKET_MAGIC:
            self.close()
        elif _END_OF_HEAD in self._seen[: self._policy.limits.http_head_bytes]:
            self._decide()
        elif len(self._seen) > self._policy.limits.http_head_bytes:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the head of the request is too long")

    def connection_lost(self, exc: Exception | None) -> None:
        """The stranger has gone."""
        self._leave()

    def close(self) -> None:
        """Let the stranger go."""
        self._leave()
        self._transport.close()

    def _decide(self) -> None:
        head = self._seen.split(_END_OF_HEAD, 1)[0]
        target, headers = _parse_head(head)
        if target is None:
            self._refuse(HTTPStatus.BAD_REQUEST, "this is not an HTTP request")
            return
        refusal = self._policy.guard.refusal(headers.get("host"), headers.get("origin"))
        if refusal is not None:
            self._refuse(HTTPStatus.FORBIDDEN, refusal)
        elif headers.get("upgrade", "").lower() == "websocket" and target.split("?", 1)[0] == self._policy.path:
            self._hand_over_websocket()
        elif self._policy.http is not None:
            self._hand_over_http(self._policy.http)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, f"only WebSocket on {self._policy.path} is served here")

    def _hand_over_websocket(self) -> None:
        protocol = self._policy.websocket()
        self._set_protocol(protocol)
        data = memoryview(self._seen)
        while data:
            buffer = protocol.get_buffer(len(data))
            size = min(len(buffer), len(data))
            buffer[:size] = data[:size]
            data = data[size:]
            protocol.buffer_updated(size)

    def _hand_over_http(self, factory: Callable[[], asyncio.Protocol]) -> None:
        protocol = factory()
        self._set_protocol(protocol)
        protocol.data_received(self._seen)

    def _set_protocol(self, protocol: Any) -> None:
        self._leave()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        body = f"{text}\n".encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self._transport.write(head.encode() + body)
        self.close()

    def _leave(self) -> None:
        self._policy.waiting.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _parse_head(head: bytes) -> tuple[str | None, dict[str, str]]:
    """The request target, None if this is no HTTP request, and the headers by lower-case name."""
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return None, {}
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), value.strip())
    return words[1], headers
