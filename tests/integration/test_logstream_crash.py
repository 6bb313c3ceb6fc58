"""L8: a kill -9 at any moment loses nothing acknowledged, and nothing is repeated or out of order after it."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fairlead_logstream import LogService, SqlStreamStore
from fairlead_logstream.model.records import MARKER, decode_records
from fairlead_logstream.model.rows import StreamKey
from fairlead_router import Principal, Router

CHILD = Path(__file__).parent / "crashing_writer.py"
KILLS = 4


async def write_until_killed(url: str, seed: str, acknowledgements: int, budget: str | None = None) -> dict[str, int]:
    """How far each producer was acknowledged when the writer was killed.

    With a budget only the acknowledgements of what was dropped are counted, so it is killed while something is.
    """
    command = [sys.executable, str(CHILD), url, seed, *([] if budget is None else [budget])]
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    acknowledged: dict[str, int] = {}
    while acknowledgements > 0:
        line = (await child.stdout.readline()).split()
        assert line, "the writer ended by itself"
        acknowledged[line[0].decode()] = int(line[1])
        acknowledgements -= budget is None or line[2] != b"0"
    child.kill()
    for rest in (await child.stdout.read()).splitlines():
        producer, seq, _dropped = rest.split()
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


class Account(NamedTuple):
    """What became of the records of a stream, whoever sent them: what was stored by producer, the rest by number."""

    stored: dict[str, list[int]]
    told: int
    pending: int
    acknowledged: int

    @property
    def sum(self) -> int:
        return sum(map(len, self.stored.values())) + self.told + self.pending


async def account(url: str) -> Account:
    store = SqlStreamStore.open(url, "realm1")
    (row,) = await store.streams()
    batches = await store.read(StreamKey(row.id, row.epoch), 0, row.head, 1 << 30)
    stored: dict[str, list[int]] = {}
    told = 0
    for record in (record for batch in batches for record in decode_records(batch.records)):
        if record.flags & MARKER:
            told += json.loads(record.text)["truncated"]["records"]
        else:
            producer, number, *_ = record.text.split()
            stored.setdefault(producer, []).append(int(number))
    acknowledged = sum(producer.seq for producer in (await store.producers(row.id)).values())
    await store.close()
    return Account(stored, told, row.state.dropped.records, acknowledged)


@pytest.mark.limit_s(60)
async def test_what_was_dropped_over_a_budget_is_counted_though_the_kill_came_before_its_marker(tmp_path: Path) -> None:
    """Whatever was acknowledged is stored, told by a marker, or counted until there is one: each record once."""
    url = f"sqlite:///{tmp_path}/logs.sqlite"
    pending: list[int] = []
    for kill in range(KILLS):
        said = await write_until_killed(url, str(kill), random.Random(kill).randint(1, 20), budget="50")
        left = await account(url)
        assert left.sum == left.acknowledged >= sum(said.values())
        assert all(numbers == sorted(set(numbers)) for numbers in left.stored.values())
        pending.append(left.pending)
    assert any(pending), "no kill came before a marker"
    logs = await LogService.open(url, "realm1")
    realm = Router().add_realm("realm1")
    logs.bind(realm)
    await realm.join(Principal("alice", "user")).call("fairlead.log.seal", ["s"])
    await logs.close()
    ended = await account(url)
    assert (ended.told, ended.pending) == (left.told + left.pending, 0)


async def test_a_killed_writer_leaves_no_lock_behind(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/logs.sqlite"
    await write_until_killed(url, "0", 1)
    store: Any = SqlStreamStore.open(url, "realm1")
    await store.close()
