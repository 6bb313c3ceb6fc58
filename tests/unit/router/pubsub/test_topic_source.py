"""Topics with a source: readers, live members, and the way between the two."""

from __future__ import annotations

import pytest

from fairlead_router.errors import RequestError
from fairlead_router.limits import Limits
from fairlead_router.payload import Payload
from fairlead_router.pubsub.topic_source import SourceTopics, TopicReader
from support.core import Core, Peer, RecordingSource, Rights, types_of

TOPIC = "src.log"


class Log:
    """A source with one stream of numbers per topic: what a log service does, in miniature."""

    def __init__(self, core: Core, size: int = 10) -> None:
        self.source: RecordingSource = core.serve()
        self.source.on_subscribed = self._subscribed
        self.source.on_fell_behind = self._fell_behind
        self._topics = SourceTopics(core.realm1)
        self._padding = "x" * size
        self.heads: dict[str, int] = {}
        self.cursors: dict[TopicReader, int] = {}

    def append(self, topic: str = TOPIC, count: int = 1) -> None:
        for _ in range(count):
            number = self.heads.get(topic, 0)
            self.heads[topic] = number + 1
            self._topics.publish(topic, self._payload(number), number + 1, number)

    def _payload(self, number: int) -> Payload:
        return Payload.from_values([number, self._padding])

    def _subscribed(self, reader: TopicReader) -> None:
        reader.on_writable = lambda: self._feed(reader)
        self.cursors[reader] = 0
        self._feed(reader)

    def _fell_behind(self, reader: TopicReader, position: int) -> None:
        self.cursors[reader] = position

    def _feed(self, reader: TopicReader) -> None:
        head = self.heads.get(reader.topic, 0)
        while self.cursors[reader] < head:
            number = self.cursors[reader]
            if not reader.send(self._payload(number), number + 1, number):
                return
            self.cursors[reader] += 1
        reader.go_live()


def numbers(peer: Peer) -> list[int]:
    return [args[0] for args in peer.events()]


def test_history_follows_subscribed_and_live_events_follow_history() -> None:
    core = Core()
    log = Log(core)
    log.append(count=3)
    alice = core.join()
    alice.send([32, 1, {}, TOPIC])
    log.append()
    messages = alice.take()
    assert types_of(messages) == [33, 36, 36, 36, 36]
    assert [message[4][0] for message in messages[1:]] == [0, 1, 2, 3]


def test_events_pass_a_reader_by_until_it_goes_live() -> None:
    core = Core()
    source = core.serve()
    alice = core.join()
    alice.subscribe(TOPIC)
    topics = SourceTopics(core.realm1)
    [reader] = source.readers
    assert (reader.is_live, topics.publish(TOPIC, Payload.of(1), 1, 0)) == (False, 0)
    assert topics.has_members(TOPIC)
    reader.go_live()
    assert (reader.is_live, topics.publish(TOPIC, Payload.of(2), 2, 1)) == (True, 1)
    assert alice.events() == [[2]]


def test_options_reach_the_source() -> None:
    core = Core()
    source = core.serve()
    alice = core.join()
    alice.ask([32, 1, {"get_retained": True, "_fairlead_start": 5, "_fairlead_epoch": 2}, TOPIC])
    options = source.readers[0].options
    assert (options.get_retained, options.fairlead_start, options.fairlead_epoch) == (True, 5, 2)
    assert options.fairlead_tail is None


def test_second_subscribe_brings_no_second_history() -> None:
    core = Core()
    log = Log(core)
    log.append()
    alice = core.join()
    assert types_of(alice.ask([32, 1, {}, TOPIC], [32, 2, {}, TOPIC])) == [33, 36, 33]


def test_source_may_refuse() -> None:
    core = Core()
    source = core.serve()
    source.refusals[TOPIC] = RequestError("there is no such stream", expected="another")
    [error] = core.join().ask([32, 1, {}, TOPIC])
    assert error == [
        8,
        32,
        1,
        {},
        "wamp.error.runtime_error",
        ["there is no such stream"],
        {"expected": "another"},
    ]
    assert source.log == []
    assert not core.realm1.broker.has_members(TOPIC)


