"""Connections that come, join and go: so many at a time, each followed by another."""

from __future__ import annotations

import asyncio
import time

from bench.load.dialects.base import Dialect
from bench.load.tally import Tally
from bench.workloads.base import SESSIONS, WAMP_CRA, Workload

AT_ONCE = 10
SECRET = "a secret of the benchmark"
"""Of the user `bench`, by WAMP-CRA."""


class Connects:
    """See the module. A unit is a connection that was opened, joined and closed."""

    def __init__(self, tally: Tally, secret: str | None) -> None:
        self._tally = tally
        self._secret = secret
        self._visitors: list[asyncio.Task[None]] = []

    async def connect(self, dialect: Dialect) -> None:
        self._dialect = dialect
        await dialect.visit(self._secret)

    def start(self) -> None:
        self._visitors = [asyncio.ensure_future(self._come_and_go()) for _ in range(AT_ONCE)]

    async def _come_and_go(self) -> None:
        tally = self._tally
        while tally.is_sending:
            tally.expected += 1
            begun_s = time.perf_counter()
            try:
                await self._dialect.visit(self._secret)
            except Exception:  # whatever it was: the router did not take this one
                tally.refused += 1
                raise
            tally.received += 1
            tally.latencies_s.append(time.perf_counter() - begun_s)


def connects(name: str, title: str, secret: str | None, *needs: str) -> Workload:
    return Workload(name, title, "connect", lambda tally: Connects(tally, secret), frozenset({SESSIONS, *needs}))


WORKLOADS = [
    connects("connects", f"Connecting, joining as nobody and leaving, {AT_ONCE} at a time", None),
    connects("connects-wampcra", f"Connecting, joining by WAMP-CRA and leaving, {AT_ONCE} at a time", SECRET, WAMP_CRA),
]
