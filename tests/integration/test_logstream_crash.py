"""L8: a kill -9 at any moment loses nothing acknowledged, and nothing is repeated or out of order after it."""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from fairlead_logstream import SqlStreamStore
from fairlead_logstream.model.records import decode_records
from fairlead_logstream.model.rows import StreamKey

CHILD = Path(__file__).parent / "crashing_writer.py"
KILLS = 4


async def write_until_killed(url: str, seed: str, acknowledgements: int) -> dict[str, int]:
    """How far each producer was acknowledged when the writer was killed."""
    child = await asyncio.create_subprocess_exec(sys.executable, str(CHILD), url, seed, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    acknowledged: dict[str, int] = {}
    for _ in range(acknowledgements):
        line = (await child.stdout.readline()).split()
        assert line, "the writer ended by itself"
        acknowledged[line[0].decode()] = int(line[1])
    child.kill()
    for rest in (await child.stdout.read()).splitlines():
        producer, seq, _ = rest.split()
        acknowledged[producer.decode()] = int(seq)
    await child.wait()
    return acknowledged


async def stored_numbers(url: str) -> tuple[dict[str, list[int]], dict[str, int]]:
    """What each producer's records say in the order of the stream, and where the store says that it stands."""
    store = SqlStreamStore.open(url, "realm1")
    (row,) = await store.streams()
    batches = await store.read(StreamKey(row.id, row.epoch), 0, row.head, 1 << 30)
    assert [batch.first for batch in batches] == [0] + [batch.next for batch in batches[:-1]]
    assert batches[-1].next == row.head
    numbers: dict[str, list[int]] = {}
    for record in (record for batch in batches for record in decode_records(batch.records)):
        producer, number, *_ = record.text.split()
        numbers.setdefault(producer, []).append(int(number))
    producers = {name: producer.seq for name, producer in (await store.producers(row.id)).items()}
    await store.close()
    return numbers, producers


@pytest.mark.limit_s(60)
@pytest.mark.parametrize("seed", ["1", "2", "3"])
async def test_nothing_acknowledged_is_lost_repeated_or_reordered(tmp_path: Path, seed: str) -> None:
    url = f"sqlite:///{tmp_path}/logs.sqlite"
    chance = random.Random(seed)
    acknowledged: dict[str, int] = {}
    for kill in range(KILLS):
        acknowledged |= await write_until_killed(url, f"{seed}.{kill}", chance.randint(2, 150))
        numbers, producers = await stored_numbers(url)
        for producer, seq in acknowledged.items():
            assert numbers[producer] == list(range(len(numbers[producer])))
            assert len(numbers[producer]) >= seq
            assert producers[producer] == len(numbers[producer])


async def test_a_killed_writer_leaves_no_lock_behind(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/logs.sqlite"
    await write_until_killed(url, "0", 1)
    store: Any = SqlStreamStore.open(url, "realm1")
    await store.close()
