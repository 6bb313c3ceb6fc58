"""Writers at work, until power is lost: LogWriters with spools, and a log service that is now there and now away.

    python writers.py ROOT TOLD SEED BEGIN

Each writer has a stream of its own. Its lines are numbered from BEGIN on, above all that it wrote in earlier runs; what
it had left in its spool it sends first. Each line of TOLD is `["w", writer, number]`, that line is written, or
`["y", writer, number]`, all up to that line are synced: what a power loss afterwards must not take.
"""

from __future__ import annotations

import asyncio
import logging
import random
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from fairlead_client import writer as writing
from fairlead_client.asyncio import Connection, LogWriter
from fairlead_client.errors import SpoolError
from fairlead_client.spool import Spool
from fairlead_client.spooling import new_spool

# Appended, not put first: directories of tests/ are named after libraries (twisted) and must not hide them.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from crash.producers import Teller
from crash.site import Site, database_in

WRITERS = ("p", "q")
PHASES = 6
LINES = 25
"""Written by each writer in a phase, at most."""
LIMIT_BYTES = 400_000
"""Of a spool: so small that it has several files, and is full at times."""
SYNC_S = 0.004
LINGER_S = 10.0


def line_of(number: int) -> str:
    """Any line can be recognized, and its length varies with its number."""
    return f"{number} " + "x" * (number * 397 % 9000)


def spool_at(path: Path, stream: str) -> Spool:
    """What is left there, or a new one where there is none, or one that was only half made or half deleted."""
    try:
        return Spool.open(path, LIMIT_BYTES)
    except SpoolError:
        shutil.rmtree(path, ignore_errors=True)
        return new_spool(stream, spool=path, limit_bytes=LIMIT_BYTES)


class Source:
    """One writer and what it says."""

    def __init__(self, connection: Connection, root: Path, name: str, begin: int) -> None:
        self.log = LogWriter(connection, spool_at(root / "spools" / name, name))
        self.name = name
        self._next = begin

    def write(self) -> int | None:
        """The next line; its number, or None when it was dropped."""
        number = self._next
        self._next += 1
        return number if self.log.write(self.name, line_of(number), time_us=number) else None


class Phases:
    """Lines, with the service and without it."""

    def __init__(self, site: Site, teller: Teller, chance: random.Random) -> None:
        self._site = site
        self._teller = teller
        self._chance = chance
        self._written: dict[str, int] = {}

    def watch(self, source: Source) -> None:
        """Tell what is synced, when it is."""
        unsynced = source.log.spool.unsynced
        source.log.spool.unsynced = partial(self._telling, source.name, unsynced)  # type: ignore[method-assign]

    async def run(self, sources: list[Source]) -> None:
        for phase in range(PHASES):
            if phase % 2:
                await self._site.start()
            else:
                await self._site.stop()
            for _ in range(self._chance.randint(1, LINES)):
                source = self._chance.choice(sources)
                number = source.write()
                if number is not None:
                    self._written[source.name] = number
                    self._teller.say("w", source.name, number)
                await asyncio.sleep(self._chance.choice([0, 0, SYNC_S, 2 * SYNC_S]))

    def _telling(self, name: str, unsynced: Callable[[], Callable[[], None] | None]) -> Callable[[], None] | None:
        number, job = self._written.get(name), unsynced()
        if job is None or number is None:
            return job

        def sync() -> None:
            job()
            self._teller.say("y", name, number)

        return sync


async def main(root: Path, told: str, seed: str, begin: str) -> None:
    writing.SYNC_S = SYNC_S
    logging.disable(logging.WARNING)  # each session that ends says so
    teller = Teller(told)
    async with Site(database_in(root)) as site, Connection(site.url) as connection:
        phases = Phases(site, teller, random.Random(f"{seed} phases"))
        sources = [Source(connection, root, name, int(begin)) for name in WRITERS]
        for source in sources:
            phases.watch(source)
        await phases.run(sources)
        await asyncio.gather(*[source.log.close(LINGER_S) for source in sources])


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
