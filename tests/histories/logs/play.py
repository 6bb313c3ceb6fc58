"""One play with logs: everybody writes and reads while things go wrong; then all is quiet, and everybody catches up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from histories.logs.faults import BETWEEN_S, KINDS, Administrator, Faults
from histories.logs.producers import ByteProducer, Contender, Flooder, Producer, Writer
from histories.logs.programs import Command, Download, WritingProcess
from histories.logs.readers import Consumer, FollowReader, PageReader, Reader, TopicReader
from histories.logs.record import LogHistory
from histories.logs.stage import STEADY, STREAMS, USERS, Stage, set_stage
from histories.peer import now_s

Progress = Callable[[float], None]


class LogOptions(NamedTuple):
    """What to do."""

    seconds: float
    seed: int
    mechanisms: str = "none"
    """Which are switched off: see serve.py."""
    database: str | None = None
    """One that two servers share; without it there is one server, with a database of its own."""
    is_replaced: bool = False
    """Whether the server finds another store in the middle."""
    faults: tuple[str, ...] = KINDS
    between_s: float = BETWEEN_S
    """From one fault to the next, about."""
    readers: int = 1
    """Of each kind, user and stream."""
    catch_up_s: float = 30.0
    """How long followers may take to the head when nothing goes wrong any more."""


async def play(directory: Path, options: LogOptions, on_progress: Progress = lambda _: None) -> LogHistory:
    """The history of one, with servers of its own, whose files are in this directory."""
    async with set_stage(directory, options.seed, options.mechanisms, options.database) as stage:
        writing, reading = _writers(stage, directory), _readers(stage, options)
        with_rights = [] if options.database else [Administrator(stage)]
        async with asyncio.TaskGroup() as readers:
            for reader in reading:
                readers.create_task(reader.play(), name=reader.name)
            async with asyncio.TaskGroup() as others:
                for player in [*writing, *with_rights]:
                    others.create_task(player.play())
                faults = others.create_task(_go_wrong(stage, options, on_progress))
                await faults
                stage.over.set()
            await stage.learn_heads()
            await _catch_up(reading, options.catch_up_s)
            stage.closing.set()
    return stage.history


class _Player(Protocol):
    async def play(self) -> None:
        """Until the play is over."""


def _writers(stage: Stage, directory: Path) -> list[_Player]:
    writers: list[_Player] = [Flooder(stage, "flood", "short")]
    for stream in STREAMS:
        writers += [Producer(stage, f"raw-{stream}", stream), ByteProducer(stage, f"bytes-{stream}", stream)]
    writers += [Contender(stage, f"duel {parity}", "kept", parity) for parity in (0, 1)]
    writers.append(Writer(stage, "writer", "long", directory / "writer"))
    writers.append(WritingProcess(stage, "process", "short", directory / "process"))
    return writers


def _readers(stage: Stage, options: LogOptions) -> list[Reader]:
    readers: list[Reader] = []
    for kind in (FollowReader, PageReader, TopicReader) * options.readers:
        for user in (STEADY, *USERS):
            stream = STREAMS[len(readers) % len(STREAMS)]
            readers.append(kind(stage, f"{kind.__name__}-{user}-{len(readers)}", user, stream))
    for number, stream in enumerate(STREAMS):
        readers.append(FollowReader(stage, f"filtered-{stream}", STEADY, stream, ("even", "odd")[number % 2]))
        readers.append(Consumer(stage, f"consumer-{stream}", STEADY, stream))
        readers.append(Download(stage, f"download-{stream}", (STEADY, *USERS)[number], stream))
    readers.append(Command(stage, "command", STEADY, "short"))
    return readers


async def _go_wrong(stage: Stage, options: LogOptions, on_progress: Progress) -> None:
    """Faults for a while, and in the middle another store."""
    begin_s, faults = now_s(), Faults(stage, options.faults, options.between_s)
    if options.is_replaced:
        await faults.play(begin_s + options.seconds / 2)
        await stage.replace_store()
    while (now := now_s()) < begin_s + options.seconds:
        on_progress((now - begin_s) / options.seconds)
        await faults.play(min(now + 1, begin_s + options.seconds))


async def _catch_up(readers: list[Reader], limit_s: float) -> None:
    deadline_s = now_s() + limit_s
    while now_s() < deadline_s and not all(each.is_at_rest for each in readers):
        await asyncio.sleep(0.05)
