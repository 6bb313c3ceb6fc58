"""One of the files that a tailed path has named, from its beginning to its end or truncation."""

from __future__ import annotations

import os
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from fairlead_client.frames import BATCH_BYTES

# What tells a file from another one of the same inode.
HEAD_BYTES = 256


@dataclass
class TailedFile:
    """`start` is the number of its byte 0; a marker, if there is one, has the numbers before that."""

    inode: int
    device: int
    start: int
    marker: str = ""
    head_bytes: int = 0
    head_crc: int = 0
    descriptor: int = field(default=-1, compare=False)

    @classmethod
    def open(cls, path: Path, first: int, marker: str) -> Self | None:
        """The file that the path names now, beginning at a number with its marker; None when there is none."""
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            return None
        state = os.fstat(descriptor)
        lead = len(marker) + 1 if marker else 0
        return cls(state.st_ino, state.st_dev, first + lead, marker, descriptor=descriptor)

    def reopen(self, path: Path) -> bool:
        """Opens it again in another process; False when the path names another file by now."""
        try:
            self.descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            return False
        if self.is_at(path) and self._has_its_head():
            return True
        self.close()
        return False

    def kept(self) -> dict[str, Any]:
        """What another process needs to find it again."""
        return {name: value for name, value in asdict(self).items() if name != "descriptor"}

    @property
    def lead(self) -> int:
        """The bytes of its marker, with a line's end."""
        return len(self.marker) + 1 if self.marker else 0

    @property
    def first(self) -> int:
        """The number where it begins, its marker included."""
        return self.start - self.lead

    @property
    def size(self) -> int:
        """Its bytes now; none of one that is gone."""
        return 0 if self.descriptor < 0 else os.fstat(self.descriptor).st_size

    @property
    def modified_ns(self) -> int:
        """When it was written to last."""
        return 0 if self.descriptor < 0 else os.fstat(self.descriptor).st_mtime_ns

    def is_at(self, path: Path) -> bool:
        """Whether the path names this file."""
        state = stat_of(path)
        return state is not None and (state.st_ino, state.st_dev) == (self.inode, self.device)

    def is_cut_off(self, read_to: int) -> bool:
        """Whether what was read of it is not there any more."""
        return self.descriptor < 0 or self.size < read_to or not self._has_its_head()

    def read(self, offset: int) -> bytes:
        """Some of its bytes, a batch at most."""
        return b"" if self.descriptor < 0 else os.pread(self.descriptor, BATCH_BYTES, offset)

    def note_head(self) -> bool:
        """Remembers the beginning as far as it is there; whether there is more of it now."""
        if self.head_bytes == HEAD_BYTES:
            return False
        head = os.pread(self.descriptor, HEAD_BYTES, 0)
        has_grown = len(head) > self.head_bytes
        self.head_bytes, self.head_crc = len(head), zlib.crc32(head)
        return has_grown

    def close(self) -> None:
        """Lets go of it: from now on it is gone."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self.descriptor = -1

    def forget(self) -> None:
        """It is gone, also for another process: what has its place on the disk is another file."""
        self.close()
        self.inode = 0

    def _has_its_head(self) -> bool:
        head = os.pread(self.descriptor, self.head_bytes, 0)
        return len(head) == self.head_bytes and zlib.crc32(head) == self.head_crc


def stat_of(path: Path) -> os.stat_result | None:
    """What the system says of a file; None when it is not there."""
    try:
        return path.stat()
    except OSError:
        return None
