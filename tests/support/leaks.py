"""What a test must not leave behind: tasks, sockets, and exceptions that nobody waited for.

uvloop does not warn of an open transport that was forgotten, and asyncio only logs an exception in a callback;
both would let the test pass that caused them.
"""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any, NamedTuple

from twisted.logger import LogEvent, formatEvent, globalLogPublisher

# How long what is being closed may take: a socket is closed some turns of the loop after its transport was.
SETTLE_S = 1.0
DESCRIPTORS = Path("/proc/self/fd")


class Held(NamedTuple):
    """What is open at a moment: tasks, and sockets by inode."""

    tasks: set[asyncio.Task[Any]]
    sockets: set[str]


class LeakCheck:
    """Compares the tasks and sockets after a test, or a module, with those before, and collects stray exceptions."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.errors: list[str] = []
        self.used_loop = False
        self._loop = loop
        self._told: set[str] = set()
        loop.set_exception_handler(self._on_loop_error)
        globalLogPublisher.addObserver(self._on_log_event)  # type: ignore[arg-type] # zope's interfaces

    def held(self) -> Held:
        """Call before the test: what is there by now belongs to somebody else."""
        return Held(asyncio.all_tasks(self._loop), open_sockets())

    async def settle(self, before: Held) -> None:
        """Gives what is ending the time to end, and the collector the chance to find what was forgotten."""
        deadline_s = self._loop.time() + SETTLE_S
        await asyncio.sleep(0)
        while self._left(before) != (set(), set()) and self._loop.time() < deadline_s:
            await asyncio.sleep(0.001)
        gc.collect()
        await asyncio.sleep(0)

    def complaint(self, before: Held) -> str:
        """All that is wrong by now, one thing a line; empty when nothing is. Nothing is said twice."""
        tasks, sockets = self._left(before)
        lines = [f"left a task behind: {task!r}" for task in tasks]
        lines += [f"left a socket open: {socket}" for socket in sorted(sockets)]
        lines += [f"nobody waited for: {error}" for error in self.errors]
        self.errors.clear()
        self._told |= sockets
        for task in tasks:
            task.cancel()
        return "\n".join(lines)

    def _left(self, before: Held) -> Held:
        tasks = asyncio.all_tasks(self._loop) - before.tasks - {_current_task()}
        return Held(tasks, open_sockets() - before.sockets - self._told)

    def _on_loop_error(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.errors.append(f"{context.get('message')}: {context.get('exception')!r} {context}")

    def _on_log_event(self, event: LogEvent) -> None:
        if event.get("isError") or "log_failure" in event:
            self.errors.append(formatEvent(event) + "\n" + str(event.get("log_failure", "")))


def open_sockets() -> set[str]:
    """This process' sockets, by inode; nothing where there is no /proc."""
    sockets = set()
    for descriptor in DESCRIPTORS.iterdir() if DESCRIPTORS.is_dir() else ():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:  # closed since, or the listing's own
            continue
        if target.startswith("socket:"):
            sockets.add(target)
    return sockets


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
