"""How the records of a chunk are kept: as they are sent, or compressed where that pays.

Measured with level 1 on batches of 100 lines, a core of a shared 2-core machine, CPU time a line:

| lines | bytes | saved | compressing | reading |
|---|---|---|---|---|
| web server, JSON of a service, aligner's progress | 113 to 190 | 79 to 85 % | 0.14 to 0.18 us | 0.05 to 0.07 us |
| random letters and digits | 133 | 45 % | 0.24 us | 0.07 us |

Levels 2 and 3 save no more and cost up to twice as much. It is done in the writer's and the readers' threads, without
the interpreter's lock, and a fifth of the bytes goes through the database's log and to the disk.
"""

from __future__ import annotations

import threading

import zstandard

PLAIN = 0
"""As it is sent."""
ZSTD = 1
"""One frame of Zstandard."""

LEVEL = 1

COMPRESSED_FROM_BYTES = 1 << 10
"""Smaller chunks save little: a row with its indexes takes 150 bytes as well."""

PAYS_BELOW = 0.85
"""What is not smaller than this is kept as it is: it is read without unpacking."""


class Damaged(Exception):
    """What was stored is not what was to be stored."""


class _Context(threading.local):
    """Neither of the two may be used by several threads at once."""

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor(level=LEVEL).compress
        self.decompress = zstandard.ZstdDecompressor().decompress


_context = _Context()


def packed(records: bytes) -> tuple[int, bytes]:
    """The codec, and the bytes to store."""
    if len(records) >= COMPRESSED_FROM_BYTES:
        data = _context.compress(records)
        if len(data) < len(records) * PAYS_BELOW:
            return ZSTD, data
    return PLAIN, records


def unpacked(codec: int, data: bytes, size: int) -> bytes:
    """The records, of that size. Raises Damaged."""
    records = data if codec == PLAIN else _unpacked(codec, data, size)
    if len(records) != size:
        raise Damaged
    return records


def _unpacked(codec: int, data: bytes, size: int) -> bytes:
    try:
        if codec != ZSTD or zstandard.frame_content_size(data) != size:
            raise Damaged
        return _context.decompress(data)
    except zstandard.ZstdError:
        raise Damaged from None
