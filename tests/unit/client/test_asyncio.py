"""The client on asyncio, against a real router and log service in the same loop."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from autobahn.asyncio.component import Component

from fairlead_client import (
    Batch,
    CallFailed,
    ClientError,
    Cursor,
    Follower,
    Head,
    Record,
    Refused,
    Revoked,
    Sealed,
    Unreachable,
)
from fairlead_client.asyncio import (
    Connection,
    LogWriter,
    call,
    connect,
    disconnect,
    follow,
    follow_items,
    given_sessions,
)
from fairlead_client.autobahn_session import AutobahnSession
from fairlead_client.errors import SpoolError
from fairlead_client.records import records_of
from fairlead_client.spool import Spool
from fairlead_client.spool_meta import SpoolMeta
from fairlead_common.errors import Busy, NoProgress, StoreFailed
from fairlead_logstream import LogService
from fairlead_router import NotAuthorized, Principal, Realm, RequestError, Router
from support import log_service
from support.waiting import eventually


class Site:
    """A router with a log service, which can go away and come back on the same port."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = 0
        self.realm: Realm | None = None
        self._router: Router | None = None
        self._logs: LogService | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    async def start(self) -> None:
        self._router = Router()
        self.realm = self._router.add_realm("realm1")
        self._logs = await LogService.open(f"sqlite:///{self.directory / 'logs.sqlite'}")
        self._logs.bind(self.realm)
        self.port = (await self._router.listen(f"tcp://127.0.0.1:{self.port}")).port

    async def stop(self) -> None:
        if self._router is not None and self._logs is not None:
            await self._router.close()
            await self._logs.close()
            self._router = self._logs = None

    def kill_sessions(self) -> None:
        assert self.realm is not None
        for session_id, principal in [*self.realm.sessions()]:
            if principal.authrole == "anonymous":
                self.realm.kill(session_id=session_id)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(tmp_path)
    await site.start()
    yield site
    await site.stop()


@pytest.fixture
async def connection(site: Site) -> AsyncIterator[Connection]:
    async with Connection(site.url) as connection:
        yield connection


def texts(items: list[Any]) -> list[str | bytes]:
    return [item.text for item in items if isinstance(item, Record)]


async def collected(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items if not isinstance(item, Head)]


async def write_log(connection: Connection, spool: Path, count: int = 10) -> None:
    writer = LogWriter(connection, "log", spool=spool)
    for number in range(count):
        writer.write("stdout", f"line {number}")
    writer.seal(0)
    assert await writer.close(10) is None


# ---------------------------------------------------------------- sessions


async def test_a_call_brings_its_dict_or_raises_what_the_service_said(site: Site) -> None:
    session = await connect(site.url)
    result = await call(session, "fairlead.log.create", "log", producer="me")
    assert result["next"] == 0
    with pytest.raises(CallFailed, match="no stream") as caught:
        await call(session, "fairlead.log.read", "nosuch")
    assert caught.value.uri == "fairlead.error.no_such_stream"
    await disconnect(session)
    with pytest.raises(Unreachable):
        await call(session, "fairlead.log.read", "log")


async def test_a_canceled_call_leaves_the_session_usable(site: Site) -> None:
    session = await connect(site.url)
    await call(session, "fairlead.log.create", "log", producer="me")
    waiting = asyncio.create_task(call(session, "fairlead.log.read", "log", wait_s=20))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (await call(session, "fairlead.log.read", "log"))["head"] == 0
    await disconnect(session)


async def test_nobody_listening_is_unreachable(site: Site) -> None:
    await site.stop()
    with pytest.raises(Unreachable, match=r"cannot reach ws://127.0.0.1:\d+/ws: connection refused"):
        await connect(site.url)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "404"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "cannot reach"),
        (b"", "cannot reach"),
    ],
)
async def test_who_is_no_router_is_unreachable(answer: bytes, text: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unreachable, match=text):
            await connect(f"ws://127.0.0.1:{port}/ws")


async def test_who_says_nothing_is_unreachable_after_a_while() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(Unreachable, match=r"no answer within 0\.1 s"):
            await connect(f"ws://127.0.0.1:{port}/ws", timeout_s=0.1)


