"""Heartbeats: again and again, until stopped."""

from __future__ import annotations

from fairlead_logstream.live.heartbeat import Heartbeat
from support.waiting import eventually


async def test_it_beats_until_it_is_stopped() -> None:
    beats: list[int] = []
    heartbeat = Heartbeat(0.001, lambda: beats.append(len(beats)))
    await eventually(lambda: len(beats) > 2)
    heartbeat.stop()
    count = len(beats)
    later: list[int] = []
    other = Heartbeat(0.005, lambda: later.append(1))
    await eventually(lambda: later)
    other.stop()
    assert len(beats) == count
