"""When a silent peer is pinged, and when it is given up."""

from __future__ import annotations

from itertools import count

import pytest

from fairlead_router import Limits
from fairlead_router.transports.peers import Silence, Verdict, look_interval_s

BOUNDS = [(30.0, 120.0), (30.0, 30.0), (1.0, 0.3), (0.05, 0.05)]


def looks_until(silence: Silence, verdict: Verdict) -> int:
    """How many looks at a peer that says nothing."""
    return next(number for number in count(1) if silence.judge(was_heard=False) is verdict)


@pytest.mark.parametrize(("interval_s", "timeout_s"), BOUNDS)
def test_silent_peer_is_pinged_within_the_interval_and_has_the_timeout_to_answer(
    interval_s: float, timeout_s: float
) -> None:
    limits = Limits(ping_interval_s=interval_s, ping_timeout_s=timeout_s)
    look_s = look_interval_s(limits)
    silence = Silence(limits)
    silence.judge(was_heard=True)
    until_ping = looks_until(silence, Verdict.PING)
    until_lost = looks_until(silence, Verdict.GIVE_UP)
    assert 0 < until_ping * look_s < (until_ping + 1) * look_s <= interval_s + 1e-9
    assert timeout_s - 1e-9 <= until_lost * look_s < timeout_s + look_s
    assert silence.judge(was_heard=False) is Verdict.GIVE_UP


def test_peer_that_speaks_is_left_alone() -> None:
    silence = Silence(Limits())
    assert {silence.judge(was_heard=True) for _ in range(100)} == {Verdict.NOTHING}


def test_peer_that_answers_is_pinged_again_and_never_given_up() -> None:
    silence = Silence(Limits())
    for _ in range(3):
        looks_until(silence, Verdict.PING)
        assert silence.judge(was_heard=True) is Verdict.NOTHING
    assert silence.judge(was_heard=False) is Verdict.NOTHING
