"""What a plain message costs, counted in calls of the router's functions: the same on every machine, unlike a time.

A feature that a message does not use adds no step to it. Whoever exceeds a bound here has made every message of
every session dearer: look for another way before raising it. Whoever stays below lowers it.
"""

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import fairlead_router
from fairlead_router.payload import Payload
from fairlead_router.pubsub.event_history import PastEvent
from fairlead_router.pubsub.publication import Publication
from support.core import Core, Peer

ROUTER = str(Path(fairlead_router.__file__).parent)


def calls_of(act: Callable[[], object]) -> list[str]:
    """The router's functions that run, in order."""
    called: list[str] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(ROUTER):
            called.append(frame.f_code.co_qualname)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(before)
    return called


def shown(called: list[str]) -> str:
    """For whoever looks for the call that is too much."""
    return " ".join(called)


def publish(core: Core, publisher: Peer, events: int = 1) -> list[str]:
    """All within one turn; the router has had such a publication before."""
    message = b'[16,1,{},"com.news",["hello"]]'
    publisher.send_bytes(message)
    core.host.run()

    def act() -> None:
        for _ in range(events):
            publisher.send_bytes(message)
        core.host.run()

    return calls_of(act)


def subscribed(members: int, **options: Any) -> tuple[Core, Peer]:
    """A core with so many subscribers, and a publisher."""
    core = Core()
    for _ in range(members):
        core.join().subscribe("com.news", **options)
    return core, core.join()


def test_publication_that_nobody_hears_takes_few_calls() -> None:
    called = publish(*subscribed(0))
    assert len(called) <= 26, shown(called)


def test_publication_to_one_subscriber_takes_few_calls() -> None:
    called = publish(*subscribed(1))
    assert len(called) <= 32, shown(called)


def test_publication_to_a_pattern_takes_few_calls() -> None:
    called = publish(*subscribed(1, match="prefix"))
    assert len(called) <= 44, shown(called)


def test_deadline_that_is_not_due_takes_no_call_but_that_for_the_time() -> None:
    core, publisher = subscribed(1)
    without = publish(core, publisher)
    core.realm1.deadlines.set(lambda: None, core.host.time_us() + 3_600_000_000)
    with_deadline = publish(core, publisher)
    assert len(with_deadline) == len(without), shown(with_deadline)


def test_each_further_subscriber_takes_three_calls_a_turn() -> None:
    one, many = publish(*subscribed(1)), publish(*subscribed(11))
    assert len(many) - len(one) <= 10 * 3, shown(many)


def test_further_events_of_a_turn_take_none_for_each_subscriber() -> None:
    one, many = publish(*subscribed(1), events=8), publish(*subscribed(11), events=8)
    assert len(many) - len(one) <= 10 * 4, shown(many)


def test_what_waits_or_is_kept_is_nothing_that_the_garbage_collector_counts() -> None:
    """Else it looks at all that there is, again and again, where thousands of events come in one turn."""
    core = Core()
    alice, bob = core.join(), core.join()
    alice.subscribe("com.news")
    core.host.run()
    bob.send_bytes(b'[16,1,{},"com.news",["hello"],{"k":1}]')
    subscription = core.realm1.broker.exact("com.news")
    assert subscription is not None
    [[item]] = [member.outbox.items for member in subscription.members]
    kept = Publication(topic="com.news", payload=Payload.of("hello"))
    assert [each for each in (item, item.about, kept, PastEvent(kept, 0, 1)) if gc.is_tracked(each)] == []


def test_call_and_its_result_take_few_calls() -> None:
    core = Core()
    callee, caller = core.join(), core.join()
    callee.register("com.add")

    def answer_one(request: int) -> None:
        caller.send_bytes(b'[48,%d,{},"com.add",[2,3]]' % request)
        core.host.run()
        invocation = callee.network.arrived.pop().split(b",")[1]
        callee.send_bytes(b"[70,%b,{},[5]]" % invocation)
        core.host.run()

    answer_one(1)
    called = calls_of(lambda: answer_one(2))
    assert caller.take()[-1][4:] == []
    assert len(called) <= 59, shown(called)