@pytest.mark.parametrize("way", ["unsubscribe", "vanish", "goodbye", "kill"])
def test_source_is_told_once_of_a_member_that_leaves(way: str) -> None:
    core = Core()
    source = core.serve()
    alice = core.join("alice")
    subscription = alice.subscribe(TOPIC)
    source.readers[0].go_live()
    if way == "unsubscribe":
        alice.send([34, 1, subscription])
    elif way == "goodbye":
        alice.send([6, {}, "wamp.close.normal"])
    elif way == "kill":
        core.realm1.kill(authid="alice")
    alice.vanish()
    assert source.log == [("subscribed", TOPIC), ("left", TOPIC)]
    assert not source.readers[0].send(Payload.of(1), 1, 0)


def test_member_that_left_cannot_be_brought_back() -> None:
    core = Core()
    source = core.serve()
    alice = core.join()
    subscription = alice.subscribe(TOPIC)
    alice.ask([34, 1, subscription])
    source.readers[0].go_live()
    assert not core.realm1.broker.has_members(TOPIC)


# ---- slow readers (L6) ----


def test_slow_live_member_goes_back_to_reading_and_misses_nothing() -> None:
    core = Core(Limits(catch_up_bytes=10_000))
    log = Log(core, size=100)
    slow, quick = core.join(), core.join()
    for peer in (slow, quick):
        peer.subscribe(TOPIC)
    slow.clog()
    for _ in range(200):
        log.append(count=5)
        core.host.run()
    assert [entry[0] for entry in log.source.log] == ["subscribed", "subscribed", "fell_behind"]
    assert numbers(quick) == list(range(1000))
    slow.read_on()
    log.append(count=3)
    assert numbers(slow) == list(range(1003))
    log.append()
    assert numbers(slow) == [1003]


def test_slow_reader_costs_no_memory() -> None:
    core = Core(Limits(catch_up_bytes=10_000))
    log = Log(core, size=100)
    slow = core.join()
    slow.subscribe(TOPIC)
    slow.clog()
    session = core.realm1.session(slow.session_id)
    assert session is not None
    for _ in range(300):
        log.append(count=3)
        core.host.run()
        assert session.outbox.size <= 10_000
    slow.read_on()
    assert numbers(slow) == list(range(900))


def test_reader_that_stalls_in_its_history_goes_on_where_it_was() -> None:
    core = Core(Limits(catch_up_bytes=1000))
    log = Log(core, size=100)
    log.append(count=500)
    alice = core.join()
    alice.network.high_bytes = 1000
    alice.stop_reading()
    alice.send([32, 1, {}, TOPIC])
    for _ in range(40):
        core.host.run()
        alice.read_on()
        alice.stop_reading()
        log.append()
    alice.read_on()
    subscribed, *events = alice.take()
    assert subscribed[0] == 33
    assert [event[4][0] for event in events] == list(range(540))


def test_other_topics_of_a_slow_member_stay_queued() -> None:
    core = Core(Limits(catch_up_bytes=1000))
    log = Log(core, size=100)
    alice, bob = core.join(), core.join()
    alice.subscribe(TOPIC)
    alice.subscribe("com.x")
    alice.clog()
    bob.send([16, 1, {}, "com.x", ["plain"]])
    log.append(count=20)
    core.host.run()
    bob.send([16, 2, {}, "com.x", ["plain too"]])
    alice.read_on()
    events = alice.events()
    assert [event[0] for event in events if len(event) == 2] == list(range(20))
    assert [event[0] for event in events if len(event) == 1] == ["plain", "plain too"]