@pytest.mark.parametrize("url", ["http://127.0.0.1/ws", "ws://", "nonsense", "ws://127.0.0.1:99999/ws"])
async def test_what_is_no_url_is_refused_at_once(url: str) -> None:
    with pytest.raises(ClientError, match="not a URL of a router"):
        await connect(url)


async def test_a_realm_that_is_not_there_refuses_us(site: Site) -> None:
    with pytest.raises(Refused) as caught:
        await connect(site.url, realm="nowhere")
    assert caught.value.uri == "wamp.error.no_such_realm"


async def test_a_closed_connection_stays_closed_and_tells_who_uses_it(site: Site, tmp_path: Path) -> None:
    connection = Connection(site.url)
    writer = LogWriter(connection, "log", spool=tmp_path / "spool")
    assert await writer.opened(10)
    items = follow(connection, "log")
    assert isinstance(await anext(items), Head)
    await connection.close()
    with pytest.raises(Unreachable, match="the connection is closed"):
        await anext(items)
    writer.write("stdout", "too late")
    left = await writer.close(10)
    assert left is not None
    assert "the connection is closed" in left.reason
    assert site.realm is not None
    assert [principal.authrole for _, principal in site.realm.sessions()] == ["service"]


async def test_a_connection_says_once_that_it_is_away_and_once_that_it_is_back(site: Site) -> None:
    heard: list[str | None] = []
    async with Connection(site.url, on_change=heard.append) as connection:
        first = await connection.session()
        assert heard == []
        await site.stop()
        await eventually(lambda: not first.is_open)
        again = [asyncio.create_task(connection.session()) for _ in range(3)]
        await eventually(lambda: len(heard) == 1)
        await site.start()
        sessions = await asyncio.gather(*again)
    assert len({id(session) for session in sessions}) == 1
    assert heard == ["the connection was lost", None]


# ---------------------------------------------------------------- writing and following


async def test_what_is_written_is_followed_to_the_seal(connection: Connection, tmp_path: Path) -> None:
    following = asyncio.create_task(collected(_patiently(connection, "log")))
    await write_log(connection, tmp_path / "spool")
    items = await following
    assert texts(items) == [f"line {number}" for number in range(10)]
    assert items[-1] == Sealed(0, None, 10)
    assert not (tmp_path / "spool").exists()


async def _patiently(connection: Connection, stream: str) -> AsyncIterator[Any]:
    """Follows a stream that is about to be made."""
    session = await connection.session()
    assert isinstance(session, AutobahnSession)

    async def is_there() -> bool:
        try:
            return bool(await call(session, "fairlead.log.read", stream))
        except CallFailed:
            return False

    await eventually(is_there)
    async for item in follow(connection, stream):
        yield item


async def test_both_live_through_lost_sessions(site: Site, connection: Connection, tmp_path: Path) -> None:
    writer = LogWriter(connection, "log", spool=tmp_path / "spool")
    assert await writer.opened(10)
    seen: list[str | bytes] = []

    async def read() -> None:
        async with Connection(site.url) as other:
            seen.extend(texts(await collected(follow(other, "log"))))

    reading = asyncio.create_task(read())
    for number in range(3000):
        writer.write("stdout", f"line {number}")
        if number % 300 == 0:
            site.kill_sessions()
        if number % 10 == 0:
            await asyncio.sleep(0)
    writer.seal(0)
    assert await writer.close(20) is None
    await reading
    assert seen == [f"line {number}" for number in range(3000)]


async def test_what_is_written_while_the_server_is_away_arrives_later(
    site: Site, connection: Connection, tmp_path: Path
) -> None:
    writer = LogWriter(connection, "log", spool=tmp_path / "spool")
    writer.write("stdout", "before")
    assert await writer.drain(10)
    await site.stop()
    writer.write("stdout", "during")
    assert not await writer.drain(0.05)
    assert writer.unsent == 1
    await site.start()
    writer.seal(0)
    assert await writer.close(20) is None
    assert texts(await collected(follow(connection, "log"))) == ["before", "during"]


