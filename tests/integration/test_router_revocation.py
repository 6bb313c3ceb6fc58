"""Revocation on real sockets: what a reader gets that has a full transport, and what it does not (G1 to G4, G6, G9)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable

import pytest

from fairlead_router import Action, Limits, Listener, Match, Payload, Principal, Realm, Router
from support.core import EVERY_FEATURE, ByName, GateSwitchedOff, Rights
from support.waiting import eventually
from support.wamp import Client

SMALL = 4096
KERNEL_BYTES = 512 << 10
"""Generously: a socket's send buffer and the receiver's."""


class SlowRights(Rights):
    """Asks somebody far away: the answer takes a turn of the loop, or as long as the test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.thinking = 0

    def authorize(
        self, principal: Principal, action: Action, uri: str, match: Match, object_id: str | None
    ) -> bool | Awaitable[bool]:
        self.thinking += 1
        return self._ask(self.judge(principal, action, uri, match, object_id))

    async def _ask(self, verdict: bool) -> bool:
        await asyncio.sleep(0)
        await self.may_answer.wait()
        self.thinking -= 1
        return verdict


class World:
    def __init__(self, rights: Rights) -> None:
        self.rights = rights
        self.router = Router(Limits(close_timeout_s=0.5))
        self.realm: Realm = self.router.add_realm("realm1", ByName(), rights)
        self.listener: Listener | None = None

    async def join(self, authid: str, receive_buffer: int | None = None) -> Client:
        assert self.listener is not None
        client = await Client.connect(self.listener.port, receive_buffer=receive_buffer)
        await client.join(roles=EVERY_FEATURE, authid=authid)
        return client

    def revoke(self, authid: str, *objects: str) -> None:
        self.rights.take_away(authid, *objects)
        self.realm.gate.revoke(principals=[authid])

    async def settled(self) -> None:
        """The authorizer has answered everything."""
        await eventually(lambda: not (isinstance(self.rights, SlowRights) and self.rights.thinking))

    def publish(self, topic: str, *args: object) -> None:
        self.realm.pubsub.deliver(topic, Payload.from_values(list(args)), {})


