"""One play with records: they change, rights change, the server is killed; then all is quiet, and all catch up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from histories.peer import now_s
from histories.records.record import QUERIES, RecordHistory
from histories.records.serve import NONE
from histories.records.stage import STEADY, USERS, Stage, set_stage
from histories.records.watcher import MARK, Watcher
from histories.records.writers import Administrator, Writer

Progress = Callable[[float], None]


class _Player(Protocol):
    async def play(self) -> None:
        """Until the play is over."""


class RecordOptions(NamedTuple):
    """What to do."""

    seconds: float
    seed: int
    mechanism: str = NONE
    """Which is switched off: see serve.py."""
    keys: int = 40
    writers: int = 3
    most_changes: int = 6
    """Of one request."""
    pause_s: float = 0.015
    """From one request of a writer to the next."""
    watchers: int = 2 * len(QUERIES)
    stays_s: float = 1.5
    """How long a watcher stays at most, until it breaks off."""
    is_clone: bool = False
    """Whether all watch everything, nothing is deleted, and no right moves."""
    kills: int = 1
    is_wiped: bool = True
    """Whether the server finds an empty store once, in the middle."""
    catch_up_s: float = 30.0


def clone(seconds: float, seed: int, keys: int = 10_000) -> RecordOptions:
    """Many keys, 1 000 changes a second, and 20 who want to have it all."""
    return RecordOptions(
        seconds,
        seed,
        keys=keys,
        writers=2,
        most_changes=99,
        pause_s=0.1,
        watchers=20,
        stays_s=10,
        is_clone=True,
        kills=2,
    )


async def play(directory: Path, options: RecordOptions, on_progress: Progress = lambda _: None) -> RecordHistory:
    """The history of one, with a server of its own, whose files are in this directory."""
    async with set_stage(directory, options.seed, options.mechanism) as stage:
        watchers, writers = _watchers(stage, options), _writers(stage, options)
        rights: list[_Player] = [] if options.is_clone else [Administrator(stage, 0.05)]
        async with asyncio.TaskGroup() as watching:
            async with asyncio.TaskGroup() as others:
                for player in [*writers, *rights]:
                    others.create_task(player.play())
                for writer in writers:
                    await writer.is_filled.wait()
                for watcher in watchers:
                    watching.create_task(watcher.play(), name=watcher.name)
                await _go_wrong(stage, options, on_progress)
                stage.over.set()
            await _catch_up(watchers, options.catch_up_s)
            stage.history.stayed = {watcher.name: MARK for watcher in watchers}
            await stage.learn_what_is_left()
            stage.closing.set()
    return stage.history


def _watchers(stage: Stage, options: RecordOptions) -> list[Watcher]:
    users = [STEADY, *USERS]
    queries = 1 if options.is_clone else len(QUERIES)
    return [
        Watcher(
            stage,
            f"watcher-{number}",
            users[(number + number // queries) % len(users)],
            number % queries,
            options.stays_s,
        )
        for number in range(options.watchers)
    ]


def _writers(stage: Stage, options: RecordOptions) -> list[Writer]:
    ids = [f"r{number}" for number in range(options.keys)]
    pace = options.most_changes, options.pause_s
    return [
        Writer(stage, f"writer-{number}", ids[number :: options.writers], pace, deletes=not options.is_clone)
        for number in range(options.writers)
    ]


async def _go_wrong(stage: Stage, options: RecordOptions, on_progress: Progress) -> None:
    """Kills, spread over the time; the middle one finds an empty store."""
    ends = options.kills + options.is_wiped
    for number in range(ends + 1):
        if number:
            is_wipe = options.is_wiped and number == (ends + 1) // 2
            await stage.kill(wipes=is_wipe)
            fault = "store_wiped" if is_wipe else "server_killed"
            stage.history.faults[fault] = stage.history.faults.get(fault, 0) + 1
        await asyncio.sleep(options.seconds / (ends + 1))
        on_progress((number + 1) / (ends + 1))


async def _catch_up(watchers: list[Watcher], limit_s: float) -> None:
    deadline_s = now_s() + limit_s
    while now_s() < deadline_s and not all(watcher.is_at_rest for watcher in watchers):
        await asyncio.sleep(0.05)
