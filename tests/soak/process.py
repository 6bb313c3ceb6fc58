"""The soaked router as a child process: starts it, asks it, ends it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Self

from support.certificates import Authority

PROGRAM = (str(Path(__file__).with_name("router.py")),)
ANSWER_S = 30.0
"""A loaded machine answers late; one that never does has hung."""
LONGEST_LINE_BYTES = 8 << 20


class RouterProcess:
    """Enter it, and it listens. `where` says at which ports and path."""

    def __init__(self, directory: Path, program: tuple[str, ...] = PROGRAM) -> None:
        self.directory = directory
        self.where: dict[str, Any] = {}
        self.authority = Authority(directory)
        self.authority.issue("server")
        self._program = program
        self._process: asyncio.subprocess.Process | None = None
        self._asking = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *self._program, str(self.directory),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LONGEST_LINE_BYTES,
            start_new_session=True,  # Ctrl-C is for the parent, which ends it in order
        )  # fmt: skip
        try:
            self.where = await self._answer()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()

    async def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """One command, and its answer."""
        assert self._process is not None
        assert self._process.stdin is not None
        async with self._asking:
            self._process.stdin.write(json.dumps({"do": verb, **arguments}).encode() + b"\n")
            return await self._answer()

    async def _answer(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(ANSWER_S):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the router's process has ended with status {await self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer
