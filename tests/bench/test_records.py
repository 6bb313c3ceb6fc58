"""The harness of records sees what is lost, repeated or late."""

from __future__ import annotations

import pytest

from bench.load.dialects.wamp import UnexpectedMessageError
from bench.records.loads.watchers import Audience
from bench.records.times import Times
from bench.records.watching import page_of


def test_times_are_of_the_sorted_samples() -> None:
    times = Times.of([0.004, 0.001, 0.003, 0.002])
    assert (times.count, times.p50_ms, times.worst_ms) == (4, 3.0, 4.0)
    assert str(Times.of([])) == "0.0, 0.0 ms (worst 0)"


def test_a_change_that_comes_again_or_late_is_seen() -> None:
    audience = Audience(2)
    for watcher, number in ((0, 1), (1, 2), (0, 3)):
        audience.told(watcher, number)
    assert (audience.received, audience.disordered) == (3, 0)
    audience.told(0, 3)
    audience.told(1, 1)
    assert audience.disordered == 2


def test_what_is_no_page_ends_the_run() -> None:
    with pytest.raises(UnexpectedMessageError, match="is no page"):
        page_of(b'[50,7,{"progress":true},[],{}]')
