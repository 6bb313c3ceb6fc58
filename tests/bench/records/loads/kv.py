"""NATS' key-value store: puts at a steady rate, and watchers who hear of each, by NATS' text protocol.

A bucket is a stream that keeps the last message of each subject; a watch is an ordered consumer of it. Each watcher is
a connection. Nothing is parsed but the sizes and the time that a value begins with.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import cast

import msgspec

from bench import procfs
from bench.logs.clients.jetstream import CONNECT
from bench.records.times import Times
from bench.suite.pace import at_pace

INTERVAL_S = 0.005
STALL_S = 10.0
POLL_S = 0.02
TIMEOUT_S = 10.0
VALUE_BYTES = 400


class Job(msgspec.Struct, frozen=True):
    """One measurement: as many puts and watchers as the queue has changes and dispatchers."""

    url: str
    pid: int
    puts_per_s: int = 4_000
    watchers: int = 10
    warmup_s: float = 2.0
    measured_s: float = 10.0


class Result(msgspec.Struct, frozen=True):
    """`told` to `lags` are of the measured part; a lag is from sending a put to a watcher."""

    told: int
    seconds: float
    cpu_s: float
    load_share: float
    lags: Times
    expected: int
    received: int
    acknowledged: int


class Watchers:
    """What all of them have heard."""

    def __init__(self) -> None:
        self.received = 0
        self.lags_s: list[float] = []


class Connection(asyncio.Protocol):
    """A client of the text protocol."""

    def __init__(self, watchers: Watchers) -> None:
        self._watchers = watchers
        self._data = b""
        self._answer: asyncio.Future[bytes] | None = None
        self.acknowledged = 0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own is no subclass of it
        self.transport.write(CONNECT + b"SUB _Q 1\r\n")

    async def ask(self, subject: bytes, request: object) -> None:
        """A request of JetStream's API."""
        self._answer = asyncio.get_running_loop().create_future()
        body = msgspec.json.encode(request)
        self.transport.write(b"PUB $JS.API.%b _Q %d\r\n%b\r\n" % (subject, len(body), body))
        answer = await asyncio.wait_for(self._answer, TIMEOUT_S)
        self._answer = None
        if b'"error"' in answer:
            raise RuntimeError(answer.decode())

    async def watch(self, number: int) -> None:
        """An ordered consumer of the bucket."""
        self.transport.write(b"SUB _W.%d 2\r\n" % number)
        config: dict[str, object] = {
            "deliver_subject": f"_W.{number}",
            "deliver_policy": "last_per_subject",
            "ack_policy": "none",
        }
        config |= {"filter_subject": "$KV.bench.>", "mem_storage": True, "num_replicas": 1}
        request = {"stream_name": "KV_bench", "config": config}
        await self.ask(b"CONSUMER.CREATE.KV_bench", request)

    def data_received(self, data: bytes) -> None:
        data, position = self._data + data, 0
        while (end := data.find(b"\r\n", position)) >= 0:
            following = end + 2
            if data.startswith(b"MSG", position):
                header, begin = data[position:end].split(), following
                following += int(header[-1]) + 2
                if following > len(data):
                    break
                self._message(header, data[begin : following - 2])
            elif data.startswith(b"PING", position):
                self.transport.write(b"PONG\r\n")
            position = following
        self._data = data[position:]

    def _message(self, header: list[bytes], body: bytes) -> None:
        if header[2] == b"2":
            self._watchers.received += 1
            self._watchers.lags_s.append(time.perf_counter() - float(body[:20]))
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result(body)
        else:
            self.acknowledged += 1


async def run(job: Job) -> Result:
    watchers = Watchers()
    writer = await _connected(job.url, watchers)
    bucket: dict[str, object] = {
        "name": "KV_bench",
        "subjects": ["$KV.bench.>"],
        "storage": "file",
        "max_msgs_per_subject": 1,
    }
    await writer.ask(b"STREAM.CREATE.KV_bench", bucket | {"allow_rollup_hdrs": True, "discard": "new"})
    for number in range(job.watchers):
        await (await _connected(job.url, watchers)).watch(number)
    keys, sent = itertools.count(), 0
    each_time = round(job.puts_per_s * INTERVAL_S)

    def tick() -> None:
        nonlocal sent
        now = b"%020.9f" % time.perf_counter()
        value = now.ljust(VALUE_BYTES, b"x")
        puts = (
            b"PUB $KV.bench.c%06d _Q %d\r\n%b\r\n" % (key % 1_000, VALUE_BYTES, value)
            for key in itertools.islice(keys, each_time)
        )
        writer.transport.write(b"".join(puts))
        sent += each_time

    await at_pace(INTERVAL_S, job.warmup_s, tick)
    watchers.lags_s.clear()
    received, begun_s, cpu_s, load_s = (
        watchers.received,
        time.perf_counter(),
        procfs.cpu_s(job.pid),
        time.process_time(),
    )
    await at_pace(INTERVAL_S, job.measured_s, tick)
    seconds, told = time.perf_counter() - begun_s, watchers.received - received
    cpu_s, load_s = procfs.cpu_s(job.pid) - cpu_s, time.process_time() - load_s
    deadline_s = time.monotonic() + STALL_S
    while watchers.received < sent * job.watchers and time.monotonic() < deadline_s:
        await asyncio.sleep(POLL_S)
    return Result(
        told=told,
        seconds=seconds,
        cpu_s=cpu_s,
        load_share=load_s / seconds,
        lags=Times.of(watchers.lags_s),
        expected=sent * job.watchers,
        received=watchers.received,
        acknowledged=writer.acknowledged,
    )


async def _connected(url: str, watchers: Watchers) -> Connection:
    host, port = url.removeprefix("nats://").split(":")
    _, connection = await asyncio.get_running_loop().create_connection(lambda: Connection(watchers), host, int(port))
    return connection
