"""The walks of docs/walks.md in which a right ends: each console block, typed into a shell beside a real server."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from support.docs import DOCS, fenced
from support.serving import Serving

BEGINNING, *WALKS = fenced(DOCS / "walks.md", "console")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
STEP_S = 60.0
"""For one command on a busy machine, those that wait for the clock included."""


class Shell:
    """Runs the commands of a block; what is put into the background is read until it has said what stands there."""

    def __init__(self, server: Serving) -> None:
        bin_directory = str(Path(sys.executable).parent)
        path = f"{bin_directory}{os.pathsep}{os.environ['PATH']}"
        self._environment = {**server.environment(), "FAIRLEAD_URL": server.url, "PATH": path}
        self._directory = server.directory
        self._background: list[subprocess.Popen[str]] = []

    async def play(self, block: str) -> None:
        """Asserts that each command prints what the page says."""
        for part in re.split(r"(?m)^\$ ", block)[1:]:
            command, _, expected = part.partition("\n")
            async with asyncio.timeout(STEP_S):
                printed = await asyncio.to_thread(self._run, command, len(expected.splitlines()))
            assert (command, TIME.sub("TIME", printed)) == (command, TIME.sub("TIME", expected))

    def end(self) -> None:
        """Nothing is left of it: `fairlead run` ends its command when it is told to end."""
        for process in self._background:
            process.terminate()
            process.communicate(timeout=STEP_S)

    def _run(self, command: str, lines: int) -> str:
        if command == "wait %%; echo $?":
            rest, _ = self._background[-1].communicate(timeout=STEP_S)
            return f"{rest}{self._background[-1].returncode}\n"
        is_background = command.endswith(" &")
        process = self._start(f"exec env {command[:-2]}" if is_background else command)
        if not is_background:
            return process.communicate(timeout=STEP_S)[0]
        self._background.append(process)
        assert process.stdout is not None
        return "".join(_first(process.stdout, lines))

    def _start(self, command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-c", command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=self._environment, cwd=self._directory,
        )  # fmt: skip


def _first(stream: IO[str], lines: int) -> Iterator[str]:
    for _ in range(lines):
        yield stream.readline()


@pytest.mark.parametrize("walk", WALKS)
async def test_walk_goes_as_the_page_says(walk: str, tmp_path: Path) -> None:
    async with Serving(tmp_path) as server:
        shell = Shell(server)
        try:
            await shell.play(BEGINNING)
            await shell.play(walk)
        finally:
            await asyncio.to_thread(shell.end)
