"""One soak: a warm-up, a quiet moment, the churn, and another quiet moment, in which nothing may be left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import NamedTuple

from soak.judgement import GROWTH_KIB, Figures, Growth, Sample, faults, is_quiet
from soak.process import PROGRAM, RouterProcess
from soak.steady import Steady
from soak.strangers import knock
from soak.visitor import Visitor
from support.wamp import ClosedError, HandshakeError, RefusedError

WARM_UP = 0.15
"""The part of the time before the first quiet moment: what is made once is made by then."""
STRANGERS = 0.1
RULES_S = 0.2
"""How often the rules change."""
SAMPLES = 200


class Options(NamedTuple):
    """What to do."""

    seconds: float
    seed: int
    workers: int
    program: tuple[str, ...] = PROGRAM
    quiet_s: float = 10.0
    """How long after the last visitor the router may take to notice: pings, farewells, realms that nobody is in."""


class Report(NamedTuple):
    """What has come of it."""

    faults: list[str]
    before: Figures
    after: Figures
    growth: Growth
    visits: int
    rounds: int
    longest_s: float


class Soak:
    """See the module. `on_progress` hears the part of the time that is over, and how many visits there were."""

    def __init__(self, router: RouterProcess, options: Options, on_progress: Callable[[float, int], None]) -> None:
        self._router = router
        self._options = options
        self._on_progress = on_progress
        self._samples: list[Sample] = []
        self._visits = 0
        self._started_s = time.monotonic()

    async def run(self) -> Report:
        """The report. Raises what a steady peer found broken."""
        warm_up_s = self._options.seconds * WARM_UP
        await self._churn(warm_up_s, "warm-up")
        before = await self._quiet()
        steady = await self._churn(self._options.seconds - warm_up_s, "churn")
        after = await self._quiet()
        closed = await self._router.ask("close")
        growth = Growth.of(self._samples)
        found = [*faults(before, after), *closed["complaints"][len(after["complaints"]) :]]
        if growth.kib > GROWTH_KIB:
            found.append(f"memory: it has grown by {growth.kib / 1024:.1f} MiB")
        return Report(found, before, after, growth, self._visits, steady.rounds, steady.longest_s)

    async def _churn(self, seconds: float, name: str) -> Steady:
        over = asyncio.Event()
        steady = Steady(self._router.where["tcp"])
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(steady.run(over))
            tasks.create_task(self._change_rules(over))
            for number in range(self._options.workers):
                tasks.create_task(self._work(Random(f"{name} {self._options.seed} {number}"), over))
            if name == "churn":
                await self._watch(seconds)
            else:
                await asyncio.sleep(seconds)
            over.set()
        return steady

    async def _work(self, random: Random, over: asyncio.Event) -> None:
        """One visit after the other."""
        while not over.is_set():
            self._visits += 1
            if random.random() < STRANGERS:
                await knock(self._router, random)
                continue
            with suppress(ClosedError, RefusedError, HandshakeError, OSError):
                visitor = await Visitor.connect(self._router, random)
                async with visitor:
                    await visitor.stay(over)

    async def _change_rules(self, over: asyncio.Event) -> None:
        strict = False
        while not over.is_set():
            strict = not strict
            await self._router.ask("rules", strict=strict)
            await asyncio.sleep(RULES_S)

    async def _watch(self, seconds: float) -> None:
        begin_s = time.monotonic()
        while (now_s := time.monotonic() - begin_s) < seconds:
            figures = await self._router.ask("figures")
            self._samples.append(Sample(now_s, figures["rss_kib"]))
            self._on_progress((time.monotonic() - self._started_s) / self._options.seconds, self._visits)
            await asyncio.sleep(seconds / SAMPLES)

    async def _quiet(self) -> Figures:
        """The figures when everybody is gone, or when that should have been long ago."""
        deadline_s = time.monotonic() + self._options.quiet_s
        while True:
            figures = await self._router.ask("figures")
            if is_quiet(figures) or time.monotonic() > deadline_s:
                return figures
            await asyncio.sleep(0.1)


async def soak(directory: Path, options: Options, on_progress: Callable[[float, int], None]) -> Report:
    """Runs one with a router of its own, whose files are in this directory."""
    async with RouterProcess(directory, options.program) as router:
        return await Soak(router, options, on_progress).run()
