"""What waits to be written: chunks, bounds, what is taken back, and taking turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_router.deadlines import Deadlines
from fairlead_router.item import About, Item
from fairlead_router.limits import Limits
from fairlead_router.messages import Message
from fairlead_router.outbox import Outbox
from fairlead_router.payload import Payload
from fairlead_router.pulse import Pulse
from fairlead_router.transcode import Codec
from support.core import HandHost, Owner

KIB = 1024


class NoWire:
    """Frames are made by the tests."""

    codec: Codec = "json"

    def frame(self, message: Message, payload: Payload) -> Any:
        raise NotImplementedError

    def size(self, frame: Any) -> int:
        return len(frame)

    def joined(self, frames: list[Any]) -> list[Any]:
        return frames


class Sink:
    """Writes its items in order, each as soon as there is room."""

    def __init__(self, desk: Desk, name: str, items: int, size: int) -> None:
        self._desk = desk
        self.name = name
        self.left = [Item(name, size, self, None, number) for number in range(items)]
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1
        while self.left and self._desk.outbox.offer(self.left[0], self):
            self.left.pop(0)


class Desk:
    """One outbox and everything around it."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.host = HandHost()
        self.owner = Owner()
        self.writes: list[list[Any]] = []
        self.on_write: Callable[[], None] = lambda: None
        self.pulse = Pulse(self.host, Deadlines(self.host))
        self.outbox = self.another(limits)

    def another(self, limits: Limits | None = None) -> Outbox:
        return Outbox(NoWire(), self._write, self.owner, self.pulse, limits or Limits())

    def put(self, *frames: Any, size: int = 100, owner: object | None = None, about: About | None = None) -> None:
        for frame in frames:
            self.outbox.append(Item(frame, size, owner, about))

    def _write(self, frames: list[Any]) -> None:
        self.writes.append(frames)
        self.on_write()


# ---- writing ----


def test_what_is_sent_in_one_turn_is_one_write() -> None:
    desk = Desk()
    desk.put("a", "b")
    desk.put("c")
    assert desk.writes == []
    desk.host.turn()
    assert desk.writes == [["a", "b", "c"]]
    assert desk.outbox.is_empty


def test_a_write_has_at_most_64_kib() -> None:
    desk = Desk()
    desk.put(*range(10), size=20 * KIB)
    desk.host.turn()
    assert desk.writes == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]


def test_a_larger_item_is_a_write_of_its_own() -> None:
    desk = Desk()
    desk.put("small")
    desk.put("large", size=200 * KIB)
    desk.put("last")
    desk.host.turn()
    assert desk.writes == [["small"], ["large"], ["last"]]


def test_nothing_is_written_while_the_transport_is_paused() -> None:
    desk = Desk()
    desk.outbox.pause()
    desk.put("a")
    desk.host.run()
    assert desk.writes == []
    desk.outbox.resume()
    desk.put("b")
    desk.host.run()
    assert desk.writes == [["a", "b"]]


def test_writing_stops_with_the_write_that_pauses_the_transport() -> None:
    desk = Desk()
    desk.put(*range(6), size=30 * KIB)
    desk.on_write = lambda: desk.outbox.pause() if len(desk.writes) == 2 else None
    desk.host.run()
    assert desk.writes == [[0, 1], [2, 3]]
    desk.on_write = lambda: None
    desk.put("later")
    desk.outbox.resume()
    desk.host.run()
    assert desk.writes[2:] == [[4, 5, "later"]]


def test_a_blocked_outbox_keeps_order_and_waits_for_the_last_block() -> None:
    desk = Desk()
    desk.outbox.block()
    desk.outbox.block()
    desk.put("a")
    desk.outbox.unblock()
    desk.host.run()
    assert desk.writes == []
    desk.put("b")
    desk.outbox.unblock()
    desk.host.run()
    assert desk.writes == [["a", "b"]]


def test_what_writing_brings_about_is_written_in_the_next_turn() -> None:
    desk = Desk()
    desk.put("question")
    desk.on_write = lambda: desk.put("answer") if len(desk.writes) == 1 else None
    desk.host.turn()
    assert desk.writes == [["question"]]
    desk.host.turn()
    assert desk.writes == [["question"], ["answer"]]


def test_all_outboxes_are_flushed_by_one_callback() -> None:
    desk = Desk()
    for name in "abc":
        desk.another().append(Item(name, 1))
    assert desk.host.run() == 1
    assert desk.writes == [["a"], ["b"], ["c"]]


