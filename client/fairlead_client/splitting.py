"""From the bytes of a pipe to records.

One `LineSplitter` a source. It keeps what has no line's end yet, and its owner calls `flush` soon after, so that a
prompt or a progress bar is seen while it lasts. The time of a record is when the first byte of it was read.
"""

from __future__ import annotations

from fairlead_client.records import (
    HAS_RETURN,
    LONGEST_TEXT_BYTES,
    PARTIAL,
    WireRecord,
    character_boundary,
    parts_of,
    record,
)

# How long the beginning of a line waits for its end: below what a reader feels as a delay, above the time between the
# writes that make up one line.
UNFINISHED_LINE_S = 0.2


class LineSplitter:
    """Cuts what one source writes into records."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._unfinished = b""
        self._since_us = 0

    @property
    def has_unfinished(self) -> bool:
        """Something waits for its line's end: call `flush` when it has waited UNFINISHED_LINE_S."""
        return bool(self._unfinished)

    def feed(self, data: bytes, now_us: int) -> list[WireRecord]:
        """The records that `data` completes."""
        first_us = self._since_us if self._unfinished else now_us
        data = self._unfinished + data
        body, end, rest = data.rpartition(b"\n")
        self._unfinished = rest
        self._since_us = now_us if end else first_us
        records = self._lines(body, first_us, now_us) if end else []
        while len(self._unfinished) > LONGEST_TEXT_BYTES:
            records.append(self._take(character_boundary(self._unfinished, LONGEST_TEXT_BYTES)))
        return records

    def flush(self, now_us: int) -> list[WireRecord]:
        """The unfinished line as it is, as a part; the bytes of an unfinished character go on waiting."""
        end = character_boundary(self._unfinished, len(self._unfinished))
        if end == 0:
            return []
        records = [self._take(end)]
        self._since_us = now_us
        return records

    def finish(self) -> list[WireRecord]:
        """The source has ended: what is left is a last line without an end."""
        return [self._take(len(self._unfinished))] if self._unfinished else []

    def _take(self, end: int) -> WireRecord:
        part, self._unfinished = self._unfinished[:end], self._unfinished[end:]
        return record(self._since_us, self.source, part, PARTIAL)

    def _lines(self, body: bytes, first_us: int, now_us: int) -> list[WireRecord]:
        """The records of whole lines; the usual case, plain text of short lines, costs one decoding for all of them."""
        first, separator, others = body.partition(b"\n")
        records = [record(first_us, self.source, part, flags) for part, flags in parts_of(first)]
        if not separator:
            return records
        if len(others) <= LONGEST_TEXT_BYTES and b"\0" not in others:
            try:
                lines = others.decode().split("\n")
            except UnicodeDecodeError:
                pass
            else:
                return records + self._plain(lines, now_us, has_return=b"\r" in others)
        for line in others.split(b"\n"):
            records.extend(record(now_us, self.source, part, flags) for part, flags in parts_of(line))
        return records

    def _plain(self, lines: list[str], now_us: int, *, has_return: bool) -> list[WireRecord]:
        source = self.source
        if has_return:
            return [(now_us, source, line, HAS_RETURN if "\r" in line else 0) for line in lines]
        return [(now_us, source, line, 0) for line in lines]