def test_all_streams_of_a_slow_session_come_forward() -> None:
    core = Core(Limits(catch_up_bytes=5_000, write_bytes=1_000))
    log = Log(core, size=100)
    alice = core.join()
    topics = [f"src.{number}" for number in range(10)]
    for topic in topics:
        alice.subscribe(topic)
    alice.clog()
    for topic in topics:
        log.append(topic, count=60)
        core.host.run()
    alice.network.high_bytes = 20_000
    received: dict[int, list[int]] = {}
    for _ in range(6):
        alice.read_on()
        alice.stop_reading()
        for message in alice.take():
            received.setdefault(message[1], []).append(message[4][0])
        most = max(map(len, received.values()), default=0)
        assert len(received) == 10 or most <= 40, "a stream takes its turn: what has room at once, some 30 events"
    alice.read_on()
    for message in alice.take():
        received.setdefault(message[1], []).append(message[4][0])
    assert list(received.values()) == [list(range(60))] * 10


def test_event_larger_than_the_room_is_delivered() -> None:
    core = Core(Limits(catch_up_bytes=1000))
    log = Log(core, size=5000)
    log.append(count=3)
    alice = core.join()
    alice.subscribe(TOPIC)
    log.append(count=2)
    assert numbers(alice) == [0, 1, 2, 3, 4]


# ---- patterns, and who may publish ----


def test_pattern_gets_live_events_and_is_closed_when_it_cannot_keep_up() -> None:
    core = Core(Limits(catch_up_bytes=1000, outbox_bytes=10_000, stalled_factor=1))
    log = Log(core, size=100)
    log.append()
    alice = core.join()
    alice.subscribe("src.", match="prefix", get_retained=True)
    log.append()
    [event] = alice.take()
    assert (event[3], event[4][0]) == ({"topic": TOPIC}, 1)
    alice.clog()
    for _ in range(200):
        log.append()
        core.host.run()
    assert not alice.has_session
    assert log.source.log == []


def test_wildcard_gets_what_the_source_publishes_on_the_objects_that_it_may_see() -> None:
    rights = Rights()
    core = Core(authorizer=rights)
    core.serve()
    topics = SourceTopics(core.realm1)
    rights.grant("alice", "a")
    alice = core.join("alice")
    alice.subscribe("src.", match="wildcard", get_retained=True)
    for publication, topic in enumerate(("src.a", "src.b", "src.a.x"), 1):
        topics.publish(topic, Payload.of(topic), publication, 0)
    assert alice.events() == [["src.a"]]


def test_only_the_source_publishes_on_its_topics() -> None:
    """L2. An event of another would be lost when a slow member goes back to reading."""
    core = Core()
    log = Log(core)
    alice, mallory = core.join(), core.join()
    alice.subscribe(TOPIC)
    [error] = mallory.ask([16, 1, {"acknowledge": True}, TOPIC, ["forged"]])
    assert error[:5] == [8, 16, 1, {}, "wamp.error.not_authorized"]
    log.append()
    assert numbers(alice) == [0]


def test_topic_that_gets_a_source_while_it_is_subscribed_to_belongs_to_it_from_then_on() -> None:
    core = Core()
    alice, bob = core.join(), core.join()
    alice.subscribe(TOPIC)
    publish = [16, 1, {"acknowledge": True}, TOPIC]
    assert types_of(bob.ask(publish)) == [17]
    source = core.serve()
    assert bob.ask(publish)[0][4] == "wamp.error.not_authorized"
    core.realm1.broker.remove_source(source)
    assert types_of(bob.ask(publish)) == [17]


def test_topic_is_plain_again_when_its_source_has_gone() -> None:
    core = Core()
    source = core.serve()
    core.realm1.broker.remove_source(source)
    alice, bob = core.join(), core.join()
    alice.subscribe(TOPIC)
    bob.send([16, 1, {}, TOPIC, ["plain"]])
    assert alice.events() == [["plain"]]


def test_positions_are_given_back_exactly() -> None:
    core = Core(Limits(catch_up_bytes=1000))
    log = Log(core, size=100)
    alice = core.join()
    alice.subscribe(TOPIC)
    log.append(count=7)
    core.host.run()
    alice.clog()
    log.append(count=50)
    core.host.run()
    assert log.source.log[-1] == ("fell_behind", TOPIC, 7)
