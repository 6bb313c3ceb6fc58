"""The option to end sessions that are silent for long."""

from __future__ import annotations

from typing import Any

from fairlead_router.limits import Limits
from support.core import Core, Peer, types_of

LIMITS = Limits(idle_timeout_s=100, hello_timeout_s=10)


def said(peer: Peer) -> list[str]:
    return [message[2] for message in peer.take() if message[0] == 6]


def test_silent_session_is_told_and_ended() -> None:
    core = Core(LIMITS)
    alice = core.join()
    core.host.advance(99)
    assert alice.has_session
    core.host.advance(27)
    assert alice.take() == [[6, {"message": "no message for 100 s (idle_timeout_s)"}, "fairlead.close.idle_timeout"]]
    assert not alice.has_session
    assert core.realm1.counters.limits_exceeded == {"idle_timeout_s": 1}


def test_who_sends_or_gets_messages_stays() -> None:
    core = Core(LIMITS)
    publisher, subscriber = core.join(), core.join()
    subscriber.subscribe("com.x")
    for _ in range(10):
        core.host.advance(60)
        publisher.ask([16, 1, {}, "com.x"])
    assert said(publisher) == said(subscriber) == []


def test_call_in_progress_keeps_both_its_ends() -> None:
    core = Core(LIMITS)
    caller, callee, bystander = core.join(), core.join(), core.join()
    callee.register("com.x")
    caller.ask([48, 1, {}, "com.x"])
    core.host.advance(1000)
    assert (caller.has_session, callee.has_session, bystander.has_session) == (True, True, False)
    invocation: list[Any] = callee.take()[0]
    callee.send([70, invocation[1], {}])
    assert types_of(caller.take()) == [50]
    core.host.advance(130)
    assert not caller.has_session


def test_session_that_has_ended_leaves_no_timer() -> None:
    core = Core(LIMITS)
    core.join().vanish()
    assert core.host.pending_timers == 0


def test_without_the_limit_a_session_may_be_silent_for_ever() -> None:
    core = Core()
    alice = core.join()
    core.host.advance(1_000_000)
    assert alice.has_session
