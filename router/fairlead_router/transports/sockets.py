"""Socket options that the promises rest on."""

import socket
import struct
from collections.abc import Iterable
from typing import Any

from fairlead_router.limits import Limits

_TCP_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", 25)
"""25 on Linux; Python 3.11 has no name for it."""


def set_socket_options(transport: Any, limits: Limits) -> None:
    """Little is buffered below us, so that little is beyond recall (G3)."""
    transport.set_write_buffer_limits(high=limits.transport_bytes)
    network_socket = transport.get_extra_info("socket")
    if network_socket is not None and network_socket.family in (socket.AF_INET, socket.AF_INET6):
        network_socket.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, limits.unsent_bytes)


def bound_input(listening: Iterable[Any], limits: Limits) -> None:
    """Accepted sockets inherit it. Left alone the kernel takes up to 32 MB of a peer that sends faster than we read,

    and picows' buffer, and so the work of one turn, grows to the same size.
    """
    for each in listening:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, limits.unread_bytes)


def reset(transport: Any) -> None:
    """Abort with RST: the kernel forgets what it has not sent (SO_LINGER of zero)."""
    network_socket = transport.get_extra_info("socket")
    if network_socket is not None:
        network_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