@pytest.fixture(params=["answers at once", "answers later"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    world = World(Rights() if request.param == "answers at once" else SlowRights())
    world.rights.grant("alice", "a", "b")
    world.rights.grant("bob", "a", "b")
    world.listener = await world.router.listen("tcp://127.0.0.1:0")
    yield world
    await world.router.close()


async def numbers_of(client: Client, until: str) -> dict[str, list[int]]:
    """What arrives on each topic up to the event with this text."""
    received: dict[str, list[int]] = {}
    while True:
        message = await client.receive()
        if message[0] != 36:
            received.setdefault(f"type {message[0]}", []).append(message[1])
            continue
        topic, number = message[4][:2]
        if number == until:
            return received
        received.setdefault(topic, []).append(number)


@pytest.mark.parametrize("pattern", ["", "obj."])
async def test_queued_and_later_events_of_a_slow_reader_are_not_received(world: World, pattern: str) -> None:
    alice, bob = await world.join("alice", SMALL), await world.join("bob")
    for client in (alice, bob):
        if pattern:
            await client.subscribe(pattern, match="prefix")
        else:
            await client.subscribe("obj.a.x")
            await client.subscribe("obj.b.x")
        await client.subscribe("com.x")
    alice.stop_reading()
    for number in range(200):
        for topic in ("obj.a.x", "obj.b.x"):
            world.publish(topic, topic, number, "x" * 8000)
        await asyncio.sleep(0)
    world.revoke("alice", "a")
    for number in range(200, 220):
        for topic in ("obj.a.x", "obj.b.x"):
            world.publish(topic, topic, number, "x" * 8000)
    await world.settled()
    world.publish("com.x", "com.x", "end")
    alice.read_on()
    got, bobs = await asyncio.gather(numbers_of(alice, "end"), numbers_of(bob, "end"))
    assert bobs["obj.a.x"] == bobs["obj.b.x"] == list(range(220))
    assert got["obj.b.x"] == list(range(220)), "only what is about the object goes (G2)"
    seen = got["obj.a.x"]
    assert seen == list(range(len(seen))), "the permitted ones are whole"
    assert len(seen) * 2 * 8000 < (64 << 10) * 2 + KERNEL_BYTES, "the residue is bounded (G3)"
    if not pattern:
        assert got["type 35"] == [0], "told once (G4)"
    for client in (alice, bob):
        await client.close()


async def test_acknowledged_revocation_holds_for_every_later_event(world: World) -> None:
    """G1, against publishers that go on all the time."""
    alice, bob = await world.join("alice"), await world.join("bob")
    for client in (alice, bob):
        await client.subscribe("obj.a.x")
        await client.subscribe("com.x")
    number = 0
    last_permitted = -1
    for turn in range(60):
        for _ in range(5):
            world.publish("obj.a.x", "obj.a.x", number)
            number += 1
        if turn == 30:
            world.revoke("alice", "a")
            last_permitted = number - 1
        await asyncio.sleep(0)
    await world.settled()
    world.publish("com.x", "com.x", "end")
    got, bobs = await asyncio.gather(numbers_of(alice, "end"), numbers_of(bob, "end"))
    assert bobs["obj.a.x"] == list(range(number))
    assert got["obj.a.x"] == list(range(len(got["obj.a.x"])))
    assert last_permitted - 5 <= got["obj.a.x"][-1] <= last_permitted
    assert got["type 35"] == [0]
    for client in (alice, bob):
        await client.close()


async def test_pattern_subscriber_gets_exactly_its_objects(world: World) -> None:
    alice = await world.join("alice")
    await alice.subscribe("obj.", match="prefix")
    await alice.subscribe("com.x")
    for number in range(50):
        for name in "abc":
            world.publish(f"obj.{name}.x", name, number)
        if number == 20:
            world.revoke("alice", "b")
        await asyncio.sleep(0)
    await world.settled()
    world.publish("com.x", "com.x", "end")
    got = await numbers_of(alice, "end")
    assert got["a"] == list(range(50))
    assert got["b"] in (list(range(20)), list(range(21)))
    assert "c" not in got
    await alice.close()


async def test_subscribe_that_races_with_the_revocation() -> None:
    """G6: whatever the authorizer said before, nothing comes after."""
    rights = SlowRights()
    world = World(rights)
    rights.grant("alice", "a")
    world.listener = await world.router.listen("tcp://127.0.0.1:0")
    alice = await world.join("alice")
    rights.may_answer.clear()
    alice.send([32, 1, {}, "obj.a.x"])
    await eventually(lambda: rights.thinking == 1)
    world.revoke("alice", "a")
    rights.may_answer.set()
    error = await alice.receive()
    assert error[:5] == [8, 32, 1, {}, "wamp.error.not_authorized"]
    assert not world.realm.broker.has_members("obj.a.x")
    await alice.close()
    await world.router.close()


async def test_events_are_held_back_while_the_authorizer_thinks() -> None:
    rights = SlowRights()
    world = World(rights)
    rights.grant("alice", "a", "b")
    world.listener = await world.router.listen("tcp://127.0.0.1:0")
    alice = await world.join("alice")
    await alice.subscribe("obj.a.x")
    await alice.subscribe("obj.b.x")
    rights.may_answer.clear()
    world.revoke("alice", "a")
    for number in range(10):
        world.publish("obj.a.x", "obj.a.x", number)
        world.publish("obj.b.x", "obj.b.x", number)
    await eventually(lambda: rights.thinking == 2)
    rights.may_answer.set()
    messages = [await alice.receive() for _ in range(11)]
    assert sorted(message[0] for message in messages) == [35, *[36] * 10]
    assert [message[4][:2] for message in messages if message[0] == 36] == [["obj.b.x", n] for n in range(10)]
    await alice.close()
    await world.router.close()


async def test_these_tests_need_the_gate() -> None:
    world = World(Rights())
    world.realm.gate = GateSwitchedOff(world.realm.answers)
    world.rights.grant("alice", "a")
    world.listener = await world.router.listen("tcp://127.0.0.1:0")
    alice = await world.join("alice")
    await alice.subscribe("obj.a.x")
    world.revoke("alice", "a")
    world.publish("obj.a.x", "leaked")
    assert (await alice.receive())[4] == ["leaked"]
    await alice.close()
    await world.router.close()


async def test_callee_that_lost_the_right_is_told_and_replaced(world: World) -> None:
    alice, bob = await world.join("alice"), await world.join("bob")
    registration = (await alice.ask([64, 1, {}, "obj.a.p"]))[2]
    world.revoke("alice", "a")
    assert await alice.receive() == [67, 0, {"registration": registration, "reason": "fairlead.revoked.permission"}]
    assert (await bob.ask([64, 2, {}, "obj.a.p"]))[0] == 65
    refused = await alice.ask([16, 3, {"acknowledge": True}, "obj.a.x"])
    assert refused[4] == "wamp.error.not_authorized"
    for client in (alice, bob):
        await client.close()


async def test_progressive_call_of_a_slow_caller_ends(world: World) -> None:
    alice, bob = await world.join("alice", SMALL), await world.join("bob")
    await bob.ask([64, 1, {}, "obj.a.p"])
    alice.send([48, 1, {"receive_progress": True}, "obj.a.p"])
    invocation = (await bob.receive())[1]
    alice.stop_reading()
    for number in range(200):
        bob.send([70, invocation, {"progress": True}, [number, "x" * 8000]])
        await asyncio.sleep(0)
    await bob.ask([34, 1, 1])
    world.revoke("alice", "a")
    bob.send([70, invocation, {"progress": True}, ["too late"]])
    assert (await bob.receive())[0] == 69
    alice.read_on()
    *results, error = await alice.receive_until(8)
    numbers = [result[3][0] for result in results]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) * 8000 < (64 << 10) * 2 + KERNEL_BYTES
    assert error[:5] == [8, 48, 1, {}, "wamp.error.not_authorized"]
    for client in (alice, bob):
        await client.close()
