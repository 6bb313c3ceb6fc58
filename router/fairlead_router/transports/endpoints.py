"""Endpoints: where a listener takes connections, and the listening sockets for it.

| endpoint          | is                                                                         |
|-------------------|----------------------------------------------------------------------------|
| `tcp://HOST:PORT` | TCP; `HOST:PORT` is the same; an IPv6 host stands in brackets               |
| `tls://HOST:PORT` | TLS over TCP                                                               |
| `unix:///PATH`    | a Unix socket                                                              |
| `fd://NUMBER`     | a listening socket that the process has inherited, from a supervisor mostly |

Port 0 lets the system choose.
"""

import asyncio
import re
import socket
from ipaddress import ip_address
from typing import Literal

import msgspec

from fairlead_router.transports.unix_socket import bind_unix_socket

BACKLOG = 4096
"""Connections that the kernel queues for us: thousands of clients come back at once after a restart."""

RULE = (
    "must be tcp://HOST:PORT or tls://HOST:PORT with a port from 0 to 65535, unix:///PATH with an absolute path, "
    "or fd://NUMBER"
)
_MAX_PORT = 65_535
_MAX_DESCRIPTOR = 2**31 - 1


class Endpoint(msgspec.Struct, frozen=True):
    """An endpoint in its parts; those that its scheme does not have keep their defaults."""

    scheme: Literal["tcp", "tls", "unix", "fd"]
    host: str = ""
    port: int = 0
    path: str = ""
    descriptor: int = -1

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it; of an inherited socket that is not known."""
        if self.scheme in ("unix", "fd"):
            return self.scheme == "unix"
        try:
            return self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        if self.scheme == "unix":
            return f"unix://{self.path}"
        if self.scheme == "fd":
            return f"fd://{self.descriptor}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def parse_endpoint(text: str) -> Endpoint:
    """Raises ValueError, which says what an endpoint looks like."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "tcp", text
    if scheme == "unix" and re.fullmatch(r"/[^\0]+", rest):
        return Endpoint("unix", path=rest)
    if scheme == "fd" and re.fullmatch(r"[0-9]{1,10}", rest) and int(rest) <= _MAX_DESCRIPTOR:
        return Endpoint("fd", descriptor=int(rest))
    host, _, port = rest.rpartition(":")
    if scheme not in ("tcp", "tls") or not host or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > _MAX_PORT:
        raise ValueError(f"endpoint {text!r} {RULE}")
    return Endpoint("tls" if scheme == "tls" else "tcp", host.strip("[]"), int(port))


async def open_sockets(endpoint: Endpoint, unix_mode: int) -> list[socket.socket]:
    """Listening sockets, several where a host has several addresses. Raises OSError where one cannot be had."""
    if endpoint.scheme == "unix":
        sockets = [bind_unix_socket(endpoint.path, unix_mode)]
    elif endpoint.scheme == "fd":
        sockets = [_inherited_socket(endpoint.descriptor)]
    else:
        sockets = await _bound_sockets(endpoint.host, endpoint.port)
    for each in sockets:
        each.setblocking(False)
        each.listen(BACKLOG)
    return sockets


def _inherited_socket(descriptor: int) -> socket.socket:
    """The descriptor belongs to the listener from now on, which closes it."""
    inherited = socket.socket(fileno=descriptor)
    is_listening = inherited.type == socket.SOCK_STREAM and inherited.getsockopt(
        socket.SOL_SOCKET, socket.SO_ACCEPTCONN
    )
    if not is_listening:
        inherited.detach()
        raise OSError(f"descriptor {descriptor} is not a listening stream socket")
    return inherited


async def _bound_sockets(host: str, port: int) -> list[socket.socket]:
    loop = asyncio.get_running_loop()
    infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(infos):
            bound = socket.socket(family, kind, protocol)
            sockets.append(bound)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound.bind((address[0], port, *address[2:]))
            port = bound.getsockname()[1]  # where the system chose it, the next address gets the same
    except OSError as error:
        for each in sockets:
            each.close()
        raise OSError(error.errno, f"cannot listen at {host}:{port}: {error.strerror}") from error
    return sockets
