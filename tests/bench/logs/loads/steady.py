"""A producer at a steady pace that seals its log in the end."""

from __future__ import annotations

import asyncio

import msgspec

from bench.logs.lines import Lines
from bench.suite.pace import at_pace
from bench.suite.wire import caller


class Job(msgspec.Struct, frozen=True):
    """What to write."""

    url: str
    stream: str
    seconds: float
    lines_per_s: int = 20_000
    batch_lines: int = 200


class Result(msgspec.Struct, frozen=True):
    """What is acknowledged."""

    lines: int


async def run(job: Job) -> Result:
    producer, stream = await caller(job.url), job.stream.encode()
    await producer.result(b"fairlead.log.create", b'["%b"],{"producer":"p"}' % stream)
    lines, batch, acknowledged = Lines(0, job.batch_lines), 0, 0

    def told(_: bytes) -> None:
        nonlocal acknowledged
        acknowledged += job.batch_lines

    def send() -> None:
        nonlocal batch
        arguments = b'["%b",%b],{"producer":"p","seq":%d}' % (stream, lines.json(batch), batch * job.batch_lines)
        batch += 1
        producer.call(b"fairlead.log.append", arguments, told)

    await at_pace(job.batch_lines / job.lines_per_s, job.seconds, send)
    await producer.result(b"fairlead.log.seal", b'["%b"],{"exit_code":0}' % stream)
    await asyncio.sleep(0)  # what was appended before the seal is acknowledged before it
    return Result(acknowledged)
