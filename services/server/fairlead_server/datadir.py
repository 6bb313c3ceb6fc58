"""The data directory of a server: who may use it, and what lies where.

    <data>/permissions.sqlite, logs.sqlite, records.sqlite    the stores
    <data>/admin.token                               how commands on this machine prove who they are (mode 0600)
    <data>/decoys.key                                what unknown users are shown instead of a salt (mode 0600)
    <data>/lock                                      held by the server that uses the directory; its process and port

Light to import: client commands read the admin token through it. Two servers on one directory would both believe that
they number the streams, so the lock is taken before anything is opened; the kernel drops it with the process, however
that ends.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path
from typing import IO
from urllib.parse import quote

from fairlead_server.errors import CommandError

DEFAULT_PATH = Path(".fairlead")
DEMO_PATH = DEFAULT_PATH / "demo"

PRIVATE_FILE = 0o600
PRIVATE_DIRECTORY = 0o700

_DECOY_KEY_BYTES = 32


class DataDirectory:
    """The paths in a data directory and its lock; the directory need not be there before `lock`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str] | None = None

    @property
    def admin_token(self) -> Path:
        """Where the token of the user `admin` is kept."""
        return self.path / "admin.token"

    @property
    def permissions_url(self) -> str:
        """The default database of the permissions."""
        return self._url("permissions.sqlite")

    @property
    def logs_url(self) -> str:
        """The default database of the streams."""
        return self._url("logs.sqlite")

    @property
    def records_url(self) -> str:
        """The default database of the records."""
        return self._url("records.sqlite")

    def decoy_key(self) -> bytes:
        """What unknown users' salts are made with; kept, so that a restart does not tell them from real ones.

        Raises CommandError.
        """
        path = self.path / "decoys.key"
        try:
            if not path.exists():
                write_private(path, secrets.token_hex(_DECOY_KEY_BYTES) + "\n")
            return bytes.fromhex(path.read_text(encoding="ascii"))
        except OSError as error:
            raise self._unwritable(error) from None
        except ValueError:
            raise CommandError(f"{str(path)!r} is damaged: it must be a hexadecimal number; delete it") from None

    def read_admin_token(self) -> str | None:
        """The admin token, or None where no server has made one (or another user of the machine has)."""
        return read_token(self.admin_token)

    @property
    def last_served(self) -> tuple[int, int]:
        """When a server last began to listen (a time in ns) and on which port; zeros where none ever has."""
        lock = self.path / "lock"
        try:
            _, port = lock.read_text(encoding="ascii").split()
            return lock.stat().st_mtime_ns, int(port)
        except (OSError, ValueError):
            return 0, 0

    def write_admin_token(self, token: str) -> None:
        """Keeps the token for the commands on this machine."""
        write_private(self.admin_token, token + "\n")

    def lock(self) -> None:
        """Makes the directory and takes it for this process. Raises CommandError when that cannot be."""
        try:
            self.path.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
            # Opened for appending: another server's line must stay readable until the lock is ours.
            lock = (self.path / "lock").open("a+", encoding="ascii")
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read().partition("\n")[0] or "unknown"
            lock.close()
            text = f"the data directory {str(self.path)!r} is in use by another server (process {holder})"
            raise CommandError(text) from None
        self._lock = lock
        self._write_lock(f"{os.getpid()}\n")

    def serves(self, port: int) -> None:
        """Says for whom it is locked: commands on this machine find the token of the server on that port."""
        self._write_lock(f"{os.getpid()}\n{port}\n")

    def unlock(self) -> None:
        """Gives the directory back."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _url(self, name: str) -> str:
        return f"sqlite:///{quote(str(self.path.absolute() / name))}"

    def _write_lock(self, text: str) -> None:
        assert self._lock is not None, "it is locked by us"
        try:
            self._lock.truncate(0)
            self._lock.write(text)
            self._lock.flush()
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> CommandError:
        return CommandError(f"cannot write to the data directory {str(self.path)!r}: {error.strerror}")


def find_admin_token(port: int) -> str | None:
    """The admin token of the server on that port of this machine, as far as it was started in this directory.

    That is the one of the directory whose server listened there last, the default one or that of the demo; where
    neither did (a forwarded port), the default one's.
    """
    directories = [DataDirectory(DEFAULT_PATH), DataDirectory(DEMO_PATH)]
    serving = [directory for directory in directories if directory.last_served[1] == port]
    newest = max(serving, key=lambda directory: directory.last_served[0], default=directories[0])
    return newest.read_admin_token()


def read_token(path: Path) -> str | None:
    """The token in a file, or None where there is none or it may not be read."""
    try:
        return path.read_text(encoding="ascii").strip() or None
    except (FileNotFoundError, NotADirectoryError, PermissionError, UnicodeDecodeError):
        return None


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner may read, whole or not at all, even when the power fails."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
