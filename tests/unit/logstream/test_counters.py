"""The counters by themselves."""

from __future__ import annotations

from fairlead_common.counting import COMMIT_BOUNDS_S, Durations, count
from fairlead_logstream.counters import LogCounters


def test_a_duration_counts_where_it_just_fits() -> None:
    durations = Durations()
    for duration_s in (0.0, 0.001, 0.0011, 5.0, 60.0):
        durations.add(duration_s)
    assert len(durations.counts) == len(COMMIT_BOUNDS_S) + 1
    assert (durations.counts[:2], durations.counts[-2:]) == ([2, 1], [1, 1])
    assert durations.total_s == 65.0021


def test_a_copy_stays_as_it_is() -> None:
    counters = LogCounters()
    copy = counters.copy()
    counters.commits.add(1)
    count(counters.refused, "fairlead.error.busy")
    assert copy == LogCounters()
    assert counters.refused == {"busy": 1}
