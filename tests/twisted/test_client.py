"""The client on Twisted, against a real router and log service: what differs from asyncio is tested, not all again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from fairlead_client import CallFailed, Head, Record, Refused, Sealed, Unreachable
from fairlead_client.spool import Spool
from fairlead_client.twisted import Connection, FileWriter, LogWriter, call, connect, disconnect, follow
from fairlead_logstream import LogService
from fairlead_router import Router
from support.waiting import eventually

T = TypeVar("T")


class Site:
    """A router with a log service, which can go away and come back on the same port."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = 0
        self._router: Router | None = None
        self._logs: LogService | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    async def start(self) -> None:
        self._router = Router()
        realm = self._router.add_realm("realm1")
        self._logs = await LogService.open(f"sqlite:///{self.directory / 'logs.sqlite'}")
        self._logs.bind(realm)
        self.port = (await self._router.listen(f"tcp://127.0.0.1:{self.port}")).port

    async def stop(self) -> None:
        if self._router is not None and self._logs is not None:
            await self._router.close()
            await self._logs.close()
            self._router = self._logs = None


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(tmp_path)
    await site.start()
    yield site
    await site.stop()


@pytest.fixture
async def connection(site: Site) -> AsyncIterator[Connection]:
    connection = Connection(reactor, site.url)
    yield connection
    await driven(connection.close())


async def driven(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that Twisted drives."""
    result: T = await Deferred.fromCoroutine(coroutine).asFuture(asyncio.get_running_loop())
    return result


async def items(connection: Connection, stream: str) -> list[Any]:
    return [item async for item in follow(connection, stream) if not isinstance(item, Head)]


async def test_a_call_brings_its_dict_or_raises_what_the_service_said(site: Site) -> None:
    async def main() -> None:
        session = await connect(reactor, site.url)
        assert (await call(session, "fairlead.log.create", "log", producer="me"))["next"] == 0
        with pytest.raises(CallFailed, match="no stream"):
            await call(session, "fairlead.log.read", "nosuch")
        await disconnect(reactor, session)
        with pytest.raises(Unreachable):
            await call(session, "fairlead.log.read", "log")

    await driven(main())


async def test_what_cannot_be_opened_says_why(site: Site) -> None:
    with pytest.raises(Refused) as caught:
        await driven(connect(reactor, site.url, realm="nowhere"))
    assert caught.value.uri == "wamp.error.no_such_realm"
    await site.stop()
    with pytest.raises(Unreachable, match="refused"):
        await driven(connect(reactor, site.url))


async def test_who_says_nothing_is_unreachable_after_a_while() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionResetError):
            await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unreachable, match=r"no answer within 0\.1 s"):
            await driven(connect(reactor, f"ws://127.0.0.1:{port}/ws", timeout_s=0.1))


async def test_what_is_written_is_followed_to_the_seal(connection: Connection, tmp_path: Path) -> None:
    async def main() -> list[Any]:
        writer = LogWriter(connection, "log", spool=tmp_path / "spool")
        for number in range(1000):
            writer.write("stdout", f"line {number}")
        writer.seal(3)
        assert await writer.close(10) is None
        return await items(connection, "log")

    *records, last = await driven(main())
    assert [record.text for record in records if isinstance(record, Record)] == [f"line {n}" for n in range(1000)]
    assert last == Sealed(3, None, 1000)


async def test_both_live_through_a_restart_of_the_server(site: Site, connection: Connection, tmp_path: Path) -> None:
    writer = LogWriter(connection, "log", spool=tmp_path / "spool")
    writer.write("stdout", "before")
    assert await driven(writer.drain(10))
    reading = asyncio.ensure_future(driven(items(connection, "log")))
    await site.stop()
    writer.write("stdout", "during")
    await eventually(lambda: writer.unsent == 1)
    await site.start()
    writer.seal(0)
    assert await driven(writer.close(20)) is None
    assert [item.text for item in await reading if isinstance(item, Record)] == ["before", "during"]


async def test_what_is_not_sent_stays_in_the_spool(site: Site, connection: Connection, tmp_path: Path) -> None:
    await site.stop()
    writer = LogWriter(connection, "log", spool=tmp_path / "spool")
    writer.write("stdout", "hello")
    left = await driven(writer.close(0))
    assert left is not None
    assert left.records == 1
    assert "refused" not in left.reason
    Spool.open(left.spool).close()


async def test_a_file_and_a_named_writer_are_followed_by_source(connection: Connection, tmp_path: Path) -> None:
    file = tmp_path / "app.log"
    file.write_bytes(b"one\n\xff\n")

    async def main() -> list[Any]:
        writer = LogWriter(connection, "log", spool=tmp_path / "spool", producer="me", heartbeat_s=60)
        writer.write("stdout", "hello")
        assert await writer.drain(10)  # its place was saved in a thread
        tail = FileWriter(connection, "log", "file", file, tmp_path / "place")
        assert await tail.finish(10, exit_code=0)
        assert await tail.close(0)
        await writer.close(10)
        return [item async for item in follow(connection, "log", sources=["file"]) if not isinstance(item, Head)]

    *records, last = await driven(main())
    assert [record.text for record in records] == ["one", b"\xff"]
    assert last == Sealed(0, None, 3)
