"""WAMP's event history of a stream's topic: the shape, what is asked of it, and who may see it."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_logstream import MemoryStreamStore
from fairlead_logstream.procedures.events import HISTORY_BYTES
from fairlead_router import CallError
from unit.logstream.fakes import NOW_US, Peer, ServiceHarness, wire_record

GET_EVENTS = "wamp.subscription.get_events"
TOPIC = "fairlead.stream.s"


async def ask(peer: Peer, **about: Any) -> Any:
    """The answer; the topic has one subscription."""
    (subscription,) = (await peer.member.call("wamp.subscription.lookup", [TOPIC])).args
    return await peer.member.call(GET_EVENTS, [subscription], about)


async def events(peer: Peer, **about: Any) -> list[str]:
    """The first text of each event."""
    return [event["args"][0]["records"][0][2] for event in (await ask(peer, **about)).args]


@pytest.fixture
async def publications(service: ServiceHarness, alice: Peer) -> list[int]:
    """Of four events with the texts 0 to 3, a second apart."""
    await alice.call("create", "s")
    live = service.slow_peer("live")
    live.subscribe("s")
    for number in range(4):
        await alice.call("append", "s", [wire_record(str(number), NOW_US + number * 1_000_000)])
    return live.publications


async def test_an_event_is_the_one_that_was_published(alice: Peer, publications: list[int]) -> None:
    answer = await ask(alice, limit=1)
    epoch = (await alice.call("create", "s"))["epoch"]
    assert answer.kwargs == {"is_limit_reached": True}
    (event,) = answer.args
    assert event == {
        "timestamp": "2023-11-14T22:13:20.000000Z",
        "subscription": event["subscription"],
        "publication": publications[0],
        "details": {},
        "args": [{"first": 0, "records": [[NOW_US, "stdout", "0", 0]], "next": 1, "epoch": epoch}],
    }


@pytest.mark.parametrize(
    ("about", "texts"),
    [
        ({}, "0123"),
        ({"reverse": True}, "3210"),
        ({"reverse": True, "limit": 2}, "32"),
        ({"topic": TOPIC}, "0123"),
        ({"topic": "com.other"}, ""),
        ({"from_time": "2023-11-14T22:13:22Z"}, "23"),
        ({"after_time": "2023-11-14T22:13:22Z"}, "3"),
        ({"before_time": "2023-11-14T22:13:22Z"}, "01"),
        ({"until_time": "2023-11-14T22:13:22Z"}, "012"),
        ({"from_time": "2023-11-14T22:13:21Z", "until_time": "2023-11-14T22:13:22Z", "reverse": True}, "21"),
        ({"from_publication": 1}, "123"),
        ({"after_publication": 1}, "23"),
        ({"before_publication": 2}, "01"),
        ({"until_publication": 2}, "012"),
        ({"after_publication": 0, "before_publication": 3}, "12"),
    ],
)
async def test_what_is_asked_for(alice: Peer, publications: list[int], about: dict[str, Any], texts: str) -> None:
    about = {key: publications[value] if "publication" in key else value for key, value in about.items()}
    assert await events(alice, **about) == list(texts)


async def test_a_publication_that_is_not_there_is_an_error(alice: Peer, publications: list[int]) -> None:
    with pytest.raises(CallError, match="publication 12345 is not in the history") as caught:
        await events(alice, after_publication=12345)
    assert caught.value.uri == "wamp.error.invalid_argument"


async def test_the_history_is_there_after_a_restart(store: MemoryStreamStore, publications: list[int]) -> None:
    again = ServiceHarness()
    await again.start(store)
    bob = again.peer("bob")
    await bob.subscribe("s")
    assert [event["publication"] for event in (await ask(bob)).args] == publications
    await again.close()


async def test_the_history_and_each_answer_are_bounded(service: ServiceHarness, alice: Peer) -> None:
    await alice.call("create", "s")
    await alice.subscribe("s")
    count = HISTORY_BYTES // 60_000 + 5
    for number in range(count):
        await alice.call("append", "s", [wire_record(str(number).ljust(60_000))])
    answer = await ask(alice)
    assert (len(answer.args), answer.kwargs) == (4, {"is_limit_reached": True})
    seen = [int(event["args"][0]["records"][0][2]) for event in answer.args]
    while answer.kwargs["is_limit_reached"]:
        answer = await ask(alice, after_publication=answer.args[-1]["publication"])
        seen += [int(event["args"][0]["records"][0][2]) for event in answer.args]
    assert seen == list(range(count - HISTORY_BYTES // 60_200, count))


async def test_who_may_not_read_the_stream_sees_none_of_its_past(guarded: ServiceHarness) -> None:
    for level in ("read", "write"):
        guarded.rights.grant("alice", level, "s")
    alice, bob = guarded.peer("alice"), guarded.peer("bob")
    await alice.call("create", "s")
    await alice.call("append", "s", [wire_record("secret")])
    await alice.subscribe("s")
    (subscription,) = (await alice.member.call("wamp.subscription.lookup", [TOPIC])).args
    for name, about in ((GET_EVENTS, [subscription]), ("fairlead.log.events", [TOPIC])):
        with pytest.raises(CallError) as caught:
            await bob.member.call(name, about)
        assert caught.value.uri == "wamp.error.not_authorized"


async def test_a_lost_subscription_is_no_right_to_the_past(guarded: ServiceHarness) -> None:
    guarded.rights.grant("alice", "read", "s")
    guarded.rights.grant("alice", "write", "s")
    alice = guarded.peer("alice")
    await alice.call("create", "s")
    await alice.subscribe("s")
    (subscription,) = (await alice.member.call("wamp.subscription.lookup", [TOPIC])).args
    keeper = guarded.peer("keeper")
    guarded.rights.grant("keeper", "read", "s")
    await keeper.subscribe("s")
    guarded.revoke("alice", "read", "s")
    with pytest.raises(CallError) as caught:
        await alice.member.call(GET_EVENTS, [subscription])
    assert caught.value.uri == "wamp.error.not_authorized"
