"""A dispatcher whose containers are functions of this program: `python worker.py ws://127.0.0.1:8080/ws node-1`.

    fairlead submit --wait -- count 3

has one of them count to 3. Ctrl-C or SIGTERM: what runs is cancelled and reported, then it ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable

from fairlead_client import CallFailed, Entry, Exit
from fairlead_client.asyncio import Connection, Dispatcher
from fairlead_client.calling import ask

Report = Callable[[float], Awaitable[None]]
"""Says how far it is, 0 to 1."""

STEP_S = 0.1


async def count(report: Report, last: str) -> object:
    """Counts, and is its own output."""
    for number in range(1, int(last) + 1):
        await asyncio.sleep(STEP_S)
        await report(number / int(last))
    return {"counted": int(last)}


FUNCTIONS: dict[str, Callable[..., Awaitable[object]]] = {"count": count}


class Work:
    """A container while it runs here."""

    def __init__(self, connection: Connection, container: Entry, on_exit: Callable[[Exit], None]) -> None:
        self._connection = connection
        self._container = container
        self._on_exit = on_exit
        self._task = asyncio.ensure_future(self._work())
        self._task.add_done_callback(self._ended)

    def kill(self) -> None:
        """It is thrown CancelledError where it waits."""
        self._task.cancel()

    def kill_now(self) -> None:
        """There is no harder way to end a coroutine."""
        self._task.cancel()

    def lease(self, remaining_s: float) -> None:
        """Nobody but this program can end it, and it ends with this program: the dispatcher's own look is enough."""

    async def _work(self) -> object:
        name, *arguments = self._container.state["command"]
        return await FUNCTIONS[name](self._report, *arguments)

    def _ended(self, task: asyncio.Future[object]) -> None:
        if task.cancelled():
            self._on_exit(Exit(None, "it was ended"))
        elif (error := task.exception()) is not None:
            self._on_exit(Exit(1, repr(error)))
        else:
            self._on_exit(Exit(0, output=task.result()))

    async def _report(self, progress: float) -> None:
        id_, term = self._container.id, self._container.state["term"]
        try:
            await ask(self._connection, "fairlead.container.progress", id_, term, progress=progress)
        except CallFailed:
            return  # it is not ours any more: the dispatcher hears of that, too, and ends it


class Functions:
    """The Runner."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def start(self, container: Entry, on_exit: Callable[[Exit], None]) -> Work:
        """It runs beside the others, in this loop."""
        return Work(self._connection, container, on_exit)


async def main(url: str, name: str) -> None:
    """Works until it is told to stop."""
    async with Connection(url, token=os.environ.get("FAIRLEAD_TOKEN")) as connection:
        dispatcher = Dispatcher(connection, name, Functions(connection), slots=4, on_event=print)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, dispatcher.stop)
        await dispatcher.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
