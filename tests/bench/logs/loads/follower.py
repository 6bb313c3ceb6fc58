"""A follower of one log from its beginning to its seal, whatever happens to it in between."""

from __future__ import annotations

import asyncio

import msgspec

from bench.logs.viewers import span
from bench.suite.wire import caller


class Job(msgspec.Struct, frozen=True):
    """What to follow."""

    url: str
    stream: str


class Result(msgspec.Struct, frozen=True):
    """What has come."""

    lines: int
    disordered: int


async def run(job: Job) -> Result:
    reader = await caller(job.url)
    arguments = b'["%b"]' % job.stream.encode()
    await reader.result(b"fairlead.log.create", arguments)  # whichever comes first, its writer or we
    position = disordered = 0
    sealed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def progress(message: bytes) -> None:
        nonlocal position, disordered
        if message.startswith(b'"sealed"', message.find(b"[{") + 2):
            sealed.set_result(None)
        elif b'{"head":' not in message[:100]:
            first, following = span(message)
            disordered += first != position
            position = following

    reader.call(b"fairlead.log.follow", arguments, progress, b'{"receive_progress":true}')
    await asyncio.wait((sealed, reader.failure), return_when=asyncio.FIRST_COMPLETED)
    if reader.failure.done():
        reader.failure.result()
    return Result(position, disordered)
