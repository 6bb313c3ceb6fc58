"""`fairlead syslog` with a real server and real sockets."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from support.serving import Commands, line_with
from support.waiting import eventually


async def records(server: Commands, stream: str) -> list[dict[str, Any]]:
    done = await server.fairlead("logs", "--json", stream)
    return [each for each in map(json.loads, done.stdout.splitlines()) if "seq" in each]


async def texts(server: Commands, stream: str) -> list[tuple[str, str]]:
    return [(each["source"], each["text"]) for each in await records(server, stream)]


def send(url: str, *data: bytes) -> None:
    """Each as a datagram, or in a connection of its own."""
    scheme, _, place = url.partition("://")
    host, _, port = place.rpartition(":")
    address: Any = place if scheme == "unix" else (host, int(port))
    family = socket.AF_UNIX if scheme == "unix" else socket.AF_INET
    for each in data:
        with socket.socket(family, socket.SOCK_STREAM if scheme == "tcp" else socket.SOCK_DGRAM) as sender:
            sender.connect(address)
            sender.sendall(each)


async def test_messages_come_in_by_unix_sockets_udp_and_tcp(server: Commands, job: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    listens = [f"--listen=unix://{path}", "--listen=udp://127.0.0.1:0", "--listen=tcp://127.0.0.1:0"]
    async with server.running("syslog", *listens, "--stream", job) as process:
        urls = [(await line_with(process.stderr, "listening on")).split()[3].rstrip(";") for _ in listens]

        async def has(*expected: tuple[str, str]) -> bool:
            return await texts(server, job) == [*expected]

        send(urls[0], b"<13>1 - h app - - - one")
        await eventually(lambda: has(("app", "one")), timeout_s=10)
        send(urls[1], b"nonsense")
        await eventually(lambda: has(("app", "one"), ("syslog", "nonsense")), timeout_s=10)
        send(urls[2], b"19 <13>1 - h b - - - 2" + b"<13>1 - h c - - - three\n<13>1 - h d - - - end")
        more = [("b", "2"), ("c", "three"), ("d", "end")]
        await eventually(lambda: has(("app", "one"), ("syslog", "nonsense"), *more), timeout_s=10)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    assert not path.exists()


async def test_what_was_read_survives_a_kill_and_what_was_dropped_is_counted(
    server: Commands, job: str, tmp_path: Path
) -> None:
    arguments = ("syslog", "--listen=udp://127.0.0.1:0", "--stream", job)
    async with server.running(*arguments) as process:
        url = (await line_with(process.stderr, "listening on")).split()[3].rstrip(";")
        os.kill(process.pid, signal.SIGSTOP)
        send_many(url, 40_000)
        os.kill(process.pid, signal.SIGCONT)
        await eventually(lambda: records(server, job), timeout_s=10)
        send_many(url, 1)  # what was dropped is told with the next one
        await line_with(process.stderr, "the kernel dropped them")
        process.kill()
        await process.wait()
    async with server.running(*arguments) as process:
        await line_with(process.stderr, "listening on")

        async def lost() -> int:
            markers = [json.loads(each["text"]) for each in await records(server, job) if each["flags"] & 2]
            return sum(marker.get("lost", 0) for marker in markers)

        await eventually(lost, timeout_s=10)
    shown = [int(each["text"]) for each in await records(server, job) if not each["flags"] & 2]
    assert shown[:-1] == sorted(set(shown[:-1]))


def send_many(url: str, count: int) -> None:
    host, _, port = url.partition("://")[2].rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect((host, int(port)))
        for number in range(count):
            sender.send(b"<13>1 - h app - - - %d" % number)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://127.0.0.1:1", "is no address"),
        ("udp://127.0.0.1", "is no address"),
        ("unix://relative", "is no address"),
        ("tcp://127.0.0.1:99999", "cannot listen"),
        ("udp://192.0.2.1:0", "Cannot assign requested address"),
        ("unix:///etc/passwd", "it is there, and no socket"),
        ("unix:///nowhere/log", "No such file"),
    ],
)
async def test_where_nobody_can_listen_is_one_line(server: Commands, job: str, url: str, text: str) -> None:
    done = await server.fairlead("syslog", "--listen", url, "--stream", job)
    assert done.status == 125
    assert text in done.stderr.splitlines()[0]


async def test_a_bad_token_is_told(server: Commands, job: str) -> None:
    done = await server.fairlead("syslog", "--listen=udp://127.0.0.1:0", "--stream", job, token="v2/nobody/nothing")
    assert done.status == 125
    assert "refuses us" in done.stderr.splitlines()[-1]
