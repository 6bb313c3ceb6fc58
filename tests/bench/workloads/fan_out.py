"""One publisher, many subscribers of its topic."""

from __future__ import annotations

from bench.load.dialects.base import Dialect
from bench.load.group import Group
from bench.load.tally import Tally
from bench.workloads.base import LARGE_BYTES, Workload, in_another_form

TOPIC = "bench.fanout"


class FanOut:
    """See the module. A publication is in flight until every subscriber has its event."""

    def __init__(self, tally: Tally, subscribers: int, window: int) -> None:
        self._group = Group(tally, subscribers, window)

    async def connect(self, dialect: Dialect) -> None:
        await self._group.connect(dialect, TOPIC)

    def start(self) -> None:
        self._group.start()


def fan_out(subscribers: int, window: int) -> Workload:
    return Workload(
        f"fan-out-{subscribers}-window-{window}",
        f"1 publisher to {subscribers} subscribers, {window} in flight",
        "event",
        lambda tally: FanOut(tally, subscribers, window),
    )


WORKLOADS = [
    *(fan_out(10, window) for window in (1, 4, 64)),
    *(fan_out(1000, window) for window in (1, 4, 64)),
    in_another_form(fan_out(1000, 4), messagepack=True),
    in_another_form(fan_out(1000, 4), payload_bytes=LARGE_BYTES),
    fan_out(10_000, 4),
]
