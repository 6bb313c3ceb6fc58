"""The client without a loop of one's own: every call has its bound, whatever server, network and disk do."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from fairlead_client import ClientError, Head, Record, Sealed, SpoolError, Unreachable
from fairlead_client.spool import Spool
from fairlead_client.sync import CLOSE_S, Connection, LogWriter
from fairlead_logstream import LogService
from fairlead_router import Router

T = TypeVar("T")

# What a busy machine may add to a bound.
SLACK_S = 2.0
NOBODY = "ws://127.0.0.1:1/ws"


async def aside(work: Callable[..., T], *args: Any) -> T:
    """Runs what blocks in a thread, beside the server's loop."""
    return await asyncio.to_thread(work, *args)


def within(bound_s: float, work: Callable[[], T]) -> T:
    start_s = time.monotonic()
    result = work()
    assert time.monotonic() - start_s < bound_s + SLACK_S
    return result


def texts(items: Any) -> list[str | bytes]:
    return [item.text for item in items if isinstance(item, Record)]


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    router = Router()
    realm = router.add_realm("realm1")
    logs = await LogService.open(f"sqlite:///{tmp_path / 'logs.sqlite'}")
    logs.bind(realm)
    listener = await router.listen("tcp://127.0.0.1:0")
    yield f"ws://127.0.0.1:{listener.port}/ws"
    await router.close()
    await logs.close()


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that is stopped: the kernel takes connections and bytes, nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"ws://127.0.0.1:{listening.getsockname()[1]}/ws"


async def test_what_is_written_is_followed_to_the_seal(url: str, tmp_path: Path) -> None:
    def work() -> list[Any]:
        with LogWriter(url, "log", spool=tmp_path / "spool") as log:
            for number in range(1000):
                assert log.write("stdout", f"line {number}")
            assert log.flush(10)
            log.seal(3)
        with Connection(url) as connection:
            return [item for item in connection.follow("log") if not isinstance(item, Head)]

    *records, last = await aside(work)
    assert texts(records) == [f"line {number}" for number in range(1000)]
    assert last == Sealed(3, None, 1000)
    assert not (tmp_path / "spool").exists()


