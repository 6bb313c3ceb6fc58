"""Records are compressed where it pays, and come back as they were or not at all."""

from __future__ import annotations

import base64
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from fairlead_logstream.store.codec import COMPRESSED_FROM_BYTES, PLAIN, ZSTD, Damaged, packed, unpacked

LINES = b"".join(b'[1700000000%06d,"stdout","GET /containers/%d 200",0],' % (i, i * 7919) for i in range(100))


@given(st.binary(max_size=5_000), st.integers(1, 5))
def test_whatever_is_packed_comes_back(piece: bytes, times: int) -> None:
    records = piece * times
    codec, data = packed(records)
    assert unpacked(codec, data, len(records)) == records


def test_lines_of_a_log_are_compressed_to_a_third_at_most() -> None:
    codec, data = packed(LINES)
    assert codec == ZSTD
    assert len(data) * 3 < len(LINES)


@pytest.mark.parametrize("records", [b"x" * (COMPRESSED_FROM_BYTES - 1), random.Random(1).randbytes(10_000)])
def test_what_is_small_or_does_not_shrink_is_kept_as_it_is(records: bytes) -> None:
    assert packed(records) == (PLAIN, records)


@pytest.mark.parametrize("codec", [2, -1, PLAIN])
def test_another_codec_than_it_was_packed_with_is_damage(codec: int) -> None:
    with pytest.raises(Damaged):
        unpacked(codec, packed(LINES)[1], len(LINES))


@pytest.mark.parametrize("data", [b"", b"no frame", packed(LINES)[1][:-9], packed(LINES)[1][9:]])
def test_no_whole_frame_is_damage(data: bytes) -> None:
    with pytest.raises(Damaged):
        unpacked(ZSTD, data, len(LINES))


def test_a_frame_of_another_size_is_damage_and_is_not_unpacked() -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 26))
    with pytest.raises(Damaged):
        unpacked(ZSTD, bomb, len(LINES))


def test_many_threads_pack_at_once() -> None:
    """As the writers of several realms do."""
    texts = [base64.b64encode(random.Random(seed).randbytes(2_000)) * 20 for seed in range(50)]
    with ThreadPoolExecutor(8) as threads:
        for text, (codec, data) in zip(texts, threads.map(packed, texts), strict=True):
            assert unpacked(codec, data, len(text)) == text