async def test_what_is_not_sent_stays_in_the_spool_for_another_writer(
    site: Site, connection: Connection, tmp_path: Path
) -> None:
    await site.stop()
    writer = LogWriter(connection, "log", spool=tmp_path / "spool")
    writer.write("stdout", "one\ntwo")
    left = await writer.close(0)
    assert left is not None
    assert (left.records, left.spool) == (2, tmp_path / "spool")
    await site.start()
    again = LogWriter(connection, Spool.open(tmp_path / "spool"))
    again.seal(0)
    assert await again.close(20) is None
    assert texts(await collected(follow(connection, "log"))) == ["one", "two"]


class Written(Spool):
    """A spool that another thread writes to in the moment in which it is closed."""

    def close(self) -> None:
        if not self._is_closed:
            self.append(records_of("stdout", "at the last moment", 0))
        super().close()


async def test_what_another_thread_writes_while_a_writer_is_closed_is_kept(
    connection: Connection, tmp_path: Path
) -> None:
    writer = LogWriter(connection, Written.create(tmp_path / "spool", SpoolMeta("log", "producer")))
    writer.write("stdout", "before")
    left = await writer.close(10)
    assert left is not None
    assert left.records == 1
    again = LogWriter(connection, Spool.open(tmp_path / "spool"))
    again.seal(0)
    assert await again.close(10) is None
    assert texts(await collected(follow(connection, "log"))) == ["before", "at the last moment"]


