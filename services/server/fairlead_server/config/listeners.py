"""`[[listeners]]`: where the server takes connections beside `listen`, and how.

Each endpoint serves everything: WebSocket at /ws, RawSocket, the page and /health. An error begins with the key.
"""

from __future__ import annotations

import re

import msgspec

from fairlead_router import TlsOptions
from fairlead_router.transports.endpoints import Endpoint, parse_endpoint
from fairlead_router.transports.forwarding import TrustedProxies
from fairlead_server.errors import ConfigError

PROXY_RULE = "must be IP addresses, networks like 10.0.0.0/8, or unix"


class TlsTable(TlsOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[listeners.tls]`: certificate and key of the endpoint, and which clients need one."""


class ListenerTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[listeners]]`: one more endpoint."""

    endpoint: str
    tls: TlsTable | None = None
    trusted_proxies: tuple[str, ...] = ()
    unix_mode: str = "0600"

    @property
    def mode(self) -> int:
        """`unix_mode`, parsed."""
        return int(self.unix_mode, 8)

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return parse_endpoint(self.endpoint).is_local


def check_listener(listener: ListenerTable) -> None:
    """What the types cannot say. Raises ConfigError."""
    try:
        where = parse_endpoint(listener.endpoint)
    except ValueError as error:
        raise ConfigError(f"endpoint: {error}") from None
    _check_tls(listener, where)
    check_proxies("trusted_proxies", listener.trusted_proxies)
    if not re.fullmatch(r"0?[0-7]{3}", listener.unix_mode):
        raise ConfigError(f"unix_mode: {listener.unix_mode!r} must be three octal digits, like 0660")


def check_proxies(key: str, proxies: tuple[str, ...]) -> None:
    """Raises ConfigError."""
    try:
        TrustedProxies(proxies)
    except ValueError as error:
        raise ConfigError(f"{key}: {error}: they {PROXY_RULE}") from None


def _check_tls(listener: ListenerTable, where: Endpoint) -> None:
    tls = listener.tls
    if where.scheme == "tls" and tls is None:
        raise ConfigError(f"tls: {listener.endpoint!r} needs a certificate")
    if where.scheme in ("tcp", "unix") and tls is not None:
        raise ConfigError(f"tls: {listener.endpoint!r} does not speak TLS: write tls://HOST:PORT")
    if tls is not None and tls.client_certificate != "none" and tls.client_ca is None:
        raise ConfigError("tls.client_ca: client certificates need the authority that has signed them")
