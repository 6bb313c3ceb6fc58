"""`fairlead serve` for these plays: SIGUSR1 steps its clock, and it trims ten times as often.

The first argument names the mechanisms to switch off, with commas, or is `none`; the validators notice. Where something
is told too early commits are slower, so that it is told long enough before.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

# Appended, not put first: directories of tests/ are named after libraries (twisted) and must not hide them.
sys.path.append(str(Path(__file__).resolve().parents[2]))

import fairlead_common.rounds
import fairlead_router.realm
from fairlead_logstream.live.appender import Appender
from fairlead_logstream.live.delivery import Delivery, LiveFollower
from fairlead_logstream.live.live_stream import LiveStream
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.rows import Change
from fairlead_logstream.store.sql_store import SqlStreamStore
from fairlead_server.main import main
from support.core import GateSwitchedOff

STEPS_S = (3_600, -7_200, 1, -1, 86_400, -82_800)
"""The clock is put so far forward or back: by an hour, by a day, and about as NTP does."""

TRIM_EVERY_S = 0.5
SLOW_COMMIT_S = 0.4


def shift_clock() -> None:
    """The wall clock of this process has what SIGUSR1 has added."""
    steps, real, shift = itertools.cycle(STEPS_S), time.time_ns, 0

    def step(_number: int, _frame: object) -> None:
        nonlocal shift
        shift += next(steps) * 1_000_000_000

    signal.signal(signal.SIGUSR1, step)
    time.time_ns = lambda: real() + shift
    time.time = lambda: time.time_ns() / 1e9


def acknowledge_early() -> None:
    """The write is done a while after everybody was told that it is."""
    write = SqlStreamStore.write

    def write_later(self: SqlStreamStore, change: Change) -> asyncio.Future[None]:
        asyncio.get_running_loop().call_later(SLOW_COMMIT_S, write, self, change)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future

    SqlStreamStore.write = write_later  # type: ignore[method-assign]


def deliver_early() -> None:
    """Followers get what is not written yet; producers are told in time."""
    write, moved = SqlStreamStore.write, LiveStream.moved
    live: dict[int, LiveStream] = {}

    def remember(self: Appender, *args: object, **kwargs: object) -> None:
        init(self, *args, **kwargs)  # type: ignore[arg-type]
        assert isinstance(self._durable, LiveStream)
        live[self._stream.id] = self._durable

    def write_later(self: SqlStreamStore, change: Change) -> asyncio.Future[None]:
        live[change.stream_id].delivery.add(change.batches)
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(SLOW_COMMIT_S, _chain, partial(write, self, change), told)
        return told

    def moved_silently(self: LiveStream, change: Change) -> None:
        add, self.delivery.add = self.delivery.add, lambda batches: None  # type: ignore[method-assign]
        moved(self, change)
        self.delivery.add = add  # type: ignore[method-assign]

    init = Appender.__init__
    Appender.__init__ = remember  # type: ignore[method-assign]
    SqlStreamStore.write = write_later  # type: ignore[method-assign]
    LiveStream.moved = moved_silently  # type: ignore[method-assign]


def _chain(write: Callable[[], asyncio.Future[None]], told: asyncio.Future[None]) -> None:
    write().add_done_callback(lambda written: told.set_result(written.result()))


def hand_over_twice() -> None:
    """Who has caught up, and joins those who are live, gets the last batch from both sides."""
    add, join = Delivery.add, Delivery.join
    last: dict[Delivery, Batch] = {}

    def remember(self: Delivery, batches: list[Batch]) -> None:
        if batches:
            last[self] = batches[-1]
        add(self, batches)

    def join_again(self: Delivery, follower: LiveFollower) -> None:
        join(self, follower)
        if self in last:
            follower.deliver(last[self])

    Delivery.add = remember  # type: ignore[method-assign]
    Delivery.join = join_again  # type: ignore[method-assign]


def keep_no_gate() -> None:
    """Revocations end nothing."""
    fairlead_router.realm.Gate = GateSwitchedOff  # type: ignore[attr-defined]


NONE = "none"
MECHANISMS: dict[str, Callable[[], None]] = {
    "acknowledgement": acknowledge_early,
    "delivery": deliver_early,
    "hand-over": hand_over_twice,
    "gate": keep_no_gate,
}

if __name__ == "__main__":
    names = sys.argv.pop(1)
    for name in names.split(",") if names != NONE else ():
        MECHANISMS[name]()
    shift_clock()
    fairlead_common.rounds.ROUND_S = TRIM_EVERY_S
    main()
