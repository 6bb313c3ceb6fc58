"""Programs of the tests as child processes that tell what happens: one JSON document a line, in both directions.

    async with Program(PATH, "argument") as program:
        port = await program.said("port")       # the value in the next document that has this key
        program.tell({"publish": 3})
        await eventually(lambda: program.all_said("event") == [1, 2, 3])

A program ends with its standard input; one that does not is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, Self

from support.waiting import eventually

START_S = 20.0
"""Loaded machines start programs slowly."""
END_S = 5.0


class Program:
    """`prefix` is what the command begins with, as in `ip netns exec NAME`."""

    def __init__(self, path: Path, *arguments: str, prefix: tuple[str, ...] = ()) -> None:
        self._command = (*prefix, sys.executable, str(path), *arguments)
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._documents: list[dict[str, Any]] = []
        self._taken: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        process = self._running
        assert process.stdin is not None
        assert self._reading is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(END_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        await self._reading

    async def said(self, key: str) -> Any:
        """The value in the next document that has this key, and that nobody has taken yet."""
        number = self._taken.get(key, 0)
        self._taken[key] = number + 1
        await eventually(lambda: len(self.all_said(key)) > number, START_S, f"said: {key}")
        return self.all_said(key)[number]

    def all_said(self, key: str) -> list[Any]:
        """The values in all documents that have this key, up to now."""
        return [document[key] for document in self._documents if key in document]

    def tell(self, document: dict[str, Any]) -> None:
        """Gives it a document."""
        assert self._running.stdin is not None
        self._running.stdin.write(json.dumps(document).encode() + b"\n")

    def stop(self) -> None:
        """Stops the process as it is (SIGSTOP)."""
        os.kill(self._running.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """After `stop`."""
        os.kill(self._running.pid, signal.SIGCONT)

    @property
    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    async def _read(self) -> None:
        assert self._running.stdout is not None
        while line := await self._running.stdout.readline():
            self._documents.append(json.loads(line))
