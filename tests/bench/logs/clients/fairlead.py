"""Fairlead over WebSocket and JSON: `append` with producer and seq, as LogWriter calls it."""

from __future__ import annotations

from bench.logs.clients.base import Acknowledged
from bench.logs.lines import BATCH_LINES, Check, Lines
from bench.suite.wire import Caller, caller

STREAM = b"bench"
READ_LINES = 10_000


class Fairlead:
    """See Client."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._sessions: list[Caller] = []
        self._lines: list[Lines] = []

    async def prepare(self) -> None:
        self._reader = await caller(self._url)
        await self._reader.result(b"fairlead.log.create", b'["%b"]' % STREAM)

    async def connect(self, producer: int) -> None:
        session = await caller(self._url)
        await session.result(b"fairlead.log.create", b'["%b"],{"producer":"p%d"}' % (STREAM, producer))
        self._sessions.append(session)
        self._lines.append(Lines(producer))

    def send(self, producer: int, batch: int, acknowledged: Acknowledged) -> None:
        records, seq = self._lines[producer].json(batch), batch * BATCH_LINES
        arguments = b'["%b",%b],{"producer":"p%d","term":0,"seq":%d}' % (STREAM, records, producer, seq)
        self._sessions[producer].call(b"fairlead.log.append", arguments, lambda _: acknowledged(BATCH_LINES))

    async def stored(self) -> Check:
        check, start, head = Check(), b"", 1
        following = 0
        while following < head:
            arguments = b'["%b"],{"limit":%d%b}' % (STREAM, READ_LINES, start)
            page = await self._reader.result(b"fairlead.log.read", arguments)
            check.see("\n".join(record[2] for record in page["records"]).encode())
            following, head = page["next"], page["head"]
            start = b',"start":%d,"epoch":%d' % (following, page["epoch"])
        return check
