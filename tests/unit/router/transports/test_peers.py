"""Silence: when a peer is pinged, and when it is given up."""

from __future__ import annotations

from fairlead_router.limits import Limits
from fairlead_router.transports.peers import Silence, Verdict

LIMITS = Limits(ping_interval_s=30, ping_timeout_s=120)


def verdicts(*heard: tuple[float, bool]) -> list[Verdict]:
    silence = Silence(LIMITS)
    return [silence.judge(now, was_heard) for now, was_heard in heard]


def test_peer_that_speaks_is_left_alone() -> None:
    assert set(verdicts(*((now, True) for now in range(0, 1000, 15)))) == {Verdict.NOTHING}


def test_silent_peer_is_pinged_once_and_then_given_up() -> None:
    heard = [(0.0, True), (15.0, False), (31.0, False), *((float(now), False) for now in range(45, 180, 15))]
    seen = verdicts(*heard)
    assert seen[:3] == [Verdict.NOTHING, Verdict.NOTHING, Verdict.PING]
    assert seen[3:-1] == [Verdict.NOTHING] * (len(seen) - 4)
    assert seen[-1] is Verdict.GIVE_UP


def test_peer_that_answers_is_pinged_again() -> None:
    assert verdicts((0.0, True), (31.0, False), (45.0, True), (60.0, False), (76.0, False)) == [
        Verdict.NOTHING,
        Verdict.PING,
        Verdict.NOTHING,
        Verdict.NOTHING,
        Verdict.PING,
    ]
