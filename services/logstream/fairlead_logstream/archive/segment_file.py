"""The file of a segment: a header line, then the batches, a line each, compressed. It can be read without us:

    tail -n +2 FILE | zstd -d | jq -c '.records[]'

The header is a JSON object: `format`, `version`, `stream`, `object`, `epoch`, `first` and `next` (the numbers of the
records, half open), `size` and `crc32` of the lines behind it. These are JSON objects of one batch each: `first`,
`next`, `min_time_us`, `max_time_us`, `publication`, and `records` as `read` gives them. The same batches give the same
bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from itertools import pairwise

import msgspec
import zstandard

from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.segment import Segment
from fairlead_logstream.store.codec import Damaged

FORMAT = "fairlead-log-segment"
VERSION = 1

LINES_LIMIT_BYTES = 64 << 20
"""What is unpacked at most, whatever a file says: four times the largest that is made."""

LEVEL = 3
"""It is done once, and seldom."""


class Source(msgspec.Struct, frozen=True):
    """Of which stream the records are."""

    stream: str
    object: str
    epoch: int


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    format: str
    version: int
    stream: str
    object: str
    epoch: int
    first: int
    next: int
    size: int
    crc32: int


class _Line(msgspec.Struct, frozen=True):
    first: int
    next: int
    min_time_us: int
    max_time_us: int
    publication: int
    records: msgspec.Raw


_encode = msgspec.json.Encoder().encode
_decode_header = msgspec.json.Decoder(_Header).decode
_decode_line = msgspec.json.Decoder(_Line).decode


def packed(source: Source, batches: list[Batch]) -> bytes:
    """The file of these batches."""
    lines = b"".join(map(_line, batches))
    header = _Header(
        format=FORMAT,
        version=VERSION,
        stream=source.stream,
        object=source.object,
        epoch=source.epoch,
        first=batches[0].first,
        next=batches[-1].next,
        size=len(lines),
        crc32=zlib.crc32(lines),
    )
    return _encode(header) + b"\n" + zstandard.ZstdCompressor(level=LEVEL).compress(lines)


def unpacked(data: bytes, epoch: int, segment: Segment) -> list[Batch]:
    """The batches of a file, which must be that of the segment. Raises Damaged."""
    head, _, compressed = data.partition(b"\n")
    try:
        header = _decode_header(head)
        if (header.format, header.version, header.epoch) != (FORMAT, VERSION, epoch):
            raise Damaged
        lines = _decompressed(compressed, header)
        batches = [_batch(_decode_line(line), epoch) for line in lines.splitlines()]
    except (msgspec.MsgspecError, zstandard.ZstdError):
        raise Damaged from None
    if not _is_whole(batches, segment):
        raise Damaged
    return batches


def _line(batch: Batch) -> bytes:
    about = (batch.first, batch.next, batch.min_time_us, batch.max_time_us, batch.publication)
    names = b'{"first":%d,"next":%d,"min_time_us":%d,"max_time_us":%d,"publication":%d' % about
    return names + b',"records":%b}\n' % batch.records


def _decompressed(compressed: bytes, header: _Header) -> bytes:
    if not 0 <= header.size <= LINES_LIMIT_BYTES or zstandard.frame_content_size(compressed) != header.size:
        raise Damaged
    lines = zstandard.ZstdDecompressor().decompress(compressed)
    if len(lines) != header.size or zlib.crc32(lines) != header.crc32:
        raise Damaged
    return lines


def _batch(line: _Line, epoch: int) -> Batch:
    times_us = (line.min_time_us, line.max_time_us)
    return Batch(line.first, line.next - line.first, times_us, epoch, line.publication, bytes(line.records))


def _is_whole(batches: Iterable[Batch], segment: Segment) -> bool:
    batches = list(batches)
    if not batches or (batches[0].first, batches[-1].next) != (segment.first, segment.next):
        return False
    follow = all(batch.next == following.first for batch, following in pairwise(batches))
    return follow and all(batch.count > 0 for batch in batches)
