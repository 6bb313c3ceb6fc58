"""The walks of docs/walks.md, the programs of examples/walks as real processes: they come, go, hang and are killed."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from support.serving import Serving, line_with

WALKS = Path(__file__).parents[2] / "examples" / "walks"

Start = Callable[..., Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
async def router(tmp_path: Path) -> AsyncIterator[Serving]:
    """Not started yet."""
    serving = Serving(tmp_path, "--open")
    yield serving
    await serving.kill()


@pytest.fixture
async def start(router: Serving) -> AsyncIterator[Start]:
    """Starts a program of the walks; all are killed in the end."""
    async with AsyncExitStack() as running:

        async def start_one(name: str, *arguments: str) -> asyncio.subprocess.Process:
            return await running.enter_async_context(_running(name, *arguments, "--url", router.url))

        yield start_one


@asynccontextmanager
async def _running(name: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WALKS / f"{name}.py"), *arguments, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(15):
        return (await process.stdout.readline()).decode().strip()


async def ready(start: Start, name: str) -> asyncio.subprocess.Process:
    server = await start("server", name)
    assert await line(server) == f"{name} is ready"
    return server


# ---- a client that calls before anybody is there ----


async def test_a_client_that_is_first_gets_its_answer_when_the_others_have_come(router: Serving, start: Start) -> None:
    client = await start("client", "--timeout", "15")
    await router.start()
    await ready(start, "one")
    assert await line(client) == "hello 0 from one"


async def test_a_client_without_a_router_ends_within_its_time(start: Start) -> None:
    client = await start("client", "--timeout", "0.5")
    assert (await line(client)).startswith("no router: ")


async def test_a_client_without_a_server_is_told_so(router: Serving, start: Start) -> None:
    await router.start()
    client = await start("client", "--timeout", "0.5")
    assert await line(client) == "no answer: wamp.error.no_such_procedure"


# ---- servers that come, hang and are killed ----


async def test_a_second_server_shares_the_work(router: Serving, start: Start) -> None:
    await router.start()
    for name in ("one", "two"):
        await ready(start, name)
    client = await start("client", "--calls", "4")
    assert sorted([(await line(client)).split()[-1] for _ in range(4)]) == ["one", "one", "two", "two"]


async def test_when_one_server_is_killed_the_other_does_the_work(router: Serving, start: Start) -> None:
    await router.start()
    one, _two = await ready(start, "one"), await ready(start, "two")
    one.kill()
    await one.wait()
    client = await start("client", "--calls", "4")
    assert [(await line(client)).split()[-1] for _ in range(4)] == ["two"] * 4


async def test_a_server_that_does_not_answer_hangs_nobody(router: Serving, start: Start) -> None:
    await router.start()
    one, _two = await ready(start, "one"), await ready(start, "two")
    one.send_signal(signal.SIGSTOP)
    client = await start("client", "--calls", "4", "--timeout", "1")
    answers = [await line(client) for _ in range(4)]
    assert answers.count("no answer: wamp.error.timeout") == 2
    assert sum(answer.endswith("from two") for answer in answers) == 2
    one.send_signal(signal.SIGCONT)


# ---- two publishers, one reader ----


async def test_a_reader_reads_two_publishers_and_never_takes_10001_for_1000(router: Serving, start: Start) -> None:
    await router.start()
    reader = await start("weather_reader", ".1000", "us.94040")
    assert await line(reader) == "reading"
    await start("weather_station", "us", "10001", "1000", "94040")
    await start("weather_station", "pt", "1000", "10001", "94040")
    places = [(await line(reader)).split()[0] for _ in range(60)]
    assert set(places) == {"us.1000", "pt.1000", "us.94040"}


# ---- all of them come and go ----


async def test_publishers_readers_and_the_router_come_and_go_without_configuration(
    router: Serving, start: Start
) -> None:
    reader = await start("weather_reader", "us.10001", "pt.1000")
    first = await start("weather_station", "us", "10001")
    await router.start()
    await line_with(reader.stdout, "reading")  # readings may come before: it subscribes to one place first
    await line_with(reader.stdout, "us.10001")
    first.kill()
    await start("weather_station", "pt", "1000")
    await line_with(reader.stdout, "pt.1000")
    await router.kill()
    await router.start()
    late = await start("weather_reader", "pt.1000")
    await line_with(late.stdout, "pt.1000")
    await start("weather_station", "us", "10001")
    await line_with(reader.stdout, "us.10001")
