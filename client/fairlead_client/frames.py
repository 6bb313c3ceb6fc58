"""How a spool's files hold records: frames, each whole or not there.

A frame is a header (length of its payload, checksum of all that follows, number of its first record, count of records,
kind) and a payload of at most 64 KiB: the records in MessagePack, nothing, or how the stream ends. No I/O here.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from fairlead_client.records import WireRecord

# Frames and batches: what the service takes in one append, and well below its largest message.
BATCH_BYTES = 64 * 1024

RECORDS, LOST, END = 1, 2, 3

_HEADER = struct.Struct("<IIQIB")
_CRC_FROM = 8
HEADER_BYTES = _HEADER.size


class Frame(NamedTuple):
    """A frame that was read; `after` is the number behind its last record, `size` its bytes in the file."""

    first: int
    after: int
    kind: int
    payload: memoryview
    size: int


def encoded(first: int, count: int, kind: int, payload: bytes) -> bytes:
    """The bytes of a frame."""
    body = _HEADER.pack(len(payload), 0, first, count, kind)[_CRC_FROM:] + payload
    return _HEADER.pack(len(payload), zlib.crc32(body), first, count, kind) + payload


def decoded(buffer: bytes, at: int) -> Frame | None:
    """The frame at a place of a buffer, None where it is not there as a whole or not what was written."""
    if len(buffer) - at < HEADER_BYTES:
        return None
    length, checksum, first, count, kind = _HEADER.unpack_from(buffer, at)
    end = at + HEADER_BYTES + length
    if end > len(buffer) or zlib.crc32(memoryview(buffer)[at + _CRC_FROM : end]) != checksum:
        return None
    return Frame(first, first + count, kind, memoryview(buffer)[at + HEADER_BYTES : end], end - at)


def payloads(records: Sequence[WireRecord]) -> Iterator[tuple[int, bytes]]:
    """The records, counted and encoded, in payloads of at most BATCH_BYTES, or of one record."""
    if not records:
        return
    payload = msgspec.msgpack.encode(records)
    if len(payload) <= BATCH_BYTES or len(records) == 1:
        yield len(records), payload
    else:
        half = len(records) // 2
        yield from payloads(records[:half])
        yield from payloads(records[half:])
