"""A writer among kills and broken networks: every line that `write` has taken arrives once, in order, and in time."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fairlead_client import Batch, Follower, Record
from fairlead_client.asyncio import Connection, FileWriter, LogWriter, follow_items
from fairlead_client.autobahn_session import PROTOCOL_OPTIONS
from support.proxy import Proxy
from support.serving import Serving
from support.waiting import eventually

# Writes numbered lines until it is killed or told to end; says each number when `write` has returned, and how long the
# longest took.
WRITER = """
import signal, sys, time
from pathlib import Path
from fairlead_client.sync import LogWriter
url, spool, run = sys.argv[1:]
is_ending = []
signal.signal(signal.SIGTERM, lambda *_: is_ending.append(True))
log = LogWriter(url, "log", spool=Path(spool), linger_s=20)
number, longest_s = 0, 0.0
while not is_ending:
    start_s = time.monotonic()
    log.write(f"run{run}", str(number))
    longest_s = max(longest_s, time.monotonic() - start_s)
    print(number, f"{longest_s:.3f}", flush=True)
    number += 1
    time.sleep(0.001)
sys.exit(log.close() is not None)
"""
# What a `write` may take on a machine that does many other things.
BOUND_S = 1.0


class Written:
    """A process of WRITER, and what it has said."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.count = 0
        self.longest_s = 0.0
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            if line.endswith(b"\n"):  # else it was killed in it
                number, longest_s = line.split()
                self.count, self.longest_s = int(number) + 1, float(longest_s)

    async def more(self, count: int = 50) -> None:
        """Waits until so many more are written: whatever goes on, writing goes on."""
        wanted = self.count + count
        await eventually(lambda: self.count >= wanted, timeout_s=20)

    async def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        status = await asyncio.wait_for(self.process.wait(), 30)
        await self._reading
        return status


@asynccontextmanager
async def writing(url: str, spool: Path, run: int) -> AsyncIterator[Written]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, url, str(spool), str(run), stdout=asyncio.subprocess.PIPE
    )
    try:
        yield Written(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Serving]:
    async with Serving(tmp_path, "--open") as server:
        yield server


async def records(url: str) -> list[Record]:
    """What is in the log now, to its head."""
    async with Connection(url) as connection:
        items = follow_items(connection, Follower("log", to_the_end=False))
        return [record async for item in items if isinstance(item, Batch) for record in item.each()]


@pytest.mark.limit_s(120)
async def test_kills_of_server_writer_and_both_lose_and_repeat_nothing(server: Serving, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    counts = []
    for run, victims in enumerate(["server", "writer", "both", "none"]):
        async with writing(server.url, spool, run) as written:
            await written.more()
            if victims in {"server", "both"}:
                await server.kill()
                await written.more()
            if victims == "server":
                await server.start()
                await written.more()
            await written.end(signal.SIGTERM if victims == "none" else signal.SIGKILL)
            counts.append(written.count)
            assert written.longest_s < BOUND_S
            if victims == "both":
                await server.start()
    seen = await records(server.url)
    for run, count in enumerate(counts):
        numbers = [int(record.text) for record in seen if record.source == f"run{run}"]
        assert numbers == [*range(len(numbers))]
        assert len(numbers) >= count
    assert not any(record.is_marker for record in seen)
    assert not spool.exists()


@pytest.mark.limit_s(60)
async def test_a_stopped_server_delays_no_write(server: Serving, tmp_path: Path) -> None:
    assert server.pid is not None
    async with writing(server.url, tmp_path / "spool", 0) as written:
        await written.more()
        os.kill(server.pid, signal.SIGSTOP)
        await written.more(500)
        os.kill(server.pid, signal.SIGCONT)
        assert await written.end(signal.SIGTERM) == 0
        assert written.longest_s < BOUND_S
        assert len(await records(server.url)) == written.count


@pytest.fixture
def hasty_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """They notice a dead connection soon."""
    monkeypatch.setitem(PROTOCOL_OPTIONS, "autoPingInterval", 0.5)
    monkeypatch.setitem(PROTOCOL_OPTIONS, "autoPingTimeout", 1.0)


LOSSES: dict[str, Callable[[Proxy], None]] = {
    "nothing gets through": Proxy.hold,
    "no acknowledgement gets to the client": lambda network: network.to_client.hold(),
    "nothing gets to the router": lambda network: network.to_router.hold(),
    "the connection is reset": Proxy.reset,
    "half closed": Proxy.half_close,
}


@pytest.mark.limit_s(60)
@pytest.mark.parametrize("way", LOSSES)
@pytest.mark.usefixtures("hasty_clients")
async def test_broken_networks_lose_and_repeat_nothing(server: Serving, tmp_path: Path, way: str) -> None:
    file = tmp_path / "app.log"
    async with Proxy(server.port) as network, Connection(f"ws://127.0.0.1:{network.port}/ws") as connection:
        log = LogWriter(connection, "log", spool=tmp_path / "spool")
        tail = FileWriter(connection, "log", "file", file, tmp_path / "place")
        with file.open("a") as out:
            for number in range(300):
                log.write("app", str(number))
                out.write(f"{number}\n")
                out.flush()
                if number in {100, 200}:
                    await log.drain(10)
                    log.write("app", "and")
                    LOSSES[way](network)
                    await asyncio.sleep(2.0)
                    network.release()
                await asyncio.sleep(0)
        assert await log.close(20) is None
        assert await tail.close(20)
    seen = await records(server.url)
    numbers = [str(number) for number in range(300)]
    assert [record.text for record in seen if record.source == "app" and record.text != "and"] == numbers
    assert [record.text for record in seen if record.source == "file"] == numbers
    assert not any(record.is_marker for record in seen)