def test_one_outbox_that_fails_keeps_no_other_from_being_written() -> None:
    desk = Desk()

    def fail_once() -> None:
        if len(desk.writes) == 1:
            raise RuntimeError("a transport is broken")

    desk.on_write = fail_once
    outboxes = [desk.another() for _ in range(3)]
    for name, outbox in zip("abc", outboxes, strict=True):
        outbox.append(Item(name, 1))
    with pytest.raises(RuntimeError, match="broken"):
        desk.host.turn()
    desk.host.run()
    assert desk.writes == [["a"], ["b"], ["c"]]
    outboxes[0].append(Item("again", 1))
    desk.host.run()
    assert desk.writes[3:] == [["again"]]


# ---- bounds ----


def test_a_burst_that_the_transport_takes_breaks_no_bound() -> None:
    desk = Desk()
    desk.put(*range(20_000), size=1000)
    desk.host.run()
    assert desk.owner.told == []
    assert sum(map(len, desk.writes)) == 20_000


def test_bound_is_judged_only_after_an_attempt_to_write() -> None:
    desk = Desk(Limits(outbox_bytes=1000))
    desk.outbox.pause()
    desk.put(*range(20))
    assert desk.owner.told == []
    desk.outbox.resume()
    desk.host.run()
    assert desk.owner.told == []


LIMITS = Limits(
    outbox_bytes=1000, outbox_messages=50, stalled_factor=3, burst_factor=8, slow_consumer_grace_s=2, overdraft_s=6
)


def test_who_accepts_nothing_for_the_time_of_grace_is_too_slow() -> None:
    desk = Desk(LIMITS)
    desk.outbox.pause()
    desk.put(*range(10))
    desk.host.advance(10)
    assert desk.owner.told == []
    desk.put("one more")
    desk.host.advance(1.9)
    assert desk.owner.told == []
    desk.host.advance(0.2)
    assert desk.owner.told == ["is_too_slow"]


def test_who_accepts_nothing_may_have_less_queued_than_who_reads() -> None:
    for reads, most in ((False, 30), (True, 80)):
        desk = Desk(LIMITS)
        if reads:
            desk.on_write = desk.outbox.pause
            desk.put("accepted", size=65 * KIB)
        else:
            desk.outbox.pause()
        desk.put(*range(11))
        desk.host.run()
        desk.put(*range(most - 11))
        desk.host.run()
        assert desk.owner.told == []
        desk.put("one more")
        desk.host.run()
        assert desk.owner.told == ["is_too_slow"]


def test_messages_are_bounded_like_bytes() -> None:
    desk = Desk(LIMITS)
    desk.outbox.pause()
    desk.put(*range(50), size=1)
    desk.host.advance(3)
    assert desk.owner.told == []
    desk.put("one more", size=1)
    desk.host.advance(3)
    assert desk.owner.told == ["is_too_slow"]


@pytest.mark.parametrize("size", [100, 100_000])
def test_burst_of_one_turn_ends_nobody_who_reads(size: int) -> None:
    """However large: what many peers have sent ahead comes within one turn."""
    desk = Desk(LIMITS)
    desk.on_write = desk.outbox.pause
    desk.put(*range(2000), size=size)
    desk.host.run()
    for _ in range(10):
        desk.put("one more")
        desk.outbox.resume()
        desk.host.turn()
    desk.on_write = lambda: None
    desk.outbox.resume()
    desk.host.advance(60)
    assert desk.owner.told == []
    assert [frame for frames in desk.writes for frame in frames if isinstance(frame, int)] == list(range(2000))
    assert desk.host.pending_timers == 0


def test_who_reads_on_has_new_grace_until_overdrafts_end() -> None:
    desk = Desk(LIMITS)
    desk.on_write = desk.outbox.pause
    desk.put(*range(100), size=70 * KIB)
    for _ in range(3):
        desk.host.advance(1.9)
        assert desk.owner.told == []
        desk.outbox.resume()
    desk.host.advance(0.4)
    assert desk.owner.told == ["is_too_slow"], "6 s have passed"


def test_time_during_which_an_authorizer_is_asked_is_not_the_readers_fault() -> None:
    desk = Desk(LIMITS)
    desk.outbox.block()
    desk.put(*range(20))
    desk.host.advance(60)
    assert desk.owner.told == []
    desk.outbox.unblock()
    desk.host.run()
    assert desk.outbox.is_empty


