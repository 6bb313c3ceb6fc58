"""What a transport knows of the peer at its other end: what authentication, limits and meta events look at."""

import msgspec


class PeerDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of one connection, fixed when it is accepted. What a transport does not have is None or empty."""

    transport: str = "memory"
    """`websocket`, `rawsocket` or `memory`."""

    serializer: str = ""
    """As in the subprotocol: `json`, `msgpack`, `cbor`, and with `.batched`."""

    address: str | None = None
    """The peer's IP address, behind a trusted proxy the one that the proxy names; `unix` for a Unix socket."""

    is_secure: bool = False
    """Whether TLS protects the bytes up to us."""

    cookies: dict[str, str] = {}
    """Cookies of the WebSocket handshake."""

    certificate: bytes | None = None
    """The client certificate (DER) that TLS has verified."""

    channel_id: bytes | None = None
    """The TLS channel binding `tls-unique`, for methods that sign it."""


IN_PROCESS = PeerDetails()
"""A peer without a transport."""
