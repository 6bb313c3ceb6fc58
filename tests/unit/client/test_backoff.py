"""Delays between attempts."""

from __future__ import annotations

from fairlead_client.backoff import FIRST_S, LARGEST_S, Backoff


def test_delays_double_up_to_the_largest_and_begin_anew_after_a_success() -> None:
    backoff = Backoff(random=lambda: 1.0)
    delays = [backoff.next_s() for _ in range(8)]
    assert delays[:4] == [FIRST_S, FIRST_S * 2, FIRST_S * 4, FIRST_S * 8]
    assert delays[-1] == LARGEST_S
    backoff.reset()
    assert backoff.next_s() == FIRST_S


def test_jitter_takes_away_at_most_half() -> None:
    assert Backoff(random=lambda: 0.0).next_s() == FIRST_S / 2
    assert FIRST_S / 2 <= Backoff().next_s() <= FIRST_S
