"""A lease: while it runs, no other process takes the store, so what its owner remembers of it is true.

The end is kept in the database, by the clock of its server; who takes the store over waits for it. The owner counts by
a clock of its own, from before it asked: its lease ends earlier there than in the database, whatever the network does.
A thread renews it on a connection beside the writer's, so that a long transaction, or a lock that the writer waits
for, costs nobody the lease. What follows from a lease that has run out is for who serves by the store.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Protocol

LEASE_S = 5.0
"""So long a revoked right may wait when its server is cut off, and a restart after a kill -9; and a database that is
away for less disturbs nobody: a restart of PostgreSQL takes 1 to 3 s."""

RENEWALS = 5
"""In the time of a lease: four may fail."""

CERTAIN = 0.99
"""What the owner counts of it: no two clocks run at the same rate, and none of a machine is off by a hundredth."""

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

_log = logging.getLogger(__name__)


def steady_us() -> int:
    """Microseconds of a clock that nobody sets, and that goes on while the machine sleeps (CLOCK_BOOTTIME)."""
    return time.clock_gettime_ns(_CLOCK) // 1000


class Renewing(Protocol):
    """The database that keeps the lease."""

    place: str
    lease_s: float

    def renew(self) -> bool:
        """Have the lease end `lease_s` from now. False: another process has taken the store since."""
        ...

    def give_back(self) -> None:
        """End the lease, if it is still ours: the next process need not wait. Nothing else is asked afterwards."""
        ...


class Lease:
    """The lease of a store that this process owns."""

    def __init__(self, database: Renewing, until_us: int) -> None:
        self.until_us = until_us
        """When it runs out, by `steady_us`. Any thread may look."""
        self.is_lost = False
        """Whether another process has taken the store: what we remember of it is old, and stays so."""
        self._database = database
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{database.place} lease", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Give it back, after the last write. Blocks, but no longer than the lease would have run."""
        self._ended.set()
        self._thread.join(self._database.lease_s)

    def _run(self) -> None:
        is_failing = False
        while not self.is_lost and not self._ended.wait(self._database.lease_s / RENEWALS):
            try:
                self._renew()
            except Exception as error:  # noqa: BLE001  whatever it is, the next attempt may succeed
                if not is_failing:
                    _log.warning("the lease of the database %s cannot be renewed: %s", self._database.place, error)
                is_failing = True
            else:
                is_failing = False
        self._give_back()

    def _renew(self) -> None:
        until_us = end_from_now_us(self._database.lease_s)
        if self._database.renew():
            self.until_us = until_us
        else:
            self.is_lost = True

    def _give_back(self) -> None:
        try:
            self._database.give_back()
        except Exception as error:  # noqa: BLE001  it runs out by itself
            _log.warning("the lease of the database %s was not given back: %s", self._database.place, error)


def end_from_now_us(lease_s: float) -> int:
    """When a lease ends, for its owner, that is asked for now."""
    return steady_us() + round(lease_s * CERTAIN * 1_000_000)