async def test_what_is_not_sent_is_worth_a_warning(
    site: Site, connection: Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await site.stop()
    writer = LogWriter(connection, "log", spool=tmp_path / "spool")
    writer.write("stdout", "one\ntwo")
    await writer.close(0)
    assert caplog.messages == [
        f"the log log is not sent whole: records left: 2, in the spool {tmp_path / 'spool'}: no server took it in time"
    ]


async def test_a_refusal_for_good_is_worth_a_warning_before_anything_is_closed(
    connection: Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await write_log(connection, tmp_path / "first")
    writer = LogWriter(connection, "log", spool=tmp_path / "second")
    assert not await writer.opened(10)
    await eventually(lambda: "the log log takes no more" in caplog.text)
    await writer.close(0)


async def test_a_program_that_was_killed_goes_on_in_its_spool(site: Site, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    program = (
        "import asyncio, os, signal, sys\n"
        "from pathlib import Path\n"
        "from fairlead_client.asyncio import Connection, LogWriter\n"
        "async def main():\n"
        "    writer = LogWriter(Connection(sys.argv[1]), 'log', spool=Path(sys.argv[2]))\n"
        "    for number in range(1000):\n"
        "        writer.write('stdout', f'line {number}')\n"
        "        if number == 500:\n"
        "            await writer.drain(10)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, site.url, str(spool))
    assert await process.wait() == -signal.SIGKILL
    async with Connection(site.url) as connection:
        writer = LogWriter(connection, "log", spool=spool)
        writer.write("stdout", "line 1000")
        writer.seal()
        assert await writer.close(10) is None
        seen = texts(await collected(follow(connection, "log")))
    assert seen == [f"line {number}" for number in range(1001)]


async def test_a_spool_of_another_log_or_with_its_end_is_not_gone_on_with(site: Site, tmp_path: Path) -> None:
    await site.stop()
    async with Connection(site.url) as connection:
        writer = LogWriter(connection, "log", spool=tmp_path / "spool")
        writer.seal(0)
        await writer.close(0)
        with pytest.raises(SpoolError, match="is of the log log"):
            LogWriter(connection, "other", spool=tmp_path / "spool")
        with pytest.raises(SpoolError, match="is of the producer"):
            LogWriter(connection, "log", spool=tmp_path / "spool", producer="me")
        with pytest.raises(SpoolError, match="has its end"):
            LogWriter(connection, "log", spool=tmp_path / "spool")


async def test_of_two_programs_with_one_producers_name_the_older_is_told_and_stops(
    connection: Connection, tmp_path: Path
) -> None:
    old = LogWriter(connection, "log", producer="me", spool=tmp_path / "old")
    old.write("stdout", "old")
    assert await old.drain(10)
    new = LogWriter(connection, "log", producer="me", spool=tmp_path / "new")
    new.write("stdout", "new")
    assert await new.drain(10)
    old.write("stdout", "too late")
    failure = await asyncio.wait_for(old.failed(), 10)
    assert failure.uri == "fairlead.error.fenced"
    left = await old.close(0)
    assert left is not None
    assert left.records == 1
    new.seal()
    assert await new.close(10) is None
    assert texts(await collected(follow(connection, "log"))) == ["old", "new"]


async def test_bytes_and_odd_texts_come_back_as_they_were(connection: Connection, tmp_path: Path) -> None:
    values: list[str | bytes] = [b"\xff\xfe", b"\0nul", "in\0side", "é\r", "x" * 65536, ""]
    writer = LogWriter(connection, "log", spool=tmp_path / "spool")
    for value in values:
        writer.write("app", value)
    writer.seal()
    assert await writer.close(10) is None
    assert texts(await collected(follow(connection, "log"))) == values


async def test_a_refused_writer_says_so_and_keeps_what_it_has(connection: Connection, tmp_path: Path) -> None:
    await write_log(connection, tmp_path / "first")
    writer = LogWriter(connection, "log", spool=tmp_path / "second")
    writer.write("stdout", "too late")
    assert not await writer.opened(10)
    assert writer.failure is not None
    assert writer.failure.uri == "fairlead.error.sealed"
    assert writer.has_room
    left = await writer.close(10)
    assert left is not None
    assert "has ended" in left.reason


async def test_following_can_begin_anywhere(connection: Connection, tmp_path: Path) -> None:
    await write_log(connection, tmp_path / "spool")
    assert texts(await collected(follow(connection, "log", tail=2))) == ["line 8", "line 9"]
    assert texts(await collected(follow(connection, "log", since_us=2**52))) == []
    follower = Follower("log")
    async with aclosing(follow_items(connection, follower)) as items:
        assert [len(item.records) async for item in items if isinstance(item, Batch)] == [10]
    assert follower.cursor is not None
    resumed = Cursor(follower.cursor.epoch, 7)
    assert texts(await collected(follow(connection, "log", resumed))) == ["line 7", "line 8", "line 9"]


async def test_a_stream_that_is_not_there_is_an_error(connection: Connection) -> None:
    with pytest.raises(CallFailed, match="no stream"):
        await collected(follow(connection, "nosuch"))


async def test_a_follower_that_is_left_cancels_its_call(site: Site, connection: Connection, tmp_path: Path) -> None:
    writer = LogWriter(connection, "log", spool=tmp_path / "spool")
    writer.write("stdout", "hello")
    assert await writer.drain(10)
    async with aclosing(follow(connection, "log")) as items:
        async for item in items:
            assert isinstance(item, Record)
            break
    await writer.close(0)
    session = await connection.session()
    assert isinstance(session, AutobahnSession)
    assert (await call(session, "fairlead.log.read", "log"))["head"] == 1


async def test_who_reads_slowly_gets_everything_and_collects_little(
    site: Site, connection: Connection, tmp_path: Path
) -> None:
    count = 60_000
    writer = LogWriter(connection, "log", spool=tmp_path / "spool")
    for start in range(0, count, 1000):
        writer.write("stdout", "\n".join(f"{number:0100d}" for number in range(start, start + 1000)))
    writer.seal()
    assert await writer.close(20) is None
    seen = 0
    async with Connection(site.url) as other, aclosing(follow_items(other, Follower("log"))) as items:
        async for item in items:
            if isinstance(item, Batch):
                assert item.seqs[0] == seen
                seen += len(item.records)
                await asyncio.sleep(0.002)
    assert seen == count


# ---------------------------------------------------------------- other routers, other services


class Scripted:
    """A service in the place of the log service, on a real router, with answers of the test's own."""

    def __init__(self, url: str, realm: Realm) -> None:
        self.url = url
        self.log = log_service.LogService()
        self.asked: list[str] = []
        self.refusals: dict[str, RequestError] = {}
        self._member = realm.join(Principal("scripted", "service", "internal", "internal"))
        for name in ("create", "append", "read", "follow", "seal"):
            self._member.register(f"fairlead.log.{name}", self._endpoint(name))

    def _endpoint(self, name: str) -> Callable[[Any], Awaitable[Any]]:
        async def answer(call: Any) -> Any:
            self.asked.append(name)
            if name in self.refusals:
                raise self.refusals[name]
            args, kwargs = call.payload.args, call.payload.kwargs
            return getattr(self.log, name)(*args[1:], **kwargs)

        return answer


@pytest.fixture
async def scripted() -> AsyncIterator[Scripted]:
    router = Router()
    realm = router.add_realm("realm1")
    listener = await router.listen("tcp://127.0.0.1:0")
    yield Scripted(f"ws://127.0.0.1:{listener.port}/ws", realm)
    await router.close()


async def test_a_service_without_progressive_results_is_read_instead(scripted: Scripted) -> None:
    scripted.log.records = [[number, "stdout", str(number), 0] for number in range(5)]
    scripted.refusals["follow"] = NoProgress("call it with receive_progress")
    seen: list[Any] = []
    async with Connection(scripted.url) as connection:
        async for item in follow(connection, "log"):
            seen.append(item)
            if scripted.asked.count("read") == 2 and len(scripted.log.records) == 5:
                scripted.log.records.append([5, "stdout", "5", 0])
                scripted.log.seal(4)
    assert texts(seen) == ["0", "1", "2", "3", "4", "5"]
    assert seen[-1] == Sealed(4, None, 6)
    assert scripted.asked.count("follow") == 1


async def test_a_right_that_is_lost_while_following_is_told(scripted: Scripted) -> None:
    scripted.log.records = [[0, "stdout", "hello", 0]]
    scripted.refusals["follow"] = NotAuthorized("no more")
    async with Connection(scripted.url) as connection:
        assert await collected(follow(connection, "log")) == [Record(0, 0, "stdout", "hello", 0), Revoked("no more")]


async def test_a_writer_tries_again_when_the_store_has_failed(scripted: Scripted, tmp_path: Path) -> None:
    scripted.refusals["append"] = StoreFailed("the disk is full")
    async with Connection(scripted.url) as connection:
        writer = LogWriter(connection, "log", spool=tmp_path / "spool")
        writer.write("stdout", "hello")
        await eventually(lambda: scripted.asked.count("append") >= 2)
        scripted.refusals.clear()
        assert await writer.close(10) is None
    assert [record[2] for record in scripted.log.records] == ["hello"]


async def test_a_full_spool_holds_up_who_asks_and_says_when_there_is_room(scripted: Scripted, tmp_path: Path) -> None:
    scripted.refusals["append"] = Busy("too much waits")
    told: list[bool] = []
    async with Connection(scripted.url) as connection:
        writer = LogWriter(
            connection, "log", on_room=lambda: told.append(True), spool=tmp_path / "spool", limit_bytes=2_000_000
        )
        written = 0
        while writer.has_room:
            writer.write("stdout", f"{written} " + "x" * 1000)
            written += 1
        assert written < 2000
        scripted.refusals.clear()
        await eventually(lambda: told)
        assert writer.has_room
        assert await writer.close(10) is None
    assert len(scripted.log.records) == written


async def test_sessions_of_a_component_of_ones_own_are_used(site: Site, tmp_path: Path) -> None:
    sessions = given_sessions()
    component = Component(transports=[{"type": "websocket", "url": site.url}], realm="realm1")

    @component.on_join
    async def joined(session: Any, _details: Any) -> None:
        sessions.joined(AutobahnSession(session))

    running = component.start(loop=asyncio.get_running_loop())
    writer = LogWriter(sessions, "log", spool=tmp_path / "spool")
    writer.write("stdout", "hello")
    writer.seal(0)
    assert await writer.close(10) is None
    assert texts(await collected(follow(sessions, "log"))) == ["hello"]
    await component.stop()
    await running
