"""Where a connection comes from, behind proxies too: X-Forwarded-For and X-Forwarded-Proto of those that are trusted.

Anybody can send these headers, so they count only on a connection from a trusted proxy, and only as far as
trusted proxies wrote them: each appends the address that it saw on the right. So the client is the
right-most address that is not a trusted proxy's. `Forwarded` (RFC 7239) is not read: a proxy that sets one
of the two passes the client's own other one through.
"""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import msgspec

from fairlead_router.transports.http_request import HttpRequest

UNIX = "unix"
"""The address of whoever comes over a Unix socket, and how a proxy that does is named."""

ADDRESSES_REMEMBERED = 1_024
"""Those of who connects often: reading one takes 1 to 3 us, and is done more than once for a connection."""

_SECURE_SCHEMES = ("https", "wss")


class Origin(msgspec.Struct, frozen=True):
    """Where a connection comes from, and whether TLS protects it on the whole way that is known."""

    address: str | None
    is_secure: bool


class TrustedProxies:
    """Proxies by address (`10.0.0.7`), network (`10.0.0.0/8`) or `unix`. Raises ValueError for anything else."""

    def __init__(self, proxies: Iterable[str] = ()) -> None:
        names = list(proxies)
        self._trusts_unix = UNIX in names
        self._networks: list[IPv4Network | IPv6Network] = [ip_network(name) for name in names if name != UNIX]

    def origin(self, connected: Origin, request: HttpRequest) -> Origin:
        """Who is at the other end, given who has connected to us and what the request says."""
        if connected.address is None or not self._trusts(connected.address):
            return connected
        return Origin(self._client(connected.address, request), self._is_secure(connected, request))

    def _client(self, proxy: str, request: HttpRequest) -> str:
        """A malformed entry ends what can be believed: the proxy that wrote it is as far as we see."""
        client = proxy
        for entry in reversed(request.elements("x-forwarded-for")):
            address = _parsed(entry)
            if address is None:
                break
            client = str(address)
            if not self._trusts(client):
                break
        return client

    def _is_secure(self, connected: Origin, request: HttpRequest) -> bool:
        schemes = request.elements("x-forwarded-proto")
        return schemes[-1].lower() in _SECURE_SCHEMES if schemes else connected.is_secure

    def _trusts(self, address: str) -> bool:
        if address == UNIX:
            return self._trusts_unix
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._networks)


@lru_cache(ADDRESSES_REMEMBERED)
def canonical_address(address: str) -> str:
    """One spelling for each address, so that counting and trusting it agree."""
    parsed = _parsed(address)
    return address if parsed is None else str(parsed)


@lru_cache(ADDRESSES_REMEMBERED)
def _parsed(entry: str) -> IPv4Address | IPv6Address | None:
    """An address, with or without a port (some proxies add it)."""
    host = entry
    if entry.startswith("["):
        host = entry[1:].partition("]")[0]
    elif entry.count(":") == 1:
        host = entry.partition(":")[0]
    try:
        address = ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
