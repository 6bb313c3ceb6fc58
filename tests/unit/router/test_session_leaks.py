"""Nothing of a session stays behind, however it ends."""

from __future__ import annotations

import gc

import pytest

from fairlead_router.limits import Limits
from fairlead_router.options import RealmOptions, SlowConsumer
from fairlead_router.session import Session
from support.core import EVERY_FEATURE, Core, Peer

SESSIONS = 1000


def say_goodbye(peer: Peer) -> None:
    peer.ask([6, {}, "wamp.close.close_realm"])
    peer.vanish()


def lose_connection(peer: Peer) -> None:
    peer.vanish()


def be_killed(peer: Peer) -> None:
    peer.core.realm1.kill(session_id=peer.session_id)
    peer.ask([6, {}, "wamp.close.goodbye_and_out"])


def be_killed_and_say_nothing(peer: Peer) -> None:
    peer.core.realm1.kill(session_id=peer.session_id)
    peer.core.host.advance(6)


def read_nothing(peer: Peer) -> None:
    peer.clog()
    publisher = peer.core.join("publisher")
    for number in range(12):
        publisher.ask([16, number + 1, {}, f"com.of.{peer.session_id}", ["x" * 1000]])
    peer.core.host.advance(10)
    publisher.vanish()


def abort(peer: Peer) -> None:
    peer.ask([3, {}, "com.example.broken"])


def break_the_protocol(peer: Peer) -> None:
    peer.send_bytes(b"[")
    peer.core.host.run()


WAYS = (say_goodbye, lose_connection, be_killed, be_killed_and_say_nothing, read_nothing, abort, break_the_protocol)


def live(core: Core, peer: Peer) -> None:
    """Join, subscribe in every way, register, call and be called: all is in progress when the session ends."""
    own = f"com.of.{peer.session_id}"
    for request, (topic, match) in enumerate(((own, "exact"), (f"{own}.", "prefix"), (f"{own}..x", "wildcard")), 1):
        peer.send([32, request, {"match": match}, topic])
    peer.send([64, 4, {}, own], [48, 5, {}, own], [48, 6, {"receive_progress": True}, "com.service"])
    peer.send([16, 7, {"acknowledge": True, "exclude_me": False}, own, ["hello"]])
    peer.take()
    core.host.run()


@pytest.mark.parametrize("slow_consumer", ["close", "reset"])
def test_a_thousand_sessions_leave_nothing_behind(slow_consumer: SlowConsumer) -> None:
    limits = Limits(outbox_bytes=10_000, slow_consumer_grace_s=2, close_timeout_s=5, idle_timeout_s=10_000)
    core = Core(limits, options=RealmOptions(slow_consumer=slow_consumer))
    service = core.join("service", roles=EVERY_FEATURE)
    service.register("com.service")
    before = core.realm1.stats()
    ends = [WAYS[number % len(WAYS)] for number in range(SESSIONS)]
    for end in ends:
        peer = core.join("alice", roles=EVERY_FEATURE)
        live(core, peer)
        end(peer)
        assert not peer.has_session
    del peer
    service.take()
    core.host.run()

    after = core.realm1.stats()
    assert (after.sessions, after.principals, after.subscriptions) == (before.sessions, 1, 0)
    assert (after.registrations, after.calls, after.queued_bytes) == (1, 0, 0)
    too_slow = ends.count(read_nothing)
    assert after.counters.sessions_opened == 1 + SESSIONS + too_slow, "to be too slow takes a publisher"
    assert after.counters.sessions_too_slow == too_slow
    gc.collect()
    assert core.realm1.gate.connected() == ["service"]
    assert core.realm1.gate.objects_in_use() == []
    session = core.realm1.session(service.session_id)
    assert session is not None
    assert session.invocations == {}
    assert core.host.pending_timers == 1, "the watch of the session that is there"
    ours = [each for each in gc.get_objects() if isinstance(each, Session) and each.realm is core.realm1]
    assert ours == [session]