async def test_threads_share_a_writer_and_writers_share_a_connection(url: str, tmp_path: Path) -> None:
    def write(log: LogWriter, thread: int) -> None:
        for number in range(200):
            log.write(f"t{thread}", str(number))

    def work() -> list[Record]:
        with Connection(url) as connection:
            logs = [LogWriter(connection, name, spool=tmp_path / name) for name in ("a", "b")]
            threads = [threading.Thread(target=write, args=(log, each)) for log in logs for each in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for log in logs:
                log.seal()
                assert log.close() is None
            return [item for item in connection.follow("a") if isinstance(item, Record)]

    records = await aside(work)
    for thread in range(3):
        assert [r.text for r in records if r.source == f"t{thread}"] == [str(number) for number in range(200)]


async def test_reading_calling_and_listing_answer_within_their_time(url: str, tmp_path: Path) -> None:
    def work() -> tuple[Any, Any, Any]:
        with Connection(url) as connection:
            with LogWriter(connection, "log", spool=tmp_path / "spool") as log:
                log.write("stdout", "one\ntwo\nthree")
                log.seal()
            page = connection.read("log", tail=1)
            found = connection.search("log", "tw")
            return page, found, [*connection.streams()]

    page, found, streams = await aside(work)
    assert [record[2] for record in page["records"]] == ["three"]
    assert [record[2] for record in found["records"]] == ["two"]
    assert [stream["stream"] for stream in streams] == ["log"]


async def test_a_loop_that_is_left_early_ends_its_call(url: str, tmp_path: Path) -> None:
    def work() -> str | bytes:
        with LogWriter(url, "log", spool=tmp_path / "spool") as log:
            log.write("stdout", "hello")
            assert log.flush(10)
            with Connection(url) as connection:
                return next(item.text for item in connection.follow("log") if isinstance(item, Record))

    assert await aside(work) == "hello"


@pytest.mark.parametrize("server", ["away", "stopped"])
def test_without_an_answer_every_call_ends_in_time(server: str, silent: str, tmp_path: Path) -> None:
    url = NOBODY if server == "away" else silent
    log = within(1.0, lambda: LogWriter(url, "log", spool=tmp_path / "spool"))
    assert within(0.1, lambda: log.write("stdout", "hello"))
    assert not within(0.2, lambda: log.flush(0.2))
    assert not within(0.2, lambda: log.opened(0.2))
    left = within(0.2 + CLOSE_S, lambda: log.close(0.2))
    assert left is not None
    assert left.records == 1
    Spool.open(tmp_path / "spool").close()


@pytest.mark.parametrize("server", ["away", "stopped"])
def test_a_call_without_an_answer_is_unreachable_in_time(server: str, silent: str) -> None:
    with (
        Connection(NOBODY if server == "away" else silent) as connection,
        pytest.raises(Unreachable, match="no answer"),
    ):
        within(0.2, lambda: connection.read("log", timeout_s=0.2))


def test_a_full_spool_drops_at_once_and_counts(tmp_path: Path) -> None:
    log = LogWriter(NOBODY, "log", spool=tmp_path / "spool", limit_bytes=10_000)
    stored = within(1.0, lambda: [log.write("stdout", "x" * 1000) for _ in range(100)])
    assert stored[0]
    assert not stored[-1]
    assert log.dropped == stored.count(False)
    assert log.unsent == 100
    log.close(0)


async def test_what_is_closed_or_sealed_takes_no_more(url: str, tmp_path: Path) -> None:
    def work() -> None:
        connection = Connection(url)
        log = LogWriter(connection, "log", spool=tmp_path / "spool")
        log.seal()
        with pytest.raises(SpoolError):
            log.write("stdout", "too late")
        assert log.close() is None
        assert log.close() is None
        with pytest.raises(SpoolError):
            log.write("stdout", "too late")
        connection.close()
        connection.close()
        with pytest.raises(ClientError, match="closed"):
            connection.read("log")

    await aside(work)


def test_a_writer_that_cannot_be_made_leaves_no_thread(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    before = threading.active_count()
    with pytest.raises(SpoolError):
        LogWriter(NOBODY, "log", spool=tmp_path / "file" / "spool")
    with pytest.raises(ClientError, match="not a URL"):
        LogWriter("nonsense", "log", spool=tmp_path / "spool")
    assert threading.active_count() == before


async def run(program: str, *arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 20)
    return process.returncode, output.decode()


FORKING = """
import os, sys
from pathlib import Path
from fairlead_client import ForkedError
from fairlead_client.sync import LogWriter
log = LogWriter(sys.argv[1], "log", spool=Path(sys.argv[2]))
log.write("stdout", "parent 1")
assert log.flush(10)
child = os.fork()
if child == 0:
    for use in (lambda: log.write("stdout", "child"), lambda: log.seal(), lambda: log.flush(1), log.close):
        try:
            use()
        except ForkedError:
            continue
        os._exit(1)
    with LogWriter(sys.argv[1], "of-child", spool=Path(sys.argv[2] + "-child")) as own:
        own.write("stdout", "child")
    sys.exit(0)
_, status = os.waitpid(child, 0)
log.write("stdout", "parent 2")
log.seal(os.waitstatus_to_exitcode(status))
assert log.close(10) is None
"""


async def test_a_forked_child_is_refused_makes_its_own_and_leaves_the_parent_alone(url: str, tmp_path: Path) -> None:
    assert await run(FORKING, url, str(tmp_path / "spool")) == (0, "")

    def read() -> tuple[list[Any], list[Any]]:
        with Connection(url) as connection:
            return [*connection.follow("log")], connection.read("of-child")["records"]

    items, of_child = await aside(read)
    assert texts(items) == ["parent 1", "parent 2"]
    assert items[-1] == Sealed(0, None, 2)
    assert [record[2] for record in of_child] == ["child"]


FORGETFUL = """
import sys
from pathlib import Path
from fairlead_client.sync import LogWriter
log = LogWriter(sys.argv[1], "log", spool=Path(sys.argv[2]))
log.write("stdout", "hello")
"""


async def test_a_program_that_ends_without_close_has_sent_what_could_be_sent(url: str, tmp_path: Path) -> None:
    assert await run(FORGETFUL, url, str(tmp_path / "spool")) == (0, "")
    assert not (tmp_path / "spool").exists()


OF_MULTIPROCESSING = """
import logging, multiprocessing, sys
from pathlib import Path
from fairlead_client.logs import LogHandler
from fairlead_client.sync import LogWriter
def log(number):
    logging.warning("child %s", number)
def write(url, spool):
    LogWriter(url, "written", spool=Path(spool)).write("stdout", "child")
if __name__ == "__main__":
    fork = multiprocessing.get_context("fork")
    logging.basicConfig(handlers=[LogHandler(sys.argv[1], "logged", spool=Path(sys.argv[2]))])
    children = [fork.Process(target=log, args=(1,)), fork.Process(target=write, args=(sys.argv[1], sys.argv[2] + "-w"))]
    for child in children:
        child.start()
    for child in children:
        child.join()
"""


async def test_the_children_of_multiprocessing_send_what_they_have_before_they_end(url: str, tmp_path: Path) -> None:
    assert await run(OF_MULTIPROCESSING, url, str(tmp_path / "spool")) == (0, "")

    def read() -> list[Any]:
        assert [*tmp_path.glob("spool*")] == []
        with Connection(url) as connection:
            return [connection.read(stream)["records"][0][2] for stream in ("logged", "written")]

    assert await aside(read) == ["WARNING:root:child 1", "child"]


async def test_a_program_that_ends_without_close_and_server_ends_in_time(silent: str, tmp_path: Path) -> None:
    start_s = time.monotonic()
    status, said = await run(FORGETFUL, silent, str(tmp_path / "spool"))
    assert status == 0
    assert f"records left: 1, in the spool {tmp_path / 'spool'}" in said
    assert time.monotonic() - start_s < 10
    spool = Spool.open(tmp_path / "spool")
    assert spool.next_seq == 1
    spool.close()


WAITING = """
import sys
from fairlead_client.sync import Connection
with Connection(sys.argv[1]) as connection:
    print("ready", flush=True)
    try:
        for item in connection.follow("log"):
            pass
    except KeyboardInterrupt:
        print("interrupted")
"""


TALKATIVE = """
import logging, sys
from pathlib import Path
from fairlead_client.sync import LogWriter
logging.basicConfig(level=logging.INFO)
with LogWriter(sys.argv[1], "log", spool=Path(sys.argv[2])) as log:
    log.write("stdout", "hello")
"""


ON_ASYNCIO = """
import asyncio, sys
from pathlib import Path
from fairlead_client.asyncio import Connection, LogWriter
async def main():
    async with Connection(sys.argv[1]) as connection:
        log = LogWriter(connection, "log", spool=Path(sys.argv[2]))
        log.write("stdout", "hello")
        await log.close()
asyncio.run(main())
"""


@pytest.mark.parametrize("program", [TALKATIVE, ON_ASYNCIO])
async def test_a_proper_end_of_a_session_is_worth_no_word(program: str, url: str, tmp_path: Path) -> None:
    assert await run(program, url, str(tmp_path / "spool")) == (0, "")


async def test_ctrl_c_ends_who_follows(silent: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WAITING, silent, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    await asyncio.sleep(0.1)
    os.kill(process.pid, signal.SIGINT)
    output, _ = await asyncio.wait_for(process.communicate(), 10)
    assert output == b"interrupted\n"
    assert process.returncode == 0
