"""Sockets that syslog messages come in on, bounded: they are read only while there is room for what they bring.

A stream's sender waits then, as does who writes to a Unix datagram socket. UDP has nobody who could wait: the kernel
drops what does not fit, and counts that; `on_dropped` hears of it.
"""

from __future__ import annotations

import asyncio
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from fairlead_server.commands._notes import note
from fairlead_server.commands._syslog import BadFrame, Deframer
from fairlead_server.errors import CommandError

RULE = "write it as udp://127.0.0.1:514, tcp://127.0.0.1:601 or unix:///run/fairlead/log"
# What programs write in a burst while we are not looking; the kernel gives as much as it is allowed to.
_RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
_LONGEST_DATAGRAM_BYTES = 256 * 1024
_READ_BYTES = 64 * 1024
# Of one turn, so that a flood of datagrams leaves time for the rest.
_DATAGRAMS = 100
_CONNECTIONS = 200
# linux/socket.h: each datagram brings how many were dropped before it.
_SO_RXQ_OVFL = 40


class Sink(NamedTuple):
    """Where messages go; `has_room` is asked before they are read."""

    has_room: Callable[[], bool]
    on_message: Callable[[bytes], None]
    on_dropped: Callable[[int], None]


class Listener(Protocol):
    """A socket that is listened to."""

    def resume(self) -> None:
        """There may be room again."""

    def close(self) -> None:
        """Takes no more."""


def listen(url: str, sink: Sink) -> tuple[Listener, str]:
    """Listens; also says where, which tells the port when 0 was given. Raises CommandError."""
    parts = urlsplit(url)
    try:
        if parts.scheme == "unix" and parts.path and not parts.netloc:
            return Datagrams(_unix_socket(parts.path), sink, path=parts.path), url
        host, port = parts.hostname, parts.port
    except (ValueError, OSError) as error:
        raise CommandError(f"cannot listen on {url!r}: {error}") from None
    if parts.scheme not in {"udp", "tcp"} or not host or port is None:
        raise CommandError(f"--listen {url!r} is no address: {RULE}")
    try:
        bound = _internet_socket(parts.scheme, host, port)
    except OSError as error:
        raise CommandError(f"cannot listen on {url!r}: {error.strerror}") from None
    name = f"{parts.scheme}://{parts.netloc.rpartition(':')[0]}:{bound.getsockname()[1]}"
    return (Datagrams(bound, sink) if parts.scheme == "udp" else Connections(bound, sink)), name


class Datagrams:
    """A datagram is a message."""

    def __init__(self, bound: socket.socket, sink: Sink, path: str | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = bound
        self._sink = sink
        self._path = path
        self._dropped = 0
        self._is_reading = False
        with suppress(OSError):
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
            bound.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
        self.resume()

    def resume(self) -> None:
        """Reads again."""
        if not self._is_reading and self._sink.has_room():
            self._is_reading = True
            self._loop.add_reader(self._socket, self._read)

    def close(self) -> None:
        """Takes no more."""
        self._loop.remove_reader(self._socket)
        self._socket.close()
        if self._path is not None:
            Path(self._path).unlink(missing_ok=True)

    def _read(self) -> None:
        for _ in range(_DATAGRAMS):
            if not self._sink.has_room():
                self._is_reading = False
                self._loop.remove_reader(self._socket)
                return
            try:
                data, ancillary, _, _ = self._socket.recvmsg(_LONGEST_DATAGRAM_BYTES, socket.CMSG_SPACE(4))
            except BlockingIOError:
                return
            for level, kind, value in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, _SO_RXQ_OVFL):
                    self._note_dropped(int.from_bytes(value[:4], "little"))
            self._sink.on_message(data)

    def _note_dropped(self, total: int) -> None:
        """The kernel's count is of all that it ever dropped, in 32 bits."""
        dropped, self._dropped = (total - self._dropped) & 0xFFFFFFFF, total
        if dropped:
            self._sink.on_dropped(dropped)


class Connections:
    """Each brings a stream of messages."""

    def __init__(self, bound: socket.socket, sink: Sink) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = bound
        self._sink = sink
        self._open: dict[socket.socket, Deframer] = {}
        self._is_reading = True
        bound.listen()
        self._loop.add_reader(bound, self._accept)

    def resume(self) -> None:
        """Reads again."""
        if not self._is_reading and self._sink.has_room():
            self._is_reading = True
            for connection in self._open:
                self._loop.add_reader(connection, self._read, connection)

    def close(self) -> None:
        """Takes no more."""
        self._loop.remove_reader(self._socket)
        self._socket.close()
        for connection in [*self._open]:
            self._end(connection)

    def _accept(self) -> None:
        try:
            connection, _ = self._socket.accept()
        except OSError:  # it has gone away, or we have no descriptor left
            return
        if len(self._open) >= _CONNECTIONS:
            connection.close()
            note(f"a connection was refused: there are {_CONNECTIONS} already")
            return
        connection.setblocking(False)
        self._open[connection] = Deframer()
        if self._is_reading:
            self._loop.add_reader(connection, self._read, connection)

    def _read(self, connection: socket.socket) -> None:
        if not self._sink.has_room():
            self._is_reading = False
            for each in self._open:
                self._loop.remove_reader(each)
            return
        try:
            data = connection.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:  # reset: what came before is whole
            data = b""
        deframer = self._open[connection]
        try:
            for message in deframer.feed(data) if data else [deframer.finish()]:
                self._sink.on_message(message)
        except BadFrame as error:
            note(f"a connection was closed: {error}")
            self._sink.on_message(deframer.finish()[:_READ_BYTES])
            data = b""
        if not data:
            self._end(connection)

    def _end(self, connection: socket.socket) -> None:
        self._open.pop(connection)
        self._loop.remove_reader(connection)
        connection.close()


def _unix_socket(path: str) -> socket.socket:
    """Takes the place of a socket that was left there; anything else is not ours to remove."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(Path(path).stat(follow_symlinks=False).st_mode):
            raise OSError("it is there, and no socket")
        if _is_in_use(path):
            raise OSError("somebody listens there already")
        Path(path).unlink()
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    bound.setblocking(False)
    try:
        bound.bind(path)
        Path(path).chmod(0o666)  # all programs of the machine log there
    except OSError:
        bound.close()
        raise
    return bound


def _is_in_use(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return False
    return True


def _internet_socket(scheme: str, host: str, port: int) -> socket.socket:
    kind = socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM
    family, _, _, _, address = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)[0]
    bound = socket.socket(family, kind)
    bound.setblocking(False)
    try:
        if kind == socket.SOCK_STREAM:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound
