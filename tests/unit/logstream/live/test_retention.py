"""Streams are kept within their limits, and all together within theirs; readers below are told, and appends go on."""

from __future__ import annotations

import asyncio

import pytest

from fairlead_logstream import MemoryStreamStore
from fairlead_logstream.live.directory import Directory
from fairlead_logstream.live.live_stream import Surroundings
from fairlead_logstream.live.recent import Recent
from fairlead_logstream.live.retention import STEP_BATCHES, Keeper, Limits
from fairlead_logstream.model.rows import Change, Retention, Sealed, State, StreamKey, StreamRow
from fairlead_logstream.model.stream import Stream
from fairlead_store import DiskFull
from unit.logstream.fakes import NOW_US, SilentAudience, append_of, batch_of

S = 1_000_000
SIZE = batch_of(0, "x").size
OPEN, SEALED = False, True


class Kept:
    """Some streams of batches of one record each, and who keeps them to their limits."""

    def __init__(self, limits: Limits) -> None:
        self.store = MemoryStreamStore()
        self.now_us = NOW_US
        surroundings = Surroundings(self.store, Recent(), SilentAudience(), lambda: self.now_us)
        self.directory = Directory(surroundings)
        self.keeper = Keeper(self.store, self.directory, limits, lambda: self.now_us, surroundings.counters)

    async def fill(self, name: str, ages_s: list[int], retention: Retention, *, is_sealed: bool = OPEN) -> None:
        """A stream whose batches were stored so long ago, the oldest first."""
        row = await self.store.create(StreamRow(0, name, name, 7, NOW_US, State(retention=retention)))
        for first, age_s in enumerate(ages_s):
            stored_us = NOW_US - age_s * S
            await self.store.write(Change(row.id, [batch_of(first, "x")], {}, None, first * SIZE, stored_us=stored_us))
        if is_sealed:
            state = State(sealed=Sealed(0, None, len(ages_s)), retention=retention)
            await self.store.write(Change(row.id, [], {}, state))
        await self.directory.load()

    def stream(self, name: str) -> Stream:
        live = self.directory.get(name)
        assert live is not None
        return live.stream

    async def kept(self) -> dict[str, list[int]]:
        """The numbers that each stream still has; what is known of it is what is stored."""
        kept: dict[str, list[int]] = {}
        for row in await self.store.streams():
            stream = self.stream(row.name)
            assert (stream.oldest, stream.stored_bytes) == (row.oldest, row.written_bytes - row.trimmed_bytes)
            batches = await self.store.read(StreamKey(row.id, row.epoch), row.oldest, row.head, 1 << 30)
            kept[row.name] = [batch.first for batch in batches]
        return kept


NONE = Retention()


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        (Retention(), [0, 1, 2, 3]),
        (Retention(max_age_s=100), [0, 1, 2, 3]),
        (Retention(max_age_s=99), [1, 2, 3]),
        (Retention(max_age_s=10), [3]),
        (Retention(max_bytes=4 * SIZE), [0, 1, 2, 3]),
        (Retention(max_bytes=4 * SIZE - 1), [1, 2, 3]),
        (Retention(max_bytes=SIZE), [3]),
        (Retention(max_records=3), [1, 2, 3]),
        (Retention(max_records=1), [3]),
        (Retention(max_age_s=60, max_records=3), [2, 3]),
    ],
)
@pytest.mark.parametrize("is_own", [True, False])
async def test_the_oldest_batches_beyond_a_limit_go(limits: Retention, left: list[int], is_own: bool) -> None:
    kept = Kept(Limits() if is_own else Limits(limits))
    await kept.fill("a", [100, 90, 50, 10], limits if is_own else NONE)
    await kept.keeper.round()
    assert await kept.kept() == {"a": left}


async def test_an_open_stream_keeps_its_last_batch_and_a_sealed_one_does_not() -> None:
    kept = Kept(Limits(Retention(max_age_s=5, max_bytes=1, max_records=1)))
    await kept.fill("open", [100, 90], NONE)
    await kept.fill("sealed", [100, 90], NONE, is_sealed=SEALED)
    await kept.keeper.round()
    assert await kept.kept() == {"open": [1], "sealed": []}
    assert (kept.stream("sealed").oldest, kept.stream("sealed").head) == (2, 2)


