"""Starting a server that has many logs already."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import tempfile
import time
from collections.abc import Awaitable, Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from bench.logs.lines import TIME_US
from bench.logs.systems.fairlead import serving
from bench.procfs import rss_bytes
from bench.suite.running import Run
from bench.suite.section import Section
from fairlead_logstream.model.batch import Batch
from fairlead_logstream.model.rows import Change, Producer, StreamRow
from fairlead_logstream.store.sql_store import SqlStreamStore
from fairlead_router import new_id

Done = TypeVar("Done")

STREAM_BYTES = 1_000_000
BATCH_LINES = 400
LINE_BYTES = 100
IN_FLIGHT = 256
VARIANTS = 50
"""Different batches that are written again and again."""
READY_S = 2.0
GB, MB = 1e9, 1e6
RESTART_GB, QUICK_RESTART_GB = 10.0, 0.2
ABOUT = (
    "A server is started on a data directory with many logs of 1 MB, which the store itself has written and the page "
    f"cache has forgotten. Wanted: `/health` answers within {READY_S:g} s. Lines are random digits, of which "
    "compression can take a half."
)


class Found(msgspec.Struct, frozen=True):
    """What was measured."""

    streams: int
    record_bytes: int
    file_bytes: int
    generated_s: float
    ready_s: float
    rss_bytes: int


def measure(run: Run) -> Section:
    """Make the logs, then start."""
    with tempfile.TemporaryDirectory(prefix="fairlead-bench-") as name:
        data = Path(name) / "data"
        restart_gb = run.options.restart_gb or (QUICK_RESTART_GB if run.is_quick else RESTART_GB)
        run.say(f"restart: writing {restart_gb:g} GB of logs")
        begun_s = time.perf_counter()
        data.mkdir(mode=0o700)
        streams = max(1, round(restart_gb * GB) // STREAM_BYTES)
        asyncio.run(_write(data, streams))
        generated_s = time.perf_counter() - begun_s
        run.say("restart: starting on them")
        file_bytes = _forget(data)
        with serving(data) as (server, ready_s):
            result = Found(streams, streams * STREAM_BYTES, file_bytes, generated_s, ready_s, rss_bytes(server.pid))
    return Section(
        title="Restart",
        about=ABOUT,
        header=("", "measured"),
        rows=[
            ["streams", str(result.streams)],
            ["records, in the database", f"{result.record_bytes / GB:.1f}, {result.file_bytes / GB:.1f} GB"],
            ["written by the store within", f"{result.generated_s:.0f} s"],
            ["ready within", f"{result.ready_s:.2f} s"],
            ["server memory then", f"{result.rss_bytes / MB:.0f} MB"],
        ],
        measured=result,
    )


async def _write(data: Path, streams: int) -> None:
    """A batch of each log after the other, as if they had run at once."""
    store = SqlStreamStore.open(f"sqlite:///{data / 'logs.sqlite'}", "realm1")
    try:
        rows = await _bounded(store.create(_stream(number)) for number in range(streams))
        variants = [_records(variant) for variant in range(VARIANTS)]
        for number in range(round(STREAM_BYTES / len(variants[0]))):
            await _bounded(
                store.write(_change(row, number, variants[index % VARIANTS])) for index, row in enumerate(rows)
            )
    finally:
        await store.close()


async def _bounded(work: Iterable[Awaitable[Done]]) -> list[Done]:
    """All of it, so much at once that commits are shared."""
    done: list[Done] = []
    waiting = iter(work)
    while part := list(itertools.islice(waiting, IN_FLIGHT)):
        done += await asyncio.gather(*part)
    return done


def _stream(number: int) -> StreamRow:
    name = f"s{number:05}"
    return StreamRow(0, name, name, 7, TIME_US)


def _records(variant: int) -> bytes:
    """A batch in canonical form."""
    choose = random.Random(variant)
    texts = [choose.randbytes(LINE_BYTES // 2).hex() for _ in range(BATCH_LINES)]
    return b"[%b]" % b",".join(b'[%d,"stdout","%b",0]' % (TIME_US, text.encode()) for text in texts)


def _change(row: StreamRow, number: int, records: bytes) -> Change:
    first = number * BATCH_LINES
    batch = Batch(first, BATCH_LINES, (TIME_US, TIME_US), row.epoch, new_id(), records)
    producers = {"p": Producer(0, batch.next)}
    return Change(row.id, [batch], producers, None, number * len(records), stored_us=TIME_US)


def _forget(data: Path) -> int:
    """Have the page cache forget the database; returns its size."""
    size = 0
    for path in data.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        size += path.stat().st_size
    return size