def test_nobody_judges_the_farewell_of_a_session_that_has_ended() -> None:
    desk = Desk(LIMITS)
    desk.outbox.pause()
    desk.put(*range(20))
    desk.host.run()
    desk.outbox.end()
    desk.put(*range(100))
    desk.host.advance(60)
    assert desk.owner.told == []
    assert desk.host.pending_timers == 0


def test_what_is_sent_is_counted() -> None:
    desk = Desk()
    desk.put(*range(5), size=100)
    desk.host.run()
    desk.outbox.pause()
    desk.put("not yet")
    desk.host.run()
    assert (desk.outbox.sent_messages, desk.outbox.sent_bytes) == (5, 500)


def test_more_than_catch_up_bytes_of_streams_has_fallen_behind() -> None:
    desk = Desk(Limits(catch_up_bytes=1000))
    desk.outbox.pause()
    desk.put(*range(50))
    desk.outbox.append(Item("stream", 1000, "owner", None, 0))
    desk.host.run()
    assert desk.owner.told == []
    desk.outbox.append(Item("stream", 1, "owner", None, 1))
    desk.host.run()
    assert desk.owner.told == ["fell_behind"]


def test_size_is_exact_after_everything_that_changes_it() -> None:
    desk = Desk()
    desk.outbox.pause()
    desk.put("a", "b", owner="first")
    desk.put("c", size=7, owner="second")
    desk.host.run()
    assert desk.outbox.size == 207
    desk.outbox.purge("first")
    assert desk.outbox.size == 7
    desk.put("d", size=1)
    desk.host.run()
    assert desk.outbox.size == 8
    desk.outbox.resume()
    desk.host.run()
    assert desk.outbox.size == 0


# ---- taking back ----


def test_purge_takes_exactly_the_items_of_one_owner() -> None:
    desk = Desk()
    first, second = object(), object()
    desk.put("a", owner=first)
    desk.put("b", owner=second)
    desk.put("c")
    desk.put("d", owner=first)
    assert desk.outbox.purge(first) is None
    desk.host.run()
    assert desk.writes == [["b", "c"]]


def test_purge_takes_exactly_what_is_about_one_topic() -> None:
    desk = Desk()
    secret, public = About("com.x", "secret"), About("com.x", "public")
    for name, about in (("a", secret), ("b", public), ("c", None), ("d", About("com.x", "secret"))):
        desk.put(name, owner="subscription", about=about)
    desk.put("e", owner="another", about=secret)
    desk.outbox.purge("subscription", secret)
    desk.host.run()
    assert desk.writes == [["b", "c", "e"]]


def test_purge_gives_the_position_of_the_first_item_taken() -> None:
    desk = Desk()
    for position in (5, 6, 7):
        desk.outbox.append(Item(position, 10, "stream", None, position))
    assert desk.outbox.purge("stream") == 5
    assert desk.outbox.purge("stream") is None


TOPICS = [About("com.x", None), About("com.y", "b")]
STEPS = st.one_of(
    st.tuples(st.just("put"), st.sampled_from([None, "a", "b", 3]), st.sampled_from([None, *TOPICS])),
    st.tuples(st.just("purge"), st.sampled_from(["a", "b", 3]), st.sampled_from([None, *TOPICS])),
    st.tuples(st.sampled_from(["pause", "resume", "turn"]), st.none(), st.none()),
)


@given(st.lists(STEPS, max_size=40))
def test_exactly_what_is_purged_is_not_written(steps: list[tuple[str, Any, About | None]]) -> None:
    """As by a queue that is searched from its beginning."""
    desk = Desk(Limits(write_bytes=250))
    queue: list[tuple[int, Any, About | None]] = []
    expected: list[int] = []
    is_paused = False
    for number, (step, owner, about) in enumerate(steps):
        if step == "put":
            desk.put(number, owner=owner, about=about)
            queue.append((number, owner, about))
        elif step == "purge":
            desk.outbox.purge(owner, about)
            queue = [each for each in queue if each[1] != owner or about not in {None, each[2]}]
        elif step == "turn":
            desk.host.run()
            if not is_paused:
                expected += [each[0] for each in queue]
                queue = []
        else:
            is_paused = step == "pause"
            getattr(desk.outbox, step)()
        assert desk.outbox.measure() == (len(queue), 100 * len(queue))
        assert desk.outbox.queued_owners() == {each[1] for each in queue} - {None}
        assert desk.outbox.is_empty == (not queue)
    assert [frame for write in desk.writes for frame in write] == expected


