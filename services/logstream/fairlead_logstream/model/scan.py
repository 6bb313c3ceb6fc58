"""A scan, as values: what is looked for in which part of a stream, and what was found."""

from __future__ import annotations

import msgspec

from fairlead_logstream.model.selection import Filter


class Scan(msgspec.Struct, frozen=True):
    """Look for `wanted` in `[start, end)`, from its end if `is_backwards`, until a limit is reached."""

    start: int
    end: int
    wanted: Filter
    is_backwards: bool
    limit_count: int
    limit_bytes: int
    scan_bytes: int

    @property
    def begin(self) -> int:
        """Where it begins."""
        return self.end if self.is_backwards else self.start


class Found(msgspec.Struct):
    """The records found, in the order of the scan, and where it goes on: at `position`, backwards below it."""

    position: int
    seqs: list[int]
    raws: list[bytes]
    size: int = len("[]")

    def add(self, seq: int, raw: bytes) -> None:
        """One more."""
        self.seqs.append(seq)
        self.raws.append(raw)
        self.size += len(raw) + len(",")
