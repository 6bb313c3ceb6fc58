"""Slow readers and bursts on real sockets (R2, R3): who cannot keep up is told, and nobody else notices."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fairlead_router import (
    Limits,
    Listener,
    Payload,
    Principal,
    Realm,
    RealmObserver,
    RealmOptions,
    Router,
    SourceTopics,
    TopicReader,
)
from support.waiting import eventually
from support.wamp import CONTINUATION, PING, TEXT, Client, dial, dumps, frame

SMALL = 4096
SERVICE = Principal("service", "service")
EVENTS = 1500
EVENT_BYTES = 50_000


class Endings(RealmObserver):
    """Why sessions have ended."""

    def __init__(self, realm: Realm) -> None:
        self.reasons: dict[int, str] = {}
        realm.observe(self)

    def joined(self, session_id: int, principal: Principal) -> None:
        pass

    def left(self, session_id: int, principal: Principal, reason: str) -> None:
        self.reasons[session_id] = reason


@pytest.fixture
async def router() -> AsyncIterator[Router]:
    router = Router(Limits(close_timeout_s=1))
    router.add_realm("realm1")
    yield router
    await router.close()


@pytest.fixture
def realm(router: Router) -> Realm:
    realm = router.realm("realm1")
    assert realm is not None
    return realm


@pytest.fixture
async def listener(router: Router) -> Listener:
    return await router.listen("tcp://127.0.0.1:0")


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


async def publish(publisher: Client, first: int, count: int) -> None:
    """Acknowledged one by one, as a publisher that must not be slowed would notice."""
    for number in range(first, first + count):
        published = await publisher.ask([16, number, {"acknowledge": True}, "com.x", [number, "x" * EVENT_BYTES]])
        assert published[0] == 17, published


async def receive_events(client: Client, count: int) -> list[int]:
    return [(await client.receive())[4][0] for _ in range(count)]


async def test_reader_that_stops_is_closed_and_nobody_else_is_slowed(realm: Realm, listener: Listener) -> None:
    endings = Endings(realm)
    slow = await Client.joined(listener.port, receive_buffer=SMALL)
    quick, publisher = await Client.joined(listener.port), await Client.joined(listener.port)
    for client in (slow, quick):
        await client.subscribe("com.x")
    slow.stop_reading()
    memory = resident_bytes()
    begin_s = time.monotonic()
    numbers, _ = await asyncio.gather(receive_events(quick, EVENTS), publish(publisher, 1, EVENTS))
    assert numbers == list(range(1, EVENTS + 1))
    assert endings.reasons == {slow.session_id: "fairlead.close.too_slow"}
    assert resident_bytes() - memory < 40 << 20, f"{EVENTS * EVENT_BYTES >> 20} MB were published"
    assert realm.counters.sessions_too_slow == 1
    await eventually(lambda: listener.connections == 2, timeout_s=begin_s + 5 - time.monotonic())
    for client in (slow, quick, publisher):
        await client.close()


async def test_reader_that_was_too_slow_is_told_if_it_reads_on_in_time(realm: Realm, listener: Listener) -> None:
    endings = Endings(realm)
    slow, publisher = await Client.joined(listener.port, receive_buffer=SMALL), await Client.joined(listener.port)
    await slow.subscribe("com.x")
    slow.stop_reading()
    while slow.session_id not in endings.reasons:
        await publish(publisher, 1, 1)
    slow.read_on()
    *events, goodbye = await slow.receive_until(6)
    assert goodbye[2] == "fairlead.close.too_slow"
    numbers = [event[4][0] for event in events]
    assert len(numbers) * EVENT_BYTES < 1 << 20, "what was queued is not sent"
    slow.send([6, {}, "wamp.close.goodbye_and_out"])
    assert (await slow.closed()).code == 1000
    for client in (slow, publisher):
        await client.close()


@pytest.mark.parametrize("count", [20_000])
async def test_burst_of_a_publisher_closes_no_reader(listener: Listener, count: int) -> None:
    alice, bob = await Client.joined(listener.port), await Client.joined(listener.port)
    await alice.subscribe("com.x")
    bob.send(*([16, number, {}, "com.x", [number]] for number in range(1, count + 1)))
    assert await receive_events(alice, count) == list(range(1, count + 1))
    for client in (alice, bob):
        await client.close()


async def test_burst_of_many_publishers_closes_no_reader(listener: Listener) -> None:
    alice = await Client.joined(listener.port)
    publishers = [await Client.joined(listener.port) for _ in range(10)]
    await alice.subscribe("com.x")
    for publisher in publishers:
        publisher.send(*([16, number, {}, "com.x", [number]] for number in range(1, 4001)))
    assert sorted(await receive_events(alice, 40_000)) == sorted(list(range(1, 4001)) * 10)
    for client in (alice, *publishers):
        await client.close()


async def test_burst_of_a_service_closes_no_reader(realm: Realm, listener: Listener) -> None:
    alice = await Client.joined(listener.port)
    await alice.subscribe("com.x")
    service = realm.join(SERVICE)
    for number in range(20_000):
        service.publish("com.x", [number])
    assert await receive_events(alice, 20_000) == list(range(20_000))
    await alice.close()


async def test_burst_of_requests_of_one_session_is_answered_whole(listener: Listener) -> None:
    async with await Client.joined(listener.port) as alice:
        alice.send(*([48, number, {}, "com.nobody"] for number in range(1, 20_001)))
        assert [(await alice.receive())[2] for _ in range(20_000)] == list(range(1, 20_001))


async def test_input_of_one_session_is_bounded(realm: Realm, listener: Listener) -> None:
    """While the loop is busy a peer sends 20 MB ahead: no turn may take them all (R3)."""
    publisher, other = await Client.joined(listener.port), await Client.joined(listener.port)
    seen: list[int] = []
    realm.join(SERVICE).subscribe("com.x", lambda event: seen.append(event.args[0]))
    message = [16, 1, {}, "com.x", [0, "x" * 900]]
    publisher.send(*([*message[:4], [number, "x" * 900]] for number in range(20_000)))
    answers: list[int] = []
    while not seen:
        await asyncio.sleep(0)
    for number in range(1, 20):
        await other.ask([34, number, 1])
        answers.append(len(seen))
    assert answers[-1] < 20_000, "the other session was answered while the first one was still sending"
    await eventually(lambda: len(seen) == 20_000)
    assert seen == list(range(20_000))
    for client in (publisher, other):
        await client.close()


async def test_pings_of_a_peer_that_does_not_read_cost_no_memory(realm: Realm, listener: Listener) -> None:
    rude = await Client.joined(listener.port, receive_buffer=SMALL)
    rude.stop_reading()
    memory = resident_bytes()
    pings = frame(PING, b"x" * 125) * 1000
    for _ in range(400):
        rude.writer.write(pings)
        await rude.writer.drain()
    assert resident_bytes() - memory < 10 << 20, "50 MB of pings were sent"
    rude.read_on()
    answered = await rude.ask([48, 1, {}, "com.nobody"])
    assert answered[0] == 8
    await rude.close()


async def test_tiny_fragments_cost_no_memory(realm: Realm, listener: Listener) -> None:
    async with await Client.joined(listener.port) as peer:
        memory = resident_bytes()
        message = dumps("json", [48, 7, {}, "com.nobody", ["x" * 200_000]])
        peer.send_frame(TEXT, b"", fin=False)
        for index in range(0, len(message), 1000):
            tiny = b"".join(frame(CONTINUATION, message[at : at + 1], fin=False) for at in range(index, index + 1000))
            peer.writer.write(tiny + frame(CONTINUATION, b"", fin=False) * 5000)
            await peer.writer.drain()
        assert resident_bytes() - memory < 5 << 20, "a million empty fragments were sent"
        peer.send_frame(CONTINUATION, b"")
        assert (await peer.receive())[2] == 7


class Numbers:
    """A source whose readers start at the beginning (topic_source.py)."""

    events_procedure = None

    def __init__(self, realm: Realm) -> None:
        self._topics: SourceTopics = realm.join(SERVICE).serve_topics("src.", self)
        self.head = 0
        self.cursors: dict[TopicReader, int] = {}
        self.setbacks = 0

    def append(self) -> None:
        self.head += 1
        self._topics.publish("src.numbers", self._payload(self.head - 1), self.head, self.head - 1)

    def object_of(self, topic: str) -> str | None:
        return None

    def check(self, topic: str) -> None:
        pass

    def subscribed(self, reader: TopicReader) -> None:
        self.cursors[reader] = 0
        reader.on_writable = lambda: self._feed(reader)
        self._feed(reader)

    def fell_behind(self, reader: TopicReader, position: int) -> None:
        self.cursors[reader] = position
        self.setbacks += 1

    def left(self, reader: TopicReader) -> None:
        del self.cursors[reader]

    def _feed(self, reader: TopicReader) -> None:
        while self.cursors[reader] < self.head:
            if not reader.send(self._payload(self.cursors[reader]), self.cursors[reader] + 1, self.cursors[reader]):
                return
            self.cursors[reader] += 1
        reader.go_live()

    def _payload(self, number: int) -> Payload:
        return Payload.from_values([number, "x" * 10_000])


async def test_slow_reader_of_a_stream_catches_up_exactly(realm: Realm, listener: Listener) -> None:
    """L6: it costs nothing while it does not read, and misses nothing."""
    numbers = Numbers(realm)
    slow, quick = await Client.joined(listener.port, receive_buffer=SMALL), await Client.joined(listener.port)
    for client in (slow, quick):
        await client.subscribe("src.numbers")
    slow.stop_reading()
    memory = resident_bytes()

    async def append() -> None:
        for _ in range(3000):
            numbers.append()
            await asyncio.sleep(0)

    quickly, _ = await asyncio.gather(receive_events(quick, 3000), append())
    assert quickly == list(range(3000))
    assert numbers.setbacks >= 1
    assert resident_bytes() - memory < 20 << 20
    slow.read_on()
    assert await receive_events(slow, 3000) == list(range(3000))
    numbers.append()
    assert await receive_events(slow, 1) == [3000]
    for client in (slow, quick):
        await client.close()


@pytest.mark.parametrize(("publishers", "events", "size"), [(100, 2, 100_000), (64, 4, 60_000), (10, 3, 1_000_000)])
async def test_fan_in_of_large_events_closes_no_reader(
    realm: Realm, listener: Listener, publishers: int, events: int, size: int
) -> None:
    """15 to 30 MB within a few turns: several times what the outbox may hold for longer."""
    alice = await Client.joined(listener.port)
    await alice.subscribe("com.x")
    peers = [await Client.joined(listener.port) for _ in range(publishers)]
    for number, peer in enumerate(peers):
        peer.send(*([16, 1, {}, "com.x", [number, event, "x" * size]] for event in range(events)))
    received = [(await alice.receive())[4][:2] for _ in range(publishers * events)]
    for number in range(publishers):
        assert [event for publisher, event in received if publisher == number] == list(range(events))
    assert realm.counters.sessions_too_slow == 0
    for client in (alice, *peers):
        await client.close()


async def latencies(publisher: Client, reader: Client, count: int) -> list[float]:
    """From PUBLISH to EVENT, one event after the other, in seconds."""
    times = []
    for number in range(count):
        begin_s = time.perf_counter()
        publisher.send([16, number + 1, {}, "com.x", [number, "x" * 20_000]])
        event = await reader.receive()
        times.append(time.perf_counter() - begin_s)
        assert event[4][0] == number
    return times


async def test_latency_beside_a_reader_that_stopped_is_what_it_is_without(realm: Realm, listener: Listener) -> None:
    quick, publisher = await Client.joined(listener.port), await Client.joined(listener.port)
    await quick.subscribe("com.x")
    alone = await latencies(publisher, quick, 300)
    slow = await Client.joined(listener.port, receive_buffer=SMALL)
    await slow.subscribe("com.x")
    slow.stop_reading()
    beside = await latencies(publisher, quick, 300)
    assert realm.stats().largest_outbox_bytes > 1 << 20, "the slow one has much to read"
    assert statistics.median(beside) < 3 * statistics.median(alone) + 0.002
    for client in (slow, quick, publisher):
        await client.close()


async def test_stopped_reader_with_little_to_read_is_ended_after_its_grace() -> None:
    router = Router(Limits(outbox_bytes=100_000, slow_consumer_grace_s=0.2, close_timeout_s=0.2))
    realm = router.add_realm("realm1")
    listener, endings = await router.listen("tcp://127.0.0.1:0"), Endings(realm)
    slow, publisher = await Client.joined(listener.port, receive_buffer=SMALL), await Client.joined(listener.port)
    await slow.subscribe("com.x")
    slow.stop_reading()
    while realm.stats().largest_outbox_bytes <= 100_000:
        await publish(publisher, 1, 1)
    await eventually(lambda: endings.reasons == {slow.session_id: "fairlead.close.too_slow"})
    await eventually(lambda: (router.counters.connections_reset, listener.connections) == (1, 1))
    for client in (slow, publisher):
        await client.close()
    await router.close()


async def test_dropped_events_are_told_to_a_reader_that_reads_on() -> None:
    router = Router(Limits(outbox_bytes=500_000, slow_consumer_grace_s=0.2))
    realm = router.add_realm("realm1", options=RealmOptions(slow_consumer="drop"))
    listener = await router.listen("tcp://127.0.0.1:0")
    slow, publisher = await Client.joined(listener.port, receive_buffer=SMALL), await Client.joined(listener.port)
    topic, notices = await slow.subscribe("com.x"), await slow.subscribe("fairlead.session.lagged")
    slow.stop_reading()
    published = 0
    while not realm.counters.events_lost:
        published += 1
        publisher.send([16, published, {"acknowledge": True}, "com.x", [published, "x" * EVENT_BYTES]])
        await publisher.receive()
    slow.read_on()
    publisher.send([16, published + 1, {}, "com.x", [published + 1]])
    received, lost = [0], []
    while received[-1] <= published:
        event = await slow.receive()
        if event[1] == topic:
            received.append(event[4][0])
        else:
            assert event[1] == notices
            assert event[4][0] == {"subscription": topic, "topic": "com.x", "lost": realm.counters.events_lost}
            lost.append(received[-1])
    gap = lost[0] + realm.counters.events_lost
    assert received == [*range(lost[0] + 1), *range(gap + 1, published + 2)]
    for client in (slow, publisher):
        await client.close()
    await router.close()


async def test_router_closes_in_order_whatever_its_peers_do() -> None:
    """One answers GOODBYE, one ignores it, one does not read, two have no session yet."""
    router = Router(Limits(close_timeout_s=0.3, outbox_bytes=200_000, slow_consumer_grace_s=60, idle_timeout_s=60))
    realm = router.add_realm("realm1")
    listener = await router.listen("tcp://127.0.0.1:0")
    polite, rude = await Client.joined(listener.port), await Client.joined(listener.port)
    stuck, publisher = await Client.joined(listener.port, receive_buffer=SMALL), realm.join(SERVICE)
    await stuck.subscribe("com.x")
    stuck.stop_reading()
    stranger = await Client.connect(listener.port)
    _, door = await dial(listener.port)
    while realm.stats().largest_outbox_bytes < 200_000:
        publisher.publish("com.x", ["x" * EVENT_BYTES])
        await asyncio.sleep(0)
    begin_s = time.monotonic()
    closing = asyncio.create_task(router.close())
    assert (await polite.receive())[2] == "wamp.close.system_shutdown"
    polite.send([6, {}, "wamp.close.goodbye_and_out"])
    assert (await polite.closed()).code == 1000
    assert (await stranger.receive())[2] == "wamp.close.system_shutdown"
    assert (await rude.receive())[2] == "wamp.close.system_shutdown"
    await closing
    assert time.monotonic() - begin_s < 2
    assert realm.is_empty
    for client in (polite, rude, stuck, stranger):
        await client.close()
    door.close()
