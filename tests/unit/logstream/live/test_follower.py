"""The cursor hand-off: L4 and L6 with a sink whose room the test decides."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_common.tasks import Tasks
from fairlead_logstream.live import follower
from fairlead_logstream.live.appender import Request
from fairlead_logstream.live.follower import SEND_BYTES, Follower
from fairlead_logstream.live.history import History, Place
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.rows import StreamKey
from fairlead_logstream.model.stream import Stream
from fairlead_logstream.store.stream_store import CorruptBatch
from fairlead_store import StoreUnavailable
from support.waiting import eventually
from unit.logstream.fakes import SlowSink, StreamHarness


class Following(StreamHarness):
    """A stream with followers."""

    def __init__(self, recent_bytes: int = 1 << 20) -> None:
        super().__init__(recent_bytes)
        self.tasks = Tasks()
        self.history = History(self.store, self.tasks, self.surroundings.counters)

    def follow(
        self, cursor: int = 0, room: int = 1_000_000, *, merges: bool = True, is_reset: bool = False
    ) -> SlowSink:
        sink = SlowSink(self.live, room, merges=merges)
        sink.follower = Follower(self.live, self.history, sink, Place(cursor, is_reset))
        sink.follower.resume()
        return sink

    async def seal(self, exit_code: int = 0) -> None:
        told: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        request = Request(lambda draft: {"next": draft.seal(exit_code, None)}, told.set_result)
        self.live.appender.submit(request)
        await told


def live(sink: SlowSink) -> bool:
    assert sink.follower is not None
    return sink.follower.is_live


def is_sealed(sink: SlowSink) -> bool:
    return sink.sealed is not None


async def test_history_then_what_follows_without_a_seam() -> None:
    following = Following()
    await following.start()
    await following.append("a", "b")
    sink = following.follow()
    assert (sink.texts, live(sink)) == (["a", "b"], True)
    await following.append("c")
    await following.append("d")
    assert sink.texts == ["a", "b", "c", "d"]


async def test_what_is_not_in_memory_is_read_from_the_store() -> None:
    following = Following(recent_bytes=0)
    await following.start()
    for text in "abc":
        await following.append(text)
    sink = following.follow(1)
    await eventually(lambda: live(sink))
    assert sink.texts == ["b", "c"]


async def test_a_store_that_is_ahead_of_the_head_is_not_read_beyond_it() -> None:
    """A commit is in the store before the loop hears of it: who reads then must not get it twice."""
    following = Following(recent_bytes=0)
    await following.start()
    await following.append("a")
    sink = following.follow(0)
    appending = asyncio.ensure_future(following.append("b"))
    await eventually(lambda: live(sink))
    await appending
    await eventually(lambda: len(sink.texts) == 2)
    assert sink.texts == ["a", "b"]


async def test_a_slow_sink_goes_back_to_reading_from_what_was_not_sent() -> None:
    following = Following()
    await following.start()
    sink = following.follow(room=2)
    for text in "abcdef":
        await following.append(text)
    assert sink.texts == ["a", "b"]
    assert not live(sink)
    sink.give(1)
    assert sink.texts == list("abcdef")  # merged into one send
    await following.append("g")
    sink.give(5)
    await following.append("h")
    assert sink.texts == list("abcdefgh")
    assert live(sink)


async def test_a_stopped_sink_costs_one_read_at_most() -> None:
    following = Following(recent_bytes=0)
    await following.start()
    sink = following.follow(room=0)
    for _ in range(50):
        await following.append("x" * 10_000)
    assert sink.follower is not None
    sink.give(1)
    unsent = sink.follower._unsent
    await eventually(lambda: unsent)
    assert sum(batch.size for batch in unsent) <= SEND_BYTES
    assert not following.surroundings.followed


async def test_all_that_wait_keep_so_much_together_and_read_the_rest_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "KEPT_LIMIT_BYTES", 50_000)
    following = Following(recent_bytes=0)
    await following.start()
    await following.append("x" * 10_000)
    await following.append("y" * 10_000)
    sinks = [following.follow(room=0) for _ in range(5)]
    await eventually(lambda: following.history.kept_bytes > 0 and not following.tasks._running)
    assert following.history.kept_bytes <= 50_000
    for sink in sinks:
        sink.give(10)
    await eventually(lambda: all(live(sink) for sink in sinks))
    assert [len("".join(sink.texts)) for sink in sinks] == [20_000] * 5
    assert following.history.kept_bytes == 0


async def test_one_slow_sink_delays_nobody() -> None:
    following = Following()
    await following.start()
    slow, quick = following.follow(room=0), following.follow()
    for text in "abc":
        await following.append(text)
    assert (slow.texts, quick.texts) == ([], ["a", "b", "c"])


@pytest.mark.parametrize("recent_bytes", [0, 1 << 20])
async def test_results_are_merged_and_stay_within_64_kib(recent_bytes: int) -> None:
    following = Following(recent_bytes)
    await following.start()
    for index in range(300):
        await following.append(str(index).rjust(500))
    sink = following.follow()
    await eventually(lambda: live(sink))
    assert len(sink.batches) == 3
    assert all(batch.size <= SEND_BYTES for batch in sink.batches)
    assert [int(text) for text in sink.texts] == list(range(300))


async def test_on_a_topic_each_batch_keeps_its_publication_id() -> None:
    following = Following()
    await following.start()
    for text in "abc":
        await following.append(text)
    sink = following.follow(merges=False)
    assert [batch.publication for batch in sink.batches] == [batch.publication for batch in following.audience.batches]


async def test_a_start_inside_a_batch_begins_with_that_record() -> None:
    following = Following()
    await following.start()
    await following.append(*"abcde")
    sink = following.follow(3, merges=False)
    assert [(batch.first, batch.next) for batch in sink.batches] == [(3, 5)]


async def test_a_follower_ends_at_the_seal() -> None:
    following = Following()
    await following.start()
    sink = following.follow()
    await following.append("a")
    await following.seal(3)
    assert (sink.texts, sink.sealed and sink.sealed.exit_code) == (["a"], 3)
    assert not following.surroundings.followed


async def test_a_finished_log_is_read_like_a_running_one() -> None:
    following = Following()
    await following.start()
    await following.append("a", "b")
    await following.seal(3)
    sink = following.follow(1)
    assert (sink.texts, sink.sealed and sink.sealed.next) == (["b"], 2)


@pytest.mark.parametrize("room", [0, 1])
async def test_the_seal_waits_for_room_behind_the_last_record(room: int) -> None:
    following = Following()
    await following.start()
    sink = following.follow(room=room)
    await following.append("a")
    await following.seal(0)
    assert sink.sealed is None
    sink.give(10)
    assert (sink.texts, sink.sealed is not None) == (["a"], True)


async def test_what_retention_removed_is_told() -> None:
    following = Following()
    stream = (await following.start()).stream
    await following.append(*"abcdef")
    stream.oldest = 4
    sink = following.follow(1)
    assert sink.notices == [{"lagged": {"from": 1, "to": 4}}]
    assert sink.texts == ["e", "f"]


async def test_a_notice_waits_for_room_and_is_told_once() -> None:
    following = Following()
    stream = (await following.start()).stream
    await following.append(*"abcdef")
    stream.oldest = 4
    sink = following.follow(1, room=0)
    sink.give(1)
    sink.give(1)
    assert sink.notices == [{"lagged": {"from": 1, "to": 4}}]
    assert sink.texts == ["e", "f"]


async def test_a_reset_comes_before_the_records() -> None:
    following = Following()
    await following.start()
    await following.append("a")
    sink = following.follow(0, is_reset=True, room=0)
    sink.give(1)
    assert (sink.notices, sink.texts) == ([{"reset": {"epoch": 7, "oldest": 0, "next": 0}}], [])
    sink.give(1)
    assert (len(sink.notices), sink.texts) == (1, ["a"])


async def test_damage_is_told_and_skipped() -> None:
    following = Following(recent_bytes=0)
    await following.start()
    for text in "abc":
        await following.append(text)
    read = following.store.read

    async def damaged(key: StreamKey, start: int, end: int, limit_bytes: int) -> list[Batch]:
        if start == 1:
            raise CorruptBatch(1, 2)
        return (await read(key, start, end, limit_bytes))[:1]

    following.store.read = damaged  # type: ignore[method-assign]
    sink = following.follow()
    await eventually(lambda: live(sink))
    assert sink.texts == ["a", "c"]
    assert sink.notices == [{"lagged": {"from": 1, "to": 2, "damaged": True}}]


async def test_a_hole_in_the_store_is_told_not_hidden() -> None:
    following = Following(recent_bytes=0)
    await following.start()
    for text in "abc":
        await following.append(text)
    kept = following.store._by_name["s"]
    del kept.batches[1]
    sink = following.follow()
    await eventually(lambda: live(sink))
    assert sink.texts == ["a", "c"]
    assert sink.notices == [{"lagged": {"from": 1, "to": 2, "damaged": True}}]


async def test_a_store_that_cannot_be_read_fails_the_follower() -> None:
    following = Following(recent_bytes=0)
    await following.start()
    await following.append("a")

    async def fail(key: StreamKey, start: int, end: int, limit_bytes: int) -> list[Batch]:
        raise StoreUnavailable("the disk has gone")

    following.store.read = fail  # type: ignore[method-assign]
    sink = following.follow()
    await eventually(lambda: sink.error)
    assert str(sink.error) == "the disk has gone"


async def test_a_read_that_breaks_leaves_no_follower_waiting(caplog: pytest.LogCaptureFixture) -> None:
    following = Following(recent_bytes=0)
    await following.start()
    await following.append("a")

    async def fail(key: StreamKey, start: int, end: int, limit_bytes: int) -> list[Batch]:
        raise RuntimeError("a mistake of ours")

    following.store.read = fail  # type: ignore[method-assign]
    sink = following.follow()
    await eventually(lambda: sink.error)
    assert sink.error is not None
    assert sink.error.uri == "fairlead.error.store_failed"
    assert "stream 's' cannot be read" in caplog.text


async def test_an_ended_follower_gets_nothing_more() -> None:
    following = Following()
    await following.start()
    sink = following.follow()
    assert sink.follower is not None
    sink.follower.end()
    await following.append("a")
    sink.give(1)
    assert sink.texts == []
    assert not following.surroundings.followed


async def test_a_follower_may_end_while_it_reads_the_store() -> None:
    following = Following(recent_bytes=0)
    await following.start()
    await following.append("a")
    sink = following.follow()
    assert sink.follower is not None
    sink.follower.end()
    await following.tasks.close()
    assert sink.texts == []


async def test_an_idle_follower_is_told_the_head() -> None:
    following = Following()
    await following.start()
    sink = following.follow()
    await following.append("a")
    assert sink.follower is not None
    sink.follower.beat()
    assert sink.notices == []  # it has got a record since the last beat
    sink.follower.beat()
    assert sink.notices == [{"head": 1}]
    sink.follower.beat()
    assert sink.notices == [{"head": 1}]  # half a heartbeat ago
    sink.room = 0
    sink.follower.beat()
    assert not live(sink)
    sink.give(1)
    assert live(sink)


@given(st.data())
async def test_whatever_the_room_everything_comes_once_and_in_order(data: st.DataObject) -> None:
    """Appends, room and new followers in any order, with and without a cache."""
    following = Following(recent_bytes=data.draw(st.sampled_from([0, 2_000, 1 << 20]), label="cache"))
    await following.start()
    sinks: list[tuple[int, SlowSink]] = []
    head = 0
    for _ in range(data.draw(st.integers(1, 25), label="steps")):
        step = data.draw(st.sampled_from(["append", "append", "follow", "room", "turn"]))
        if step == "append":
            count = data.draw(st.integers(1, 4))
            await following.append(*[str(number) for number in range(head, head + count)])
            head += count
        elif step == "follow":
            cursor = data.draw(st.integers(0, head))
            room, merges = data.draw(st.integers(0, 3)), data.draw(st.booleans())
            sinks.append((cursor, following.follow(cursor, room, merges=merges)))
        elif step == "room" and sinks:
            data.draw(st.sampled_from(sinks))[1].give(data.draw(st.integers(1, 3)))
        else:
            await asyncio.sleep(0)
    await following.seal()
    for cursor, sink in sinks:
        sink.give(1000)
        await eventually(partial(is_sealed, sink))
        assert sink.texts == [str(number) for number in range(cursor, head)]
    assert not following.surroundings.followed


@pytest.mark.parametrize("merges", [False, True])
async def test_who_arrives_while_a_crowd_is_delivered_to_gets_nothing_twice(merges: bool) -> None:
    following = Following()
    following.audience.members = 1_000
    await following.start()
    await following.append("a")
    await following.append("b")  # waits for the next delivery to the crowd
    sink = following.follow(merges=merges)
    await following.append("c")
    await eventually(lambda: sink.texts == ["a", "b", "c"])
    assert [batch.first for batch in following.audience.batches] == [0, 1, 2]


async def test_no_head_overtakes_the_records_before_it() -> None:
    following = Following()
    following.audience.members = 1_000
    await following.start()
    sink = following.follow()
    await following.append("a")
    await following.append("b")
    assert sink.follower is not None
    sink.is_idle = True
    sink.follower.beat()
    assert (sink.texts, sink.notices) == (["a", "b"], [])


async def test_what_a_failed_delivery_has_left_out_is_read() -> None:
    following = Following()
    await following.start()
    sink = following.follow()
    healthy = following.audience.batch

    def broken(stream: Stream, batch: Batch) -> int:
        following.audience.batch = healthy  # type: ignore[method-assign]
        raise RuntimeError("a mistake of ours")

    following.audience.batch = broken  # type: ignore[method-assign]
    await following.append("a")
    await following.append("b")
    assert sink.texts == ["a", "b"]
    assert live(sink)