async def test_the_last_batch_goes_when_another_one_follows() -> None:
    kept = Kept(Limits(Retention(max_age_s=5)))
    await kept.fill("a", [100, 90], NONE)
    await kept.keeper.round()
    told: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    live = kept.directory.get("a")
    assert live is not None
    live.appender.append(append_of("new"), told.set_result)
    await told
    await kept.keeper.round()
    assert await kept.kept() == {"a": [2]}


async def test_a_streams_own_limit_counts_over_the_services() -> None:
    kept = Kept(Limits(Retention(max_records=1, max_age_s=30)))
    await kept.fill("more", [20, 20, 20], Retention(max_records=2))
    await kept.fill("older", [100, 20], Retention(max_age_s=1_000, max_records=9))
    await kept.fill("usual", [20, 20, 20], NONE)
    await kept.keeper.round()
    assert await kept.kept() == {"more": [1, 2], "older": [0, 1], "usual": [2]}


async def test_time_alone_makes_batches_too_old() -> None:
    kept = Kept(Limits(Retention(max_age_s=100)))
    await kept.fill("a", [90, 50, 10], NONE)
    left = []
    for _ in range(3):
        await kept.keeper.round()
        left.append((await kept.kept())["a"])
        kept.now_us += 40 * S
    assert left == [[0, 1, 2], [1, 2], [2]]


async def test_beyond_the_total_the_oldest_go_whatever_stream_they_are_of() -> None:
    kept = Kept(Limits(total_bytes=4 * SIZE))
    await kept.fill("a", [100, 80, 10], NONE)
    await kept.fill("b", [90, 70, 60, 5], NONE)
    await kept.keeper.round()
    assert await kept.kept() == {"a": [2], "b": [1, 2, 3]}


async def test_beyond_the_total_sealed_streams_go_first() -> None:
    kept = Kept(Limits(total_bytes=3 * SIZE))
    await kept.fill("open", [100, 80, 60], NONE)
    await kept.fill("sealed", [10, 9], NONE, is_sealed=SEALED)
    await kept.keeper.round()
    assert await kept.kept() == {"open": [0, 1, 2], "sealed": []}


async def test_open_streams_stay_beyond_the_total_rather_than_lose_their_last_batch() -> None:
    kept = Kept(Limits(total_bytes=1))
    await kept.fill("a", [100, 80], NONE)
    await kept.fill("b", [90], NONE)
    await kept.keeper.round()
    assert await kept.kept() == {"a": [1], "b": [0]}


async def test_a_long_stream_is_trimmed_in_steps_of_one_small_write_each() -> None:
    kept = Kept(Limits(Retention(max_records=1)))
    await kept.fill("a", [10] * (2 * STEP_BATCHES + 2), NONE)
    trims: list[int] = []
    trim = kept.store.trim

    async def counted(key: StreamKey, oldest: int) -> None:
        trims.append(oldest)
        await trim(key, oldest)

    kept.store.trim = counted  # type: ignore[method-assign]
    await kept.keeper.round()
    assert trims == [STEP_BATCHES, 2 * STEP_BATCHES, 2 * STEP_BATCHES + 1]


async def test_a_trim_that_fails_changes_nothing_and_the_next_round_does_it() -> None:
    kept = Kept(Limits(Retention(max_records=1)))
    await kept.fill("a", [10, 10, 10], NONE)
    kept.store.fail_next = DiskFull("full")
    with pytest.raises(DiskFull):
        await kept.keeper.round()
    assert await kept.kept() == {"a": [0, 1, 2]}
    await kept.keeper.round()
    assert await kept.kept() == {"a": [2]}


async def test_nothing_is_asked_of_the_store_while_nothing_is_too_much() -> None:
    """Nor of the last batch of an idle stream, which is too old and stays."""
    kept = Kept(Limits(Retention(max_age_s=50), total_bytes=1_000))
    await kept.fill("young", [10, 5], NONE)
    await kept.fill("last", [100], NONE)
    await kept.keeper.round()

    async def outlines(*_: object) -> list[object]:
        raise AssertionError

    kept.store.outlines = outlines  # type: ignore[method-assign,assignment]
    await kept.keeper.round()
