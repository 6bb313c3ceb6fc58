"""`fairlead run` and `fairlead logs -f` through a server that is away, killed and restarted."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.serving import Serving, line_with

LINES = 100_000
# Prints its lines over some seconds, on both outputs, however fast the log is.
CHATTY = f"""
import sys, time
for n in range({LINES}):
    print(n, "x" * 60, file=(sys.stdout, sys.stderr)[n % 10 == 9])
    if n % 1000 == 0:
        sys.stdout.flush(); sys.stderr.flush(); time.sleep(0.12)
"""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Serving]:
    async with Serving(tmp_path) as serving:
        yield serving


def numbers(output: bytes) -> list[int]:
    return [int(line.split()[0]) for line in output.splitlines() if not line.startswith(b"fairlead:")]


ON_STDOUT = [number for number in range(LINES) if number % 10 != 9]
ON_STDERR = [number for number in range(LINES) if number % 10 == 9]


@pytest.mark.slow
@pytest.mark.limit_s(180)
async def test_100_000_lines_through_five_kills_are_complete_in_order_and_once(server: Serving) -> None:
    async with server.running("run", "-q", "--object", "job", "--", sys.executable, "-c", CHATTY) as run:
        await line_with(run.stderr, "the log is")
        async with server.running("logs", "-f", "job") as early:
            early_output = asyncio.create_task(early.communicate())
            for kill in range(5):
                await asyncio.sleep(random.uniform(0.2, 0.8))
                await server.kill()
                await server.start()
                if kill == 2:
                    late = asyncio.create_task(server.fairlead("logs", "-f", "job"))
            assert run.returncode is None, "the kills are to come while it writes"
            _, run_stderr = await run.communicate()
            stdout, stderr = await early_output
        late_done = await late
    assert run.returncode == 0
    assert early.returncode == 0
    assert numbers(stdout) == ON_STDOUT
    assert numbers(stderr) == ON_STDERR
    assert b"connected again" in stderr
    assert b"connected again" in run_stderr
    assert late_done.status == 0
    assert numbers(late_done.stdout) == ON_STDOUT
    assert numbers(late_done.stderr.encode()) == ON_STDERR
    finished = await server.fairlead("logs", "job")
    assert (numbers(finished.stdout), numbers(finished.stderr.encode())) == (ON_STDOUT, ON_STDERR)
    assert server.spools == []


@pytest.mark.slow
@pytest.mark.limit_s(60)
async def test_100_000_lines_take_seconds_and_reach_two_followers(server: Serving) -> None:
    started_s = asyncio.get_running_loop().time()
    program = f"for n in range({LINES}): print(n, 'x' * 100)"
    async with server.running("run", "--object", "job", "--", sys.executable, "-uc", program) as run:
        await line_with(run.stderr, "the log is")
        early = asyncio.create_task(server.fairlead("logs", "-f", "job"))
        assert run.stdout is not None
        echoed = b"".join([await run.stdout.readline() for _ in range(LINES // 2)])
        late = asyncio.create_task(server.fairlead("logs", "-f", "job"))
        rest, _ = await run.communicate()
    took_s = asyncio.get_running_loop().time() - started_s
    assert run.returncode == 0
    assert numbers(echoed + rest) == [*range(LINES)]
    assert (await early).stdout == echoed + rest
    assert (await late).stdout == echoed + rest
    assert took_s < 20, f"took {took_s:.1f} s"


async def test_a_server_that_is_away_holds_nothing_up(server: Serving) -> None:
    await server.kill()
    started_s = asyncio.get_running_loop().time()
    done = await server.fairlead("run", "--linger", "0", "--object", "job", "--", "sh", "-c", "echo hello; exit 5")
    assert asyncio.get_running_loop().time() - started_s < 5
    assert (done.status, done.stdout) == (5, b"hello\n")
    assert "connection refused" in done.stderr
    [spool] = server.spools
    assert f"fairlead run --send {spool}" in done.stderr
    failed = await server.fairlead("run", "--linger", "0", "--send", str(spool))
    assert failed.status == 125
    await server.start()
    sent = await server.fairlead("run", "--send", str(spool))
    assert sent.status == 0, sent.stderr
    shown = await server.fairlead("logs", "-f", "job")
    assert (shown.status, shown.stdout) == (5, b"hello\n")
    assert server.spools == []


async def test_lingering_delivers_to_a_server_that_comes_late(server: Serving) -> None:
    await server.kill()
    async with server.running("run", "--object", "job", "--", "echo", "hello") as run:
        await line_with(run.stderr, "waiting up to 60 s")
        await server.start()
        _, stderr = await run.communicate()
    assert run.returncode == 0
    assert b"connected again" in stderr
    assert (await server.fairlead("logs", "-f", "job")).stdout == b"hello\n"


async def test_ctrl_c_ends_the_lingering_and_the_status_stays_the_commands(server: Serving) -> None:
    await server.kill()
    async with server.running("run", "--object", "job", "--", "sh", "-c", "exit 6") as run:
        await line_with(run.stderr, "waiting up to")
        run.send_signal(signal.SIGINT)
        _, stderr = await run.communicate()
    assert run.returncode == 6
    assert b"fairlead run --send" in stderr


async def test_what_a_killed_run_has_read_can_be_sent(server: Serving) -> None:
    await server.kill()
    async with server.running("run", "--object", "job", "--", "sh", "-c", "seq 1000; sleep 1000") as run:
        await line_with(run.stdout, "1000")
        run.kill()
        await run.communicate()
    await server.start()
    [spool] = server.spools
    assert (await server.fairlead("run", "--send", str(spool))).status == 0
    shown = await server.fairlead("logs", "-f", "job")
    assert shown.stdout.split() == [str(number).encode() for number in range(1, 1001)]
    assert "cut short" in shown.stderr


async def test_a_stopped_server_sends_followers_into_waiting_and_back(server: Serving) -> None:
    async with server.running("run", "--object", "job", "--", "cat") as run:
        await line_with(run.stderr, "the log is")
        async with server.running("logs", "-f", "job") as follower:
            assert run.stdin is not None
            run.stdin.write(b"one\n")
            await line_with(follower.stdout, "one")
            await server.stop()
            await line_with(follower.stderr, "trying again")
            run.stdin.write(b"two\n")
            await server.start()
            await line_with(follower.stdout, "two")
            run.stdin.close()
            assert await follower.wait() == 0


async def test_a_server_that_is_away_at_first_is_waited_for_with_f(server: Serving) -> None:
    await server.fairlead("run", "-q", "--object", "job", "--", "sh", "-c", "seq 10; exit 3")
    await server.kill()
    async with server.running("logs", "-f", "job") as follower:
        await line_with(follower.stderr, server.url)
        await server.start()
        stdout, _ = await follower.communicate()
    assert follower.returncode == 3
    assert stdout.splitlines()[-1] == b"10"
