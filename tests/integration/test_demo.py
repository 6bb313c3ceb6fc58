"""`fairlead demo` as a person uses it: it starts, serves, brings back what is killed, and leaves nothing running."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import stat
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest

from fairlead_client import Added
from fairlead_client.asyncio import Connection, call, connect, disconnect, follow, watch
from fairlead_client.records import Record
from support.serving import COMMAND_S, FAIRLEAD, free_port, line_with
from support.waiting import eventually

PAGE = re.compile(
    r"^ +(?P<user>\w+) +(?P<page>http://127\.0\.0\.1:(?P<port>\d+)/)#containers&user=(?P=user)&token=(?P<token>\S+)$"
)
LOG = re.compile(r"^  ((?:simulation|training|verification)-[0-9a-f]+-1) ")
KILL = re.compile(r"^  kill -9 (\d+) ")


def descendants(pid: int) -> set[int]:
    """The processes that a process has started, and those that they have."""
    parents = {}
    for stat_file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended since
            parents[int(stat_file.parent.name)] = int(stat_file.read_text().rpartition(")")[2].split()[1])
    found = {child for child, parent in parents.items() if parent == pid}
    return found.union(*(descendants(child) for child in found))


def processes_with(demo: Demo, *words: str) -> set[int]:
    """Those of the demo whose command has these words."""
    found = set()
    for pid in demo.descendants():
        with suppress(OSError):  # it has ended since
            if set(words) <= set(Path(f"/proc/{pid}/cmdline").read_text().split("\0")):
                found.add(pid)
    return found


def alive(processes: set[int]) -> set[int]:
    return {pid for pid in processes if Path(f"/proc/{pid}").exists()}


class Demo:
    """A demo that has said what to do."""

    def __init__(self, process: asyncio.subprocess.Process, said: list[str]) -> None:
        self.process = process
        pages = [found for line in said if (found := PAGE.match(line))]
        self.pages = {found["user"]: found["page"] for found in pages}
        self.tokens = {found["user"]: found["token"] for found in pages}
        self.url = f"ws://127.0.0.1:{pages[0]['port']}/ws"
        self.logs = [found[1] for line in said if (found := LOG.match(line))]
        self.server = next(int(found[1]) for line in said if (found := KILL.match(line)))

    @classmethod
    async def read(cls, process: asyncio.subprocess.Process) -> Self:
        """Reads to the end of what it says at first."""
        assert process.stdout is not None
        said: list[str] = []
        async with asyncio.timeout(COMMAND_S):
            while "Ctrl-C ends" not in "".join(said[-1:]):
                line = await process.stdout.readline()
                assert line, f"it has ended: {said}"
                said.append(line.decode().rstrip("\n"))
        return cls(process, said)

    def descendants(self) -> set[int]:
        return descendants(self.process.pid)

    async def stop(self) -> None:
        """Ctrl-C; everything that it has started must be gone then."""
        started = self.descendants()
        self.process.send_signal(signal.SIGINT)
        _, stderr = await asyncio.wait_for(self.process.communicate(), COMMAND_S)
        assert (self.process.returncode, stderr) == (0, b"")
        assert alive(started) == set()


async def start(directory: Path, *options: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *FAIRLEAD, "demo", *(options or ("--listen", "127.0.0.1:0")), cwd=directory, stdout=pipe, stderr=pipe
    )


@asynccontextmanager
async def running(directory: Path, *options: str) -> AsyncIterator[Demo]:
    process = await start(directory, *options)
    try:
        yield await Demo.read(process)
    finally:
        if process.returncode is None:
            for pid in (*descendants(process.pid), process.pid):
                os.kill(pid, signal.SIGKILL)
        await process.communicate()


async def container(demo: Demo, id_: str, state: str) -> dict[str, Any]:
    """The state of a container, once it is that one."""
    async with (
        asyncio.timeout(COMMAND_S),
        Connection(demo.url, token=demo.tokens["alice"]) as connection,
        aclosing(watch(connection, id=id_, where=[["state", "=", state]])) as items,
    ):
        async for item in items:
            if isinstance(item, Added):
                return item.entry.state
    raise AssertionError("a watch has no end")


async def log_begins(demo: Demo, log: str) -> None:
    session = await connect(demo.url, token=demo.tokens["alice"])

    async def is_listed() -> bool:
        return bool((await call(session, "fairlead.log.list", prefix=log))["streams"])

    try:
        await eventually(is_listed, COMMAND_S, what=log)
    finally:
        await disconnect(session)


async def lines_of(demo: Demo, log: str, count: int) -> list[Record]:
    """The first lines of a log, as alice, from the beginning."""
    records: list[Record] = []
    await log_begins(demo, log)
    async with (
        Connection(demo.url, token=demo.tokens["alice"]) as connection,
        aclosing(follow(connection, log)) as items,
    ):
        async for item in items:
            if isinstance(item, Record):
                records.append(item)
            if len(records) == count:
                break
    return records


async def test_it_starts_serves_cancels_and_leaves_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as demo, aiohttp.ClientSession() as http:
        assert set(demo.pages) == {"alice", "bob", "admin"}
        assert len(demo.logs) == 3
        async with http.get(demo.pages["alice"]) as response:
            assert response.status in {200, 503}  # 503 where the page is not built
        for user in ("alice", "bob"):
            session = await connect(demo.url, token=demo.tokens[user])
            listed = await call(session, "fairlead.log.list")
            assert user == "alice" or demo.logs[1] not in {stream["stream"] for stream in listed["streams"]}
            for log in demo.logs:
                allowed = (await call(session, "fairlead.authz.check", user, "read", log.removesuffix("-1")))["allowed"]
                assert allowed == (user == "alice" or log != demo.logs[1]), "bob may read some"
            await disconnect(session)
            file = tmp_path / ".fairlead" / "demo" / f"{user}.token"
            assert file.read_text().strip() == demo.tokens[user]
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        simulation = await lines_of(demo, demo.logs[0], 7)
        assert {record.source for record in simulation} == {"stdout", "stderr"}
        training = await lines_of(demo, demo.logs[1], 2)
        assert any("\r" in str(record.text) for record in training)
        alice = await connect(demo.url, token=demo.tokens["alice"])
        await call(alice, "fairlead.container.cancel", demo.logs[1])
        await disconnect(alice)
        await container(demo, demo.logs[1], "Cancelled")
        assert processes_with(demo, "train") == set()
        began_s = time.monotonic()
        await demo.stop()
        assert time.monotonic() - began_s < 10


@pytest.mark.slow
@pytest.mark.limit_s(60)
async def test_a_killed_server_comes_back_and_nothing_is_lost(tmp_path: Path) -> None:
    async with running(tmp_path) as demo:
        log = demo.logs[0]
        await lines_of(demo, log, 3)
        simulating = processes_with(demo, "simulate")
        os.kill(demo.server, signal.SIGKILL)
        said = await line_with(demo.process.stdout, "ended by SIGKILL")
        assert f"process {demo.server}" in said
        said = await line_with(demo.process.stdout, "is back")
        assert processes_with(demo, "simulate") == simulating, "the work has gone on"
        assert {int(pid) for pid in re.findall(r"process (\d+)", said)} == processes_with(demo, "serve")
        steps = [str(record.text).split()[1] for record in await lines_of(demo, log, 25) if record.source == "stdout"]
        assert [int(step) for step in steps[1:]] == list(range(1, len(steps)))
        await demo.stop()


@pytest.mark.slow
@pytest.mark.limit_s(60)
async def test_what_a_killed_dispatcher_ran_is_run_again(tmp_path: Path) -> None:
    async with running(tmp_path) as demo:
        first = demo.logs[0]
        await lines_of(demo, first, 3)
        holder = (await container(demo, first, "Running"))["locked_by"]["dispatcher"]
        simulating = processes_with(demo, "simulate")
        [dispatcher] = processes_with(demo, "dispatch", holder)
        os.kill(dispatcher, signal.SIGKILL)
        await line_with(demo.process.stdout, f"{holder} (process {dispatcher}) was ended by SIGKILL")
        await eventually(lambda: not alive(simulating), what="the end of what it ran")
        await lines_of(demo, first.removesuffix("1") + "2", 3)
        assert processes_with(demo, "dispatch", holder), "it is back"
        await demo.stop()


@pytest.mark.slow
@pytest.mark.limit_s(60)
async def test_one_command_ends_with_status_3(tmp_path: Path) -> None:
    async with running(tmp_path) as demo:
        said = await line_with(demo.process.stdout, f"{demo.logs[2]}: ended", timeout_s=40)
        assert said.endswith("ended with status 3\n")
        assert (await container(demo, demo.logs[2], "Complete"))["exit_code"] == 3
        session = await connect(demo.url, token=demo.tokens["bob"])
        assert (await call(session, "fairlead.log.read", demo.logs[2], tail=1))["sealed"]["exit_code"] == 3
        await disconnect(session)
        await demo.stop()


async def test_it_can_be_run_again_with_the_same_users_and_fresh_logs(tmp_path: Path) -> None:
    async with running(tmp_path) as first:
        await first.stop()
    async with running(tmp_path) as second:
        assert {user: second.tokens[user] for user in first.tokens} == first.tokens
        assert not set(first.logs) & set(second.logs)
        session = await connect(second.url, token=second.tokens["alice"])
        committed = {"kind": "container_request", "where": [["state", "=", "Committed"]]}
        records = (await call(session, "fairlead.record.list", **committed))["records"]
        await disconnect(session)
        suffix = second.logs[0].split("-")[1]
        assert {record["id"].split("-")[1] for record in records} == {suffix}, "what the first has left is cancelled"
        await second.stop()


async def test_a_data_directory_and_a_port_may_be_given(tmp_path: Path) -> None:
    port = free_port()
    async with running(tmp_path, "--listen", f"127.0.0.1:{port}", "--data", "elsewhere") as demo:
        assert demo.url == f"ws://127.0.0.1:{port}/ws"
        assert (tmp_path / "elsewhere" / "alice.token").is_file()
        assert not (tmp_path / ".fairlead").exists()
        await demo.stop()


async def refused(directory: Path, *options: str) -> str:
    process = await start(directory, *options)
    stdout, stderr = await asyncio.wait_for(process.communicate(), COMMAND_S)
    assert (process.returncode, stdout, stderr.count(b"\n")) == (125, b"", 1)
    return stderr.decode()


async def test_a_busy_port_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = await refused(tmp_path, "--listen", f"127.0.0.1:{port}")
    assert said.startswith(f"fairlead: port {port} of 127.0.0.1 is in use by another program")


async def test_other_machines_are_not_served(tmp_path: Path) -> None:
    assert "is not a loopback address" in await refused(tmp_path, "--listen", "0.0.0.0:0")


async def test_a_signal_while_it_starts_leaves_nothing_either(tmp_path: Path) -> None:
    process = await start(tmp_path)
    started = await eventually(lambda: descendants(process.pid), what="a child")
    process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(process.communicate(), COMMAND_S)
    assert process.returncode == 0
    assert alive(started) == set()
