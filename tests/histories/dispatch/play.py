"""One play with containers: asked for and cancelled while dispatchers and server are killed, or stopped."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from histories.dispatch.record import Asked, Cancel, DispatchHistory
from histories.dispatch.serve import NONE
from histories.dispatch.stage import LEASE_S, Stage, set_stage
from histories.peer import Refused, now_s

Progress = Callable[[float], None]

FAULTS = ("dispatcher_killed", "server_killed", "dispatcher_stopped")


class DispatchOptions(NamedTuple):
    """What to do."""

    seconds: float
    seed: int
    mechanism: str = NONE
    """Which is switched off: see serve.py."""
    dispatchers: int = 3
    pause_s: float = 0.3
    """From one container to the next, about."""
    stays_s: tuple[float, ...] = (0.05, 0.5, 3.0)
    """How long a command takes, one of these."""
    faults: tuple[str, ...] = FAULTS
    between_s: float = 1.5
    """From one fault to the next, about."""
    catch_up_s: float = 60.0


async def play(directory: Path, options: DispatchOptions, on_progress: Progress = lambda _: None) -> DispatchHistory:
    """The history of one, with a server and dispatchers of its own, whose files are in this directory."""
    async with (
        set_stage(directory, options.seed, options.dispatchers, options.mechanism) as stage,
        asyncio.TaskGroup() as looking,
    ):
        looking.create_task(stage.look_at_processes())
        looking.create_task(stage.watch())
        async with asyncio.TaskGroup() as others:
            others.create_task(_ask(stage, options.pause_s, options.stays_s))
            others.create_task(_cancel(stage, 3 * options.pause_s))
            await _go_wrong(stage, options, on_progress)
            stage.over.set()
        deadline_s = now_s() + options.catch_up_s
        while not await stage.learn_what_is_left() and now_s() < deadline_s:
            await asyncio.sleep(0.2)
        stage.closing.set()
    return stage.history


async def _ask(stage: Stage, pause_s: float, stays_s: Sequence[float]) -> None:
    """Containers, and requests with attempts, one after the other; again until that is acknowledged."""
    random = stage.random("asking")
    while not stage.over.is_set():
        number = len(stage.history.asked)
        attempts = random.choice((None, 2, 3))
        asked = Asked(f"c{number}", random.randrange(5), now_s(), attempts)
        stage.history.asked.append(asked)
        command = stage.command(random.choice(stays_s), asked.exit_code)
        about = {"id": asked.id, "priority": random.randint(1, 3), "key": asked.id}
        if attempts is None:
            await stage.ask("fairlead.container.create", command, **about)
        else:
            await stage.ask("fairlead.container.request", command, attempts=attempts, **about)
        asked.acknowledged_s = now_s()
        await asyncio.sleep(random.uniform(0.2, 1.8) * pause_s)


async def _cancel(stage: Stage, pause_s: float) -> None:
    """Any of the latest containers, in whatever state it is."""
    random = stage.random("cancelling")
    while not stage.over.is_set():
        await asyncio.sleep(random.uniform(0.2, 1.8) * pause_s)
        latest = [asked.id for asked in stage.history.asked[-6:] if asked.attempts is None]
        if latest:
            id_, sent_s = random.choice(latest), now_s()
            with suppress(Refused):  # it has ended, or is not there yet
                answer = await stage.ask("fairlead.container.cancel", id_)
                stage.history.cancels.append(Cancel(id_, sent_s, now_s(), answer["state"]))


async def _go_wrong(stage: Stage, options: DispatchOptions, on_progress: Progress) -> None:
    random, begun_s = stage.random("faults"), now_s()
    waiting: list[str] = []
    while (now := now_s()) < begun_s + options.seconds:
        on_progress((now - begun_s) / options.seconds)
        await asyncio.sleep(random.uniform(0.5, 1.5) * options.between_s)
        waiting = waiting or random.sample(options.faults, len(options.faults))
        fault = waiting.pop()
        dispatcher = random.choice(stage.dispatchers)
        if fault == "server_killed":
            await stage.server.kill()
            await stage.server.start()
        elif fault == "dispatcher_killed":
            await dispatcher.kill()
            await asyncio.sleep(random.choice((0, 1.5 * LEASE_S)))
            await dispatcher.start()
        else:
            stopped_s = now_s()
            dispatcher.send_signal(signal.SIGSTOP)
            await asyncio.sleep(random.choice((0.5, 1.5)) * LEASE_S)
            dispatcher.send_signal(signal.SIGCONT)
            stage.history.stops.append((stopped_s, now_s()))
        stage.history.faults[fault] = stage.history.faults.get(fault, 0) + 1
