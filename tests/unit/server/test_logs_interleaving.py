"""Several logs as one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_client.following import Batch, Head, Item, Sealed
from fairlead_server.commands._interleaving import as_they_come, by_time


async def feed(*items: Item) -> AsyncIterator[Item]:
    for item in items:
        yield item


def batch(first: int, *times_us: int) -> Batch:
    return Batch(range(first, first + len(times_us)), [[time_us, "stdout", "", 0] for time_us in times_us])


async def merged(*feeds: Sequence[Item]) -> list[Any]:
    """Records as (feed, number, time), other items as (feed, item)."""
    shown: list[Any] = []
    async for number, item in by_time([feed(*items) for items in feeds]):
        if isinstance(item, Batch):
            shown += [(number, seq, record[0]) for seq, record in zip(item.seqs, item.records, strict=True)]
        else:
            shown.append((number, item))
    return shown


async def test_lines_come_by_their_times() -> None:
    shown = await merged([batch(0, 1, 4), batch(2, 6)], [batch(0, 2, 3), batch(2, 5)])
    assert shown == [(0, 0, 1), (1, 0, 2), (1, 1, 3), (0, 1, 4), (1, 2, 5), (0, 2, 6)]


async def test_of_equal_times_the_first_log_comes_first() -> None:
    assert await merged([batch(0, 1, 1)], [batch(0, 1)]) == [(0, 0, 1), (0, 1, 1), (1, 0, 1)]


async def test_what_is_no_line_comes_behind_the_lines_of_its_log() -> None:
    end = Sealed(0, None, 2)
    assert await merged([batch(0, 5, 9), end], [batch(0, 7), Head(1)]) == [
        (0, 0, 5), (1, 0, 7), (1, Head(1)), (0, 1, 9), (0, end),
    ]  # fmt: skip


@given(st.lists(st.lists(st.lists(st.integers(0, 20), max_size=4), max_size=4), max_size=4))
def test_each_log_keeps_its_order_and_nothing_is_left_out(logs: list[list[list[int]]]) -> None:
    feeds: list[list[Item]] = []
    for batches in logs:
        first, items = 0, []
        for times_us in batches:
            items.append(batch(first, *times_us))
            first += len(times_us)
        feeds.append([*items])
    shown = asyncio.run(merged(*feeds))
    for number, batches in enumerate(logs):
        times_us = [time_us for each in batches for time_us in each]
        assert [(seq, time_us) for log, seq, time_us in shown if log == number] == [*enumerate(times_us)]


@given(st.lists(st.lists(st.integers(0, 20)).map(sorted), max_size=4))
def test_where_no_clock_goes_back_all_is_by_time(logs: list[list[int]]) -> None:
    shown = asyncio.run(merged(*[[batch(0, *times_us)] for times_us in logs]))
    times_us = [time_us for _, _, time_us in shown]
    assert times_us == sorted(times_us)


async def test_what_comes_is_shown_as_it_comes_and_a_quiet_log_holds_up_none() -> None:
    quiet = asyncio.Event()

    async def late() -> AsyncIterator[Item]:
        await quiet.wait()
        yield Head(9)

    shown = []
    async for number, item in as_they_come({3: late(), 5: feed(Head(1), Head(2))}):
        shown.append((number, item))
        if item == Head(2):
            quiet.set()
    assert shown == [(5, Head(1)), (5, Head(2)), (3, Head(9))]


async def test_an_error_of_one_log_ends_it() -> None:
    async def broken() -> AsyncIterator[Item]:
        raise KeyError("oops")
        yield Head(0)

    async def endless() -> AsyncIterator[Item]:
        await asyncio.Event().wait()
        yield Head(0)

    with pytest.raises(KeyError):
        async for _ in as_they_come({0: endless(), 1: broken()}):
            pass
