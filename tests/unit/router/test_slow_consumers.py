"""What becomes of a session that does not read: it is told, and nobody else notices (R2)."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead_router.limits import Limits
from fairlead_router.observer import RealmObserver
from fairlead_router.options import RealmOptions, SlowConsumer
from support.core import EVERY_FEATURE, Core, Peer, types_of

LAGGED = "fairlead.session.lagged"
TOO_SLOW = "fairlead.close.too_slow"
LIMITS = Limits(outbox_bytes=10_000, stalled_factor=3, burst_factor=8, slow_consumer_grace_s=2, close_timeout_s=5)


class Losses(RealmObserver):
    """What an observer is told of lost events and endings."""

    def __init__(self, core: Core) -> None:
        self.lost: list[tuple[int, int, int]] = []
        self.reasons: list[str] = []
        core.realm1.observe(self)

    def events_lost(self, session_id: int, subscription: int, lost: int) -> None:
        self.lost.append((session_id, subscription, lost))

    def left(self, session_id: int, principal: object, reason: str) -> None:
        self.reasons.append(reason)


def core_that(slow_consumer: SlowConsumer) -> Core:
    return Core(LIMITS, options=RealmOptions(slow_consumer=slow_consumer))


def flood(publisher: Peer, topic: str, count: int, first: int = 0) -> None:
    """Events of one kilobyte, a turn each."""
    for number in range(first, first + count):
        publisher.ask([16, number + 1, {}, topic, [number, "x" * 1000]])


def numbers(messages: list[list[Any]], subscription: int) -> list[int]:
    return [message[4][0] for message in messages if message[0] == 36 and message[1] == subscription]


# ---- close, reset ----


def test_text_of_the_goodbye_names_the_limit_and_what_waits() -> None:
    core = core_that("close")
    alice, publisher = core.join(), core.join()
    alice.subscribe("com.x")
    losses = Losses(core)
    alice.clog()
    flood(publisher, "com.x", 12)
    core.host.advance(2)
    alice.read_on()
    [goodbye] = alice.take()
    assert goodbye[2] == TOO_SLOW
    assert "bytes wait for the session to read; at most 10000 may (outbox_bytes)" in goodbye[1]["message"]
    assert losses.reasons == [TOO_SLOW]
    assert core.realm1.counters.limits_exceeded == {"outbox_bytes": 1}


def test_reset_is_at_once_and_without_a_word() -> None:
    core = core_that("reset")
    alice, bob, publisher = core.join(), core.join(), core.join()
    for peer in (alice, bob):
        peer.subscribe("com.x")
    losses = Losses(core)
    alice.clog()
    flood(publisher, "com.x", 12)
    core.host.advance(2)
    assert alice.network.is_reset
    assert not alice.has_session
    assert losses.reasons == [TOO_SLOW]
    assert len(bob.events()) == 12


def test_callee_that_does_not_read_fails_its_calls_when_it_is_ended() -> None:
    core = core_that("close")
    callee, caller = core.join(), core.join()
    callee.register("com.p")
    callee.clog()
    for number in range(1, 13):
        caller.ask([48, number, {}, "com.p", ["x" * 1000]])
    core.host.advance(2)
    answers = caller.take()
    assert [(answer[0], answer[2]) for answer in answers] == [(8, number) for number in range(1, 13)]
    assert {answer[4] for answer in answers} <= {"wamp.error.canceled", "wamp.error.unavailable"}
    assert caller.ask([48, 13, {}, "com.p"])[0][4] == "wamp.error.no_such_procedure"


# ---- drop ----


def test_dropped_events_are_told_in_their_place_and_later_ones_come() -> None:
    core = core_that("drop")
    alice, publisher = core.join(), core.join()
    topic, other = alice.subscribe("com.x"), alice.subscribe("com.y")
    notices = alice.subscribe(LAGGED)
    losses = Losses(core)
    flood(publisher, "com.x", 2)
    alice.clog()
    flood(publisher, "com.x", 10, first=2)
    flood(publisher, "com.y", 2)
    core.host.advance(2)
    flood(publisher, "com.x", 3, first=12)
    alice.read_on()
    messages = alice.take()
    assert numbers(messages, topic) == [0, 1, 12, 13, 14]
    assert [message[1] for message in messages] == [topic, topic, notices, notices, topic, topic, topic]
    assert [message[4][0] for message in messages if message[1] == notices] == [
        {"subscription": topic, "topic": "com.x", "lost": 10},
        {"subscription": other, "topic": "com.y", "lost": 2},
    ]
    assert losses.lost == [(alice.session_id, topic, 10), (alice.session_id, other, 2)]
    assert core.realm1.counters.events_lost == 12


def test_notice_that_was_not_read_either_takes_later_losses_up() -> None:
    """So however long it does not read, there is one notice a subscription, and memory is bounded."""
    core = core_that("drop")
    alice, publisher = core.join(), core.join()
    topic, notices = alice.subscribe("com.x"), alice.subscribe(LAGGED)
    alice.clog()
    flood(publisher, "com.x", 500)
    outbox = core.realm1.session(alice.session_id).outbox  # type: ignore[union-attr]
    assert outbox.size <= 3 * 10_000
    alice.read_on()
    messages = alice.take()
    [notice] = [message for message in messages if message[1] == notices]
    received = numbers(messages, topic)
    assert notice[4][0]["lost"] + len(received) == 500
    assert messages[0] == notice
    assert received == list(range(500 - len(received), 500))


def test_who_was_relieved_has_no_grace_until_it_has_read_everything() -> None:
    core = core_that("drop")
    alice, publisher = core.join(), core.join()
    alice.subscribe("com.x")
    alice.clog()
    flood(publisher, "com.x", 12)
    core.host.advance(2)
    assert core.realm1.counters.events_lost == 12
    flood(publisher, "com.x", 10)
    assert core.realm1.counters.events_lost > 12, "the bound itself counts now, not a multiple of it"
    alice.read_on()
    alice.take()
    lost = core.realm1.counters.events_lost
    alice.clog()
    flood(publisher, "com.x", 12)
    assert core.realm1.counters.events_lost == lost
    assert core.host.pending_timers == 1


def test_answers_results_and_invocations_are_never_dropped() -> None:
    core = core_that("drop")
    alice, other = core.join(roles=EVERY_FEATURE), core.join(roles=EVERY_FEATURE)
    publisher = core.join()
    alice.subscribe("com.x")
    alice.register("com.p")
    other.register("com.q")
    alice.send([48, 1, {"receive_progress": True}, "com.q"])
    [invocation] = other.take()
    alice.clog()
    alice.send([32, 2, {}, "com.y"])
    other.ask([70, invocation[1], {"progress": True}, ["half"]], [70, invocation[1], {}, ["whole"]])
    other.ask([48, 1, {}, "com.p"])
    flood(publisher, "com.x", 12)
    core.host.advance(2)
    assert core.realm1.counters.events_lost == 12
    alice.read_on()
    assert types_of(alice.take()) == [33, 50, 50, 68]


def test_who_is_full_of_what_cannot_be_dropped_is_closed() -> None:
    core = core_that("drop")
    callee, caller = core.join(), core.join()
    callee.register("com.p")
    callee.clog()
    for number in range(1, 13):
        caller.ask([48, number, {}, "com.p", ["x" * 1000]])
    core.host.advance(2)
    assert not callee.has_session
    callee.read_on()
    assert [message[2] for message in callee.take()] == [TOO_SLOW]


def test_notice_is_not_sent_after_unsubscribed() -> None:
    core = core_that("drop")
    alice, publisher = core.join(), core.join()
    alice.subscribe("com.x")
    notices = alice.subscribe(LAGGED)
    alice.clog()
    flood(publisher, "com.x", 12)
    core.host.advance(2)
    alice.send([34, 5, notices])
    alice.read_on()
    assert types_of(alice.take()) == [35]


# ---- bursts ----


@pytest.mark.parametrize("slow_consumer", ["close", "reset", "drop"])
@pytest.mark.parametrize("publishers", [1, 64])
def test_burst_within_one_turn_closes_nobody_who_reads(slow_consumer: SlowConsumer, publishers: int) -> None:
    """Each has sent ahead as much as may be taken of it in a turn: many times what the outbox holds."""
    core = core_that(slow_consumer)
    alice = core.join()
    alice.subscribe("com.x")
    peers = [core.join() for _ in range(publishers)]
    alice.network.high_bytes = 4_000
    alice.stop_reading()
    each = 640 // publishers
    for number, peer in enumerate(peers):
        peer.send(*([16, 1, {}, "com.x", [number * each + n, "x" * 1000]] for n in range(each)))
    received: list[int] = []
    while len(received) < 640:
        core.host.turn()
        alice.read_on()
        received += [event[0] for event in alice.events()]
        alice.stop_reading()
    assert received == list(range(640))
    assert alice.has_session
    assert core.realm1.counters.events_lost == 0


def test_notice_comes_after_the_subscribed_that_it_needs() -> None:
    core = core_that("drop")
    alice, publisher = core.join(), core.join()
    topic = alice.subscribe("com.x")
    alice.clog()
    flood(publisher, "com.x", 5)
    alice.send([32, 2, {}, LAGGED])
    flood(publisher, "com.x", 7, first=5)
    core.host.advance(2)
    alice.read_on()
    subscribed, notice = alice.take()
    assert subscribed[:2] == [33, 2]
    assert notice[1] == subscribed[2]
    assert notice[4] == [{"subscription": topic, "topic": "com.x", "lost": 12}]
