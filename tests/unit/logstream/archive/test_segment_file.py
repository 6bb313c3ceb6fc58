"""The file of a segment: read by anybody, and taken for nothing that it is not."""

from __future__ import annotations

import json

import pytest
import zstandard

from fairlead_logstream.archive.segment_file import LINES_LIMIT_BYTES, Source, packed, unpacked
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.segment import Segment
from fairlead_logstream.store.codec import Damaged
from unit.logstream.fakes import NOW_US, batch_of

BATCHES = [batch_of(5, "x", "zwölf\u2028", "\0" + "/w=="), batch_of(8, "z" * 1_000)]
SOURCE = Source("job-1", "o", 7)
SEGMENT = Segment(5, 9, 0, NOW_US, NOW_US, NOW_US, "at", NOW_US)
FILE = packed(SOURCE, BATCHES)


def values_of(batch: Batch) -> tuple[object, ...]:
    names = ("first", "count", "min_time_us", "max_time_us", "epoch", "publication", "records")
    return tuple(getattr(batch, name) for name in names)


def test_batches_come_back_as_they_were() -> None:
    assert list(map(values_of, unpacked(FILE, 7, SEGMENT))) == list(map(values_of, BATCHES))


def test_it_is_read_without_us() -> None:
    head, _, compressed = FILE.partition(b"\n")
    header = json.loads(head)
    assert (header["stream"], header["object"], header["first"], header["next"]) == ("job-1", "o", 5, 9)
    lines = zstandard.ZstdDecompressor().decompress(compressed).split(b"\n")
    texts = [record[2] for line in lines[:-1] for record in json.loads(line)["records"]]
    assert texts == ["x", "zwölf\u2028", "\0" + "/w==", "z" * 1_000]


def test_the_same_batches_make_the_same_file() -> None:
    assert packed(SOURCE, BATCHES) == FILE


def test_any_damaged_or_missing_byte_is_noticed() -> None:
    for place in range(len(FILE)):
        for damaged in (FILE[:place], FILE[:place] + bytes([FILE[place] ^ 1]) + FILE[place + 1 :]):
            try:
                batches = unpacked(damaged, 7, SEGMENT)
            except Damaged:
                continue
            assert list(map(values_of, batches)) == list(map(values_of, BATCHES)), place  # in a name of the header


@pytest.mark.parametrize(
    "other",
    [
        packed(Source("job-1", "o", 8), BATCHES),
        packed(SOURCE, BATCHES[:1]),
        packed(SOURCE, BATCHES[1:]),
        packed(SOURCE, [BATCHES[0], batch_of(9, "z")]),
        b"",
        b"[]\n",
        b"null",
    ],
)
def test_another_file_is_not_taken_for_it(other: bytes) -> None:
    with pytest.raises(Damaged):
        unpacked(other, 7, SEGMENT)


def test_a_file_that_would_fill_the_memory_is_not_unpacked() -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(LINES_LIMIT_BYTES + 1))
    header = json.loads(FILE.partition(b"\n")[0]) | {"size": LINES_LIMIT_BYTES + 1}
    with pytest.raises(Damaged):
        unpacked(json.dumps(header).encode() + b"\n" + bomb, 7, SEGMENT)
