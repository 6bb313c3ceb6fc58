"""`twist fairlead` as a process of its own: found by Twisted, serving, ended by a signal."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys

import pytest

from support.serving import line_with
from support.wamp import Client

TWIST = (sys.executable, "-c", "from twisted.application.twist._twist import Twist; Twist.main()")


async def twist(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *TWIST, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )


@pytest.mark.parametrize(("reactor", "end"), [("asyncio", signal.SIGINT), ("uvloop", signal.SIGTERM)])
async def test_it_serves_every_endpoint_and_ends_in_order(reactor: str, end: signal.Signals) -> None:
    endpoints = ("--endpoint", "tcp://127.0.0.1:0") * 2
    process = await twist(f"--reactor={reactor}", "--log-format=text", "fairlead", *endpoints, "--realm", "com.example")
    lines = [await line_with(process.stdout, "can connect to tcp://127.0.0.1:") for _ in range(2)]
    clients = [await Client.connect(int(line.rsplit(":", 1)[1])) for line in lines]
    for client in clients:
        client.send([1, "com.example", {"roles": {"caller": {}}}])
        assert (await client.receive())[0] == 2
    process.send_signal(end)
    for client in clients:
        goodbye = await client.receive()
        assert (goodbye[0], goodbye[2]) == (6, "wamp.close.system_shutdown")
        client.send([6, {}, "wamp.close.goodbye_and_out"])
        await client.close()
    output, errors = await process.communicate()
    assert process.returncode == 0
    assert errors == b""
    assert b"Traceback" not in output


async def test_another_reactor_is_one_line() -> None:
    process = await twist("--reactor=poll", "fairlead")
    output, errors = await process.communicate()
    assert (process.returncode, output) == (1, b"")
    assert errors.count(b"\n") == 1
    assert b"PollReactor" in errors
    assert b"--reactor=asyncio" in errors


async def test_port_that_is_taken_ends_the_program_with_a_line_that_names_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{taken.getsockname()[1]}"
        process = await twist("--reactor=asyncio", "--log-format=text", "fairlead", "--endpoint", endpoint)
        output, errors = await process.communicate()
    assert (process.returncode, errors) == (1, b"")
    assert f"cannot listen at {endpoint}: Address already in use" in output.decode().splitlines()[-1]
    assert b"Traceback" not in output
