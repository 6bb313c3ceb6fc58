"""Log files as they are read by `fairlead import`: also compressed ones, and known again when they come back."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from pathlib import Path
from typing import IO, NamedTuple, Self

import zstandard

from fairlead_server.errors import CommandError

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_SKIP_BYTES = 1024 * 1024
# Of a longer first line only so much counts.
_FIRST_LINE_BYTES = 1024


class Opened:
    """An open file. `read` gives its bytes as they were before they were compressed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = 0
        try:
            self._raw = path.open("rb")
        except OSError as error:
            raise CommandError(f"cannot read {str(path)!r}: {error.strerror}") from None
        if not self._raw.seekable():
            self._raw.close()
            raise CommandError(f"{str(path)!r} is no file: a pipe is `fairlead run`'s to read")
        magic = self._raw.read(len(_ZSTD))
        self._raw.seek(0)
        self.is_compressed = magic.startswith((_GZIP, _ZSTD))
        self._file: IO[bytes] | gzip.GzipFile | zstandard.ZstdDecompressionReader = self._raw
        if magic.startswith(_GZIP):
            self._file = gzip.GzipFile(fileobj=self._raw)
        elif magic == _ZSTD:
            self._file = zstandard.ZstdDecompressor().stream_reader(self._raw, read_across_frames=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.close()

    @property
    def total_bytes(self) -> int:
        """The size of the file, compressed as it may be."""
        return os.fstat(self._raw.fileno()).st_size

    @property
    def done_bytes(self) -> int:
        """How much of that has been read."""
        return self._raw.tell()

    @property
    def modified_us(self) -> int:
        """When the file was last written."""
        return max(0, os.fstat(self._raw.fileno()).st_mtime_ns // 1000)

    @property
    def is_replaced(self) -> bool:
        """Whether there is another file at its path by now, or it was cut short: nothing more comes here."""
        ours = os.fstat(self._raw.fileno())
        try:
            there = self.path.stat()
        except OSError:
            return False  # between two files
        return (there.st_ino, there.st_dev) != (ours.st_ino, ours.st_dev) or ours.st_size < self.position

    def read(self, size: int) -> bytes:
        """The next bytes, none at the end. Raises CommandError."""
        try:
            data = self._file.read(size)
        except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
            raise CommandError(f"{str(self.path)!r} is damaged behind byte {self.position}: {error}") from None
        self.position += len(data)
        return data

    def go_to(self, position: int, keep: int = 0) -> bytes:
        """Goes there; returns the last `keep` bytes before it. Raises CommandError when the file ends before that."""
        start = max(0, position - keep)
        if not self.is_compressed:
            self.position = self._file.seek(min(start, self.total_bytes))
        while self.position < start and self.read(min(_SKIP_BYTES, start - self.position)):
            pass
        before = b""
        while self.position < position and (data := self.read(position - self.position)):
            before += data
        if self.position < position:
            rule = "it is not the file that was imported, or was cut"
            raise CommandError(
                f"{str(self.path)!r} has {self.position} bytes, but {position} of it are in the log: {rule}"
            )
        return before


class Identity(NamedTuple):
    """What a file is known by, wherever it is moved, and compressed or not: its first line, once that is whole."""

    fingerprint: str
    is_whole: bool


def identity_of(path: Path) -> Identity:
    """Reads the begin of a file. Raises CommandError."""
    with Opened(path) as file:
        line, end, _ = file.read(_FIRST_LINE_BYTES).partition(b"\n")
    return Identity(hashlib.sha256(line).hexdigest()[:16], bool(end) or len(line) == _FIRST_LINE_BYTES)


def source_of(path: Path) -> str:
    """The name of a file without what is behind its first dot: `app` of app.log, app.log.1 and app.log.2.gz."""
    name, _, _ = path.name.lstrip(".").partition(".")
    return name or "file"
