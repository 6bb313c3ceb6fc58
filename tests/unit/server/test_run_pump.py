"""What the command writes goes into the log whole, however slowly the log takes it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fairlead_client import Record
from fairlead_client.asyncio import Connection, LogWriter, follow
from fairlead_logstream import LogService
from fairlead_router import Router
from fairlead_server.commands._pump import Pipe, Pump
from support.serving import free_port
from support.waiting import eventually


class Site:
    """A router with a log service that comes when it is told to."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.url = f"ws://127.0.0.1:{self.port}/ws"
        self._database = f"sqlite:///{directory / 'logs.sqlite'}"
        self._closing: list[Any] = []

    async def start(self) -> None:
        router = Router()
        realm = router.add_realm("realm1")
        logs = await LogService.open(self._database)
        logs.bind(realm)
        await router.listen(f"tcp://127.0.0.1:{self.port}")
        self._closing = [router, logs]

    async def close(self) -> None:
        for part in self._closing:
            await part.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(tmp_path)
    yield site
    await site.close()


@pytest.fixture
def pipe() -> tuple[Pipe, int]:
    """A pipe for the pump, which closes its end, and the end to write to, which its writer closes."""
    read, write = os.pipe()
    return Pipe(read, "stdout", 1), write


async def test_a_full_spool_holds_the_command_up_and_loses_nothing(
    site: Site, pipe: tuple[Pipe, int], tmp_path: Path
) -> None:
    lines = [b"%07d %s\n" % (number, b"x" * 100) for number in range(50_000)]
    pumps: list[Pump] = []
    async with Connection(site.url) as connection:

        def resume() -> None:
            pumps[0].resume()

        writer = LogWriter(connection, "log", on_room=resume, spool=tmp_path / "spool", limit_bytes=2_000_000)
        pump = Pump([pipe[0]], writer, None)
        pumps.append(pump)
        command = threading.Thread(target=_write, args=(pipe[1], lines))
        command.start()
        await eventually(lambda: not pump.is_reading)
        assert command.is_alive()
        assert writer.spool.size_bytes < 2_000_000
        await site.start()
        await asyncio.wait_for(pump.ended.wait(), 20)
        command.join()
        writer.seal(0)
        assert await writer.close(20) is None
        records = [item async for item in follow(connection, "log") if isinstance(item, Record)]
    # A writer that stands still within a line, on a busy machine, has the line delivered in parts.
    got = [str(record.text) + ("" if record.is_partial else "\n") for record in records]
    assert "".join(got).encode().splitlines(keepends=True) == lines


async def test_stopping_takes_what_is_there(site: Site, pipe: tuple[Pipe, int], tmp_path: Path) -> None:
    await site.start()
    async with Connection(site.url) as connection:
        writer = LogWriter(connection, "log", spool=tmp_path / "spool")
        pump = Pump([pipe[0]], writer, None)
        os.write(pipe[1], b"one\ntwo")
        pump.stop()
        assert pump.ended.is_set()
        os.close(pipe[1])
        writer.seal(0)
        assert await writer.close(20) is None
        records = [item async for item in follow(connection, "log") if isinstance(item, Record)]
    assert [(record.text, record.is_partial) for record in records] == [("one", False), ("two", True)]


async def test_an_unfinished_line_is_handed_on_after_a_moment(
    site: Site, pipe: tuple[Pipe, int], tmp_path: Path
) -> None:
    await site.start()
    async with Connection(site.url) as connection:
        writer = LogWriter(connection, "log", spool=tmp_path / "spool")
        pump = Pump([pipe[0]], writer, None)
        os.write(pipe[1], b"10%\r20%\r")
        await eventually(lambda: writer.spool.next_seq == 1)
        os.write(pipe[1], b"30%\ndone\n")
        os.close(pipe[1])
        await pump.ended.wait()
        writer.seal(0)
        assert await writer.close(20) is None
        records = [item async for item in follow(connection, "log") if isinstance(item, Record)]
    assert [(record.text, record.flags) for record in records] == [("10%\r20%\r", 5), ("30%", 0), ("done", 0)]


def _write(descriptor: int, lines: list[bytes]) -> None:
    for start in range(0, len(lines), 500):
        data = b"".join(lines[start : start + 500])
        while data:
            data = data[os.write(descriptor, data) :]
    os.close(descriptor)
