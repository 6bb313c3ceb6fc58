"""Callers of one procedure, which one callee answers at once."""

from __future__ import annotations

from bench.load.calls import Caller
from bench.load.dialects.base import Dialect
from bench.load.tally import Tally
from bench.workloads.base import CALLS, LARGE_BYTES, Workload, in_another_form

PROCEDURE = "bench.echo"
IN_FLIGHT = 4


class Calls:
    """See the module."""

    def __init__(self, tally: Tally, callers: int) -> None:
        self._tally = tally
        self._callers = [Caller(tally, IN_FLIGHT) for _ in range(callers)]

    async def connect(self, dialect: Dialect) -> None:
        await dialect.callee(PROCEDURE, self._closed)
        for caller in self._callers:
            await caller.connect(dialect, PROCEDURE)

    def start(self) -> None:
        for caller in self._callers:
            caller.start()

    def _closed(self) -> None:
        self._tally.closed += 1


def calls(callers: int) -> Workload:
    return Workload(
        f"calls-{callers}",
        f"{callers} {'caller' if callers == 1 else 'callers'}, {IN_FLIGHT} calls in flight each",
        "call",
        lambda tally: Calls(tally, callers),
        frozenset({CALLS}),
    )


WORKLOADS = [
    *(calls(callers) for callers in (1, 10, 100)),
    in_another_form(calls(10), messagepack=True),
    in_another_form(calls(10), payload_bytes=LARGE_BYTES),
]
