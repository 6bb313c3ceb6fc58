"""Which HTTP requests and WebSocket handshakes are taken, by their Host and Origin.

Any page in a user's browser can reach a port of that user's machine. So a browser's request is taken only
from a page that was served by this server, or from an origin that was configured; and, because a foreign
domain can be made to resolve to this machine (DNS rebinding), only under a Host that cannot be such a
domain: an address, `localhost`, or a configured name.
"""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

HOSTS_REMEMBERED = 64
"""A server has few names; to read one and to see whether it is an address takes 2 to 3 us."""


class HttpGuard:
    """Judges Host and Origin headers. `origins` are like `https://example.org`, `hosts` like `example.org`."""

    def __init__(self, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        self._hosts = {"localhost", *(host.lower() for host in hosts)}
        self._origins = {origin.lower().rstrip("/") for origin in origins}

    def refusal(self, host: str | None, origin: str | None) -> str | None:
        """Why the request is refused, None if it is taken. Both are header values as they came, None when absent."""
        if host is None:
            return "the request has no Host header"
        if not self._is_known_host(host):
            return f"Host {host[:200]!r} is not served here"
        if origin is not None and not self._is_known_origin(origin, host):
            return f"Origin {origin[:200]!r} is not allowed"
        return None

    def _is_known_host(self, host: str) -> bool:
        name = _host_name(host)
        return name in self._hosts or _is_address(name)

    def _is_known_origin(self, origin: str, host: str) -> bool:
        lowered = origin.lower().rstrip("/")
        if lowered in self._origins:
            return True
        scheme, _, authority = lowered.partition("://")
        return scheme in {"http", "https"} and authority == host.lower()


@lru_cache(HOSTS_REMEMBERED)
def _host_name(host: str) -> str:
    """Without the port and without the brackets of an IPv6 address."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


@lru_cache(HOSTS_REMEMBERED)
def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
