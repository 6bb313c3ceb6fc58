"""A Unix socket in the file system: made with its mode, in the place of a dead one, and gone with its listener."""

import errno
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path


def bind_unix_socket(path: str, mode: int) -> socket.socket:
    """A bound socket. A socket file that nobody listens on is replaced. Raises OSError: in use, no directory, ..."""
    unix_socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # On Linux the file gets at most the mode that its socket has: so there is no moment in which it is more open.
        # The umask may have taken some of it away, so it is set again below.
        os.fchmod(unix_socket.fileno(), mode)
        try:
            unix_socket.bind(path)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not _is_stale(path):
                raise
            Path(path).unlink(missing_ok=True)
            unix_socket.bind(path)
        Path(path).chmod(mode)
    except BaseException:
        unix_socket.close()
        raise
    return unix_socket


def _is_stale(path: str) -> bool:
    """Whether it is a socket and a connection to it is refused, which is how Linux says that nobody listens."""
    if not stat.S_ISSOCK(Path(path).stat().st_mode):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        return probe.connect_ex(path) == errno.ECONNREFUSED


class SocketFile:
    """The file of a bound Unix socket. `remove` leaves one alone that somebody else has put in its place."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._identity = _identity(self._path)

    def remove(self) -> None:
        """The listener is closed."""
        with suppress(OSError):
            if _identity(self._path) == self._identity:
                self._path.unlink()


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