def test_only_control_messages_are_left_for_a_session_that_ends() -> None:
    desk = Desk()
    desk.put("event", owner="subscription")
    desk.put("PUBLISHED")
    assert desk.outbox.end() == {"subscription"}
    desk.host.run()
    assert desk.writes == [["PUBLISHED"]]


def test_queued_topics_and_owners_are_known() -> None:
    desk = Desk()
    desk.put("a", owner="x", about=About("t", "o"))
    desk.put("b", owner="y", about=About("u", None))
    desk.outbox.append(Item("c", 1, "stream", None, 1))
    desk.outbox.append(Item("d", 1, "stream", None, 2))
    assert desk.outbox.queued_topics("x") == {About("t", "o")}
    assert desk.outbox.queued_stream_owners() == ["stream"]


# ---- catching up at the reader's pace ----


def test_offer_is_refused_when_there_is_no_room_and_the_sink_is_woken_when_there_is() -> None:
    desk = Desk(Limits(catch_up_bytes=256 * KIB))
    desk.outbox.pause()
    sink = Sink(desk, "s", items=10, size=60 * KIB)
    sink.wake()
    assert len(sink.left) == 6, "four items of 60 KiB have room in 256 KiB, a fifth has not"
    desk.host.run()
    assert sink.woken == 1
    desk.outbox.resume()
    desk.host.run()
    assert sink.left == []
    assert sum(map(len, desk.writes)) == 10


def test_no_more_than_catch_up_bytes_are_ever_queued_by_offers() -> None:
    desk = Desk(Limits(catch_up_bytes=256 * KIB))
    desk.outbox.pause()
    sinks = [Sink(desk, str(number), items=50, size=100 * KIB) for number in range(3)]
    for sink in sinks:
        sink.wake()
    desk.host.run()
    assert 0 < desk.outbox.size <= 256 * KIB


def test_live_events_of_streams_count_against_the_room() -> None:
    desk = Desk(Limits(catch_up_bytes=256 * KIB))
    desk.outbox.pause()
    desk.outbox.append(Item("live", 250 * KIB, "live", None, 0))
    desk.host.run()
    sink = Sink(desk, "s", items=1, size=10 * KIB)
    sink.wake()
    assert len(sink.left) == 1


def test_an_item_larger_than_all_room_is_taken_when_nothing_else_is_queued() -> None:
    desk = Desk(Limits(catch_up_bytes=64 * KIB))
    sink = Sink(desk, "s", items=2, size=100 * KIB)
    sink.wake()
    assert len(sink.left) == 1
    desk.host.run()
    assert sink.left == []
    assert desk.writes == [["s"], ["s"]]


def test_room_smaller_than_a_write_wakes_all_the_same() -> None:
    desk = Desk(Limits(catch_up_bytes=1000))
    sink = Sink(desk, "s", items=50, size=100)
    sink.wake()
    desk.host.run()
    assert sink.left == []


def test_sinks_take_turns() -> None:
    desk = Desk(Limits(catch_up_bytes=256 * KIB))
    sinks = [Sink(desk, name, items=40, size=60 * KIB) for name in "abcdefgh"]
    desk.outbox.pause()
    for sink in sinks:
        sink.wake()
    desk.outbox.resume()
    for _ in range(12):
        desk.host.turn()
    done = {sink.name: 40 - len(sink.left) for sink in sinks}
    assert min(done.values()) >= 1, done
    assert max(done.values()) - min(done.values()) <= 8, done
    desk.host.run()
    assert [sink.left for sink in sinks] == [[]] * 8


def test_order_of_each_sink_is_kept() -> None:
    desk = Desk(Limits(catch_up_bytes=100))
    sinks = [Sink(desk, name, items=20, size=30) for name in "ab"]
    for sink in sinks:
        sink.left = [Item((sink.name, number), 30, sink, None, number) for number in range(20)]
        sink.wake()
    desk.host.run()
    written = [frame for frames in desk.writes for frame in frames]
    for name in "ab":
        assert [number for who, number in written if who == name] == list(range(20))


def test_forgotten_sink_is_not_woken() -> None:
    desk = Desk(Limits(catch_up_bytes=100))
    desk.outbox.pause()
    sink = Sink(desk, "s", items=3, size=60)
    sink.wake()
    desk.outbox.forget(sink)
    desk.outbox.resume()
    desk.host.run()
    assert sink.woken == 1


def test_sink_that_wants_nothing_keeps_no_loop_turning() -> None:
    desk = Desk()

    class Idle:
        def wake(self) -> None:
            pass

    desk.outbox.wait(Idle())
    assert desk.host.run() <= 2
