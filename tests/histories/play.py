"""One play: the stage is set, everybody does what they like for a while, then all is quiet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple, Protocol

from histories.makers import Administrator, Publisher, Questioner
from histories.peer import now_s
from histories.record import History
from histories.sleeper import Sleeper
from histories.stage import CONFIG, SLEEPER, USERS, Stage
from histories.watcher import Watcher
from support.serving import FAIRLEAD, Serving

QUIET_S = 1.5
"""From the last change on: notices and what is read from the store have come by then."""


class Options(NamedTuple):
    """What to do."""

    seconds: float
    seed: int
    program: tuple[str, ...] = FAIRLEAD
    database: str | None = None
    """Of the permissions; None is that of the data directory."""
    watchers: int = 2
    """Clients of each user."""
    publishers: int = 3
    administrators: int = 2
    publish_interval_s: float = 0.012
    change_pause_s: float = 0.02
    kills: int = 0
    """How often the server is killed and started again meanwhile."""


async def play(directory: Path, options: Options, on_progress: Callable[[float], None] = lambda _: None) -> History:
    """The history of one, with a server of its own, whose files are in this directory."""
    config = directory / "fairlead.toml"
    database = "" if options.database is None else f'[permissions]\ndatabase = "{options.database}"\n'
    config.write_text(database + CONFIG)
    async with Serving(directory, "--config", str(config), program=options.program) as server:
        stage = Stage(server, (server.data / "admin.token").read_text().strip())
        await stage.set_up()
        async with asyncio.TaskGroup() as tasks:
            for name, player in _cast(stage, options):
                tasks.create_task(player.play(), name=name)
            for part in range(options.kills + 1):
                if part:
                    await server.kill()
                    await server.start()
                await _let_play(options.seconds / (options.kills + 1), on_progress)
            stage.over.set()
            await asyncio.sleep(QUIET_S)
            stage.closing.set()
        await stage.learn_revisions()
        await stage.try_dead_tokens()
        await server.stop()
    return stage.history


class _Player(Protocol):
    async def play(self) -> None:
        """Until the stage is closed, or all is over."""


def _cast(stage: Stage, options: Options) -> list[tuple[str, _Player]]:
    """Everybody, each with choices of its own."""
    cast: list[tuple[str, _Player]] = []
    for number in range(options.publishers):
        random = Random(f"publisher {options.seed} {number}")
        cast.append((f"publisher {number}", Publisher(stage, f"p{number}", random, options.publish_interval_s)))
    for number in range(options.administrators):
        random = Random(f"administrator {options.seed} {number}")
        cast.append((f"administrator {number}", Administrator(stage, random, options.change_pause_s)))
    cast.append(("questioner", Questioner(stage, Random(f"questioner {options.seed}"), options.change_pause_s)))
    cast.append((SLEEPER, Sleeper(stage)))
    for user in USERS:
        for number in range(options.watchers):
            random = Random(f"watcher {options.seed} {user} {number}")
            cast.append((f"{user} {number}", Watcher(stage, user, number, random)))
    return cast


async def _let_play(seconds: float, on_progress: Callable[[float], None]) -> None:
    begin_s = now_s()
    while (passed_s := now_s() - begin_s) < seconds:
        on_progress(passed_s / seconds)
        await asyncio.sleep(min(1.0, seconds - passed_s))
