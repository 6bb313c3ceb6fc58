"""Socket options that the promises rest on.

Those that accepted sockets inherit are set once, where we listen: for each connection they would be six system calls.
"""

import socket
import struct
from collections.abc import Iterable
from typing import Any

from fairlead_router.limits import Limits
from fairlead_router.transports.forwarding import UNIX, Origin, canonical_address

_TCP_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", 25)
"""25 on Linux; Python 3.11 has no name for it."""

_LONGEST_KEEP_ALIVE_S = 32_767
_MOST_PROBES = 127
_LONGEST_TIMEOUT_MS = 2**31 - 1
"""What Linux takes (tcp(7))."""

_INTERNET = (socket.AF_INET, socket.AF_INET6)

TLS_RECORD_BYTES = 16 * 1024 + 64
"""The largest TLS record: what a TLS buffer holds at least. aiofastnet's default is 16 of them each way."""


def prepare_listening(listening: Iterable[Any], limits: Limits) -> None:
    """What every accepted socket inherits.

    Left alone the kernel takes up to 32 MB of a peer that sends faster than we read, and picows' buffer, and so the
    work of one turn, grows to the same size. (A Unix socket's buffer is its sender's.)
    """
    for each in listening:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, limits.unread_bytes)
        if each.family in _INTERNET:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            each.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, limits.unsent_bytes)
            _keep_alive(each, limits)


def bound_output(transport: Any, limits: Limits) -> None:
    """Little is buffered below us, so that little is beyond recall (G3).

    With TLS the buffer of encrypted bytes (`transport_bytes` as well, see acceptor.py) is full before anything else
    is buffered, and is not in what the transport counts: so whatever it counts is too much.
    """
    is_tls = transport.get_extra_info("ssl_object") is not None
    transport.set_write_buffer_limits(high=0 if is_tls else limits.transport_bytes)
    if not is_internet(transport):
        network_socket = transport.get_extra_info("socket")
        network_socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, limits.write_bytes)


def _keep_alive(listening: Any, limits: Limits) -> None:
    """Have the kernel find out, too, whether the peer's machine is still there: not every peer may be pinged."""
    interval_s = min(max(1, int(limits.ping_interval_s)), _LONGEST_KEEP_ALIVE_S)
    probes = min(max(1, int(limits.ping_timeout_s / interval_s)), _MOST_PROBES)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, interval_s)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval_s)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, probes)


def leave_silence_to_kernel(transport: Any, limits: Limits) -> None:
    """For a peer that may not be pinged. Keep-alive alone will not do: it rests while sent bytes are unacknowledged."""
    if is_internet(transport):
        timeout_ms = int(1000 * (limits.ping_interval_s + limits.ping_timeout_s))
        network_socket = transport.get_extra_info("socket")
        network_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, min(timeout_ms, _LONGEST_TIMEOUT_MS))


def is_internet(transport: Any) -> bool:
    """Whether it is TCP. A Unix socket's own name is a path; to ask the socket takes four times as long."""
    return not isinstance(transport.get_extra_info("sockname"), str | bytes)


def connected_origin(transport: Any) -> Origin:
    """Who has connected to us; a proxy may speak for somebody else (forwarding.py)."""
    is_secure = transport.get_extra_info("ssl_object") is not None
    if not is_internet(transport):
        return Origin(UNIX, is_secure)
    name = transport.get_extra_info("peername")
    return Origin(canonical_address(name[0]) if name else None, is_secure)


def reset(transport: Any) -> None:
    """Abort with RST: the kernel forgets what it has not sent (SO_LINGER of zero)."""
    network_socket = transport.get_extra_info("socket")
    if network_socket is not None and is_internet(transport):
        network_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
